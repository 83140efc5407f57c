BeforeAll {
    . "$PSScriptRoot/Gateway.ps1"
    $gateway = Start-Gateway
    Import-Module $Manifest
}

AfterAll { Stop-Gateway $gateway -Remove }

Describe 'One pipeline' {
    BeforeEach { Clear-Gateway; $log = Use-FakeControl -Mode relay }
    AfterEach { Restore-Control $log }

    It 'with 1,000 hosts starts one child and makes few changes' {
        1..1000 | ForEach-Object { "h$_.example.com" } | Add-OMSGatewayAllowedHost
        @(Get-Content -LiteralPath $log | Where-Object { $_ -eq 'start' }).Count | Should -Be 1
        $requests = @(Get-Request $log)
        $requests.method | Select-Object -Unique | Should -Be 'AllowedHostService/AddAllowedHosts'
        $counts = $requests | ForEach-Object { $_.params.hosts.Count }
        ($counts | Measure-Object -Sum).Sum | Should -Be 1000
        ($counts | Measure-Object -Maximum).Maximum | Should -Be 256
        @(Get-OMSGatewayAllowedHost).Count | Should -Be 1000
    }

    It 'with long values makes changes that a line can hold' {
        1..300 | ForEach-Object { "$_" + 'x' * 4000 } |
            Add-OMSGatewayAllowedHost -ErrorVariable failed -ErrorAction SilentlyContinue
        $failed.Count | Should -Be 300
        Get-Content -LiteralPath $log | ForEach-Object { $_.Length | Should -BeLessThan 1MB }
    }

    It 'that is cut short leaves no child behind' {
        $source = { 1..1000 | ForEach-Object { if ($_ -eq 900) { throw 'enough' }; "h$_.example.com" } }
        { & $source | Add-OMSGatewayAllowedHost } | Should -Throw 'enough'
        { 1..1000 | ForEach-Object { "https://h$_.example.com/" } | Add-OMSGatewayAllowedHost -ErrorAction Stop } | Should -Throw
        1..1000 | ForEach-Object { "h$_.example.com" } | Add-OMSGatewayAllowedHost -Verbose 4>&1 |
            Select-Object -First 1 | Should -Not -BeNullOrEmpty
        $name = [IO.Path]::GetFileNameWithoutExtension($FakeControl)
        Get-Process -Name $name -ErrorAction Ignore | Should -BeNullOrEmpty
    }

    It 'that is stopped stops, whatever it waits for (<mode>)' -ForEach @(
        @{ mode = 'deaf' } # an answer
        @{ mode = 'silent' } # the first line
    ) {
        $env:FAKECTL = $mode
        $shell = [powershell]::Create()
        $null = $shell.AddScript("Import-Module '$Manifest'; Get-OMSGatewayAllowedHost")
        $call = $shell.BeginInvoke()
        while (-not (Get-Content -LiteralPath $log)) { $null = [Threading.Thread]::Yield() }
        $shell.Stop()
        { $shell.EndInvoke($call) } | Should -Throw
        $shell.InvocationStateInfo.State | Should -Be 'Stopped'
        $shell.Dispose()
    }
}

Describe 'One argument' {
    BeforeAll { $hosts = 1..3000 | ForEach-Object { "H$_.example.com" } }
    BeforeEach { Clear-Gateway; $log = Use-FakeControl -Mode relay }
    AfterEach { Restore-Control $log }

    It 'with 3,000 hosts is one change, to add and to remove' {
        Add-OMSGatewayAllowedHost -Host $hosts | Should -BeNullOrEmpty
        @(Get-Request $log).ForEach({ $_.params.hosts.Count }) | Should -Be 3000
        @(Get-OMSGatewayAllowedHost).Count | Should -Be 3000
        Clear-Content -LiteralPath $log
        $said = Remove-OMSGatewayAllowedHost $hosts -Verbose 4>&1
        @(Get-Request $log).method | Should -Be 'AllowedHostService/RemoveAllowedHosts'
        $said[-1].Message | Should -Be '3000 values: 3000 removed.'
        Get-OMSGatewayAllowedHost | Should -BeNullOrEmpty
    }

    It 'of client certificates is one change' {
        Add-OMSGatewayAllowedClientCertificate (1..2000 | ForEach-Object { "agent $_" }) -WarningAction Ignore
        @(Get-Request $log).ForEach({ $_.params.certificates.Count }) | Should -Be 2000
        @(Get-OMSGatewayAllowedClientCertificate).Count | Should -Be 2000
    }

    It 'is told of each value that is invalid, and adds the others' {
        $given = $hosts[0..1200] + 'https://x.example.com/' + $hosts[1201..1300] + 'https://y.example.com/'
        Add-OMSGatewayAllowedHost $given -ErrorAction SilentlyContinue -ErrorVariable failed
        $failed.TargetObject | Should -Be 'https://x.example.com/', 'https://y.example.com/'
        @(Get-OMSGatewayAllowedHost).Count | Should -Be 1301
    }

    It 'with more invalid values than can be named is told how many' {
        Add-OMSGatewayAllowedHost (1..1100 | ForEach-Object { "https://h$_/" }) -ErrorAction SilentlyContinue -ErrorVariable failed
        $failed.Count | Should -Be 1001
        $failed[1000].FullyQualifiedErrorId | Should -Be 'MoreValuesInvalid,OMSGateway.AddOMSGatewayAllowedHostCommand'
        $failed[1000].Exception.Message | Should -Match '^100 more values'
    }

    It 'stops before the first value that is invalid with -ErrorAction Stop' {
        $given = $hosts[0..1999] + 'https://x.example.com/' + $hosts[2000..2999]
        { Add-OMSGatewayAllowedHost $given -ErrorAction Stop } | Should -Throw -ErrorId 'HostIsUrl*'
        @(Get-OMSGatewayAllowedHost).Count | Should -Be 2000
    }

    It 'passes on what is in the list now, and what was removed from it' {
        Add-OMSGatewayAllowedHost h7.example.com
        $added = @(Add-OMSGatewayAllowedHost $hosts -PassThru)
        $added.Count | Should -Be 3000
        $added[6] | Should -BeExactly 'h7.example.com'
        Remove-OMSGatewayAllowedHost h7.example.com
        @(Remove-OMSGatewayAllowedHost $hosts -PassThru).Count | Should -Be 2999
    }

    It 'gives hosts their policy in the same change' {
        Add-OMSGatewayAllowedHost $hosts[0..9]
        Clear-Content -LiteralPath $log
        Add-OMSGatewayAllowedHost $hosts -ClientCertificatePolicy Required
        @(Get-Request $log).method | Should -Be 'AllowedHostService/AddAllowedHosts'
        @(Get-OMSGatewayAllowedHost -Detailed | Where-Object ClientCertificatePolicy -EQ Required).Count | Should -Be 3000
    }

    It 'changes nothing with -WhatIf' {
        Add-OMSGatewayAllowedHost $hosts[0..1000] -WhatIf
        Get-OMSGatewayAllowedHost | Should -BeNullOrEmpty
    }

    It 'whose change fails is one error' {
        Restore-Control $log
        $log = Use-FakeControl -Mode error -Result '{"code":8,"message":"busy","data":{"code":"RESOURCE_EXHAUSTED","reason":"LARGE_CALL_BUSY"}}'
        Add-OMSGatewayAllowedHost $hosts -ErrorAction SilentlyContinue -ErrorVariable failed
        $failed.Count | Should -Be 1
        $failed[0].FullyQualifiedErrorId | Should -Be 'LargeCallBusy,OMSGateway.AddOMSGatewayAllowedHostCommand'
        $failed[0].ToString() | Should -Be '3000 values: busy'
        $failed[0].TargetObject.Count | Should -Be 3000
    }
}

Describe 'omsgwctl' {
    AfterEach { $env:OMSGATEWAY_CTL = $Control }

    It 'that <what> is an error for each value' -ForEach @(
        @{ what = 'is missing'; path = '/no/such/omsgwctl'; id = 'ControlProgramMissing' }
        @{ what = 'is not named by its full path'; path = 'omsgwctl'; id = 'ControlProgramMissing' }
    ) {
        if ($Windows) { $path = $path -replace '^/', 'C:\' }
        $env:OMSGATEWAY_CTL = $path
        'a.example.com', 'b.example.com' | Add-OMSGatewayAllowedHost -ErrorAction SilentlyContinue -ErrorVariable failed
        $failed.FullyQualifiedErrorId | Should -Be (@("$id,OMSGateway.AddOMSGatewayAllowedHostCommand") * 2)
        $failed.CategoryInfo.Category | Should -Be 'ResourceUnavailable', 'ResourceUnavailable'
        $failed.TargetObject | Should -Be 'a.example.com', 'b.example.com'
        $failed[0].Exception.Message | Should -Match ([regex]::Escape($path))
        { Get-OMSGatewayAllowedHost -ErrorAction Stop } | Should -Throw "*$path*"
    }

    It 'that is not permitted to change anything is an error for each value' {
        $result = '{"code":7,"message":"you may not","data":{"code":"PERMISSION_DENIED","reason":"NOT_PERMITTED_TO_CHANGE"}}'
        $log = Use-FakeControl -Mode error -Result $result
        try {
            'a.example.com', 'b.example.com' | Add-OMSGatewayAllowedHost -ErrorAction SilentlyContinue -ErrorVariable failed
            $failed.FullyQualifiedErrorId | Should -Be (@('NotPermittedToChange,OMSGateway.AddOMSGatewayAllowedHostCommand') * 2)
            $failed.CategoryInfo.Category | Should -Be 'PermissionDenied', 'PermissionDenied'
            $failed.TargetObject | Should -Be 'a.example.com', 'b.example.com'
            { Set-OMSGatewayConfig LogLevel Info -ErrorAction Stop } | Should -Throw 'you may not'
        }
        finally { Restore-Control $log }
    }

    It 'that speaks another protocol is one error' {
        $log = Use-FakeControl -Mode protocol
        try { { Get-OMSGatewayConfig -ErrorAction Stop } | Should -Throw -ErrorId 'ControlProtocolUnknown,OMSGateway.GetOMSGatewayConfigCommand' }
        finally { Restore-Control $log }
    }

    It 'that fails lets completion offer nothing, and say nothing' {
        $env:OMSGATEWAY_CTL = '/no/such/omsgwctl'
        $line = 'Get-OMSGatewayConfig Log'
        $Error.Clear()
        (Get-Completion $line) | Where-Object CompletionText -eq LogLevel | Should -BeNullOrEmpty
    }
}

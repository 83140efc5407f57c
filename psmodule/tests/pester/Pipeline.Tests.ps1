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

# What becomes of slow pipelines, of errors, and of a gateway that is lost or says nothing.

BeforeAll {
    . "$PSScriptRoot/Gateway.ps1"
    $gateway = Start-Gateway
    Import-Module $Manifest

    function Start-Shell {
        # Starts a script in a runspace of this process. Its function Receive-Host answers what comes into the queue, until that is closed.
        param([string] $Script)

        $receive = 'function Receive-Host {
            $item = $null
            while (-not $queue.IsCompleted) { if ($queue.TryTake([ref] $item, 20)) { $item } }
        }'

        $queue = New-Object -TypeName 'Collections.Concurrent.BlockingCollection[string]'
        $shell = [powershell]::Create()
        $null = $shell.AddScript("param(`$queue) Import-Module '$Manifest'; $receive; $Script").AddArgument($queue)
        [pscustomobject] @{ Shell = $shell; Queue = $queue; Call = $shell.BeginInvoke() }
    }

    function Wait-AllowedHost {
        # Waits until the list has so many hosts.
        param([int] $Count)

        $end = (Get-Date).AddMinutes(2)
        while (($now = @((& $Control allowed-host list --json | Out-String | ConvertFrom-Json).hosts).Count) -ne $Count) {
            if ((Get-Date) -gt $end) { throw "the list has $now hosts, and not $Count" }
            Start-Sleep -Milliseconds 50
        }
    }
}

AfterAll { Stop-Gateway $gateway -Remove }

Describe 'A pipeline that is slow' {
    BeforeEach { Clear-Gateway }

    It 'applies what has come, and Ctrl+C keeps it' {
        $run = Start-Shell 'Receive-Host | Add-OMSGatewayAllowedHost -Verbose'
        $run.Queue.Add('a.example.com')
        Wait-AllowedHost 1
        $run.Queue.Add('b.example.com')
        $run.Queue.Add('c.example.com')
        Wait-AllowedHost 3
        $run.Shell.Stop()
        { $run.Shell.EndInvoke($run.Call) } | Should -Throw
        Get-OMSGatewayAllowedHost | Should -Be 'a.example.com', 'b.example.com', 'c.example.com'
        "$($run.Shell.Streams.Verbose)" | Should -Match 'a\.example\.com is allowed now'
        $run.Shell.Dispose()
    }

    It 'tells of what was refused with the next value' {
        $run = Start-Shell 'Receive-Host | Add-OMSGatewayAllowedHost -PassThru'
        $run.Queue.Add('not a host')
        $run.Queue.Add('a.example.com')
        Wait-AllowedHost 1
        $run.Queue.Add('b.example.com')
        Wait-AllowedHost 2
        $run.Shell.Streams.Error[0].TargetObject | Should -Be 'not a host' # to enumerate them would wait for more
        $run.Queue.CompleteAdding()
        $run.Shell.EndInvoke($run.Call) | Should -Be 'a.example.com', 'b.example.com'
        $run.Shell.Dispose()
    }

    It 'keeps no connection that others wait for' {
        $runs = 1..10 | ForEach-Object {
            Start-Shell 'Receive-Host | Add-OMSGatewayAllowedHost'
        }
        1..10 | ForEach-Object { $runs[$_ - 1].Queue.Add("r$_.example.com") }
        Wait-AllowedHost 10
        1..10 | ForEach-Object { $runs[$_ - 1].Queue.Add("s$_.example.com") }
        Wait-AllowedHost 20
        foreach ($run in $runs) {
            $run.Queue.CompleteAdding()
            $run.Shell.EndInvoke($run.Call) | Should -BeNullOrEmpty
            $run.Shell.Streams.Error | Should -BeNullOrEmpty
            $run.Shell.Dispose()
        }
    }
}

Describe '-ErrorAction' {
    BeforeEach { Clear-Gateway }

    It 'Stop applies nothing from the first wrong value on, <how>' -ForEach @(
        @{ how = 'as an argument'; add = { Add-OMSGatewayAllowedHost a.example.com, b.example.com, 'c d', e.example.com } }
        @{ how = 'from the pipeline'; add = { 'a.example.com', 'b.example.com', 'c d', 'e.example.com' | Add-OMSGatewayAllowedHost } }
        @{ how = 'with a value that is too long'
            add = { 'a.example.com', 'b.example.com', ('x' * 40000), 'e.example.com' | Add-OMSGatewayAllowedHost } }
    ) {
        $ErrorActionPreference = 'Stop'
        $add | Should -Throw
        Get-OMSGatewayAllowedHost | Should -Be 'a.example.com', 'b.example.com'
    }

    It 'Stop holds for many' {
        $hosts = 1..700 | ForEach-Object { if ($_ -eq 600) { 'not a host' } else { "h$_.example.com" } }
        $failed = { Add-OMSGatewayAllowedHost $hosts -ErrorAction Stop } | Should -Throw -PassThru
        $failed.TargetObject | Should -Be 'not a host'
        @(Get-OMSGatewayAllowedHost).Count | Should -Be 599
    }

    It 'Stop holds for a removal' {
        Add-OMSGatewayAllowedHost a.example.com, b.example.com
        { Remove-OMSGatewayAllowedHost a.example.com, 'c d', b.example.com -ErrorAction Stop } | Should -Throw
        Get-OMSGatewayAllowedHost | Should -Be 'b.example.com'
    }

    It '<_> is silent about whatever fails' -ForEach 'SilentlyContinue', 'Ignore' {
        $said = & {
            Add-OMSGatewayAllowedHost 'c d' -ErrorAction $_
            Remove-OMSGatewayAllowedHost 'c d' -ErrorAction $_
            Add-OMSGatewayAllowedClientCertificate 'sha256:beef' -ErrorAction $_
            Get-OMSGatewayConfig nope -ErrorAction $_
            Set-OMSGatewayConfig nope 1 -ErrorAction $_
            Set-OMSGatewayConfig LogLevel -ErrorAction $_
            Set-OMSGatewayRelayProxy socks5://proxy -ErrorAction $_
            Set-OMSGatewayRelayProxy proxy -Password 1 -ErrorAction $_
            try {
                $env:OMSGATEWAY_ADDRESS = 'unix:/no/such/admin.sock'
                if ($Windows) { $env:OMSGATEWAY_ADDRESS = 'npipe:no-such-gateway' }
                Get-OMSGatewayAllowedHost -ErrorAction $_
                Get-OMSGatewayAllowedClientCertificate -ErrorAction $_
                Get-OMSGatewayRelayProxy -ErrorAction $_
                Get-OMSGatewayConfig -ErrorAction $_
                Set-OMSGatewayConfig LogLevel Info -ErrorAction $_
                Add-OMSGatewayAllowedHost a.example.com -ErrorAction $_ -WarningAction Ignore
                Remove-OMSGatewayAllowedHost 'a?*' -ErrorAction $_
            }
            finally { $env:OMSGATEWAY_ADDRESS = $gateway.Address }
        } *>&1
        $said | Should -BeNullOrEmpty
    }
}

Describe 'A gateway that is lost' {
    BeforeEach { Clear-Gateway }
    AfterEach { $env:OMSGATEWAY_CTL = $Control }

    It 'in the middle is told of, and each value that is not stored' {
        # An omsgwctl that nothing stands beside, so that it cannot stand in for the gateway.
        $folder = New-Item -ItemType Directory -Path (Join-Path $TestDrive 'alone')
        $env:OMSGATEWAY_CTL = (Copy-Item -LiteralPath $Control -Destination $folder -PassThru).FullName
        try {
            1..600 | ForEach-Object {
                if ($_ -eq 400) { Wait-AllowedHost 399; Stop-Gateway $gateway }
                "h$_.example.com"
            } | Add-OMSGatewayAllowedHost -ErrorAction SilentlyContinue -ErrorVariable failed -WarningAction SilentlyContinue `
                -WarningVariable warnings
        }
        finally {
            $env:OMSGATEWAY_CTL = $Control
            Restart-Gateway $gateway
        }
        @($warnings)[0] | Should -Match '^399 values are applied\. The next \d+ may not be'
        $failed.TargetObject | Sort-Object | Should -Be (400..600 | ForEach-Object { "h$_.example.com" } | Sort-Object)
        $failed.FullyQualifiedErrorId | Select-Object -Unique |
            Should -Be 'GatewayUnreachable,OMSGateway.AddOMSGatewayAllowedHostCommand'
        @(Get-OMSGatewayAllowedHost).Count | Should -Be 399
        $failed.TargetObject | Add-OMSGatewayAllowedHost
        @(Get-OMSGatewayAllowedHost).Count | Should -Be 600
    }
}

Describe 'A gateway that does not answer' {
    It 'is mentioned, by -Verbose and as progress' {
        $log = Use-FakeControl -Mode deaf
        try {
            $run = Start-Shell 'Get-OMSGatewayAllowedHost -Verbose'
            while ($run.Shell.Streams.Verbose.Count -eq 0 -or $run.Shell.Streams.Progress.Count -eq 0) {
                $null = [Threading.Thread]::Yield()
            }
            $run.Shell.Stop()
        }
        finally { Restore-Control $log }
        $run.Shell.Streams.Verbose[0].Message | Should -Match '^The gateway has not answered for \d+ seconds\.'
        $run.Shell.Streams.Progress[0].Activity | Should -Be 'Waiting for the OMS gateway'
        $run.Shell.Dispose()
    }

    It 'is mentioned when an earlier value waits for it' {
        $log = Use-FakeControl -Mode deaf
        try {
            $run = Start-Shell 'Receive-Host | Add-OMSGatewayAllowedHost -Verbose'
            $run.Queue.Add('a.example.com')
            while (-not (Get-Content -LiteralPath $log)) { $null = [Threading.Thread]::Yield() }
            $run.Queue.Add('b.example.com')
            while ($run.Shell.Streams.Progress.Count -eq 0) { $null = [Threading.Thread]::Yield() }
            $run.Shell.Stop()
        }
        finally { Restore-Control $log }
        $run.Shell.Streams.Progress[0].StatusDescription | Should -Match '^The gateway has not answered for \d+ seconds\.'
        $run.Shell.Dispose()
    }

    It 'does not keep the Tab key waiting' {
        $log = Use-FakeControl -Mode silent
        try { Get-Completion 'Get-OMSGatewayConfig Log' -Presses 2 | Should -BeNullOrEmpty }
        finally { Restore-Control $log }
    }
}

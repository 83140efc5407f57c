BeforeAll {
    . "$PSScriptRoot/Gateway.ps1"
    $gateway = Start-Gateway
    Import-Module $Manifest

    function Open-Tunnel {
        # A tunnel to a listener of this test, and both its ends.
        $listener = New-Object -TypeName System.Net.Sockets.TcpListener -ArgumentList ([Net.IPAddress]::Loopback), 0
        $listener.Start()
        $port = $listener.LocalEndpoint.Port
        Add-OMSGatewayAllowedHost "127.0.0.1:$port" -WarningAction Ignore
        $client = New-Object -TypeName System.Net.Sockets.TcpClient -ArgumentList '127.0.0.1', $gateway.Port
        $stream = $client.GetStream()
        $request = [Text.Encoding]::ASCII.GetBytes("CONNECT 127.0.0.1:$port HTTP/1.1`r`nHost: 127.0.0.1:$port`r`n`r`n")
        $stream.Write($request, 0, $request.Length)
        $reader = New-Object -TypeName IO.StreamReader -ArgumentList $stream
        $reader.ReadLine() | Should -Match '^HTTP/1.1 200'
        $null = $reader.ReadLine()
        [pscustomobject] @{ Listener = $listener; Client = $client; Reader = $reader; Port = $port }
    }

    function Close-Tunnel {
        param($Tunnel)
        $Tunnel.Client.Close()
        $Tunnel.Listener.Stop()
    }
}

AfterAll { Stop-Gateway $gateway -Remove }

Describe 'Get-OMSGatewayStatus' {
    It 'answers one object with numbers, times and tables' {
        Clear-Gateway
        Add-OMSGatewayAllowedHost a.example.com
        $null = Invoke-Connect $gateway 'x.example.com:443'
        $status = Get-OMSGatewayStatus
        $status.State | Should -BeExactly 'Running'
        $status.AllowedHosts | Should -Be 1
        $status.ListenAddresses | Should -Be "127.0.0.1:$($gateway.Port)"
        $status.StartedAt | Should -BeLessThan (Get-Date)
        $status.Uptime | Should -BeGreaterThan ([TimeSpan]::Zero)
        $status.RefusalsByReason['HOST_NOT_ALLOWED'] | Should -BeGreaterOrEqual 1
        $status.RefusalsByReason.HOST_NOT_ALLOWED | Should -BeOfType [long]
        "$status" | Should -BeExactly 'Running'
        $status | Out-String | Should -Match 'RefusalsByReason +: .*\d+ HOST_NOT_ALLOWED'
    }

    It 'names the trial that runs' {
        Set-OMSGatewayConfig DrainSeconds 7 -ConfirmWithin 5m -WarningAction SilentlyContinue
        $status = Get-OMSGatewayStatus
        Undo-OMSGatewayChange $status.Trial
        $status.TrialEndsAt | Should -BeGreaterThan (Get-Date)
        (Get-OMSGatewayStatus).Trial | Should -BeExactly ''
    }

    It 'tells of a gateway that is stopped' {
        Stop-Gateway $gateway
        try {
            $status = Get-OMSGatewayStatus
            $status.State | Should -BeExactly 'Stopped'
            $status.StartedAt | Should -BeNullOrEmpty
        }
        finally { Restart-Gateway $gateway }
    }
}

Describe 'Get-OMSGatewayEvent' {
    BeforeAll {
        Clear-Gateway
        Add-OMSGatewayAllowedHost one.example.com, two.example.com
        $null = Invoke-Connect $gateway 'refused.example.com:443'
    }

    It 'gets events by <what>' -ForEach @(
        @{ what = 'id'; given = @{ Id = 105 }; fits = { $_.Id -eq 105 } }
        @{ what = 'kind'; given = @{ Kind = 'allowed_host_added', 'NO_SUCH' }; fits = { $_.Kind -eq 'ALLOWED_HOST_ADDED' } }
        @{ what = 'level'; given = @{ Level = 'error' }; fits = { $_.Level -eq 'Error' } }
        @{ what = 'reason'; given = @{ Reason = 'host_not_allowed' }; fits = { $_.Reason -eq 'HOST_NOT_ALLOWED' } }
        @{ what = 'text'; given = @{ Text = 'REFUSED.example' }; fits = { $_.Text -match 'refused\.example' } }
    ) {
        $events = @(Get-OMSGatewayEvent @given)
        $events | Should -Not -BeNullOrEmpty
        $events | Where-Object { -not (& $fits) } | Should -BeNullOrEmpty
    }

    It 'gets them oldest first, with their parts by name' {
        $events = @(Get-OMSGatewayEvent -Kind ALLOWED_HOST_ADDED)
        $events.Sequence | Should -Be ($events.Sequence | Sort-Object)
        $events[-2, -1].Fields.new | Should -Be 'one.example.com', 'two.example.com'
        $events[-1].Time | Should -BeLessOrEqual (Get-Date)
    }

    It 'gets none from later than now, and all since yesterday' {
        @(Get-OMSGatewayEvent -Since (Get-Date).AddDays(-1)).Count | Should -Be @(Get-OMSGatewayEvent).Count
        Get-OMSGatewayEvent -Since (Get-Date).AddDays(1) -ErrorAction SilentlyContinue -ErrorVariable failed | Should -BeNullOrEmpty
        $failed.FullyQualifiedErrorId | Should -Be 'FilterInvalid,OMSGateway.GetOMSGatewayEventCommand'
    }

    It 'has kinds and reasons that are completed' {
        (Get-Completion 'Get-OMSGatewayEvent -Kind ALLOWED_HOST_A').CompletionText | Should -Be 'ALLOWED_HOST_ADDED'
        (Get-Completion 'Get-OMSGatewayEvent -Reason host_not').CompletionText | Should -Be 'HOST_NOT_ALLOWED'
    }

    It 'says how many are left out only where that was not asked for' {
        Get-OMSGatewayEvent -Limit 1 -WarningVariable told | Should -HaveCount 1
        $told | Should -BeNullOrEmpty
        $log = Use-FakeControl -Mode answer -Result '{"events":[{"sequence":"3","id":100}],"leftOut":2}'
        try {
            Get-OMSGatewayEvent -WarningVariable told -WarningAction SilentlyContinue | Should -HaveCount 1
            "$told" | Should -Match '^2 older events are left out'
            Get-OMSGatewayEvent -Limit 7 -WarningVariable told -WarningAction SilentlyContinue | Should -HaveCount 1
            "$told" | Should -Match '^2 older events are left out'
            (Get-Request $log)[1].params.limit | Should -Be 7
        }
        finally { Restore-Control $log }
    }

    It 'with -Wait goes on, until the pipeline has enough' {
        $seen = Get-OMSGatewayEvent -Wait -Tail 1 -Kind ALLOWED_HOST_ADDED |
            ForEach-Object { # the first has happened, the second is brought about by the first
                if ($_.Fields.new -eq 'two.example.com') { Add-OMSGatewayAllowedHost three.example.com }
                $_.Fields.new
            } | Select-Object -First 2
        $seen | Should -Be 'two.example.com', 'three.example.com'
    }

    It 'with -Wait leaves no omsgwctl behind, whatever ends it (<how>)' -ForEach @(
        @{ how = 'enough' }, @{ how = 'a stop' }, @{ how = 'a kill' }
    ) {
        $log = Use-FakeControl -Mode relay
        try {
            if ($how -eq 'enough') {
                Get-OMSGatewayEvent -Wait -Tail 1 | Select-Object -First 1 | Should -Not -BeNullOrEmpty
            }
            elseif ($how -eq 'a kill') {
                $start = New-Object -TypeName System.Diagnostics.ProcessStartInfo -ArgumentList $Shell
                $start.Arguments = "-NoProfile -NonInteractive -Command ""Import-Module '$Manifest'; Get-OMSGatewayEvent -Wait -Kind NO_SUCH"""
                $start.UseShellExecute = $false
                $process = [Diagnostics.Process]::Start($start)
                while (-not (Get-Request $log)) { $null = [Threading.Thread]::Yield() }
                $process.Kill()
                $process.WaitForExit()
                $name = [IO.Path]::GetFileNameWithoutExtension($FakeControl)
                Get-Process -Name $name -ErrorAction Ignore | Wait-Process -Timeout 60
            }
            else {
                $shell = [powershell]::Create()
                $null = $shell.AddScript("Import-Module '$Manifest'; Get-OMSGatewayEvent -Wait -Kind NO_SUCH")
                $call = $shell.BeginInvoke()
                while (-not (Get-Request $log)) { $null = [Threading.Thread]::Yield() }
                $shell.Stop()
                { $shell.EndInvoke($call) } | Should -Throw
                $shell.InvocationStateInfo.State | Should -Be 'Stopped'
                $shell.Dispose()
            }
        }
        finally { Restore-Control $log }
        Get-Process -Name ([IO.Path]::GetFileNameWithoutExtension($FakeControl)) -ErrorAction Ignore | Should -BeNullOrEmpty
    }

    It 'with -Wait tells of what is missed, and of the end' {
        $log = Use-FakeControl -Mode stream -Result '{"missed":"7"}'
        try {
            Get-OMSGatewayEvent -Wait -WarningVariable told -WarningAction SilentlyContinue | Should -BeNullOrEmpty
            $told | Should -Be @('7 events are missed, because they came too fast.')
        }
        finally { Restore-Control $log }
        Stop-Gateway $gateway
        try { { Get-OMSGatewayEvent -Wait -ErrorAction Stop } | Should -Throw -ErrorId 'GatewayUnreachable,*' }
        finally { Restart-Gateway $gateway }
    }
}

Describe 'The refused hosts' {
    BeforeEach {
        Clear-Gateway
        Clear-OMSGatewayDeniedHost -All
        'a.example.com:443', 'b.example.com:8443', 'c.example.net:443' | ForEach-Object { $null = Invoke-Connect $gateway $_ }
    }

    It 'are objects' {
        $null = Invoke-Connect $gateway 'a.example.com:443'
        $hosts = @(Get-OMSGatewayDeniedHost)
        $hosts | ForEach-Object { "$_" } | Should -Be 'a.example.com', 'b.example.com:8443', 'c.example.net'
        $hosts[0].Count | Should -Be 2
        $hosts[0].Clients | Should -Be '127.0.0.1'
        $hosts[0].ClientCount | Should -Be 1
        $hosts[0].Reason | Should -BeExactly 'HOST_NOT_ALLOWED'
        $hosts[0].FirstDeniedAt | Should -BeLessOrEqual $hosts[0].LastDeniedAt
    }

    It 'have the latest at the end' {
        $log = Use-FakeControl -Mode answer -Result ('{"hosts":[{"host":"new.example.com","lastDeniedAt":"2026-01-02T00:00:02Z"},' +
            '{"host":"old.example.com","lastDeniedAt":"2026-01-02T00:00:01Z"}]}')
        try { (Get-OMSGatewayDeniedHost).Host | Should -Be 'old.example.com', 'new.example.com' }
        finally { Restore-Control $log }
    }

    It 'are those that <given> fits' -ForEach @(
        @{ given = '*.example.com'; fits = @('a.example.com') }
        @{ given = '*.example.com*'; fits = @('a.example.com', 'b.example.com:8443') }
        @{ given = 'A.example.com'; fits = @('a.example.com') }
        @{ given = '[bc].*'; fits = @('b.example.com:8443', 'c.example.net') }
        @{ given = @('c.example.net', '*.net', 'none.example.org'); fits = @('c.example.net') }
    ) {
        (Get-OMSGatewayDeniedHost $given).Host | Should -Be $fits
    }

    It 'are allowed by a pipeline' {
        Get-OMSGatewayDeniedHost *.example.com* | Add-OMSGatewayAllowedHost
        Get-OMSGatewayAllowedHost | Should -Be 'a.example.com', 'b.example.com:8443'
        (Get-OMSGatewayDeniedHost).Host | Should -Be 'c.example.net'
    }

    It 'are forgotten, by name, by a pattern, by a pipeline and all' {
        $said = Clear-OMSGatewayDeniedHost b.example.com:8443, none.example.com -Verbose 4>&1
        $said.Message | Should -Contain '1 hosts are forgotten.'
        $said.Message | Should -Contain 'none.example.com was not in the list.'
        Clear-OMSGatewayDeniedHost *.example.net -Force
        (Get-OMSGatewayDeniedHost).Host | Should -Be 'a.example.com'
        Get-OMSGatewayDeniedHost | Clear-OMSGatewayDeniedHost -WhatIf
        Clear-OMSGatewayDeniedHost -All -WhatIf
        Clear-OMSGatewayDeniedHost *.example.com -WhatIf
        (Get-OMSGatewayDeniedHost).Host | Should -Be 'a.example.com'
        Get-OMSGatewayDeniedHost | Clear-OMSGatewayDeniedHost
        Get-OMSGatewayDeniedHost | Should -BeNullOrEmpty
        $null = Invoke-Connect $gateway 'a.example.com:443'
        Clear-OMSGatewayDeniedHost -All
        Get-OMSGatewayDeniedHost | Should -BeNullOrEmpty
    }

    It 'are forgotten although one of them is no host' {
        'a.example.com', 'https://x.example.com/', 'c.example.net' |
            Clear-OMSGatewayDeniedHost -ErrorAction SilentlyContinue -ErrorVariable failed
        $failed.FullyQualifiedErrorId | Should -Be 'HostIsUrl,OMSGateway.ClearOMSGatewayDeniedHostCommand'
        $failed.TargetObject | Should -Be 'https://x.example.com/'
        (Get-OMSGatewayDeniedHost).Host | Should -Be 'b.example.com:8443'
    }

    It 'that are many are forgotten in few calls' {
        $log = Use-FakeControl -Mode relay
        try {
            1..2500 | ForEach-Object { "h$_.example.com" } | Clear-OMSGatewayDeniedHost
            (Get-Request $log).ForEach({ $_.params.hosts.Count }) | Should -Be 1000, 1000, 500
        }
        finally { Restore-Control $log }
    }

    It 'that a pattern fits are asked about' {
        $said = Invoke-Shell @"
Import-Module '$Manifest'
Clear-OMSGatewayDeniedHost '*.example.com*'
"@ -Type "Y`nN"
        "$said" | Should -Match 'a\.example\.com'
        (Get-OMSGatewayDeniedHost).Host | Should -Be 'b.example.com:8443', 'c.example.net'
    }

    It 'are completed' {
        (Get-Completion 'Clear-OMSGatewayDeniedHost b.').CompletionText | Should -Be 'b.example.com:8443'
        (Get-Completion 'Test-OMSGatewayHost -Host c.').CompletionText | Should -Be 'c.example.net'
    }
}

Describe 'Open tunnels' {
    BeforeEach { Clear-Gateway; $tunnel = Open-Tunnel }
    AfterEach { Close-Tunnel $tunnel }

    It 'are objects' {
        $open = @(Get-OMSGatewayTunnel)
        $open | Should -HaveCount 1
        $open[0].Host | Should -BeExactly '127.0.0.1'
        $open[0].Port | Should -Be $tunnel.Port
        $open[0].Client | Should -BeExactly "127.0.0.1:$($tunnel.Client.Client.LocalEndPoint.Port)"
        $open[0].Idle | Should -BeOfType [TimeSpan]
        $open[0].OpenedAt | Should -BeLessOrEqual (Get-Date)
        $open[0] | Out-String -Width 120 | Should -Match "127\.0\.0\.1 +$($tunnel.Port)"
    }

    It 'are chosen by host and client' {
        Get-OMSGatewayTunnel "127.0.0.1:$($tunnel.Port)" -Client 127.0.0.1 | Should -HaveCount 1
        Get-OMSGatewayTunnel 127.0.0.2 | Should -BeNullOrEmpty
        Get-OMSGatewayTunnel -Client 127.0.0.2 | Should -BeNullOrEmpty
        Get-OMSGatewayTunnel -Client nobody -ErrorAction SilentlyContinue -ErrorVariable failed | Should -BeNullOrEmpty
        $failed.FullyQualifiedErrorId | Should -Be 'FilterInvalid,OMSGateway.GetOMSGatewayTunnelCommand'
    }

    It 'are closed by a pipeline' {
        Get-OMSGatewayTunnel -Host 127.0.0.1 | Stop-OMSGatewayTunnel -WhatIf
        Get-OMSGatewayTunnel | Should -HaveCount 1
        $said = Get-OMSGatewayTunnel -Host 127.0.0.1 | Stop-OMSGatewayTunnel -Verbose 4>&1
        $said.Message | Should -Contain '1 tunnels are closed.'
        $tunnel.Reader.ReadToEnd() | Should -BeExactly ''
        Get-OMSGatewayTunnel | Should -BeNullOrEmpty
    }

    It 'are closed by <what>' -ForEach @(
        @{ what = 'number'; given = { @{ Id = (Get-OMSGatewayTunnel).Id } } }
        @{ what = 'host'; given = { @{ Host = '127.0.0.1' } } }
        @{ what = 'client'; given = { @{ Client = '127.0.0.1' } } }
    ) {
        $parameters = & $given
        Stop-OMSGatewayTunnel @parameters -WhatIf
        Get-OMSGatewayTunnel | Should -HaveCount 1
        Stop-OMSGatewayTunnel @parameters
        Get-OMSGatewayTunnel | Should -BeNullOrEmpty
    }

    It 'that are not there are no error' {
        $said = 4711 | Stop-OMSGatewayTunnel -Verbose 4>&1
        $said.Message | Should -Contain 'There is no open tunnel 4711.'
        { Stop-OMSGatewayTunnel 0 } | Should -Throw
        Get-OMSGatewayTunnel | Should -HaveCount 1
    }
}

Describe 'Test-OMSGatewayHost' {
    BeforeAll {
        Clear-Gateway
        $listener = New-Object -TypeName System.Net.Sockets.TcpListener -ArgumentList ([Net.IPAddress]::Loopback), 0
        $listener.Start()
        $there = "127.0.0.1:$($listener.LocalEndpoint.Port)"
        Add-OMSGatewayAllowedHost $there, localhost -WarningAction Ignore
    }

    AfterAll { $listener.Stop() }

    It 'tells of a host that is reached' {
        $check = Test-OMSGatewayHost $there
        $check.Succeeded | Should -BeTrue
        "$($check.Entry)" | Should -BeExactly $there
        $check.Entry.Sources[0].Kind | Should -BeExactly 'Local'
        $check.Route | Should -BeExactly 'Direct'
        $check.ConnectedAddress | Should -BeExactly $there
        $check.ConnectTime | Should -BeGreaterThan ([TimeSpan]::Zero)
        $check.Problem | Should -BeNullOrEmpty
    }

    It 'tells why a host is not' {
        $checks = @('x.example.com', 'localhost' | Test-OMSGatewayHost)
        $checks.Succeeded | Should -Be $false, $false
        $checks.Problem.Reason | Should -Be 'HOST_NOT_ALLOWED', 'ADDRESS_NOT_ALLOWED'
        $checks[0].Route | Should -BeExactly ''
        "$($checks[1].Addresses)" | Should -Match '127\.0\.0\.1, refused'
    }

    It 'decides only, if that is all that is asked' {
        $check = Test-OMSGatewayHost localhost -DecideOnly
        $check.Succeeded | Should -BeTrue
        $check.Addresses | Should -BeNullOrEmpty
        $check.ConnectTime | Should -BeNullOrEmpty
    }

    It 'answers yes or no' {
        Test-OMSGatewayHost $there, x.example.com -Quiet | Should -Be $true, $false
    }

    It 'has an error for what is no host, and goes on' {
        $checks = @(Test-OMSGatewayHost *.example.com, $there -ErrorAction SilentlyContinue -ErrorVariable failed)
        $checks.Host | Should -Be $there
        $failed.FullyQualifiedErrorId | Should -Be 'HostIsWildcard,OMSGateway.TestOMSGatewayHostCommand'
    }
}

Describe 'Test-OMSGatewayRelayProxy' {
    AfterEach { Set-OMSGatewayRelayProxy '' }

    It 'is an error without a relay proxy' {
        Test-OMSGatewayRelayProxy a.example.com -ErrorAction SilentlyContinue -ErrorVariable failed | Should -BeNullOrEmpty
        $failed.FullyQualifiedErrorId | Should -Be 'RelayNotSet,OMSGateway.TestOMSGatewayRelayProxyCommand'
    }

    It 'tells which step fails' {
        Set-OMSGatewayRelayProxy 'http://127.0.0.1:1'
        $test = [pscustomobject] @{ Host = 'a.example.com' } | Test-OMSGatewayRelayProxy
        $test.Succeeded | Should -BeFalse
        $test.Target | Should -BeExactly 'a.example.com:443'
        $test.RelayProxy | Should -BeExactly 'http://127.0.0.1:1'
        $test.Steps.Step | Should -Be 'Dns', 'Tcp'
        $test.Steps[0].Problem | Should -BeNullOrEmpty
        $test.Problem.Reason | Should -BeExactly 'RELAY_UNREACHABLE'
        $test | Out-String | Should -Match '(?s)Steps +: Dns: ok.*Tcp: failed .*RELAY_UNREACHABLE'
        Test-OMSGatewayRelayProxy a.example.com -Quiet | Should -BeFalse
    }
}

Describe 'Get-OMSGatewayDiscovery' {
    It 'tells what was looked for' {
        $discovery = Get-OMSGatewayDiscovery
        $discovery.On | Should -BeTrue
        $discovery.Places.Agent | Should -Contain 'Azure Monitor Agent'
        $discovery | Out-String | Should -Match 'Places +: Azure Monitor Agent, '
    }

    It 'has objects of all kinds' {
        $log = Use-FakeControl -Mode answer -Result ('{"on":true,"readAt":"2026-01-02T03:04:05Z","places":[{"agent":"A","path":"/p","state":"FAILED",' +
            '"problem":{"reason":"R","message":"cannot"}}],"hosts":[{"host":"h.example.com","agent":"A","workspace":"w","place":"/p"}],' +
            '"clientCertificates":[{"subject":"CN=x","agent":"A"}],"ignored":[{"reason":"I","message":"not that"}],"leftOut":3}')
        try {
            $discovery = Get-OMSGatewayDiscovery
            $discovery.ReadAt.ToUniversalTime() | Should -Be ([DateTime]::new(2026, 1, 2, 3, 4, 5))
            "$($discovery.Places[0].State) $($discovery.Places[0].Problem)" | Should -BeExactly 'Failed cannot'
            "$($discovery.Hosts) $($discovery.Hosts[0].Workspace)" | Should -BeExactly 'h.example.com w'
            "$($discovery.ClientCertificates)" | Should -BeExactly 'CN=x'
            $discovery.Ignored.Reason | Should -BeExactly 'I'
            $discovery.LeftOut | Should -Be 3
            $discovery.Hosts | Out-String | Should -Match 'h\.example\.com +A +w'
        }
        finally { Restore-Control $log }
    }

    It 'says that nothing is learned' {
        Set-OMSGatewayConfig LearnHosts Off
        try {
            $said = Get-OMSGatewayDiscovery -Verbose 4>&1
            "$($said | Where-Object { $_ -is [Management.Automation.VerboseRecord] })" | Should -Match 'LearnHosts is Off'
            (Get-OMSGatewayDiscovery).On | Should -BeFalse
        }
        finally { Set-OMSGatewayConfig LearnHosts '' }
    }
}

BeforeAll {
    . "$PSScriptRoot/Gateway.ps1"
    $gateway = Start-Gateway
    Import-Module $Manifest
}

AfterAll { Stop-Gateway $gateway -Remove }

Describe 'A gateway that is stopped' {
    It 'is changed all the same, and has the changes when it starts' {
        Add-OMSGatewayAllowedHost before.example.com
        Stop-Gateway $gateway
        $said = Add-OMSGatewayAllowedHost stopped.example.com -Verbose 4>&1
        ($said -join "`n") | Should -Match 'the gateway is stopped: what was changed takes effect when it starts'
        Set-OMSGatewayConfig -Name DrainSeconds -Value 7
        Get-OMSGatewayAllowedHost | Should -Be 'before.example.com', 'stopped.example.com'

        Restart-Gateway $gateway
        Get-OMSGatewayAllowedHost | Should -Be 'before.example.com', 'stopped.example.com'
        (Get-OMSGatewayConfig DrainSeconds).Value | Should -Be 7
        $said = Add-OMSGatewayAllowedHost running.example.com -Verbose 4>&1
        ($said -join "`n") | Should -Not -Match 'stopped'
    }

    It 'is an error for each value where nothing can stand in for it' {
        $folder = New-Item -ItemType Directory -Path (Join-Path $TestDrive 'alone')
        $env:OMSGATEWAY_CTL = (Copy-Item -LiteralPath $Control -Destination $folder -PassThru).FullName
        Stop-Gateway $gateway
        try {
            'a.example.com', 'b.example.com' | Add-OMSGatewayAllowedHost -ErrorAction SilentlyContinue -ErrorVariable failed `
                -WarningVariable warnings -WarningAction SilentlyContinue
            $failed.FullyQualifiedErrorId | Should -Be (@('GatewayUnreachable,OMSGateway.AddOMSGatewayAllowedHostCommand') * 2)
            $failed.CategoryInfo.Category | Should -Be 'ConnectionError', 'ConnectionError'
            $failed.TargetObject | Should -Be 'a.example.com', 'b.example.com'
            $warnings | Should -Match '^0 values are applied\. The next 2 may not be'
            { Add-OMSGatewayAllowedHost a.example.com -ErrorAction Stop -WarningAction Ignore } | Should -Throw 'no gateway answers*'
            $Error.Clear()
            Get-OMSGatewayAllowedHost -ErrorAction Ignore | Should -BeNullOrEmpty
            $Error | Should -HaveCount 0
        }
        finally {
            $env:OMSGATEWAY_CTL = $Control
            Restart-Gateway $gateway
        }
    }
}

Describe 'A gateway that is restarted' {
    It 'answers the cmdlets right after, again and again' {
        $ErrorActionPreference = 'Stop'
        foreach ($seconds in 1..5) {
            Set-OMSGatewayConfig -Name DrainSeconds -Value $seconds
            Restart-Gateway $gateway
            (Get-OMSGatewayConfig DrainSeconds).Value | Should -Be $seconds
        }
    }

    It 'in the middle of a pipeline loses nothing' {
        1..600 | ForEach-Object { if ($_ -eq 400) { Restart-Gateway $gateway }; "h$_.example.net" } |
            Add-OMSGatewayAllowedHost -ErrorAction Stop
        @(Get-OMSGatewayAllowedHost | Where-Object { $_ -like '*.example.net' }).Count | Should -Be 600
    }
}

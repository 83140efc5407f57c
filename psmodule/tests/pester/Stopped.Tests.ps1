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
        Add-OMSGatewayAllowedHost stopped.example.com
        Set-OMSGatewayConfig -Name DrainSeconds -Value 7
        Get-OMSGatewayAllowedHost | Should -Be 'before.example.com', 'stopped.example.com'

        Restart-Gateway $gateway
        Get-OMSGatewayAllowedHost | Should -Be 'before.example.com', 'stopped.example.com'
        (Get-OMSGatewayConfig DrainSeconds).Value | Should -Be 7
    }

    It 'is one error that ends the cmdlet where nothing can stand in for it' {
        $folder = New-Item -ItemType Directory -Path (Join-Path $TestDrive 'alone')
        $env:OMSGATEWAY_CTL = (Copy-Item -LiteralPath $Control -Destination $folder -PassThru).FullName
        Stop-Gateway $gateway
        try {
            $add = { 'a.example.com', 'b.example.com' | Add-OMSGatewayAllowedHost -ErrorAction Continue }
            $failed = $add | Should -Throw -PassThru
            $failed.FullyQualifiedErrorId | Should -Be 'GatewayUnreachable,OMSGateway.AddOMSGatewayAllowedHostCommand'
            $failed.CategoryInfo.Category | Should -Be 'ConnectionError'
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

# Every line of PowerShell that the original's documents show (Microsoft: Connect computers without internet access by using the OMS Gateway,
# 2018, "Useful PowerShell cmdlets" and "Automation Hybrid Runbook Workers"), as it stands there, save the service's restart, for which there
# is no service here.

BeforeAll {
    . "$PSScriptRoot/Gateway.ps1"
    $gateway = Start-Gateway
    $modulePath = $env:PSModulePath
    $env:PSModulePath = (Split-Path -Parent $ModuleFolder) + [IO.Path]::PathSeparator + $modulePath
}

AfterAll {
    $env:PSModulePath = $modulePath
    Stop-Gateway $gateway -Remove
}

Describe 'The documents' {
    It 'show <line>' -ForEach @(
        @{ line = 'Import-Module OMSGateway'; answers = '' }
        @{ line = 'Get-Module OMSGateway'; answers = '^OMSGateway$' }
        @{ line = 'Get-OMSGatewayConfig'; answers = 'ListenPort' }
        @{ line = 'Set-OMSGatewayConfig -Name ListenPort -Value 8080'; answers = '' }
        @{ line = 'Set-OMSGatewayRelayProxy -Address http://www.myproxy.com:8080 -Username user1 -Password 123'; answers = '' }
        @{ line = 'Get-OMSGatewayRelayProxy'; answers = '^http://www\.myproxy\.com:8080$' }
        @{ line = 'Set-OMSGatewayRelayProxy -Address http://www.myproxy.com:8080'; answers = '' }
        @{ line = 'Set-OMSGatewayRelayProxy -Address ""'; answers = '' }
        @{ line = 'Add-OMSGatewayAllowedHost -Host www.test.com'; answers = '' }
        @{ line = 'Add-OMSGatewayAllowedHost we-jobruntimedata-prod-su1.azure-automation.net'; answers = '' }
        @{ line = 'Add-OMSGatewayAllowedHost ncus-agentservice-prod-1.azure-automation.net'; answers = '' }
        @{ line = 'Get-OMSGatewayAllowedHost'; answers = '^www\.test\.com$' }
        @{ line = 'Remove-OMSGatewayAllowedHost -Host www.test.com'; answers = '' }
        @{ line = 'Add-OMSGatewayAllowedClientCertificate -Subject mycert'; answers = '' }
        @{ line = 'Get-OMSGatewayAllowedClientCertificate'; answers = '^mycert$' }
        @{ line = 'Remove-OMSGatewayAllowedClientCertificate -Subject mycert'; answers = '' }
    ) {
        $said = & ([scriptblock]::Create($line)) 3>$null | ForEach-Object { if ($_.PSObject.Properties['Name']) { $_.Name } else { "$_" } }
        if ($answers -eq '') { $said | Should -BeNullOrEmpty } else { @($said) -match $answers | Should -Not -BeNullOrEmpty }
    }
}

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

Describe 'Our pages' {
    BeforeDiscovery {
        $root = (Resolve-Path -LiteralPath "$PSScriptRoot/../../..").Path
        $pages = Get-Item -Path "$root/README.md", "$root/docs/*.md", "$root/psmodule/docs/*.md" |
            Where-Object { (Get-Content -LiteralPath $_ -Raw) -match '-OMSGateway' } |
            ForEach-Object { @{ page = $_.Name; path = $_.FullName } }
    }

    BeforeAll {
        Import-Module OMSGateway

        function Find-Wrong {
            # What is not there of the cmdlets that a text names, and of the parameters that its lines of code give them.
            param($Text)

            foreach ($name in [regex]::Matches($Text, '\b[A-Z][a-z]+-OMSGateway\w+').Value | Sort-Object -Unique) {
                if (-not (Get-Command -Name $name -ErrorAction Ignore)) { $name }
            }
            $code = [regex]::Matches($Text, '(?ms)^```powershell\r?\n(.*?)^```|^ {4,}(\S[^\r\n]*-OMSGateway[^\r\n]*)')
            foreach ($block in $code) {
                $script = [Management.Automation.Language.Parser]::ParseInput($block.Groups[1].Value + $block.Groups[2].Value, [ref] $null, [ref] $null)
                foreach ($call in $script.FindAll({ $args[0] -is [Management.Automation.Language.CommandAst] }, $true)) {
                    $command = Get-Command -Name "$($call.GetCommandName())" -Module OMSGateway -ErrorAction Ignore
                    if (-not $command) { continue }
                    foreach ($element in $call.CommandElements) {
                        if ($element -isnot [Management.Automation.Language.CommandParameterAst]) { continue }
                        try { $null = $command.ResolveParameter($element.ParameterName) } catch { "$command -$($element.ParameterName)" }
                    }
                }
            }
        }
    }

    It 'name cmdlets and parameters that are there: <page>' -ForEach $pages {
        Find-Wrong (Get-Content -LiteralPath $path -Raw) | Should -BeNullOrEmpty
    }

    It 'would be found wrong' {
        Find-Wrong 'Get-OMSGatewayNothing' | Should -Be 'Get-OMSGatewayNothing'
        Find-Wrong '    $x | Add-OMSGatewayAllowedHost -Hosts a' | Should -Be 'Add-OMSGatewayAllowedHost -Hosts'
        Find-Wrong "``````powershell`nGet-OMSGatewayConfig |`n    Set-OMSGatewayConfig -Vlaue 1`n``````" | Should -Be 'Set-OMSGatewayConfig -Vlaue'
    }
}

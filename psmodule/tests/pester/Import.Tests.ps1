BeforeAll {
    . "$PSScriptRoot/Gateway.ps1"
    $gateway = Start-Gateway
    $cmdlets = Import-PowerShellDataFile -LiteralPath $Manifest | ForEach-Object CmdletsToExport
}

AfterAll { Stop-Gateway $gateway -Remove }

Describe 'The module' {
    It 'works when imported by <how>' -ForEach @(
        @{ how = 'the .psd1'; import = 'Import-Module "$m/OMSGateway.psd1"' }
        @{ how = 'the .psm1'; import = 'Import-Module "$m/OMSGateway.psm1"' }
        @{ how = 'the .psd1 and then the .psm1'; import = '"psd1", "psm1" | ForEach-Object { Import-Module "$m/OMSGateway.$_" }' }
        @{ how = 'the .psm1 and then the .psd1'; import = '"psm1", "psd1" | ForEach-Object { Import-Module "$m/OMSGateway.$_" }' }
        @{ how = 'the .psd1, again and again'; import = '1..3 | ForEach-Object { Import-Module "$m/OMSGateway.psd1" -Force }' }
        @{ how = 'its name'; import = 'Import-Module OMSGateway' }
        @{ how = 'nothing at all'; import = '' }
    ) {
        $said = Invoke-Shell @"
`$m = '$ModuleFolder'
`$env:PSModulePath = (Split-Path -Parent `$m) + [IO.Path]::PathSeparator + `$env:PSModulePath
Set-StrictMode -Version Latest
`$ErrorActionPreference = 'Stop'
$import
"level " + (Get-OMSGatewayConfig -Name LogLevel).Value
"modules " + @(Get-Module OMSGateway).Count
"commands " + @(Get-Command -Module OMSGateway).Count
"format " + @(Get-FormatData -TypeName OMSGateway.Setting).Count
"errors " + `$Error.Count
"@
        $said | Should -Be 'level Info', 'modules 1', "commands $($cmdlets.Count)", 'format 1', 'errors 0'
    }

    It 'has a manifest that PowerShell finds right' {
        $module = Test-ModuleManifest -Path $Manifest -ErrorAction Stop -WarningAction Stop
        $module.ExportedCmdlets.Keys | Sort-Object | Should -Be ($cmdlets | Sort-Object)
        $module.ExportedCommands.Count | Should -Be $cmdlets.Count
    }

    It 'needs no verb that is not approved' {
        Invoke-Shell "Import-Module '$Manifest' -WarningAction Stop" | Should -BeNullOrEmpty
    }

    It 'leaves nothing behind when it is removed' {
        $said = Invoke-Shell @"
Import-Module '$Manifest'
Remove-Module OMSGateway
@(Get-Command -Name *-OMSGateway* -ErrorAction Ignore).Count
"@
        $said | Should -Be 0
    }

    It 'is had from the path of the original''s documents, where setup puts a manifest' {
        $programs = Join-Path $gateway.Folder 'Program Files'
        $documented = Join-Path $programs 'Microsoft OMS Gateway/PowerShell/OmsGateway'
        $modules = Join-Path $programs 'WindowsPowerShell/Modules'
        $null = New-Item -ItemType Directory -Path $documented, $modules
        Copy-Item -LiteralPath $ModuleFolder -Destination $modules -Recurse
        (Get-Content -LiteralPath (Join-Path $Root 'packaging/msi/OmsGateway.psd1')) -replace '@VERSION@', '1.2.3' |
            Set-Content -LiteralPath (Join-Path $documented 'OmsGateway.psd1')
        $said = Invoke-Shell @"
Import-Module '$documented/OmsGateway.psd1'
"version " + (Get-Module OMSGateway).Version
"level " + (Get-OMSGatewayConfig -Name LogLevel).Value
"format " + @(Get-FormatData -TypeName OMSGateway.Setting).Count
"@
        $said | Should -Be 'version 1.2.3', 'level Info', 'format 1'
    }

    It 'has omsgwctl for every platform' {
        $files = Get-ChildItem -LiteralPath (Join-Path $ModuleFolder 'bin') -Recurse -File | Sort-Object FullName
        $files | ForEach-Object { "$($_.Directory.Name)/$($_.Name)" } | Should -Be @(
            'linux-amd64/omsgwctl', 'linux-arm64/omsgwctl', 'windows-amd64/omsgwctl.exe', 'windows-arm64/omsgwctl.exe')
    }

    It 'uses its own omsgwctl where no other is named' {
        $said = Invoke-Shell @"
`$env:OMSGATEWAY_CTL = `$null
Import-Module '$Manifest'
(Get-OMSGatewayConfig LogLevel).Value
"@
        $said | Should -Be 'Info'
    }
}

Describe 'Get-Help' {
    BeforeAll { Import-Module $Manifest }

    It 'tells about <_>' -ForEach @(
        'Get-OMSGatewayConfig', 'Set-OMSGatewayConfig', 'Get-OMSGatewayRelayProxy', 'Set-OMSGatewayRelayProxy'
        'Get-OMSGatewayAllowedHost', 'Add-OMSGatewayAllowedHost', 'Remove-OMSGatewayAllowedHost'
        'Get-OMSGatewayAllowedClientCertificate', 'Add-OMSGatewayAllowedClientCertificate'
        'Remove-OMSGatewayAllowedClientCertificate'
    ) {
        $help = Get-Help -Name $_ -Full
        $help.Synopsis | Should -Match '^[A-Z].*\.$'
        @($help.Examples.Example).Count | Should -BeGreaterThan 0
        $common = [Management.Automation.PSCmdlet]::CommonParameters
        foreach ($parameter in (Get-Command -Name $_).Parameters.Values | Where-Object { $_.Name -notin $common }) {
            $text = Get-Help -Name $_ -Parameter $parameter.Name
            $text.description.Text | Should -Not -BeNullOrEmpty -Because "-$($parameter.Name) is there"
        }
    }

    It 'has examples that PowerShell can parse' {
        foreach ($cmdlet in $cmdlets) {
            foreach ($example in (Get-Help -Name $cmdlet -Full).Examples.Example) {
                $errors = $null
                $null = [Management.Automation.Language.Parser]::ParseInput($example.code, [ref] $null, [ref] $errors)
                $errors | Should -BeNullOrEmpty -Because "$cmdlet, $($example.title)"
            }
        }
    }

    It 'has about_OMSGateway' {
        Get-Help -Name about_OMSGateway | Out-String | Should -Match 'OMSGATEWAY_CTL'
    }
}

Describe 'Get-Command -Syntax' {
    BeforeAll { Import-Module $Manifest }

    It 'shows -Host as Host' {
        (Get-Command -Name Add-OMSGatewayAllowedHost -Syntax).Trim() -replace ' +', ' ' |
            Should -Be ('Add-OMSGatewayAllowedHost [-Host] <string[]> [-Denied] [-ClientCertificatePolicy <string>] ' +
                '[-Owner <string>] [-Ticket <string>] [-Note <string>] [-Expires <datetime>] [-PassThru] [-Comment <string>] ' +
                '[-ConfirmWithin <timespan>] [-Force] [-WhatIf] [-Confirm] [<CommonParameters>]')
    }

    It 'shows that a key is no must' {
        (Get-Command -Name Get-OMSGatewayConfig -Syntax).Trim() -replace ' +', ' ' |
            Should -Be 'Get-OMSGatewayConfig [[-Key] <string[]>] [<CommonParameters>]'
    }
}

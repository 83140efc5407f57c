# The cmdlets of the original in stories: they keep all in a file beside them, which goes when the original goes.
$file = Join-Path $PSScriptRoot 'settings.json'
$settings = Get-Content -Raw -LiteralPath $file | ConvertFrom-Json
function Save { ConvertTo-Json $settings | Set-Content -LiteralPath $file }
function Get-OMSGatewayConfig($Name) { [pscustomobject]@{ Key = $Name; Value = $settings.$Name } }
function Set-OMSGatewayConfig($Name, $Value, [switch] $Force, [switch] $Confirm) { $settings.$Name = $Value; Save }
function Get-OMSGatewayRelayProxy { $settings.Relay }
function Set-OMSGatewayRelayProxy($Address, [switch] $Force, [switch] $Confirm) { $settings.Relay = $Address; Save }
function Get-OMSGatewayAllowedHost { $settings.Hosts }
function Add-OMSGatewayAllowedHost {
    param([Alias('Host')] $Name, [switch] $Force, [switch] $Confirm) # $Host is PowerShell's own
    $settings.Hosts = @($settings.Hosts) + $Name
    Save
}
function Get-OMSGatewayAllowedClientCertificate { $settings.Subjects }
function Add-OMSGatewayAllowedClientCertificate($Subject, [switch] $Force, [switch] $Confirm) {
    $settings.Subjects = @($settings.Subjects) + $Subject
    Save
}

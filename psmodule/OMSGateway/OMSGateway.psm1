#Requires -Version 5.1

# The cmdlets are in OMSGateway.dll. This file is the same way in for those who import the .psd1, the .psm1 or the name.

if ($PSVersionTable.PSEdition -ne 'Core') {
    # The release number of .NET Framework 4.7.2:
    # https://learn.microsoft.com/dotnet/framework/install/how-to-determine-which-versions-are-installed
    $framework = Get-ItemProperty -LiteralPath 'HKLM:\SOFTWARE\Microsoft\NET Framework Setup\NDP\v4\Full' -ErrorAction Ignore
    if ($null -eq $framework -or $framework.PSObject.Properties.Name -notcontains 'Release' -or $framework.Release -lt 461808) {
        throw 'The module OMSGateway needs .NET Framework 4.7.2 or later in Windows PowerShell. Install it, or use PowerShell 7.'
    }
}

Import-Module -Name (Join-Path -Path $PSScriptRoot -ChildPath 'OMSGateway.dll') -ErrorAction Stop
Update-FormatData -PrependPath (Join-Path -Path $PSScriptRoot -ChildPath 'OMSGateway.format.ps1xml')

Export-ModuleMember -Function @() -Cmdlet @(
    'Get-OMSGatewayConfig'
    'Set-OMSGatewayConfig'
    'Get-OMSGatewayRelayProxy'
    'Set-OMSGatewayRelayProxy'
    'Get-OMSGatewayAllowedHost'
    'Add-OMSGatewayAllowedHost'
    'Set-OMSGatewayAllowedHost'
    'Remove-OMSGatewayAllowedHost'
    'Get-OMSGatewayAllowedClientCertificate'
    'Add-OMSGatewayAllowedClientCertificate'
    'Remove-OMSGatewayAllowedClientCertificate'
    'Get-OMSGatewayRevision'
    'Compare-OMSGatewayRevision'
    'Restore-OMSGatewayRevision'
    'Export-OMSGatewayConfiguration'
    'Compare-OMSGatewayConfiguration'
    'Import-OMSGatewayConfiguration'
    'Confirm-OMSGatewayChange'
    'Confirm-OMSGatewayClock'
    'Undo-OMSGatewayChange'
    'Get-OMSGatewayStatus'
    'Get-OMSGatewayEvent'
    'Get-OMSGatewayDeniedHost'
    'Clear-OMSGatewayDeniedHost'
    'Get-OMSGatewayTunnel'
    'Stop-OMSGatewayTunnel'
    'Test-OMSGatewayHost'
    'Test-OMSGatewayRelayProxy'
    'Get-OMSGatewayDiscovery'
    'Save-OMSGatewaySupport'
)

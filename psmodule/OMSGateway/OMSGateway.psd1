@{
    RootModule           = 'OMSGateway.psm1'
    ModuleVersion        = '0.0.1' # make psmodule puts the version of the build here
    GUID                 = '0d6f8f0e-6a0b-4a53-9d1c-5b1f0c4f7a52'
    Author               = 'The OMS gateway project'
    CompanyName          = 'The OMS gateway project'
    Copyright            = '(c) The OMS gateway project. MIT licence.'
    Description          = 'Administers the OMS gateway: allowed hosts and client certificates, settings, relay proxy, the history of all changes, and what the gateway does.'
    PowerShellVersion    = '5.1'
    CompatiblePSEditions = @('Desktop', 'Core')
    CmdletsToExport      = @(
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
    FunctionsToExport    = @()
    AliasesToExport      = @()
    VariablesToExport    = @()
    FileList             = @('OMSGateway.psd1', 'OMSGateway.psm1', 'OMSGateway.dll', 'OMSGateway.format.ps1xml')
}

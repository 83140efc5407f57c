# update.ps1 SCRIPT PACKAGE QUIET [NAME=value...] runs Update-OMSGateway.ps1 under Wine, or with "set" instead of QUIET gives the original
# settings, and with "show" prints those.
$env:SCRIPT, $msi, $what, $given = $args # other names than the script's parameters, which it sets here
. $env:SCRIPT
. "$PSScriptRoot/standins.ps1"
$ErrorActionPreference = 'Stop'
switch ($what) {
    'set' {
        Invoke-Apart Set-Original ([pscustomobject]@{ Folder = (Find-Original).Folder; Settings = $given | ConvertFrom-Json })
        exit 0
    }
    'show' {
        Invoke-Apart Read-Original (Find-Original) | # the other process has put its name on it
            Select-Object listenPort, logLevel, relayProxy, allowedHosts, allowedClientCertificates | ConvertTo-Json -Compress
        exit 0
    }
}
exit (Update-Gateway $msi '' ($what -eq 'quiet') @($given | Where-Object { $_ }))

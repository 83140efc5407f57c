# What setup runs as SYSTEM where it finds an original gateway (actions/actions.c), with original.ps1 before it: saves its settings, and
# says how to go on. What it writes to its output is shown to the user.
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
[Console]::OutputEncoding = New-Object System.Text.UTF8Encoding $false
$original = Find-Original
$uninstall = if ($original.ProductCode) { "msiexec /x $($original.ProductCode)" } else { 'appwiz.cpl' }
$update = ' Update-OMSGateway.ps1, beside this package in the release, does the rest, and puts the original back where that fails' +
    ' (powershell -ExecutionPolicy Bypass -File Update-OMSGateway.ps1).'
try {
    $saved = Save-Original $original
    "An original $($original.Name) is installed. Its settings are saved in $($saved.File)" +
    " (port $($saved.Settings.listenPort), $($saved.Settings.allowedHosts.Count) allowed hosts)" +
    ' and will be taken over; only the password of its relay proxy, if it has one, must be given again.' + $update +
    " By hand: uninstall it, and run this setup again: $uninstall"
}
catch {
    "An original $($original.Name) is installed, and its settings could not be saved: $_." +
    " Write them down (Get-OMSGatewayConfig and the other Get- cmdlets), uninstall it, and run this setup again: $uninstall"
}

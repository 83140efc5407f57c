# Saves the settings of an original OMS Gateway for ours, and says how to go on. Setup runs it as SYSTEM where it finds an original
# (actions/actions.c); what it writes to its output is shown to the user.
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
[Console]::OutputEncoding = New-Object System.Text.UTF8Encoding $false
$folder = Join-Path ([Environment]::GetFolderPath('CommonApplicationData')) 'OMS Gateway'
$file = Join-Path $folder 'saved-from-original.json'

# The command that uninstalls the original: that of the product that has the service.
$uninstall = 'appwiz.cpl'
Get-ChildItem 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall', 'HKLM:\SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Uninstall' `
    -ErrorAction SilentlyContinue |
    Where-Object { $_.GetValue('DisplayName') -eq 'OMS Gateway' -and $_.PSChildName -like '{*}' } |
    ForEach-Object { $uninstall = "msiexec /x $($_.PSChildName)" }

# What a cmdlet of the original answers, as text: a value, or an object that has it.
function Read-Text($answer) {
    foreach ($name in 'Value', 'Address') {
        if ($null -ne $answer -and $answer.PSObject.Properties[$name]) { return "$($answer.$name)" }
    }
    "$answer"
}

try {
    # Nobody but administrators may have made this folder, since we shall believe what is in it.
    $security = New-Object System.Security.AccessControl.DirectorySecurity
    $security.SetSecurityDescriptorSddlForm('O:BAD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)')
    if (-not (Test-Path -LiteralPath $folder)) {
        [void][System.IO.Directory]::CreateDirectory($folder, $security)
    }
    # Also if it was not there a moment ago: somebody may have been faster. Everybody may make links to folders, too.
    if ((Get-Item -LiteralPath $folder -Force).Attributes -band [System.IO.FileAttributes]::ReparsePoint) {
        throw "$folder is a link; remove it"
    }
    $owner = (Get-Acl -LiteralPath $folder).GetOwner([System.Security.Principal.SecurityIdentifier]).Value
    if ($owner -notin 'S-1-5-18', 'S-1-5-32-544') { throw "$folder belongs to somebody else ($owner); remove it" }
    Set-Acl -LiteralPath $folder -AclObject $security

    # The original's module: that beside its service, or that in the module path.
    $program = (Get-ItemProperty 'HKLM:\SYSTEM\CurrentControlSet\Services\OMSGatewayService').ImagePath
    $module = 'OMSGateway'
    if ($program -match '^"?([^"]+\.exe)') {
        $beside = Join-Path (Split-Path $Matches[1]) 'PowerShell\OMSGateway\OMSGateway.psd1'
        if (Test-Path -LiteralPath $beside) { $module = $beside }
    }
    Import-Module $module
    $saved = [ordered]@{
        version                   = 1
        listenPort                = Read-Text (Get-OMSGatewayConfig -Name ListenPort)
        logLevel                  = Read-Text (Get-OMSGatewayConfig -Name LogLevel)
        relayProxy                = Read-Text (Get-OMSGatewayRelayProxy)
        allowedHosts              = @(Get-OMSGatewayAllowedHost | ForEach-Object { "$_" })
        allowedClientCertificates = @(Get-OMSGatewayAllowedClientCertificate | ForEach-Object { "$_" })
    }
    [System.IO.File]::WriteAllText($file, (ConvertTo-Json $saved), (New-Object System.Text.UTF8Encoding $false))
    "An original OMS Gateway is installed. Its settings are saved in $file" +
    " (port $($saved.listenPort), $($saved.allowedHosts.Count) allowed hosts)" +
    ' and will be taken over; only the password of its relay proxy, if it has one, must be given again.' +
    " Uninstall it, and run this setup again: $uninstall"
}
catch {
    "An original OMS Gateway is installed, and its settings could not be saved: $_." +
    " Write them down (Get-OMSGatewayConfig and the other Get- cmdlets), uninstall it, and run this setup again: $uninstall"
}

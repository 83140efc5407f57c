# What is known of an original gateway: where it is, and how its settings are saved for ours. build.sh puts this into both scripts that
# need it: what setup runs where it finds an original (refuse-original.ps1), and Update-OMSGateway.ps1. For Windows PowerShell 5.1.

# Get-DataFolder returns the folder of our configuration and log.
function Get-DataFolder { Join-Path ([Environment]::GetFolderPath('CommonApplicationData')) 'OMS Gateway' }

# Find-Original returns Service, Name, Folder and ProductCode of an original, or nothing. The older edition is called Log Analytics
# Forwarder. ProductCode is '' where Windows has no package of that name.
function Find-Original {
    foreach ($edition in @('OMSGatewayService', 'OMS Gateway', '^(OMS|Log Analytics) Gateway$'),
        @('ForwarderService', 'Log Analytics Forwarder', 'Log Analytics Forwarder')) {
        $service, $name, $product = $edition
        $key = Get-ItemProperty -LiteralPath "HKLM:\SYSTEM\CurrentControlSet\Services\$service" -ErrorAction SilentlyContinue
        # Newer editions keep their settings below the key of the older one's service, which then has no program. Ours ends with this.
        if ("$($key.ImagePath)" -notmatch '^"?([^"]+\.exe)' -or $key.ImagePath -like '* service run') { continue }
        $folder = Split-Path $Matches[1]
        $code = Get-ChildItem -ErrorAction SilentlyContinue `
            'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall', 'HKLM:\SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Uninstall' |
            Where-Object { $_.GetValue('DisplayName') -match $product -and $_.GetValue('Publisher') -ne 'The OMS gateway project' } |
            ForEach-Object { $_.PSChildName } | Where-Object { $_ -like '{*}' } | Select-Object -Last 1
        return [pscustomobject]@{ Service = $service; Name = $name; Folder = $folder; ProductCode = "$code" }
    }
}

# Read-Text returns what a cmdlet of the original has answered as text: a value, or an object that has it.
function Read-Text($answer) {
    foreach ($name in 'Value', 'Address') {
        if ($null -ne $answer -and $answer.PSObject.Properties[$name]) { return "$($answer.$name)" }
    }
    "$answer"
}

# Read-Original returns the settings of an original as internal/setup/original.go reads them, by its own cmdlets. One that has none
# brings what it keeps in the registry.
function Read-Original($original) {
    $module = Join-Path $original.Folder 'PowerShell\OMSGateway\OMSGateway.psd1'
    if (-not (Test-Path -LiteralPath $module)) {
        if ($original.Service -eq 'ForwarderService') {
            $kept = Get-ItemProperty -LiteralPath 'HKLM:\SYSTEM\CurrentControlSet\Services\ForwarderService\Configurations' -ErrorAction SilentlyContinue
            return [ordered]@{
                version = 1; listenPort = "$($kept.ListenPort)"; logLevel = "$($kept.LogLevel)"; relayProxy = ''
                allowedHosts = @(); allowedClientCertificates = @()
            }
        }
        $module = 'OMSGateway'
    }
    Import-Module $module
    [ordered]@{
        version                   = 1
        listenPort                = Read-Text (Get-OMSGatewayConfig -Name ListenPort)
        logLevel                  = Read-Text (Get-OMSGatewayConfig -Name LogLevel)
        relayProxy                = Read-Text (Get-OMSGatewayRelayProxy)
        allowedHosts              = @(Get-OMSGatewayAllowedHost | ForEach-Object { "$_" })
        allowedClientCertificates = @(Get-OMSGatewayAllowedClientCertificate | ForEach-Object { "$_" })
    }
}

# Protect-DataFolder makes the folder of our configuration, or throws if anybody but administrators may have made it, since we shall
# believe what is in it.
function Protect-DataFolder {
    $folder = Get-DataFolder
    $security = New-Object System.Security.AccessControl.DirectorySecurity
    $security.SetSecurityDescriptorSddlForm('O:BAD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)')
    if (-not (Test-Path -LiteralPath $folder)) { [void][System.IO.Directory]::CreateDirectory($folder, $security) }
    # Also if it was not there a moment ago: somebody may have been faster. Everybody may make links to folders, too.
    if ((Get-Item -LiteralPath $folder -Force).Attributes -band [System.IO.FileAttributes]::ReparsePoint) {
        throw "$folder is a link; remove it"
    }
    $owner = (Get-Acl -LiteralPath $folder).GetOwner([System.Security.Principal.SecurityIdentifier]).Value
    if ($owner -notin 'S-1-5-18', 'S-1-5-32-544') { throw "$folder belongs to somebody else ($owner); remove it" }
    Set-Acl -LiteralPath $folder -AclObject $security
}

# Write-Saved writes settings where our setup takes them from, and returns the file.
function Write-Saved($settings) {
    $file = Join-Path (Get-DataFolder) 'saved-from-original.json'
    [System.IO.File]::WriteAllText($file, (ConvertTo-Json $settings), (New-Object System.Text.UTF8Encoding $false))
    $file
}

# Save-Original saves the settings of an original, and returns the file and them.
function Save-Original($original) {
    Protect-DataFolder
    $settings = Read-Original $original
    [pscustomobject]@{ File = Write-Saved $settings; Settings = $settings }
}

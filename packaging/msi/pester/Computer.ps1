# A computer for Update.Tests.ps1: what the script asks of Windows is answered from the variable $computer of the test, and done to it.
# Join-Path and the like are those of this PowerShell, so files are real ones below $computer.Data.

# New-Computer makes one with an original whose service has this name.
function New-Computer($service, $folder) {
    $null = New-Item -ItemType Directory -Path (Join-Path $folder 'data'), (Join-Path $folder 'program/PowerShell/OMSGateway')
    if ($service -eq 'OMSGatewayService') {
        Set-Content -LiteralPath (Join-Path $folder 'program/PowerShell/OMSGateway/OMSGateway.psd1') -Value ''
    }
    Set-Content -LiteralPath (Join-Path $folder 'kept.msi') -Value 'original'
    @{
        Service   = $service
        Data      = Join-Path $folder 'data'
        Program   = Join-Path $folder 'program'
        Kept      = Join-Path $folder 'kept.msi'
        Installed = 'original' # or 'ours', or ''
        Runs      = 'original'
        Settings  = Get-OriginalSettings
        TakenOver = $null      # what ours has read at its installation
        Fail      = @()        # what fails, by name
        Code      = 0          # of msiexec
        Calls     = @()
    }
}

function Get-OriginalSettings {
    [ordered]@{
        listenPort = '8081'; logLevel = 'Info'; relayProxy = 'http://10.0.0.5:3128'
        allowedHosts = @('a.example.com', 'b.example.com'); allowedClientCertificates = @('CN=agent')
    }
}

function Assert-Computer { if ('computer' -in $computer.Fail) { throw 'this needs another computer' } }
function Get-DataFolder { $computer.Data }
function Protect-DataFolder {}
function Invoke-Apart($name, $argument) { & $name $argument }
function Start-Sleep {}
function Get-KeptPackage { if ('kept' -notin $computer.Fail) { $computer.Kept } }

# What fails once can succeed when the script tries it again to put the original back.
function Test-Fault($name) { $name -in $computer.Fail }

function Start-Program($program, [string[]] $arguments) {
    $computer.Calls += "$program $($arguments -join ' ')"
    if ($program -eq 'reg.exe') {
        if (Test-Fault $arguments[0]) { return 1 }
        if ($arguments[0] -eq 'export') { Set-Content -LiteralPath $arguments[2] -Value 'Windows Registry Editor' }
        return 0
    }
    $what = [System.IO.Path]::GetFileNameWithoutExtension($arguments[-1]) # that of the log
    if ($what -eq 'install' -and (Test-Fault 'cancel')) { return 1602 }
    if (Test-Fault $what) { return 1603 }
    switch ($what) {
        'uninstall' {
            $computer.Runs = ''
            if (-not (Test-Fault 'stays')) {
                $computer.Installed = ''
                $computer.Settings = [ordered]@{
                    listenPort = '8080'; logLevel = 'Info'; relayProxy = ''; allowedHosts = @(); allowedClientCertificates = @()
                }
            }
        }
        'install' {
            $computer.Installed = 'ours'
            $computer.Runs = if (Test-Fault 'run') { '' } else { 'ours' }
            Set-Content -LiteralPath (Join-Path $computer.Data 'config.json') -Value '{}'
            $saved = Join-Path $computer.Data 'saved-from-original.json'
            if ((Test-Path -LiteralPath $saved) -and -not (Test-Fault 'takeover')) {
                $computer.TakenOver = Get-Content -Raw -LiteralPath $saved | ConvertFrom-Json
                Remove-Item -LiteralPath $saved
            }
        }
        'remove' { $computer.Installed = $computer.Runs = '' }
        'put-back' {
            if ((Get-Content -LiteralPath $arguments[1]) -ne 'original') { return 1620 }
            $computer.Installed = $computer.Runs = 'original'
        }
    }
    $computer.Code
}

function Test-Running($service) {
    if (Test-Fault 'start') { return $false }
    $computer.Runs -eq $(if ($computer.Installed -eq 'ours') { 'ours' } else { 'original' })
}

function Restart-Service { if ($computer.Installed) { $computer.Runs = $computer.Installed } }

# The registry.
function Get-ItemProperty($LiteralPath) {
    $key = $LiteralPath -replace '^.*\\'
    if ($computer.Installed -eq 'ours') {
        if ($key -eq 'OMSGatewayService') { [pscustomobject]@{ ImagePath = '"C:\ours\omsgateway.exe" service run' } }
    }
    elseif ($key -eq 'Configurations') {
        [pscustomobject]@{ ListenPort = $computer.Settings.listenPort; LogLevel = $computer.Settings.logLevel }
    }
    elseif ($computer.Installed -eq 'original' -and $key -eq $computer.Service) {
        [pscustomobject]@{ ImagePath = '"' + (Join-Path $computer.Program 'Original.exe') + '"' }
    }
}
function Get-ChildItem {
    param($Path, $LiteralPath, $Filter)
    if ($LiteralPath) { return Microsoft.PowerShell.Management\Get-ChildItem -LiteralPath $LiteralPath -Filter $Filter }
    $name = @{ OMSGatewayService = 'OMS Gateway'; ForwarderService = 'Microsoft OMS Log Analytics Forwarder' }[$computer.Service]
    foreach ($product in @('Other', $name, 'Microsoft'), @('{9}', 'Another', 'Microsoft'), @('{1}', $name, 'The OMS gateway project'),
        @('{0B1C}', $name, 'Microsoft Corporation')) {
        if ('product' -in $computer.Fail -and $product[0] -eq '{0B1C}') { continue }
        [pscustomobject]@{ PSChildName = $product[0]; DisplayName = $product[1]; Publisher = $product[2] } |
            Add-Member -PassThru ScriptMethod GetValue { $this.($args[0]) }
    }
}
function Test-Path($LiteralPath) {
    if ($LiteralPath -like 'Registry::*') { return $true }
    Microsoft.PowerShell.Management\Test-Path -LiteralPath $LiteralPath
}

# The original's module.
function Import-Module { if ('module' -in $computer.Fail) { throw 'there is no module' } }
function Get-OMSGatewayConfig($Name) { [pscustomobject]@{ Key = $Name; Value = $computer.Settings.$Name } }
function Get-OMSGatewayRelayProxy { $computer.Settings.relayProxy }
function Get-OMSGatewayAllowedHost { $computer.Settings.allowedHosts }
function Get-OMSGatewayAllowedClientCertificate { $computer.Settings.allowedClientCertificates }
function Set-OMSGatewayConfig($Name, $Value, [switch] $Force, [switch] $Confirm) {
    if (Test-Fault 'set') { throw 'it cannot be set' }
    $key = if ($Name -eq 'ListenPort') { 'listenPort' } else { 'logLevel' }
    $computer.Settings[$key] = $Value
}
function Set-OMSGatewayRelayProxy($Address, [switch] $Force, [switch] $Confirm) { $computer.Settings.relayProxy = $Address }
function Add-OMSGatewayAllowedHost {
    # $Host is PowerShell's own and cannot be a parameter of a function.
    param([Alias('Host')] $Name, [switch] $Force, [switch] $Confirm)
    $computer.Settings.allowedHosts += $Name
}
function Add-OMSGatewayAllowedClientCertificate($Subject, [switch] $Force, [switch] $Confirm) {
    $computer.Settings.allowedClientCertificates += $Subject
}

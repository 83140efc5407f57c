<#
.SYNOPSIS
Puts the OMS Gateway in the place of an original OMS Gateway or Log Analytics Forwarder, and keeps its settings.

.DESCRIPTION
Windows Installer does not let one package uninstall a package that it knows nothing of, so this script does it from outside: it saves the
settings of the original, uninstalls it, installs ours with the properties that it is given, and sees that the settings were taken over.
When a step fails, it removes ours and puts the original back with its settings, from the package that Windows keeps. Where there is no
original, it installs or updates ours. A script that was interrupted goes on when it is run again.

Run it in Windows PowerShell as an administrator, in the folder with the package:

    powershell -ExecutionPolicy Bypass -File Update-OMSGateway.ps1
    powershell -ExecutionPolicy Bypass -File Update-OMSGateway.ps1 -Quiet LicenseAccepted=1 HASPROXY=1 PROXY=10.0.0.5:3128

It ends with 0; with 3010 if Windows needs a restart to be done; with 1 if it failed and the original runs as before; and with 2 if it
failed and the original does not, and then says what is left to do.

.PARAMETER Package
Our package; the one .msi in the folder of this script if it is left out.

.PARAMETER OriginalPackage
The original's package, from which it is put back. Needed only where Windows has not kept it.

.PARAMETER Quiet
No windows. LicenseAccepted=1 must then be among the properties. Without it setup asks its questions.

.PARAMETER Property
Properties of our setup, NAME=value: PORTNUMBER, HASPROXY, PROXY, HASAUTH, USERNAME, PASSWORD, INSTALLDIR, LicenseAccepted. What is given
wins over what the original had.
#>
#Requires -Version 5.1
[CmdletBinding(PositionalBinding = $false)]
param(
    [string] $Package = '',
    [string] $OriginalPackage = '',
    [switch] $Quiet,
    [Parameter(ValueFromRemainingArguments = $true)] [string[]] $Property = @()
)

# original.ps1

# Start-Program runs a program to its end and returns its exit code.
function Start-Program($program, [string[]] $arguments) {
    $line = ($arguments | ForEach-Object { Format-Argument $_ }) -join ' '
    (Start-Process -FilePath $program -ArgumentList $line -Wait -PassThru -NoNewWindow).ExitCode
}

# Format-Argument returns an argument as msiexec and reg want it: quotation marks stand around the value of a property, not before its
# name, and are doubled in it (learn.microsoft.com/windows/win32/msi/command-line-options).
function Format-Argument($argument) {
    if ($argument -match '(?s)^(\w+)=(.*)$') { return $Matches[1] + '="' + $Matches[2].Replace('"', '""') + '"' }
    if ($argument -match '\s') { return "`"$argument`"" }
    $argument
}

# Invoke-Apart calls a function of this script in a process of its own, so that files of the original's module are not in use when it is
# uninstalled.
function Invoke-Apart($name, $argument) {
    $load = [scriptblock]::Create(". '" + $PSCommandPath.Replace("'", "''") + "'; `$ErrorActionPreference = 'Stop'")
    Start-Job -InitializationScript $load -ScriptBlock { & $args[0] $args[1] } -ArgumentList $name, $argument |
        Receive-Job -Wait -AutoRemoveJob -ErrorAction Stop
}

# Get-KeptPackage returns the file in which Windows keeps the package of a product, or ''.
function Get-KeptPackage($productCode) {
    try { (New-Object -ComObject WindowsInstaller.Installer).ProductInfo($productCode, 'LocalPackage') } catch { '' }
}

# Test-Running reports whether a service runs, or does so within half a minute.
function Test-Running($service) {
    try { (Get-Service -Name $service).WaitForStatus('Running', '00:00:30'); $true } catch { $false }
}

# Test-Ours reports whether our service is installed.
function Test-Ours {
    $key = Get-ItemProperty -LiteralPath 'HKLM:\SYSTEM\CurrentControlSet\Services\OMSGatewayService' -ErrorAction SilentlyContinue
    "$($key.ImagePath)" -like '* service run'
}

# Assert-Computer throws if this computer, or this PowerShell, will not do.
function Assert-Computer {
    if ($PSVersionTable.PSEdition -eq 'Core') { throw 'this needs Windows PowerShell: run it with powershell, not with pwsh' }
    $me = [Security.Principal.WindowsPrincipal][Security.Principal.WindowsIdentity]::GetCurrent()
    if (-not $me.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) {
        throw 'this needs an administrator: choose "Run as administrator" for PowerShell'
    }
    if ([Environment]::OSVersion.Version.Major -lt 10) {
        throw 'OMS Gateway needs Windows 10, Windows Server 2016, or a later one. Either update this Windows, or install the gateway on' +
            ' another computer, which may run Linux (.deb, .rpm); agents on this Windows can use it there'
    }
}

# Find-Package returns our package as a full path.
function Find-Package($package) {
    if ($package) { return (Resolve-Path -LiteralPath $package).ProviderPath }
    # A release has it under two names.
    $found = @(Get-ChildItem -LiteralPath $PSScriptRoot -Filter *.msi | Where-Object { $_.Name -match '^OMS ?Gateway' })
    if (@($found | Get-FileHash | Select-Object -Unique -ExpandProperty Hash).Count -ne 1) {
        throw "there are $($found.Count) packages in $PSScriptRoot; name one of them: -Package FILE"
    }
    $found[0].FullName
}

# Assert-Property throws for what setup would refuse only when the original is gone already.
function Assert-Property([string[]] $property, $quiet) {
    foreach ($one in $property) {
        if ($one -notmatch '(?s)^(\w+)=(.*)$') { throw 'what follows the parameters must be properties of setup, NAME=value' }
        if ($Matches[1] -eq 'PORTNUMBER' -and ($Matches[2] -notmatch '^\d{1,5}$' -or [int]$Matches[2] -notin 1..65535)) {
            throw 'PORTNUMBER is no port. Give a number from 1 to 65535, for example PORTNUMBER=8080'
        }
    }
    if ($quiet -and $property -notcontains 'LicenseAccepted=1') {
        throw 'the licence was not accepted. Read LICENSE.txt, and if you accept it, give LicenseAccepted=1'
    }
}

# Invoke-Setup runs msiexec with a log, and throws if it fails. It returns true if Windows needs a restart to be done.
function Invoke-Setup($what, [string[]] $arguments) {
    $log = Join-Path $backup "$what.log"
    $code = Start-Program 'msiexec.exe' (@($arguments) + '/norestart', '/l*v', $log)
    if ($code -notin 0, 1641, 3010) { throw "msiexec ended with $code, and $log says why" }
    $code -ne 0
}

# Save-All saves all that puts the original back, in the folder $backup: its settings, its package, and its registry key, in which there
# may be what its cmdlets do not tell.
function Save-All($original, $package) {
    if (-not $original.ProductCode) { throw 'Windows Installer does not know it; uninstall it by hand, and run this script again' }
    if (-not $package) { $package = Get-KeptPackage $original.ProductCode }
    if (-not $package -or -not (Test-Path -LiteralPath $package)) {
        throw 'Windows has not kept its package, so that it could not be put back; give that: -OriginalPackage FILE'
    }
    $saved = Invoke-Apart Save-Original $original
    [void](New-Item -ItemType Directory -Force -Path $backup)
    Copy-Item -LiteralPath $package -Destination (Join-Path $backup 'original.msi') -Force
    $key = 'HKLM\SYSTEM\CurrentControlSet\Services\ForwarderService\Configurations'
    if ((Test-Path -LiteralPath "Registry::$key") -and
        (Start-Program 'reg.exe' 'export', $key, (Join-Path $backup 'original.reg'), '/y') -ne 0) { throw "the key $key cannot be exported" }
    $original | Add-Member Settings $saved.Settings
    $original | Add-Member HasConfiguration (Test-Path -LiteralPath (Join-Path (Get-DataFolder) 'config.json'))
    # Last, since from now on the original is not whole without what is here.
    [System.IO.File]::WriteAllText((Join-Path $backup 'original.json'), (ConvertTo-Json $original -Depth 3))
    $original
}

# Read-All returns what Save-All has saved, if that update was interrupted, or could not put the original back: an original that is
# there then may lack its settings. Otherwise it returns nothing.
function Read-All {
    $file = Join-Path $backup 'original.json'
    if (-not (Test-Path -LiteralPath $file)) { return }
    Protect-DataFolder
    $original = [System.IO.File]::ReadAllText($file) | ConvertFrom-Json
    if (-not (Test-Ours)) { [void](Write-Saved $original.Settings) } # ours may have taken them over, and be gone again
    $original
}

# Set-Original sets what the settings of an original lack of those that were saved, by its own cmdlets.
function Set-Original($original) {
    $want = $original.Settings
    $now = Read-Original $original
    if (-not (Get-Command Add-OMSGatewayAllowedHost -ErrorAction SilentlyContinue)) { return }
    foreach ($name in 'ListenPort', 'LogLevel') {
        if ($want.$name -and $want.$name -ne $now.$name) { Set-OMSGatewayConfig -Name $name -Value $want.$name -Force -Confirm:$false }
    }
    if ($want.relayProxy -and $want.relayProxy -ne $now.relayProxy) {
        Set-OMSGatewayRelayProxy -Address $want.relayProxy -Force -Confirm:$false
    }
    foreach ($name in @($want.allowedHosts) -ne $null) {
        if ($now.allowedHosts -notcontains $name) { Add-OMSGatewayAllowedHost -Host $name -Force -Confirm:$false }
    }
    foreach ($subject in @($want.allowedClientCertificates) -ne $null) {
        if ($now.allowedClientCertificates -notcontains $subject) {
            Add-OMSGatewayAllowedClientCertificate -Subject $subject -Force -Confirm:$false
        }
    }
}

# Restore-Original removes ours, and puts the original back as it was.
function Restore-Original($original, $package, $ui) {
    if (Test-Ours) {
        [void](Invoke-Setup 'remove' '/x', $package, $ui)
        $configuration = Join-Path (Get-DataFolder) 'config.json' # which a removal keeps, as a rule for good reasons
        if (-not $original.HasConfiguration -and (Test-Path -LiteralPath $configuration)) { Remove-Item -LiteralPath $configuration }
    }
    if (-not (Find-Original)) {
        $arguments = @('/i', (Join-Path $backup 'original.msi'), $ui, 'LicenseAccepted=1', "INSTALLDIR=$($original.Folder)")
        if ($original.Settings.listenPort) { $arguments += "PORTNUMBER=$($original.Settings.listenPort)" }
        [void](Invoke-Setup 'put-back' $arguments)
    }
    $registry = Join-Path $backup 'original.reg'
    if ((Test-Path -LiteralPath $registry) -and (Start-Program 'reg.exe' 'import', $registry) -ne 0) { throw "$registry cannot be imported" }
    $null = Invoke-Apart Set-Original $original
    Restart-Service -Name $original.Service
    if (-not (Test-Running $original.Service)) { throw "the service $($original.Service) does not run" }
}

# Update-Gateway is all of it. It returns the exit code.
function Update-Gateway($package, $originalPackage, $quiet, [string[]] $property) {
    $ErrorActionPreference = 'Stop'
    $ProgressPreference = 'SilentlyContinue'
    $backup = Join-Path (Get-DataFolder) 'original'
    $ui = if ($quiet) { '/qn' } else { '/qb' }
    $restart = $false
    try {
        Assert-Computer
        $package = Find-Package $package
        Assert-Property $property $quiet
        $original = Read-All
        if (-not $original -and ($found = Find-Original)) {
            Write-Host "Saving the settings of the original $($found.Name)"
            $original = Save-All $found $originalPackage
        }
        Protect-DataFolder
        [void](New-Item -ItemType Directory -Force -Path $backup) # for logs, too
    }
    catch {
        Write-Host "Nothing was changed: $("$_".TrimEnd('.'))."
        return 1
    }
    try {
        if (Find-Original) {
            Write-Host "Uninstalling the original $($original.Name)"
            $restart = Invoke-Setup 'uninstall' '/x', $original.ProductCode, $ui
            # A service whose window is open is there until that is closed.
            for ($i = 0; $i -lt 30 -and (Find-Original); $i++) { Start-Sleep -Seconds 1 }
            if (Find-Original) { throw 'its service is still there; close the window of services if it is open' }
        }
        Write-Host 'Installing OMS Gateway'
        # Without -Quiet it asks its questions.
        $restart = (Invoke-Setup 'install' (@('/i', $package) + @($ui | Where-Object { $quiet }) + $property)) -or $restart
        if (-not (Test-Running 'OMSGatewayService')) { throw 'its service does not run' }
        if ($original -and (Test-Path -LiteralPath (Join-Path (Get-DataFolder) 'saved-from-original.json'))) {
            throw 'it has not taken the settings over'
        }
    }
    catch {
        Write-Host "This failed: $("$_".TrimEnd('.'))."
        if (-not $original) { return 1 }
        Write-Host "Putting the original $($original.Name) back"
        try {
            Restore-Original $original $package $ui
            Remove-Item -LiteralPath (Join-Path $backup 'original.json')
        }
        catch {
            Write-Host ("That failed, too: $("$_".TrimEnd('.')). What is needed is in ${backup}: install original.msi, import original.reg, and set again" +
                ' what is in original.json. To go on with OMS Gateway instead, run this script again.')
            return 2
        }
        Write-Host "The original $($original.Name) runs as before. The logs are in $backup."
        return 1
    }
    Remove-Item -LiteralPath $backup -Recurse -Force
    if ($original) {
        Write-Host ("OMS Gateway has taken over from the original $($original.Name): $(@($original.Settings.allowedHosts).Count) allowed" +
            ' hosts were saved, and an event 100 says what has become of them (omsgwctl event list --id 100).')
        if ($original.Settings.relayProxy -and $property -notcontains 'HASAUTH=1') {
            Write-Host 'If the relay proxy asks for a password, set it again: Set-OMSGatewayRelayProxy.'
        }
    }
    if ($restart) {
        Write-Host 'Windows needs a restart to be done.'
        return 3010
    }
    0
}

# Those who load this for its functions (Invoke-Apart) do not run it.
if ($MyInvocation.InvocationName -ne '.') { exit (Update-Gateway $Package $OriginalPackage $Quiet.IsPresent $Property) }

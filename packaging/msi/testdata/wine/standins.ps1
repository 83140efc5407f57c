# What Update-OMSGateway.ps1 asks of Windows is asked of Wine here, where there is no Windows PowerShell. Paths are those of this system:
# $env:C is disk C:. What $env:FAIL names, by the name of its log, is not done, and fails.

function Assert-Computer {}
function Get-DataFolder { "$env:C/ProgramData/OMS Gateway" }
function Protect-DataFolder { $null = New-Item -ItemType Directory -Force -Path (Get-DataFolder) }

function Invoke-Apart($name, $argument) {
    $load = [scriptblock]::Create(". '$env:SCRIPT'; . '$PSScriptRoot/standins.ps1'; `$ErrorActionPreference = 'Stop'")
    Start-Job -InitializationScript $load -ScriptBlock { & $args[0] $args[1] } -ArgumentList $name, $argument |
        Receive-Job -Wait -AutoRemoveJob -ErrorAction Stop
}

# ConvertTo-Dos turns a path of this system, also behind NAME=, into one of Windows.
function ConvertTo-Dos($argument) {
    $prefix, $path = if ($argument -match '^(\w+=)(/.*)$') { $Matches[1], $Matches[2] } else { '', $argument }
    if ($path.StartsWith($env:C)) { return $prefix + 'C:' + $path.Substring($env:C.Length).Replace('/', '\') }
    if ($path -match '^/\w+/') { return $prefix + 'Z:' + $path.Replace('/', '\') }
    $argument
}

function Start-Program($program, [string[]] $arguments) {
    $what = [System.IO.Path]::GetFileNameWithoutExtension($arguments[-1])
    if ($what -in "$env:FAIL".Split(' ')) { return 1603 }
    & wine $program @($arguments | ForEach-Object { ConvertTo-Dos $_ }) > $null
    if ($LASTEXITCODE -eq 194) { 3010 } else { $LASTEXITCODE } # the low byte is all that comes out of Wine
}

# Read-Key returns the values and the keys of a registry key, as `wine reg` shows them.
function Read-Key($key) {
    $found = @{}
    $keys = @()
    foreach ($line in @(& wine reg query ($key -replace '^HKLM:', 'HKLM') 2> $null)) {
        if ($line -match '^ {4}(.+?) {4}REG_\w+ {4}(.*?)\s*$') {
            $found[$Matches[1]] = if ($Matches[1] -eq 'ImagePath') { $Matches[2].Replace('C:', $env:C).Replace('\', '/') } else { $Matches[2] }
        }
        elseif ($line -match '^HKEY_LOCAL_MACHINE(\\.+?)\s*$') { $keys += 'HKLM' + $Matches[1] }
    }
    $found, $keys
}
function Get-ItemProperty($LiteralPath) { [pscustomobject](Read-Key $LiteralPath)[0] }
function Get-ChildItem {
    param($Path, $LiteralPath, $Filter)
    if ($LiteralPath) { return Microsoft.PowerShell.Management\Get-ChildItem -LiteralPath $LiteralPath -Filter $Filter }
    foreach ($key in @($Path | ForEach-Object { (Read-Key $_)[1] } | Where-Object { $_ -like '*{*}' })) {
        [pscustomobject]@{ PSChildName = $key -replace '^.*\\'; Values = (Read-Key $key)[0] } |
            Add-Member -PassThru ScriptMethod GetValue { $this.Values[$args[0]] }
    }
}
function Test-Path($LiteralPath) {
    if ($LiteralPath -match '^Registry::(.*)') {
        & wine reg query $Matches[1] > $null 2>&1
        return $LASTEXITCODE -eq 0
    }
    Microsoft.PowerShell.Management\Test-Path -LiteralPath $LiteralPath
}

# The packed form of a product code has the digits of its first three parts in reverse, and of the others those of each byte.
function Get-KeptPackage($productCode) {
    $parts = $productCode.Trim('{}').Split('-')
    $packed = -join @($parts[0..2] | ForEach-Object { $d = $_.ToCharArray(); [array]::Reverse($d); -join $d }) +
        (($parts[3] + $parts[4]) -replace '(.)(.)', '$2$1')
    $values = (Read-Key "HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Installer\UserData\S-1-5-18\Products\$packed\InstallProperties")[0]
    $path = "$($values['LocalPackage'])".Replace('\', '/')
    if ($path) { $env:C + $path.Substring(2) }
}

# The names that `net start` lists.
function Test-Running($service) {
    $name = @{ OMSGatewayService = 'OMS Gateway'; ForwarderService = 'Microsoft OMS Log Analytics Forwarder' }[$service]
    if ((Test-Ours) -and 'run' -in "$env:FAIL".Split(' ')) { return $false }
    for ($i = 0; $i -lt 60; $i++) { # Wine's installer does not wait for a start
        if (@(& wine net start).Trim() -contains $name) { return $true }
        Start-Sleep -Milliseconds 500
    }
    $false
}
function Restart-Service($Name) {
    & wine net stop $Name > $null
    & wine net start $Name > $null
}

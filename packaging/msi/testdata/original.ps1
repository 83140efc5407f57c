# What save-original.ps1 finds on a Windows computer with an original gateway, for PowerShell on any system.
$root = $args[0]
function Join-Path($Path, $ChildPath) { "$root/" + ($ChildPath -replace '\\', '/') }
function Split-Path { $root }
function Test-Path { $true }
function Get-ChildItem {
    foreach ($key in @{ Id = 'Other'; Name = 'OMS Gateway' }, @{ Id = '{0B1C}'; Name = 'OMS Gateway' }, @{ Id = '{9}'; Name = 'Another' }) {
        [pscustomobject]@{ PSChildName = $key.Id; Name = $key.Name } | Add-Member -PassThru ScriptMethod GetValue { $this.Name }
    }
}
function New-Object($TypeName, [Parameter(ValueFromRemainingArguments)] $ArgumentList) {
    if ($TypeName -like '*DirectorySecurity') {
        return [pscustomobject]@{} | Add-Member -PassThru ScriptMethod SetSecurityDescriptorSddlForm {}
    }
    Microsoft.PowerShell.Utility\New-Object $TypeName @ArgumentList
}
function Get-Acl { [pscustomobject]@{} | Add-Member -PassThru ScriptMethod GetOwner { [pscustomobject]@{ Value = $env:OWNER } } }
function Set-Acl {}
function Get-Item { [pscustomobject]@{ Attributes = [System.IO.FileAttributes]$env:ATTRIBUTES } }
function Get-ItemProperty { [pscustomobject]@{ ImagePath = '"C:\Program Files\OMS Gateway\Original.exe" -service' } }
function Import-Module($Name) { if ($Name -ne "$root/PowerShell/OMSGateway/OMSGateway.psd1") { throw "imports $Name" } }
function Get-OMSGatewayConfig($Name) {
    if ($Name -eq 'ListenPort') { 8081 } else { [pscustomobject]@{ Key = $Name; Value = 'Info' } }
}
function Get-OMSGatewayRelayProxy { 'http://10.0.0.5:3128' }
function Get-OMSGatewayAllowedHost { 'a.example.com', ('{0}.example.com' -f [char]0xfc) }
function Get-OMSGatewayAllowedClientCertificate { 'CN=agent' }

. $args[1]

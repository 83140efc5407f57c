# Scripts as users wrote them for the original, the Windows event log replaced by the log file.

BeforeAll {
    . "$PSScriptRoot/Gateway.ps1"
    $gateway = Start-Gateway
    Import-Module $Manifest
}

AfterAll { Stop-Gateway $gateway -Remove }

Describe 'Scripts of users' {
    BeforeEach { Clear-Gateway }

    It 'the hourly job that allows what was refused' {
        $null = Invoke-Connect $gateway 'one.example.com:443'
        $null = Invoke-Connect $gateway 'TWO.example.com:443'
        $null = Invoke-Connect $gateway 'one.example.com:443'
        while (@(Select-String -LiteralPath $gateway.Log -Pattern 'is forbidden').Count -lt 3) {
            $null = [Threading.Thread]::Yield()
        }
        $hour = {
            Import-Module OMSGateway -ErrorAction SilentlyContinue
            Get-Content -LiteralPath $gateway.Log |
                Where-Object { $_ -match 'Target host \((.+?)\) is forbidden' } |
                ForEach-Object { $Matches[1] } | Select-Object -Unique |
                ForEach-Object {
                    if (-not ((Get-OMSGatewayAllowedHost) -contains $_)) { Add-OMSGatewayAllowedHost -Host $_ -Force }
                }
        }
        1..2 | ForEach-Object { & $hour }
        Get-OMSGatewayAllowedHost | Should -Be 'one.example.com', 'two.example.com'
    }

    It 'saving the list, installing again, adding it back' {
        $hosts = 'a.example.com', 'b.example.com:8443', '*.example.org'
        Add-OMSGatewayAllowedHost -Host $hosts
        $before = Get-OMSGatewayAllowedHost
        Get-OMSGatewayAllowedHost > TestDrive:/hosts.txt
        Clear-Gateway
        Get-Content -Path TestDrive:/hosts.txt | ForEach-Object { Add-OMSGatewayAllowedHost -Host $_ }
        Get-OMSGatewayAllowedHost | Should -Be $before
    }

    It 'the deployment script without -Force, in strict mode, where every error counts' {
        $said = Invoke-Shell @"
Set-StrictMode -Version Latest
`$ErrorActionPreference = 'Stop'
Import-Module '$Manifest'
`$hosts = @('a.ods.opinsights.azure.com', 'a.oms.opinsights.azure.com', 'a.agentsvc.azure-automation.net')
foreach (`$h in `$hosts) { Add-OMSGatewayAllowedHost -Host `$h }
Add-OMSGatewayAllowedHost `$hosts
Set-OMSGatewayConfig -Name LogLevel -Value Info
Add-OMSGatewayAllowedClientCertificate -Subject 'agent.example.com' -WarningAction SilentlyContinue
Remove-OMSGatewayAllowedClientCertificate -Subject 'agent.example.com' -WarningAction SilentlyContinue
if (@(Get-OMSGatewayAllowedHost).Count -ne 3) { throw 'not three' }
'done'
"@
        $said | Should -Be 'done'
    }

    It 'an error in strict mode ends the script, and the text says why' {
        $said = Invoke-Shell @"
Set-StrictMode -Version Latest
`$ErrorActionPreference = 'Stop'
Import-Module '$Manifest'
try { Add-OMSGatewayAllowedHost 'https://a.example.com' ; 'not reached' } catch { `$_.Exception.Message; `$_.TargetObject }
"@
        $said | Should -Be '"https://a.example.com" is a URL; give the host alone: a.example.com', 'https://a.example.com'
    }

    It 'try, catch and $? as scripts use them' {
        Add-OMSGatewayAllowedHost a.example.com
        $? | Should -BeTrue
        Add-OMSGatewayAllowedHost 'not a host' -ErrorAction SilentlyContinue
        $? | Should -BeFalse
    }

    It 'a session in another process, as with Invoke-Command' {
        $remote = {
            param($manifest, $address, $control)
            $env:OMSGATEWAY_ADDRESS = $address
            $env:OMSGATEWAY_CTL = $control
            Import-Module $manifest
            Add-OMSGatewayAllowedHost -Host 'a.example.com', 'b.example.com'
            Get-OMSGatewayAllowedHost -Detailed
            Get-OMSGatewayConfig -Name LogLevel
        }
        $job = Start-Job -ScriptBlock $remote -ArgumentList $Manifest, $gateway.Address, $Control
        $got = $job | Receive-Job -Wait -AutoRemoveJob
        $got[0].Host | Should -Be 'a.example.com'
        $got[0].AddedAt | Should -BeOfType [datetime]
        $got[2].Value | Should -Be 'Info'
        $got[0..1] | Remove-OMSGatewayAllowedHost
        Get-OMSGatewayAllowedHost | Should -BeNullOrEmpty
    }

    It 'several jobs at the same time' {
        $job = {
            param($manifest, $address, $control, $number)
            $env:OMSGATEWAY_ADDRESS = $address
            $env:OMSGATEWAY_CTL = $control
            Import-Module $manifest
            1..100 | ForEach-Object { "h$_-$number.example.com" } | Add-OMSGatewayAllowedHost
        }
        $jobs = 1..3 | ForEach-Object { Start-Job -ScriptBlock $job -ArgumentList $Manifest, $gateway.Address, $Control, $_ }
        $jobs | Receive-Job -Wait -AutoRemoveJob | Should -BeNullOrEmpty
        @(Get-OMSGatewayAllowedHost).Count | Should -Be 300
    }
}

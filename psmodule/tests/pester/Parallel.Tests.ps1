# Many at the same time: the gateway serves 8 connections of an account, and whoever comes when they are taken waits.

BeforeAll {
    . "$PSScriptRoot/Gateway.ps1"
    $gateway = Start-Gateway
    Import-Module $Manifest

    function Start-Control {
        # Starts omsgwctl and does not wait for it.
        param([string] $Arguments)

        $start = New-Object -TypeName System.Diagnostics.ProcessStartInfo -ArgumentList $Control, $Arguments
        $start.UseShellExecute = $false
        $start.RedirectStandardOutput = $start.RedirectStandardError = $true
        [Diagnostics.Process]::Start($start)
    }

    function Start-Shell {
        # Starts a script in a runspace of this process and does not wait for it.
        param([string] $Script)

        $shell = [powershell]::Create()
        $null = $shell.AddScript("Import-Module '$Manifest'; $Script")
        [pscustomobject] @{ Shell = $shell; Call = $shell.BeginInvoke() }
    }
}

AfterAll { Stop-Gateway $gateway -Remove }

Describe 'At the same time' {
    BeforeEach { Clear-Gateway }

    It '100 runspaces lose nothing' -Skip:($PSVersionTable.PSVersion.Major -lt 7) {
        $failed = 1..100 | ForEach-Object -ThrottleLimit 12 -Parallel {
            Import-Module $using:Manifest
            Add-OMSGatewayAllowedHost "p$_.example.com"
        } 2>&1
        $failed | Should -BeNullOrEmpty
        @(Get-OMSGatewayAllowedHost).Count | Should -Be 100
    }

    It '40 runs of omsgwctl lose nothing' {
        $runs = 1..40 | ForEach-Object { Start-Control "allowed-host add s$_.example.com" }
        $runs | ForEach-Object {
            $_.WaitForExit()
            $_.StandardError.ReadToEnd() | Should -BeNullOrEmpty
            $_.ExitCode | Should -Be 0
        }
        @(Get-OMSGatewayAllowedHost).Count | Should -Be 40
    }

    It 'runspaces wait while all places are taken' {
        $watches = 1..8 | ForEach-Object { Start-Control 'event watch' }
        try {
            # A watch has its place when it shows an event, so there have to be some.
            $shown = $watches | ForEach-Object { $_.StandardOutput.ReadLineAsync() }
            $number = 0
            while ($shown | Where-Object { -not $_.IsCompleted }) {
                $null = Invoke-Connect $gateway "n$(($number++)).example.com:443"
            }
            $waiting = 1..20 | ForEach-Object { Start-Shell "Add-OMSGatewayAllowedHost w$_.example.com" }
            while (-not (Select-String -LiteralPath $gateway.Log -SimpleMatch 'AddAllowedHosts (TOO_MANY_CALLS)')) {
                $null = [Threading.Thread]::Yield()
            }
        }
        finally {
            $watches | ForEach-Object { if (-not $_.HasExited) { $_.Kill() }; $_.WaitForExit() }
        }
        foreach ($one in $waiting) {
            $one.Shell.EndInvoke($one.Call) | Should -BeNullOrEmpty
            $one.Shell.Streams.Error | Should -BeNullOrEmpty
            $one.Shell.Dispose()
        }
        @(Get-OMSGatewayAllowedHost).Count | Should -Be 20
    }
}

# What -WhatIf does where no gateway answers; what it does with one that does is said beside each cmdlet.

BeforeAll {
    . "$PSScriptRoot/Gateway.ps1"
    $gateway = Start-Gateway
    Import-Module $Manifest
    Add-OMSGatewayAllowedHost a.example.com, b.example.com
    $absent = 'What if: what the change would bring is not known, since no gateway answers'

    function Get-Said {
        # What a script writes that is no object: its errors, and what -WhatIf says beside PowerShell's own lines.
        param([scriptblock] $Script)
        & $Script *>&1 | ForEach-Object { if ($_ -is [Management.Automation.InformationRecord]) { "$($_.MessageData)" } else { "$_" } }
    }
}

AfterAll { Stop-Gateway $gateway -Remove }

Describe '-WhatIf' {
    BeforeAll {
        $scripts = @(
            @{ name = 'a setting'; script = { Set-OMSGatewayConfig DrainSeconds 7 -WhatIf } }
            @{ name = 'the relay proxy'; script = { Set-OMSGatewayRelayProxy http://proxy.example.com:3128 -WhatIf } }
            @{ name = 'hosts of an argument'; script = { Add-OMSGatewayAllowedHost x.example.com, y.example.com -WhatIf } }
            @{ name = 'a pipeline'; script = { 1..300 | ForEach-Object { "h$_.example.com" } | Add-OMSGatewayAllowedHost -WhatIf } }
            @{ name = 'a pattern'; script = { Remove-OMSGatewayAllowedHost '?.example.com' -WhatIf } }
            @{ name = 'refused hosts'; script = { Add-OMSGatewayAllowedHost z.example.com -Denied -WhatIf } }
            @{ name = 'a revision'; script = { Restore-OMSGatewayRevision 1 -WhatIf } }
        )
    }

    It 'says so of a gateway that is stopped, and stands in for none' {
        Stop-Gateway $gateway
        $log = Use-FakeControl -Mode relay
        try {
            foreach ($case in $scripts) {
                Clear-Content -LiteralPath $log
                Get-Said $case.script | Should -BeExactly $absent -Because $case.name
                @(Get-Content -LiteralPath $log | Where-Object { $_ -eq 'start' }).Count | Should -Be 1 -Because $case.name
            }
        }
        finally {
            Restore-Control $log
            Restart-Gateway $gateway
        }
        Get-OMSGatewayAllowedHost | Should -Be 'a.example.com', 'b.example.com'
    }

    It 'waits once, and not for long, for a gateway that hangs (<mode>)' -ForEach @(@{ mode = 'silent' }, @{ mode = 'deaf' }) {
        $log = Use-FakeControl -Mode $mode
        try {
            foreach ($case in $scripts | Where-Object name -In 'a setting', 'a pipeline', 'a pattern') {
                Clear-Content -LiteralPath $log
                Get-Said $case.script | Should -BeExactly $absent -Because $case.name
                @(Get-Content -LiteralPath $log | Where-Object { $_ -eq 'start' }).Count | Should -Be 1 -Because $case.name
            }
        }
        finally { Restore-Control $log }
    }

    It 'still asks a gateway that runs' {
        Get-Said { Set-OMSGatewayConfig DrainSeconds nine -WhatIf } | Should -Match 'DrainSeconds'
        @(Get-Said { Remove-OMSGatewayAllowedHost '?.example.com' -WhatIf }) -match 'no gateway answers' | Should -BeNullOrEmpty
        Get-OMSGatewayAllowedHost | Should -Be 'a.example.com', 'b.example.com'
    }
}

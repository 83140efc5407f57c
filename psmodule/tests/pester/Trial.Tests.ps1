BeforeAll {
    . "$PSScriptRoot/Gateway.ps1"
    $gateway = Start-Gateway
    Import-Module $Manifest
}

AfterAll { Stop-Gateway $gateway -Remove }

Describe 'A change on trial' {
    AfterEach {
        Undo-OMSGatewayChange -ErrorAction Ignore
        Clear-Gateway
        Set-OMSGatewayConfig DrainSeconds ''
    }

    It 'is in force, and a warning says how to keep it' {
        Set-OMSGatewayConfig DrainSeconds 7 -ConfirmWithin 5m -WarningVariable told -WarningAction SilentlyContinue
        (Get-OMSGatewayConfig DrainSeconds).Value | Should -Be 7
        "$told" | Should -Match 'on trial [0-9a-f]{8}: .* Confirm-OMSGatewayChange [0-9a-f]{8}$'
        (Get-OMSGatewayRevision)[0].Result | Should -BeExactly 'Tried'
        Confirm-OMSGatewayChange
        (Get-OMSGatewayRevision)[0].Result | Should -BeExactly 'Confirmed'
        (Get-OMSGatewayConfig DrainSeconds).Value | Should -Be 7
    }

    It 'is taken back' {
        Set-OMSGatewayConfig DrainSeconds 7 -ConfirmWithin (New-TimeSpan -Minutes 5) -WarningAction SilentlyContinue
        Undo-OMSGatewayChange -Comment 'not that'
        (Get-OMSGatewayConfig DrainSeconds).Value | Should -Be 5
        (Get-OMSGatewayRevision)[0].Comment | Should -BeExactly 'not that'
    }

    It 'is one trial for all that a pipeline changes' {
        1..600 | ForEach-Object { "h$_.example.com" } |
            Add-OMSGatewayAllowedHost -ConfirmWithin 5m -WarningVariable told -WarningAction SilentlyContinue
        @(Get-OMSGatewayAllowedHost).Count | Should -Be 600
        @($told).Count | Should -Be 1
        @(Get-OMSGatewayRevision | Where-Object Result -eq Tried | Select-Object -First 3).Trial | Select-Object -Unique | Should -HaveCount 1
        Undo-OMSGatewayChange
        Get-OMSGatewayAllowedHost | Should -BeNullOrEmpty
    }

    It 'lets nothing else be changed' {
        Set-OMSGatewayConfig DrainSeconds 7 -ConfirmWithin 5m -WarningAction SilentlyContinue
        Add-OMSGatewayAllowedHost a.example.com -ErrorAction SilentlyContinue -ErrorVariable failed
        $failed.FullyQualifiedErrorId | Should -Be 'ChangeOnTrial,OMSGateway.AddOMSGatewayAllowedHostCommand'
        Undo-OMSGatewayChange 00000000 -ErrorAction SilentlyContinue -ErrorVariable failed
        $failed.FullyQualifiedErrorId | Should -Be 'TrialNotFound,OMSGateway.UndoOMSGatewayChangeCommand'
    }

    It 'is not taken for its own by a change that changes nothing' {
        Set-OMSGatewayConfig DrainSeconds 7 -ConfirmWithin 5m -WarningAction SilentlyContinue
        Remove-OMSGatewayAllowedHost nobody.example.com -ConfirmWithin 5m -WarningVariable told -WarningAction SilentlyContinue
        "$told" | Should -Not -Match 'Confirm-OMSGatewayChange'
        Set-OMSGatewayConfig DrainSeconds 8 -ConfirmWithin 5m -ErrorAction SilentlyContinue -ErrorVariable failed
        $failed.FullyQualifiedErrorId | Should -Be 'ChangeOnTrial,OMSGateway.SetOMSGatewayConfigCommand'
    }

    It 'is not begun by -WhatIf' {
        Set-OMSGatewayConfig DrainSeconds 7 -ConfirmWithin 5m -WhatIf
        Confirm-OMSGatewayChange -ErrorAction SilentlyContinue -ErrorVariable failed
        $failed.FullyQualifiedErrorId | Should -Be 'NoTrial,OMSGateway.ConfirmOMSGatewayChangeCommand'
    }

    It 'has a time with a unit' {
        { Set-OMSGatewayConfig DrainSeconds 7 -ConfirmWithin 5 } | Should -Throw '*has no unit*'
        { Set-OMSGatewayConfig DrainSeconds 7 -ConfirmWithin 5s -ErrorAction Stop } | Should -Throw '*a trial cannot last 5s*'
    }
}

BeforeAll {
    . "$PSScriptRoot/Gateway.ps1"
    $gateway = Start-Gateway
    Import-Module $Manifest
    Add-OMSGatewayAllowedHost a.example.com -Comment 'needed by the cash registers'
    Set-OMSGatewayConfig DrainSeconds 7
    Remove-OMSGatewayAllowedHost a.example.com
}

AfterAll { Stop-Gateway $gateway -Remove }

Describe 'Revisions' {
    It 'are objects, the newest first, with who, by which program, and why' {
        $all = Get-OMSGatewayRevision
        $all.Number | Should -Be 4, 3, 2, 1
        $added = $all[2]
        $added.Comment | Should -BeExactly 'needed by the cash registers'
        $added.Method | Should -BeExactly 'AllowedHostService/AddAllowedHosts'
        $added.Client | Should -Match '^OMSGateway/\d+\.\d+\.\d+$'
        $added.Time | Should -BeGreaterThan (Get-Date).AddMinutes(-5)
        $added.Result | Should -BeExactly 'Changed'
        "$($added.Changes)" | Should -BeExactly 'allowed-host a.example.com: allowed'
        $added.HasConfiguration | Should -BeTrue
        $added.Hash | Should -Match '^[0-9a-f]{64}$'
    }

    It 'are found by host, time and account' {
        (Get-OMSGatewayRevision -AllowedHost A.example.com).Number | Should -Be 4, 2
        Get-OMSGatewayRevision -Since (Get-Date).AddHours(1) | Should -BeNullOrEmpty
        Get-OMSGatewayRevision -By nobody-of-this-name | Should -BeNullOrEmpty
        (Get-OMSGatewayRevision -By baseline).Number | Should -Be 1
    }

    It 'are found by number, and one that is not there is an error about that number' {
        $found = Get-OMSGatewayRevision 2, 99, 3 -ErrorAction SilentlyContinue -ErrorVariable failed
        $found.Number | Should -Be 2, 3
        $failed.FullyQualifiedErrorId | Should -Be 'RevisionNotFound,OMSGateway.GetOMSGatewayRevisionCommand'
        $failed.TargetObject | Should -Be 99
    }

    It 'are a table at the prompt' {
        Get-OMSGatewayRevision | Out-String -Width 160 | Should -Match 'Number\s+Time\s+By\s+Result\s+Changes\s+Comment'
    }

    It 'are compared' {
        $different = Compare-OMSGatewayRevision 2 4
        $different.Noun | Should -Be 'setting', 'allowed-host'
        $different[0].Key | Should -Be 'DrainSeconds'
        $different[0].OldValue | Should -Be '5'
        $different[0].NewValue | Should -Be '7'
        Compare-OMSGatewayRevision 4 | Should -BeNullOrEmpty
    }

    It 'are gone back to, as a whole or one change by itself' {
        Restore-OMSGatewayRevision 4 -Revert -Force -Comment 'still needed'
        Get-OMSGatewayAllowedHost | Should -Be 'a.example.com'
        (Get-OMSGatewayConfig DrainSeconds).Value | Should -Be 7
        (Restore-OMSGatewayRevision 1 -Confirm:$false -PassThru).Key | Should -Be 'DrainSeconds', 'a.example.com'
        Get-OMSGatewayAllowedHost | Should -BeNullOrEmpty
        (Get-OMSGatewayRevision)[1].Comment | Should -BeExactly 'still needed'
        Get-OMSGatewayRevision 4 | Restore-OMSGatewayRevision -Force
        (Get-OMSGatewayConfig DrainSeconds).Value | Should -Be 7
        { Restore-OMSGatewayRevision 99 -Force -ErrorAction Stop } | Should -Throw '*there is no revision 99*'
    }

    It 'that changed again stand in the way, and are named' {
        Set-OMSGatewayConfig DrainSeconds 8
        Restore-OMSGatewayRevision 3 -Revert -Force -ErrorAction SilentlyContinue -ErrorVariable failed
        $failed.FullyQualifiedErrorId | Should -Be 'RevisionChangedAgain,OMSGateway.RestoreOMSGatewayRevisionCommand'
        $failed.TargetObject | Should -Be 'Revision 3'
        $failed.Exception.Message | Should -Match 'DrainSeconds'
    }

    It 'are not gone back to with -WhatIf, which says whom it would cut off' {
        Restore-OMSGatewayRevision 1 -WhatIf -InformationVariable told
        "$told" | Should -Match 'no client was let through to any host yet'
        (Get-OMSGatewayConfig DrainSeconds).Value | Should -Be 8
    }

    It 'are gone back to with a warning, given once, of a password <how>' -ForEach @(
        @{ how = 'as plain text'; password = 'secret'; warns = 1 }
        @{ how = 'as a SecureString'; password = ConvertTo-SecureString secret -AsPlainText -Force; warns = 0 }
    ) {
        Get-OMSGatewayRevision 1, 2 |
            Restore-OMSGatewayRevision -WhatIf -Password $password -WarningVariable warned -WarningAction SilentlyContinue
        @($warned -match 'plain text').Count | Should -Be $warns
        "$warned" | Should -Not -Match 'secret'
    }

    It 'are completed' {
        $line = 'Restore-OMSGatewayRevision -Number 1'
        (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText | Should -Contain '1'
    }
}

Describe 'What the gateway says of a change with -WhatIf' {
    It 'comes from <name>' -ForEach @(
        @{ name = 'Set-OMSGatewayConfig'; change = { Set-OMSGatewayConfig MinimumTlsVersion 1.2 -WhatIf -InformationVariable told }; says = 'versions of TLS' }
        @{ name = 'Set-OMSGatewayRelayProxy'; change = { Set-OMSGatewayRelayProxy http://proxy.example.com:3128 -WhatIf -InformationVariable told }; says = 'the relay proxy' }
        @{ name = 'Add-OMSGatewayAllowedHost'; change = { Add-OMSGatewayAllowedHost b.example.com -WhatIf -InformationVariable told }; says = 'no client was let through' }
        @{ name = 'Remove-OMSGatewayAllowedHost'; change = { Remove-OMSGatewayAllowedHost b.example.com -WhatIf -InformationVariable told }; says = 'no client was let through' }
        @{ name = 'Add-OMSGatewayAllowedClientCertificate'; change = { Add-OMSGatewayAllowedClientCertificate CN=x -WhatIf -InformationVariable told }; says = 'client certificates' }
    ) {
        . $change
        "$told" | Should -Match "^What if: .*$says"
    }
}

BeforeAll {
    . "$PSScriptRoot/Gateway.ps1"
    $gateway = Start-Gateway
    Import-Module $Manifest
}

AfterAll { Stop-Gateway $gateway -Remove }

Describe 'What is said of allowed hosts' {
    BeforeEach { Clear-Gateway }

    It 'is given with them' {
        Add-OMSGatewayAllowedHost a.example.com -Owner 'Shop team' -Ticket CHG-7 -Note 'for spring' -Expires 2099-03-31
        $entry = Get-OMSGatewayAllowedHost -Detailed
        $entry.Owner | Should -BeExactly 'Shop team'
        $entry.Ticket | Should -BeExactly 'CHG-7'
        $entry.Note | Should -BeExactly 'for spring'
        $entry.Expires | Should -Be ([datetime] '2099-03-31')
        $entry.Expired | Should -BeFalse
        $entry | Out-String -Width 160 | Should -Match 'Owner\s+Expires'
    }

    It 'is changed, and what is not named stays' {
        Add-OMSGatewayAllowedHost a.example.com, b.example.com, c.example.org -Owner ops -Ticket CHG-7
        $set = 'a.example.com', 'b.example.com' | Set-OMSGatewayAllowedHost -Owner '' -ClientCertificatePolicy Off -PassThru
        $set | Should -Be 'a.example.com', 'b.example.com'
        $entries = Get-OMSGatewayAllowedHost -Detailed
        $entries.Owner | Should -Be '', '', 'ops'
        $entries.Ticket | Should -Be 'CHG-7', 'CHG-7', 'CHG-7'
        $entries.ClientCertificatePolicy | Should -Be 'Off', 'Off', 'Default'
        (Set-OMSGatewayAllowedHost a.example.com -Ticket CHG-7 -Verbose 4>&1) -join "`n" | Should -BeLike '*a.example.com is as it was.*'
        Set-OMSGatewayAllowedHost 'c.*.org' -Owner net -Force
        (Get-OMSGatewayAllowedHost -Detailed | Where-Object Host -EQ c.example.org).Owner | Should -BeExactly 'net'
        Add-OMSGatewayAllowedHost c.example.org -Note again
        (Get-OMSGatewayAllowedHost -Detailed | Where-Object Host -EQ c.example.org).Note | Should -BeExactly 'again'
    }

    It 'has an expiry given as <how>' -ForEach @(
        @{ how = 'text'; expires = { '90d' } }
        @{ how = 'a number with a unit'; expires = { 90d } }
        @{ how = 'a TimeSpan'; expires = { New-TimeSpan -Days 90 } }
        @{ how = 'a DateTime'; expires = { (Get-Date).AddDays(90) } }
        @{ how = 'a DateTimeOffset'; expires = { [DateTimeOffset]::Now.AddDays(90) } }
    ) {
        if ($how -eq 'a number with a unit') {
            Add-OMSGatewayAllowedHost a.example.com -Expires 90d
        } else {
            Add-OMSGatewayAllowedHost a.example.com -Expires (& $expires)
        }
        $days = ((Get-OMSGatewayAllowedHost -Detailed).Expires - (Get-Date)).TotalDays
        $days | Should -BeGreaterThan 89
        $days | Should -BeLessOrEqual 90.1
        Set-OMSGatewayAllowedHost a.example.com -Expires never
        (Get-OMSGatewayAllowedHost -Detailed).Expires | Should -BeNullOrEmpty
    }

    It 'is refused as <value>' -ForEach @(
        @{ value = 'no time'; set = { Set-OMSGatewayAllowedHost a.example.com -Expires soon }; id = 'CannotConvertArgumentNoMessage*' }
        @{ value = 'a number'; set = { Set-OMSGatewayAllowedHost a.example.com -Expires 90 }; id = 'ParameterArgumentTransformationError*' }
        @{ value = 'too long a time'; set = { Set-OMSGatewayAllowedHost a.example.com -Expires 9999999d }
            id = 'ParameterArgumentTransformationError*' }
        @{ value = 'the past'; set = { Set-OMSGatewayAllowedHost a.example.com -Expires 2020-01-01 -ErrorAction Stop }; id = 'ExpiryInvalid*' }
        @{ value = 'nothing'; set = { Set-OMSGatewayAllowedHost a.example.com }; id = 'NothingGiven*' }
        @{ value = 'too long an owner'; set = { Set-OMSGatewayAllowedHost a.example.com -Owner ('o' * 257) -ErrorAction Stop }
            id = 'AccountTextInvalid*' }
        @{ value = 'another host'; set = { Set-OMSGatewayAllowedHost b.example.com -Owner x -ErrorAction Stop }; id = 'AllowedHostNotPresent*' }
    ) {
        Add-OMSGatewayAllowedHost a.example.com
        $set | Should -Throw -ErrorId $id
    }

    It 'is reviewed' {
        Add-OMSGatewayAllowedHost a.example.com, '*.example.com' -Owner ops
        $found = Get-OMSGatewayAllowedHost -Review
        $found.Finding | Should -Be 'Wide', 'Covered'
        $found[1].Host | Should -BeExactly 'a.example.com'
        $found[1].Commands | Should -Be 'omsgwctl allowed-host remove a.example.com'
        $found[1].UseCount | Should -Be 0
        $found[1].Entry.Owner | Should -BeExactly 'ops'
        "$($found[1])" | Should -BeLike 'a.example.com is allowed by `*.example.com as well*'
        $found | Where-Object Finding -EQ Covered | Remove-OMSGatewayAllowedHost
        Get-OMSGatewayAllowedHost | Should -Be '*.example.com'
    }
}

Describe 'The clock' {
    It 'is said to be right' {
        [math]::Abs(((Get-Date) - (Confirm-OMSGatewayClock)).TotalMinutes) | Should -BeLessThan 5
        Confirm-OMSGatewayClock -WhatIf | Should -BeNullOrEmpty
    }
}

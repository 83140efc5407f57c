BeforeAll {
    . "$PSScriptRoot/Gateway.ps1"
    $gateway = Start-Gateway
    Import-Module $Manifest
}

AfterAll { Stop-Gateway $gateway -Remove }

Describe 'Allowed hosts' {
    BeforeEach { Clear-Gateway }

    It 'are added <how>' -ForEach @(
        @{ how = 'by position'; add = { Add-OMSGatewayAllowedHost a.example.com } }
        @{ how = 'by -Host'; add = { Add-OMSGatewayAllowedHost -Host a.example.com } }
        @{ how = 'by -host, in any case'; add = { add-omsgatewayallowedhost -host A.Example.Com } }
        @{ how = 'from the pipeline'; add = { 'a.example.com' | Add-OMSGatewayAllowedHost } }
        @{ how = 'by a property Host'; add = { [pscustomobject] @{ Host = 'a.example.com' } | Add-OMSGatewayAllowedHost } }
        @{ how = 'from CSV'; add = { "Id,Host`n1,a.example.com" | ConvertFrom-Csv | Add-OMSGatewayAllowedHost } }
        @{ how = 'with -Force'; add = { Add-OMSGatewayAllowedHost -Host a.example.com -Force } }
        @{ how = 'with -Confirm:$false'; add = { Add-OMSGatewayAllowedHost -Host a.example.com -Confirm:$false } }
        @{ how = 'with both'; add = { Add-OMSGatewayAllowedHost -Host a.example.com -Confirm:$false -Force } }
        @{ how = 'where everything is to be confirmed, with -Force'
            add = { $ConfirmPreference = 'Low'; Add-OMSGatewayAllowedHost a.example.com -Force } }
        @{ how = 'by splatting'; add = { $p = @{ Host = 'a.example.com'; Force = $true }; Add-OMSGatewayAllowedHost @p } }
        @{ how = 'as a URI, whose host counts'; add = { [uri] 'https://a.example.com/path' | Add-OMSGatewayAllowedHost } }
    ) {
        & $add | Should -BeNullOrEmpty
        Get-OMSGatewayAllowedHost | Should -Be 'a.example.com'
    }

    It 'are added as arrays' {
        Add-OMSGatewayAllowedHost -Host a.example.com, b.example.com
        , @('c.example.com', 'd.example.com') | Add-OMSGatewayAllowedHost
        Get-OMSGatewayAllowedHost | Should -Be 'a.example.com', 'b.example.com', 'c.example.com', 'd.example.com'
    }

    It 'count for the next CONNECT' {
        Invoke-Connect $gateway 'unreachable.invalid:443' | Should -Match ' 403 '
        Add-OMSGatewayAllowedHost unreachable.invalid
        Invoke-Connect $gateway 'unreachable.invalid:443' | Should -Match ' 502 '
        Remove-OMSGatewayAllowedHost unreachable.invalid
        Invoke-Connect $gateway 'unreachable.invalid:443' | Should -Match ' 403 '
    }

    It 'may be added twice and removed twice' {
        $ErrorActionPreference = 'Stop'
        1..2 | ForEach-Object { Add-OMSGatewayAllowedHost a.example.com }
        $said = (Add-OMSGatewayAllowedHost a.example.com -Verbose 4>&1) -join "`n"
        $said | Should -Match 'a\.example\.com was allowed already\.'
        1..2 | ForEach-Object { Remove-OMSGatewayAllowedHost a.example.com }
        $said = (Remove-OMSGatewayAllowedHost a.example.com -Verbose 4>&1) -join "`n"
        $said | Should -Match 'a\.example\.com was not in the list\.'
        Get-OMSGatewayAllowedHost | Should -BeNullOrEmpty
    }

    It 'are plain strings' {
        Add-OMSGatewayAllowedHost a.example.com, b.example.com:8443
        (Get-OMSGatewayAllowedHost) -contains 'a.example.com' | Should -BeTrue
        (Get-OMSGatewayAllowedHost) -contains 'c.example.com' | Should -BeFalse
        Get-OMSGatewayAllowedHost | ForEach-Object { $_.GetType() } | Should -Be ([string], [string])
    }

    It 'have details' {
        Add-OMSGatewayAllowedHost a.example.com
        $entry = Get-OMSGatewayAllowedHost -Detailed
        $entry.Host | Should -Be 'a.example.com'
        $entry.AddedBy | Should -Not -BeNullOrEmpty
        [math]::Abs(((Get-Date) - $entry.AddedAt).TotalMinutes) | Should -BeLessThan 5
        $entry | Out-String -Width 100 | Should -Match 'Host\s+AddedAt\s+AddedBy'
        $entry | Remove-OMSGatewayAllowedHost
        Get-OMSGatewayAllowedHost | Should -BeNullOrEmpty
    }

    It 'are shown with all that is allowed, where it comes from and how often it was used' {
        Add-OMSGatewayAllowedHost unreachable.invalid, '*.example.com'
        Invoke-Connect $gateway 'unreachable.invalid:443' | Should -Match ' 502 '
        $all = Get-OMSGatewayAllowedHost -Effective
        $all | Should -HaveCount 2
        $used = $all | Where-Object Host -EQ 'unreachable.invalid'
        $used.UseCount | Should -BeGreaterThan 0
        [math]::Abs(((Get-Date) - $used.LastUsed).TotalMinutes) | Should -BeLessThan 5
        $used.FirstUsed | Should -BeLessOrEqual $used.LastUsed
        $unused = $all | Where-Object Host -EQ '*.example.com'
        $unused.UseCount | Should -Be 0
        $unused.LastUsed | Should -BeNullOrEmpty
        $unused.ClientCertificatePolicy | Should -BeExactly 'Off'
        $unused.Sources | Should -HaveCount 1
        $unused.Sources[0].Kind | Should -BeExactly 'Local'
        $unused.Sources[0].AddedBy | Should -Not -BeNullOrEmpty
        [math]::Abs(((Get-Date) - $unused.Sources[0].Since).TotalMinutes) | Should -BeLessThan 5
        "$unused" | Should -BeExactly '*.example.com'
        $all | Out-String -Width 120 | Should -Match 'Host\s+UseCount\s+LastUsed\s+Sources'
        { Get-OMSGatewayAllowedHost -Effective -Detailed } | Should -Throw -ErrorId 'AmbiguousParameterSet*'
    }

    It 'are shown with what was learned, which the plain list leaves out' {
        $learned = '{"hosts":[{"host":"a.example.com","useCount":"9007199254740993","clientCertificatePolicy":"IF_SHOWN",' +
            '"firstUsedAt":"2026-03-01T10:00:00Z","lastUsedAt":"2026-03-02T10:00:00Z","sources":[' +
            '{"kind":"LOCAL","since":null,"addedBy":"alice","agent":"","place":"","workspace":""},' +
            '{"kind":"LEARNED","since":"2026-03-01T10:00:00Z","agent":"OMS agent","place":"/etc/x.conf","workspace":"w"}]},' +
            '{"host":"b.example.com"}],"etag":"e","nextPageToken":""}'
        $log = Use-FakeControl -Mode answer -Result $learned
        try {
            $all = Get-OMSGatewayAllowedHost -Effective
            (Get-Request $log).method | Should -Be 'AllowedHostService/ListEffectiveHosts'
        }
        finally { Restore-Control $log }
        $all[0].UseCount | Should -BeExactly 9007199254740993
        $all[0].ClientCertificatePolicy | Should -BeExactly 'IfShown'
        $all[0].LastUsed | Should -Be ([datetime] '2026-03-02T10:00:00Z').ToLocalTime()
        $all[0].Sources[0].Since | Should -BeNullOrEmpty
        "$($all[0].Sources[1])" | Should -BeExactly 'Learned OMS agent w'
        $all[0].Sources[1].Place | Should -BeExactly '/etc/x.conf'
        $all[1].Sources | Should -HaveCount 0
        $all[1].UseCount | Should -Be 0
    }

    It 'are refused one by one, and the others are added' {
        $given = 'a.example.com', 'https://b.example.com/path', 'c.example.com'
        Add-OMSGatewayAllowedHost -Host $given -ErrorVariable failed -ErrorAction SilentlyContinue
        $failed | Should -HaveCount 1
        $failed[0].FullyQualifiedErrorId | Should -Be 'HostIsUrl,OMSGateway.AddOMSGatewayAllowedHostCommand'
        $failed[0].CategoryInfo.Category | Should -Be 'InvalidArgument'
        $failed[0].TargetObject | Should -BeExactly 'https://b.example.com/path'
        $failed[0].Exception.Message | Should -Match 'b\.example\.com$'
        Get-OMSGatewayAllowedHost | Should -Be 'a.example.com', 'c.example.com'
    }

    It 'refuse what is pasted wrong as <id>' -ForEach @(
        @{ given = 'https://a.example.com/'; id = 'HostIsUrl'; meant = 'a.example.com' }
        @{ given = 'a.example.com/path'; id = 'HostHasPath'; meant = 'a.example.com' }
        @{ given = '.example.com'; id = 'HostLeadingDot'; meant = '*.example.com' }
        @{ given = 'a.example.com b.example.com'; id = 'HostHasBlank'; meant = 'a.example.com' }
        @{ given = '{URL}'; id = 'HostIsPlaceholder'; meant = '{URL}' }
        @{ given = '*'; id = 'HostWildcardAll'; meant = '*.example.com' }
        @{ given = [string] [char] 0x201C + 'a.example.com' + [char] 0x201D; id = 'HostHasPunctuation'; meant = 'a.example.com' }
        @{ given = ''; id = 'HostEmpty'; meant = 'empty' }
        @{ given = 'a' + [char] 0xD800 + '.example.com'; id = 'HostCharacter'; meant = 'letters' }
        @{ given = "a`0.example.com"; id = 'HostHasBlank'; meant = 'a' }
        @{ given = 'x' * 40000; id = 'ValueTooLong'; meant = '40000 bytes' }
    ) {
        $failed = { Add-OMSGatewayAllowedHost -Host $given -ErrorAction Stop } | Should -Throw -PassThru
        $failed.FullyQualifiedErrorId | Should -Be "$id,OMSGateway.AddOMSGatewayAllowedHostCommand"
        $failed.Exception.Message | Should -Match ([regex]::Escape($meant))
    }

    It 'take names outside of ASCII' {
        Add-OMSGatewayAllowedHost ('b' + [char] 0xFC + 'cher.example.com')
        Get-OMSGatewayAllowedHost | Should -Be 'xn--bcher-kva.example.com'
    }

    It 'skip empty lines of a file' {
        Set-Content -Path TestDrive:/hosts.txt -Value 'a.example.com', '', '   ', 'b.example.com'
        Get-Content -Path TestDrive:/hosts.txt | Add-OMSGatewayAllowedHost -ErrorAction Stop
        Get-OMSGatewayAllowedHost | Should -Be 'a.example.com', 'b.example.com'
    }

    It 'may be none' {
        $none = @('a.example.com' | Where-Object { $_ -eq 'b.example.com' })
        Add-OMSGatewayAllowedHost -Host $none -ErrorAction Stop
        $none | Add-OMSGatewayAllowedHost -ErrorAction Stop
        Get-OMSGatewayAllowedHost | Remove-OMSGatewayAllowedHost -ErrorAction Stop
    }

    It 'are not $null' {
        { Add-OMSGatewayAllowedHost -Host $null } | Should -Throw
        { Add-OMSGatewayAllowedHost -Host 'a.example.com', $null } | Should -Throw
        { 'a.example.com', $null | Add-OMSGatewayAllowedHost -ErrorAction Stop } | Should -Throw
    }

    It 'warn of a wildcard that others can use, and of one that still covers a host' {
        $WarningPreference = 'SilentlyContinue'
        Add-OMSGatewayAllowedHost '*.blob.core.windows.net', x.blob.core.windows.net -WarningVariable warnings
        $warnings -join "`n" | Should -Match 'share'
        Remove-OMSGatewayAllowedHost x.blob.core.windows.net -WarningVariable warnings
        $warnings -join "`n" | Should -Match 'still allowed by \*\.blob\.core\.windows\.net'
    }

    It 'are completed for Remove, and only for Remove' {
        Add-OMSGatewayAllowedHost a.example.com, b.example.com, '*.example.org'
        $line = 'Remove-OMSGatewayAllowedHost -Host B'
        (Get-Completion $line).CompletionText | Should -Be 'b.example.com'
        $line = "Remove-OMSGatewayAllowedHost '*"
        (Get-Completion $line).ListItemText | Should -Be '*.example.org'
    }

    It 'are removed by a pattern: <pattern>' -ForEach @(
        @{ pattern = 'b?.example.com'; left = '*.example.com', 'a.example.com', 'c.example.org:8443', '[2001:db8::1]:8443' }
        @{ pattern = '[ac].*'; left = '*.example.com', 'b1.example.com', 'b2.example.com', '[2001:db8::1]:8443' }
        @{ pattern = 'A*.example.*'; left = '*.example.com', 'b1.example.com', 'b2.example.com', 'c.example.org:8443', '[2001:db8::1]:8443' }
        @{ pattern = '*.example.com'; left = 'a.example.com', 'b1.example.com', 'b2.example.com', 'c.example.org:8443', '[2001:db8::1]:8443' }
        @{ pattern = '[2001:db8::1]:8443'; left = '*.example.com', 'a.example.com', 'b1.example.com', 'b2.example.com', 'c.example.org:8443' }
        @{ pattern = 'none*'; left = '*.example.com', 'a.example.com', 'b1.example.com', 'b2.example.com', 'c.example.org:8443', '[2001:db8::1]:8443' }
        @{ pattern = '*'; left = @() }
    ) {
        Add-OMSGatewayAllowedHost a.example.com, b1.example.com, b2.example.com, '*.example.com', c.example.org:8443, '[2001:db8::1]:8443'
        Remove-OMSGatewayAllowedHost $pattern -Force -WarningAction Ignore -ErrorAction Stop
        Get-OMSGatewayAllowedHost | Sort-Object | Should -Be ($left | Sort-Object)
    }

    It 'are not removed by a pattern without a question' {
        Add-OMSGatewayAllowedHost a.example.com, b.example.com
        (Invoke-Shell "Import-Module '$Manifest'; Remove-OMSGatewayAllowedHost '?.example.com'") -join "`n" |
            Should -Match 'NonInteractive'
        Get-OMSGatewayAllowedHost | Should -Be 'a.example.com', 'b.example.com'
        $said = Invoke-Shell -Type "Y`nN`n" "Import-Module '$Manifest'; Remove-OMSGatewayAllowedHost '?.example.com'"
        $said -join "`n" | Should -Match 'Remove allowed host: b\.example\.com'
        Get-OMSGatewayAllowedHost | Should -Be 'b.example.com'
        $ConfirmPreference = 'None'
        Remove-OMSGatewayAllowedHost '?.example.com'
        Get-OMSGatewayAllowedHost | Should -BeNullOrEmpty
    }

    It 'go on with -PassThru as the gateway spells them' {
        Add-OMSGatewayAllowedHost A.example.com, b.example.com., a.example.com -PassThru |
            Should -Be 'a.example.com', 'b.example.com', 'a.example.com'
        Remove-OMSGatewayAllowedHost a.example.com, c.example.com -PassThru | Should -Be 'a.example.com'
    }

    It 'have a client certificate policy of their own' {
        Add-OMSGatewayAllowedHost a.example.com, b.example.com
        (Get-OMSGatewayAllowedHost -Detailed).ClientCertificatePolicy | Should -Be 'Default', 'Default'
        Add-OMSGatewayAllowedHost b.example.com, c.example.com -ClientCertificatePolicy ifshown
        (Get-OMSGatewayAllowedHost -Detailed).ClientCertificatePolicy | Should -BeExactly 'Default', 'IfShown', 'IfShown'
        Add-OMSGatewayAllowedHost b.example.com
        Add-OMSGatewayAllowedHost c.example.com -ClientCertificatePolicy Off -WhatIf
        (Get-OMSGatewayAllowedHost -Detailed).ClientCertificatePolicy | Should -BeExactly 'Default', 'IfShown', 'IfShown'
        Add-OMSGatewayAllowedHost b.example.com -ClientCertificatePolicy Default
        (Get-OMSGatewayAllowedHost -Detailed).ClientCertificatePolicy | Should -BeExactly 'Default', 'Default', 'IfShown'
        { Add-OMSGatewayAllowedHost a.example.com -ClientCertificatePolicy Sometimes } | Should -Throw '*Required*'
    }

    It 'are taken with -Denied only where clients were refused them' {
        'd.example.com:443', 'e.example.com:8443', 'f.example.com:1', 'f.example.com:2' |
            ForEach-Object { Invoke-Connect $gateway $_ | Should -Match ' 403 ' }
        Add-OMSGatewayAllowedHost D.example.com, e.example.com, f.example.com, e.example.com:443, g.example.com, 'h i' -Denied `
            -ErrorVariable failed -ErrorAction SilentlyContinue
        $failed.FullyQualifiedErrorId -replace ',.*' |
            Should -Be 'DeniedHostPorts', 'DeniedHostNotPresent', 'DeniedHostNotPresent', 'HostHasBlank'
        $failed.TargetObject | Should -Be 'f.example.com', 'e.example.com:443', 'g.example.com', 'h i'
        Get-OMSGatewayAllowedHost | Should -Be 'd.example.com', 'e.example.com:8443'
        (Get-Completion 'Add-OMSGatewayAllowedHost -Denied -Host f').CompletionText | Should -Be 'f.example.com:1', 'f.example.com:2'
        # PowerShell itself offers files where a cmdlet offers nothing.
        (Get-Completion 'Add-OMSGatewayAllowedHost -Host f').CompletionText | Should -Not -Contain 'f.example.com:1'
    }

    It 'are many' {
        1..2500 | ForEach-Object { "h$_.example.com" } | Add-OMSGatewayAllowedHost
        @(Get-OMSGatewayAllowedHost).Count | Should -Be 2500
        Get-OMSGatewayAllowedHost | Remove-OMSGatewayAllowedHost
        @(Get-OMSGatewayAllowedHost).Count | Should -Be 0
    }
}

Describe '-WhatIf and -Confirm' {
    BeforeEach { Clear-Gateway }

    It '-WhatIf changes nothing, and asks what the gateway would refuse, <how>' -ForEach @(
        @{ how = 'given'; add = { Add-OMSGatewayAllowedHost a.example.com, 'b c' -WhatIf @quiet } }
        @{ how = 'with -Force'; add = { Add-OMSGatewayAllowedHost a.example.com, 'b c' -WhatIf -Force @quiet } }
        @{ how = 'by preference'; add = { $WhatIfPreference = $true; Add-OMSGatewayAllowedHost a.example.com, 'b c' @quiet } }
        @{ how = 'by preference, with -Force'
            add = { $WhatIfPreference = $true; Add-OMSGatewayAllowedHost a.example.com, 'b c' -Force @quiet } }
    ) {
        $quiet = @{ ErrorAction = 'SilentlyContinue'; ErrorVariable = 'failed'; PassThru = $true }
        . $add | Should -BeNullOrEmpty
        $failed.FullyQualifiedErrorId | Should -Be 'HostHasBlank,OMSGateway.AddOMSGatewayAllowedHostCommand'
        $failed.TargetObject | Should -Be 'b c'
        Get-OMSGatewayAllowedHost | Should -BeNullOrEmpty
    }

    It '-WhatIf removes nothing' {
        Add-OMSGatewayAllowedHost a.example.com, b.example.com
        Remove-OMSGatewayAllowedHost a.example.com, 'b*' -WhatIf
        Get-OMSGatewayAllowedHost | Should -Be 'a.example.com', 'b.example.com'
    }

    It '-Confirm asks for each host' {
        $said = Invoke-Shell -Type "Y`nN`nY`n" @"
Import-Module '$Manifest'
'a.example.com', 'b.example.com', 'c.example.com' | Add-OMSGatewayAllowedHost -Confirm
"@
        $said -join "`n" | Should -Match 'Add allowed host'
        Get-OMSGatewayAllowedHost | Should -Be 'a.example.com', 'c.example.com'
    }

    It 'nothing asks in an unattended script' {
        $said = Invoke-Shell @"
Import-Module '$Manifest'
Add-OMSGatewayAllowedHost a.example.com
Remove-OMSGatewayAllowedHost a.example.com
Set-OMSGatewayConfig -Name LogLevel -Value Info
"@
        $said | Should -BeNullOrEmpty
    }
}

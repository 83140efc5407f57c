BeforeAll {
    . "$PSScriptRoot/Gateway.ps1"
    $gateway = Start-Gateway
    Import-Module $Manifest
    $file = Join-Path $gateway.Folder 'gateway.yml'
}

AfterAll { Stop-Gateway $gateway -Remove }

Describe 'A configuration as a file' {
    BeforeEach {
        Set-Content -LiteralPath (Join-Path $gateway.Folder 'nothing.yml') -Value 'version: 4'
        Import-OMSGatewayConfiguration -Path (Join-Path $gateway.Folder 'nothing.yml') -Prune -WarningAction Ignore
        Add-OMSGatewayAllowedHost a.example.com
        Add-OMSGatewayAllowedClientCertificate CN=agent -WarningAction Ignore
        Set-OMSGatewayConfig DrainSeconds 5
    }

    It 'goes to the pipeline as one text, which has what was set, be it to the default' {
        $text = Export-OMSGatewayConfiguration
        $text | Should -BeOfType string
        $text | Should -Match '(?m)^version: 4$'
        $text | Should -Match 'DrainSeconds: 5'
        $text | Should -Match 'a\.example\.com'
        $text | Should -Not -Match 'LogLevel|addedBy'
        $json = Export-OMSGatewayConfiguration -Format Json | ConvertFrom-Json
        $json.allowedHosts.host | Should -BeExactly 'a.example.com'
        $json.settings.DrainSeconds | Should -Be 5
    }

    It 'is replaced, without a byte order mark, unless -NoClobber is given' {
        Set-Content -LiteralPath $file -Value ('old' * 1000)
        Export-OMSGatewayConfiguration $file | Should -BeNullOrEmpty
        [IO.File]::ReadAllBytes($file)[0] | Should -Be ([byte] [char] 'v')
        [IO.File]::ReadAllText($file) | Should -BeExactly (Export-OMSGatewayConfiguration)
        Export-OMSGatewayConfiguration $file -NoClobber -ErrorAction SilentlyContinue -ErrorVariable failed
        $failed.FullyQualifiedErrorId | Should -Be 'ConfigurationNotSaved,OMSGateway.ExportOMSGatewayConfigurationCommand'
        $other = Join-Path $gateway.Folder 'other.JSON'
        Export-OMSGatewayConfiguration $other -WhatIf
        $other | Should -Not -Exist
        Export-OMSGatewayConfiguration $other
        (Get-Content -LiteralPath $other -Raw | ConvertFrom-Json).version | Should -Be 4
    }

    It 'is read in a folder of its own PowerShell, not of the process' {
        $null = New-Item -ItemType Directory -Path (Join-Path $gateway.Folder 'git') -Force
        Push-Location (Join-Path $gateway.Folder 'git')
        try {
            Export-OMSGatewayConfiguration gateway.yml
            Compare-OMSGatewayConfiguration gateway.yml -Prune | Should -BeNullOrEmpty
        }
        finally { Pop-Location }
    }

    It 'changes nothing where it is so already, and the second time neither' {
        Export-OMSGatewayConfiguration $file
        $before = Get-OMSGatewayAllowedHost -Detailed
        $revisions = @(Get-OMSGatewayRevision).Count
        Compare-OMSGatewayConfiguration $file -Prune | Should -BeNullOrEmpty
        Import-OMSGatewayConfiguration $file -Prune -PassThru | Should -BeNullOrEmpty
        @(Get-OMSGatewayRevision).Count | Should -Be $revisions
        Add-OMSGatewayAllowedHost b.example.com
        Set-OMSGatewayConfig LogLevel Debug
        Import-OMSGatewayConfiguration $file -Prune
        Import-OMSGatewayConfiguration $file -Prune
        @(Get-OMSGatewayRevision).Count | Should -Be ($revisions + 3)
        (Get-OMSGatewayAllowedHost -Detailed).AddedAt | Should -Be $before.AddedAt
        (Get-OMSGatewayConfig LogLevel).Layer | Should -Be 'Default'
        (Get-OMSGatewayConfig DrainSeconds).Layer | Should -Be 'Local'
    }

    It 'leaves what it leaves out, but with -Prune' {
        Set-Content -LiteralPath $file -Value "version: 4`nsettings:`n  LogLevel: Debug`nallowedHosts:`n  - host: b.example.com`n"
        $different = Compare-OMSGatewayConfiguration $file
        $different.Key | Should -Be 'LogLevel', 'b.example.com'
        $different[0].OldValue | Should -BeExactly 'Info'
        $different[0].NewValue | Should -BeExactly 'Debug'
        (Import-OMSGatewayConfiguration $file -PassThru -Comment 'ticket 4711').Key | Should -Be 'LogLevel', 'b.example.com'
        (Get-OMSGatewayRevision)[0].Comment | Should -BeExactly 'ticket 4711'
        Get-OMSGatewayAllowedHost | Should -Be 'a.example.com', 'b.example.com'
        (Compare-OMSGatewayConfiguration $file -Prune).Key | Should -Be 'DrainSeconds', 'a.example.com', 'CN=agent'
        Import-OMSGatewayConfiguration $file -Prune
        Get-OMSGatewayAllowedHost | Should -Be 'b.example.com'
        Get-OMSGatewayAllowedClientCertificate | Should -BeNullOrEmpty
    }

    It 'changes nothing with -WhatIf, which says whom it would cut off' {
        Import-OMSGatewayConfiguration (Join-Path $gateway.Folder 'nothing.yml') -Prune -WhatIf -InformationVariable told
        "$told" | Should -Match 'no client was let through to any host yet'
        Get-OMSGatewayAllowedHost | Should -Be 'a.example.com'
    }

    It 'is on trial with -ConfirmWithin' {
        Import-OMSGatewayConfiguration (Join-Path $gateway.Folder 'nothing.yml') -Prune -ConfirmWithin 5m -WarningVariable told -WarningAction SilentlyContinue
        "$told" | Should -Match 'Confirm-OMSGatewayChange'
        Get-OMSGatewayAllowedHost | Should -BeNullOrEmpty
        Undo-OMSGatewayChange
        Get-OMSGatewayAllowedHost | Should -Be 'a.example.com'
    }

    It 'has no password: that of the same user stays, and another one is asked for' {
        Set-OMSGatewayRelayProxy http://proxy.example.com:3128 -Username svc -Password (ConvertTo-SecureString 'hunter2' -AsPlainText -Force)
        Export-OMSGatewayConfiguration $file
        Get-Content -LiteralPath $file -Raw | Should -Not -Match 'assword|hunter2'
        Import-OMSGatewayConfiguration $file -Prune -PassThru | Should -BeNullOrEmpty
        Set-OMSGatewayRelayProxy -Address ''
        Import-OMSGatewayConfiguration $file -ErrorAction SilentlyContinue -ErrorVariable failed
        $failed.FullyQualifiedErrorId | Should -Be 'RelayPasswordMissing,OMSGateway.ImportOMSGatewayConfigurationCommand'
        $failed.TargetObject | Should -Be 'gateway.yml'
        Get-OMSGatewayRelayProxy | Should -BeNullOrEmpty
        Import-OMSGatewayConfiguration $file -Password hunter2 -WarningVariable told -WarningAction SilentlyContinue
        "$told" | Should -Match 'plain text'
        Get-OMSGatewayRelayProxy | Should -Be 'http://proxy.example.com:3128'
    }

    It 'that is wrong changes nothing and tells the place: <how>' -ForEach @(
        @{ how = 'an unknown field'; text = "version: 4`nallowedHosts:`n  - host: b.example.com`n    hots: c.example.com"; id = 'ConfigField'; says = 'line 4, column 5' }
        @{ how = 'a host twice'; text = "version: 4`nallowedHosts:`n  - host: b.example.com`n  - host: B.example.com"; id = 'ConfigDuplicate'; says = 'line 4' }
        @{ how = 'an anchor'; text = "version: 4`nsettings: &s`n  LogLevel: Debug"; id = 'ConfigSyntax'; says = 'line 2' }
        @{ how = 'JSON that is none'; text = '{"version": 4'; id = 'ConfigSyntax'; says = 'line' }
        @{ how = 'nothing'; text = ''; id = 'ConfigSyntax'; says = 'empty' }
    ) {
        Set-Content -LiteralPath $file -Value $text -NoNewline
        $revisions = @(Get-OMSGatewayRevision).Count
        foreach ($cmdlet in 'Import', 'Compare') {
            & "$cmdlet-OMSGatewayConfiguration" $file -ErrorAction SilentlyContinue -ErrorVariable failed
            $failed.FullyQualifiedErrorId | Should -Be "$id,OMSGateway.${cmdlet}OMSGatewayConfigurationCommand"
            $failed.Exception.Message | Should -Match "gateway\.yml.*$says"
        }
        @(Get-OMSGatewayRevision).Count | Should -Be $revisions
    }

    It 'that is not there, or too large, is an error' {
        Import-OMSGatewayConfiguration (Join-Path $gateway.Folder 'none.yml') -ErrorAction SilentlyContinue -ErrorVariable failed
        $failed.FullyQualifiedErrorId | Should -Be 'ConfigurationNotFound,OMSGateway.ImportOMSGatewayConfigurationCommand'
        [IO.File]::WriteAllText($file, '#' * (17MB))
        Import-OMSGatewayConfiguration $file -ErrorAction SilentlyContinue -ErrorVariable failed
        $failed.FullyQualifiedErrorId | Should -Be 'ConfigTooLarge,OMSGateway.ImportOMSGatewayConfigurationCommand'
    }

    It 'may have 20,000 hosts, which come in parts and go at once' {
        $hosts = 1..20000 | ForEach-Object { "  - host: host$_.some-rather-long-name-of-a-factory.example.com" }
        [IO.File]::WriteAllText($file, "version: 4`nallowedHosts:`n" + ($hosts -join "`n") + "`n")
        Import-OMSGatewayConfiguration $file -ErrorAction Stop
        @(Get-OMSGatewayAllowedHost).Count | Should -Be 20001
        Compare-OMSGatewayConfiguration $file | Should -BeNullOrEmpty
        $json = Join-Path $gateway.Folder 'all.json'
        Export-OMSGatewayConfiguration $json
        (Get-Content -LiteralPath $json -Raw | ConvertFrom-Json).allowedHosts.Count | Should -Be 20001
    }
}

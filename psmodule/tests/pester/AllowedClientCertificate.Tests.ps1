BeforeAll {
    . "$PSScriptRoot/Gateway.ps1"
    $gateway = Start-Gateway
    Import-Module $Manifest
    $WarningPreference = "SilentlyContinue" # that the list is no longer empty, and empty again
    $long = 'CN=' + ('a' * 60) + ', OU=Microsoft Monitoring Agent, O=' + ('Some Company ' * 12).Trim() + ', C=DE'
}

AfterAll { Stop-Gateway $gateway -Remove }

Describe 'Allowed client certificates' {
    BeforeEach { Clear-Gateway }

    It 'are added <how>' -ForEach @(
        @{ how = 'by position'; add = { Add-OMSGatewayAllowedClientCertificate workstation-17 } }
        @{ how = 'by -Subject'; add = { Add-OMSGatewayAllowedClientCertificate -Subject workstation-17 -Force -Confirm:$false } }
        @{ how = 'from the pipeline'; add = { 'workstation-17' | Add-OMSGatewayAllowedClientCertificate } }
        @{ how = 'by property'
            add = { [pscustomobject] @{ Subject = 'workstation-17' } | Add-OMSGatewayAllowedClientCertificate } }
    ) {
        & $add | Should -BeNullOrEmpty
        Get-OMSGatewayAllowedClientCertificate | Should -Be 'workstation-17'
    }

    It 'may be added twice and removed twice' {
        $ErrorActionPreference = 'Stop'
        1..2 | ForEach-Object { Add-OMSGatewayAllowedClientCertificate $long }
        @(Get-OMSGatewayAllowedClientCertificate).Count | Should -Be 1
        1..2 | ForEach-Object { Remove-OMSGatewayAllowedClientCertificate $long }
        Get-OMSGatewayAllowedClientCertificate | Should -BeNullOrEmpty
    }

    It 'survive a file, however long they are' {
        Add-OMSGatewayAllowedClientCertificate $long, workstation-17
        $before = Get-OMSGatewayAllowedClientCertificate
        $before | Out-File -FilePath TestDrive:/subjects.txt -Encoding utf8
        Clear-Gateway
        Get-Content -Path TestDrive:/subjects.txt | Add-OMSGatewayAllowedClientCertificate
        Get-OMSGatewayAllowedClientCertificate | Should -Be $before
        (Get-OMSGatewayAllowedClientCertificate) -contains $before[0] | Should -BeTrue
    }

    It 'have details' {
        Add-OMSGatewayAllowedClientCertificate $long
        $entry = Get-OMSGatewayAllowedClientCertificate -Detailed
        $entry.AddedBy | Should -Not -BeNullOrEmpty
        $entry | Remove-OMSGatewayAllowedClientCertificate
        Get-OMSGatewayAllowedClientCertificate | Should -BeNullOrEmpty
    }

    It 'are refused one by one' {
        $given = 'sha256:beef', 'workstation-17', ''
        Add-OMSGatewayAllowedClientCertificate -Subject $given -ErrorVariable failed -ErrorAction SilentlyContinue
        $failed.FullyQualifiedErrorId | Should -Be @(
            'CertificateThumbprint,OMSGateway.AddOMSGatewayAllowedClientCertificateCommand'
            'CertificateEmpty,OMSGateway.AddOMSGatewayAllowedClientCertificateCommand')
        $failed[0].TargetObject | Should -Be 'sha256:beef'
        Get-OMSGatewayAllowedClientCertificate | Should -Be 'workstation-17'
    }

    It 'are removed by a pattern, but for one that is an entry' {
        Add-OMSGatewayAllowedClientCertificate 'workstation-1*', workstation-17, workstation-18, printer -PassThru |
            Should -Be 'workstation-1*', 'workstation-17', 'workstation-18', 'printer'
        Remove-OMSGatewayAllowedClientCertificate 'workstation-1*' -PassThru -ErrorAction Stop | Should -Be 'workstation-1*'
        Remove-OMSGatewayAllowedClientCertificate 'workstation-1*' -WhatIf
        @(Get-OMSGatewayAllowedClientCertificate).Count | Should -Be 3
        Remove-OMSGatewayAllowedClientCertificate 'WORKSTATION-1*' -Confirm:$false
        Get-OMSGatewayAllowedClientCertificate | Should -Be 'printer'
    }

    It 'are completed for Remove, in quotation marks where they need them' {
        Add-OMSGatewayAllowedClientCertificate workstation-17, "O'Neill and Sons"
        $line = 'Remove-OMSGatewayAllowedClientCertificate -Subject '
        (Get-Completion $line).CompletionText | Sort-Object |
            Should -Be "'O''Neill and Sons'", 'workstation-17'
    }
}

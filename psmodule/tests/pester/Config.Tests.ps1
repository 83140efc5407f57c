BeforeAll {
    . "$PSScriptRoot/Gateway.ps1"
    $gateway = Start-Gateway
    Import-Module $Manifest
}

AfterAll { Stop-Gateway $gateway -Remove }

Describe 'Settings' {
    AfterEach { Set-OMSGatewayConfig LogLevel ''; Set-OMSGatewayConfig DrainSeconds '' }

    It 'are objects with name, value, default, unit, choices and description' {
        $all = Get-OMSGatewayConfig
        @($all).Count | Should -BeGreaterThan 5
        $all[0].PSObject.Properties.Name | Should -Be 'Name', 'Value', 'Default', 'Unit', 'Choices', 'Fixed', 'Layer', 'Role', 'LocalOnly', 'Description'
        $all.Name | Should -Contain 'ListenPort'
        $all | ForEach-Object { $_.Description | Should -Not -BeNullOrEmpty }
    }

    It 'are a table at the prompt' {
        Get-OMSGatewayConfig | Out-String -Width 120 | Should -Match 'Name\s+Value\s+Default\s+Unit\s+Fixed\s+Description'
    }

    It 'are found <how>' -ForEach @(
        @{ how = 'by position'; get = { Get-OMSGatewayConfig LogLevel } }
        @{ how = 'by -Key'; get = { Get-OMSGatewayConfig -Key LogLevel } }
        @{ how = 'by -Name'; get = { Get-OMSGatewayConfig -Name LogLevel } }
        @{ how = 'in any case'; get = { get-omsgatewayconfig -name LOGLEVEL } }
        @{ how = 'by a pattern'; get = { Get-OMSGatewayConfig 'log*' } }
    ) {
        $setting = & $get
        $setting.Name | Should -Be 'LogLevel'
        $setting.Value | Should -BeExactly 'Info'
        $setting.Default | Should -BeExactly 'Info'
    }

    It 'show what is possible, and what the command line fixes' {
        (Get-OMSGatewayConfig DrainSeconds).Unit | Should -Be 'seconds'
        (Get-OMSGatewayConfig DrainSeconds).Choices | Should -HaveCount 0
        (Get-OMSGatewayConfig LogLevel).Choices | Should -Be 'Error', 'Warning', 'Info', 'Debug'
        (Get-OMSGatewayConfig LogLevel).Fixed | Should -BeFalse
        (Get-OMSGatewayConfig ListenPort).Fixed | Should -BeTrue
        Get-OMSGatewayConfig ListenPort | Out-String -Width 120 | Should -Match 'Fixed'
    }

    It 'are found by several keys and patterns, each once' {
        (Get-OMSGatewayConfig LogLevel, 'Drain*', loglevel, '*nSeconds').Name | Should -Be 'LogLevel', 'DrainSeconds'
        (Get-OMSGatewayConfig -Name DrainSeconds, LogLevel).Name | Should -Be 'DrainSeconds', 'LogLevel'
    }

    It 'that are not there are errors that obey -ErrorAction' {
        $found = Get-OMSGatewayConfig LogLvel, LogLevel, nope -ErrorAction SilentlyContinue -ErrorVariable failed
        $found.Name | Should -Be 'LogLevel'
        $failed.FullyQualifiedErrorId | Should -Be (@('SettingUnknown,OMSGateway.GetOMSGatewayConfigCommand') * 2)
        $failed.TargetObject | Should -Be 'LogLvel', 'nope'
        $Error.Clear()
        Get-OMSGatewayConfig nope -ErrorAction Ignore | Should -BeNullOrEmpty
        $Error | Should -HaveCount 0
        { Get-OMSGatewayConfig nope -ErrorAction Stop } | Should -Throw '*nope*'
    }

    It 'may be set to the value that the command line fixes' {
        $now = (Get-OMSGatewayConfig ListenAddress)
        $now.Fixed | Should -BeTrue
        Set-OMSGatewayConfig ListenAddress $now.Value -ErrorAction Stop
        { Set-OMSGatewayConfig ListenAddress 192.0.2.1 -ErrorAction Stop } | Should -Throw '*command line*'
    }

    It 'take arrays where they are lists' {
        try {
            Set-OMSGatewayConfig RelayProxyBypass 10.0.0.1, '*.example.com', a.example.org
            (Get-OMSGatewayConfig RelayProxyBypass).Value -split ', *' | Sort-Object |
                Should -Be '*.example.com', '10.0.0.1', 'a.example.org'
            $failed = { Set-OMSGatewayConfig DrainSeconds 1, 2 -ErrorAction Stop } | Should -Throw -PassThru
            $failed.FullyQualifiedErrorId | Should -Be 'SettingNotANumber,OMSGateway.SetOMSGatewayConfigCommand'
            { Set-OMSGatewayConfig RelayProxyBypass @() } | Should -Throw '*empty array*'
            { Set-OMSGatewayConfig RelayProxyBypass a.example.org, $null } | Should -Throw '*$null*'
        }
        finally { Set-OMSGatewayConfig RelayProxyBypass '' }
    }

    It 'are validated with -WhatIf, and not changed' {
        Set-OMSGatewayConfig DrainSeconds 9 -WhatIf -PassThru | Should -BeNullOrEmpty
        $failed = { Set-OMSGatewayConfig DrainSeconds nine -WhatIf -ErrorAction Stop } | Should -Throw -PassThru
        $failed.FullyQualifiedErrorId | Should -Be 'SettingNotANumber,OMSGateway.SetOMSGatewayConfigCommand'
        (Get-OMSGatewayConfig DrainSeconds).Value | Should -Be 5
    }

    It 'go on with -PassThru' {
        $now = Set-OMSGatewayConfig drainseconds 9 -PassThru
        $now.Name | Should -BeExactly 'DrainSeconds'
        $now.Value | Should -Be 9
    }

    It 'are found by a pattern that fits several or none' {
        @(Get-OMSGatewayConfig -Key 'Max*').Count | Should -BeGreaterThan 1
        Get-OMSGatewayConfig -Key 'Nothing*' -ErrorAction Stop | Should -BeNullOrEmpty
    }

    It 'compare as numbers where they are numbers' {
        Set-OMSGatewayConfig DrainSeconds 10
        $value = (Get-OMSGatewayConfig DrainSeconds).Value
        $value | Should -BeOfType [int]
        $value -gt 9 | Should -BeTrue
        $value -eq '10' | Should -BeTrue
    }

    It 'are set <how>' -ForEach @(
        @{ how = 'by name'; set = { Set-OMSGatewayConfig -Name DrainSeconds -Value 7 } }
        @{ how = 'by key, as a string'; set = { Set-OMSGatewayConfig -Key DrainSeconds -Value '7' } }
        @{ how = 'by position'; set = { Set-OMSGatewayConfig DrainSeconds 7 } }
        @{ how = 'in any case'; set = { set-omsgatewayconfig -name drainseconds -value 7 } }
        @{ how = 'from a variable that is a number'; set = { $n = [long] 7; Set-OMSGatewayConfig -Name DrainSeconds -Value $n } }
        @{ how = 'with -Force and -Confirm:$false'
            set = { Set-OMSGatewayConfig -Name DrainSeconds -Value 7 -Force -Confirm:$false } }
        @{ how = 'from objects'; set = { [pscustomobject] @{ Name = 'DrainSeconds'; Value = 7 } | Set-OMSGatewayConfig } }
    ) {
        & $set | Should -BeNullOrEmpty
        (Get-OMSGatewayConfig DrainSeconds).Value | Should -Be 7
    }

    It 'go back to the default by an empty value, and only by one that was given' {
        Set-OMSGatewayConfig DrainSeconds 7
        $failed = { Set-OMSGatewayConfig DrainSeconds -ErrorAction Stop } | Should -Throw -PassThru
        $failed.FullyQualifiedErrorId | Should -Be 'ValueMissing,OMSGateway.SetOMSGatewayConfigCommand'
        (Get-OMSGatewayConfig DrainSeconds).Value | Should -Be 7
        Set-OMSGatewayConfig DrainSeconds ''
        (Get-OMSGatewayConfig DrainSeconds).Value | Should -Be 5
    }

    It 'say which layer their value comes from' {
        (Get-OMSGatewayConfig DrainSeconds).Layer | Should -BeExactly 'Default'
        (Get-OMSGatewayConfig ListenPort).Layer | Should -BeExactly 'CommandLine'
        Set-OMSGatewayConfig DrainSeconds 5
        (Get-OMSGatewayConfig DrainSeconds).Layer | Should -BeExactly 'Local'
        (Get-OMSGatewayRevision)[0].Changes.Key | Should -BeExactly 'DrainSeconds'
        Set-OMSGatewayConfig DrainSeconds ''
        (Get-OMSGatewayConfig DrainSeconds).Layer | Should -BeExactly 'Default'
    }

    It 'do not go back to the default by $null, which is more often a mistake' {
        Set-OMSGatewayConfig DrainSeconds 7
        { Set-OMSGatewayConfig DrainSeconds $null } | Should -Throw '*$null*'
        { [pscustomobject] @{ Name = 'DrainSeconds'; Value = $null } | Set-OMSGatewayConfig -ErrorAction Stop } | Should -Throw
        (Get-OMSGatewayConfig DrainSeconds).Value | Should -Be 7
    }

    It 'are On and Off for $true and $false' {
        Set-OMSGatewayConfig AllowLoopbackTargets $true
        (Get-OMSGatewayConfig AllowLoopbackTargets).Value | Should -BeExactly 'On'
        Set-OMSGatewayConfig -Name AllowLoopbackTargets -Value:$false
        (Get-OMSGatewayConfig AllowLoopbackTargets).Value | Should -BeExactly 'Off'
    }

    It 'travel as a file' {
        Set-OMSGatewayConfig LogLevel Warning
        Get-OMSGatewayConfig 'LogLevel' | Export-Csv -Path TestDrive:/settings.csv -NoTypeInformation
        Set-OMSGatewayConfig LogLevel Debug
        Import-Csv -Path TestDrive:/settings.csv | Set-OMSGatewayConfig
        (Get-OMSGatewayConfig LogLevel).Value | Should -Be 'Warning'
    }

    It 'refuse <key> = <value> as <id>' -ForEach @(
        @{ key = 'LogLvel'; value = 'Debug'; id = 'SettingUnknown'; category = 'ObjectNotFound'; text = 'LogLevel' }
        @{ key = 'LogLevel'; value = 'Verbose'; id = 'SettingNotAChoice'; category = 'InvalidArgument'; text = 'Warning' }
        @{ key = 'DrainSeconds'; value = 'five'; id = 'SettingNotANumber'; category = 'InvalidArgument'; text = '3600' }
        @{ key = 'DrainSeconds'; value = -1; id = 'SettingOutOfRange'; category = 'InvalidArgument'; text = '3600' }
        @{ key = 'ListenPort'; value = 8081; id = 'SettingFixed'; category = 'InvalidOperation'; text = 'command line' }
    ) {
        Set-OMSGatewayConfig -Name $key -Value $value -ErrorVariable failed -ErrorAction SilentlyContinue
        $failed | Should -HaveCount 1
        $failed[0].FullyQualifiedErrorId | Should -Be "$id,OMSGateway.SetOMSGatewayConfigCommand"
        $failed[0].CategoryInfo.Category | Should -Be $category
        $failed[0].TargetObject | Should -Be $key
        $failed[0].Exception.Message | Should -Match $text
    }

    It 'are changed although one before was refused' {
        @'
Name,Value
LogLevel,Loud
DrainSeconds,9
'@ | ConvertFrom-Csv | Set-OMSGatewayConfig -ErrorAction SilentlyContinue
        (Get-OMSGatewayConfig DrainSeconds).Value | Should -Be 9
    }

    It 'say what they were with -Verbose' {
        (Set-OMSGatewayConfig DrainSeconds 8 -Verbose 4>&1) -join "`n" | Should -Match 'DrainSeconds is 8 now; before: 5\.'
    }

    It 'warn of what is still to be done' {
        $log = Use-FakeControl -Mode answer -Result ('{"setting":{"key":"ListenPort","value":"8082"},"previousValue":"8080",' +
            '"warnings":[{"reason":"FIREWALL_RULE_DIFFERS","message":"move it: & \"C:\\x.exe\" service firewall","metadata":{}}]}')
        try {
            $warnings = @(Set-OMSGatewayConfig ListenPort 8082 3>&1)
            (Get-Request $log).method | Should -Contain 'SettingService/SetSetting'
        }
        finally { Restore-Control $log }
        $warnings | Should -HaveCount 1
        $warnings[0] | Should -BeOfType [System.Management.Automation.WarningRecord]
        $warnings[0].Message | Should -BeExactly 'move it: & "C:\x.exe" service firewall'
    }

    It 'are completed, key and value' {
        $line = 'Set-OMSGatewayConfig -Name logl'
        (Get-Completion $line).CompletionText | Should -Be 'LogLevel'
        $line = 'Get-OMSGatewayConfig dra'
        (Get-Completion $line).CompletionText | Should -Be 'DrainSeconds'
        $line = 'Set-OMSGatewayConfig -Name LogLevel -Value '
        (Get-Completion $line).CompletionText |
            Should -Be 'Error', 'Warning', 'Info', 'Debug'
        $line = 'Set-OMSGatewayConfig DrainSeconds '
        (Get-Completion $line).CompletionText | Should -Be '5'
    }
}

# What is sent is looked at with the stand-in: it shows what a gateway would get, the password included.

BeforeAll {
    . "$PSScriptRoot/Gateway.ps1"
    $gateway = Start-Gateway
    Import-Module $Manifest
    $secret = New-Object -TypeName Security.SecureString
    'p%:ss "w' + [char] 0xF6 + 'rd' -split '' | Where-Object { $_ } | ForEach-Object { $secret.AppendChar($_) }
    $credential = New-Object -TypeName Management.Automation.PSCredential -ArgumentList 'svc', $secret
}

AfterAll { Stop-Gateway $gateway -Remove }

Describe 'Set-OMSGatewayRelayProxy' {
    BeforeEach { $log = Use-FakeControl -Mode answer -Result '{}' }
    AfterEach { Restore-Control $log }

    It 'sends the address alone <how>' -ForEach @(
        @{ how = 'by name'; set = { Set-OMSGatewayRelayProxy -Address http://proxy:3128 } }
        @{ how = 'by position'; set = { Set-OMSGatewayRelayProxy http://proxy:3128 } }
        @{ how = 'with empty user and password'
            set = { Set-OMSGatewayRelayProxy -Address http://proxy:3128 -Username '' -Password '' } }
        @{ how = 'with $null for user and password'
            set = { Set-OMSGatewayRelayProxy -Address http://proxy:3128 -Username $null -Password $null } }
        @{ how = 'with -Force and -Confirm:$false'
            set = { Set-OMSGatewayRelayProxy -Address ' http://proxy:3128 ' -Confirm:$false -Force } }
    ) {
        & $set | Should -BeNullOrEmpty
        $request = Get-Request $log
        $request.method | Should -Be 'RelayProxyService/SetRelayProxy'
        $request.params.PSObject.Properties.Name | Should -Be 'address'
        $request.params.address | Should -BeExactly 'http://proxy:3128'
    }

    It 'sends user and password <how>' -ForEach @(
        @{ how = 'as plain text'; warns = 1
            set = { Set-OMSGatewayRelayProxy -Address proxy -Username svc -Password "p%:ss ""w$([char] 0xF6)rd" } }
        @{ how = 'by position'; warns = 1; set = { Set-OMSGatewayRelayProxy proxy svc "p%:ss ""w$([char] 0xF6)rd" } }
        @{ how = 'as a SecureString'; warns = 0
            set = { Set-OMSGatewayRelayProxy -Address proxy -Username svc -Password $secret } }
        @{ how = 'as a credential for -Password'; warns = 0
            set = { Set-OMSGatewayRelayProxy -Address proxy -Password $credential } }
        @{ how = 'as a credential of the same user for -Password'; warns = 0
            set = { Set-OMSGatewayRelayProxy -Address proxy -Username svc -Password $credential } }
        @{ how = 'as a credential'; warns = 0; set = { Set-OMSGatewayRelayProxy -Address proxy -Credential $credential } }
    ) {
        & $set -WarningVariable given 3>&1 | ForEach-Object { $warnings = @() } { $warnings += $_ }
        @($warnings).Count | Should -Be $warns
        $request = Get-Request $log
        $request.params.username | Should -BeExactly 'svc'
        $request.params.password | Should -BeExactly "p%:ss ""w$([char] 0xF6)rd"
    }

    It 'sends a password of digits as it was typed' {
        $number = 123
        Set-OMSGatewayRelayProxy -Address proxy -Username svc -Password 0123 -WarningAction Ignore
        Set-OMSGatewayRelayProxy -Address proxy -Username svc -Password 123 -WarningAction Ignore
        Set-OMSGatewayRelayProxy proxy svc 1.50 -WarningAction Ignore
        Set-OMSGatewayRelayProxy proxy svc 0x1F -WarningAction Ignore
        Set-OMSGatewayRelayProxy proxy svc 12345678901234567890123 -WarningAction Ignore
        Set-OMSGatewayRelayProxy proxy svc $number -WarningAction Ignore
        (Get-Request $log).params.password |
            Should -BeExactly '0123', '123', '1.50', '0x1F', '12345678901234567890123', '123'
    }

    It 'clears by an empty address' {
        Set-OMSGatewayRelayProxy -Address ''
        Set-OMSGatewayRelayProxy -Address '' -Username '' -Password '' -Force
        (Get-Request $log).method | Should -Be 'RelayProxyService/ClearRelayProxy', 'RelayProxyService/ClearRelayProxy'
    }

    It 'refuses <what>' -ForEach @(
        @{ what = 'a password without a user'; id = 'UsernameMissing'
            set = { Set-OMSGatewayRelayProxy -Address proxy -Password x } }
        @{ what = 'a user without an address'; id = 'AddressMissing'
            set = { Set-OMSGatewayRelayProxy -Address '' -Username svc } }
        @{ what = 'a credential of another user'; id = 'UsernameConflict'
            set = { Set-OMSGatewayRelayProxy -Address proxy -Username me -Password $credential } }
    ) {
        $ErrorActionPreference = 'Stop'
        $failed = $set | Should -Throw -PassThru
        $failed.FullyQualifiedErrorId | Should -Be "$id,OMSGateway.SetOMSGatewayRelayProxyCommand"
        Get-Request $log | Should -BeNullOrEmpty
    }

    It 'only asks with -WhatIf' {
        Set-OMSGatewayRelayProxy -Address proxy -Username svc -Password $secret -WhatIf
        Set-OMSGatewayRelayProxy -Address '' -WhatIf
        (Get-Request $log).params.validateOnly | Should -Be $true, $true
    }

    It 'refuses as a password <what>' -ForEach @(
        @{ what = 'a date'; given = [datetime] '2026-03-01' }
        @{ what = 'a hashtable'; given = @{ a = 1 } }
        @{ what = 'an array'; given = 'a', 'b' }
        @{ what = 'a switch'; given = $true }
        @{ what = 'any other object'; given = [pscustomobject] @{ Password = 'x' } }
    ) {
        { Set-OMSGatewayRelayProxy -Address proxy -Username svc -Password $given } | Should -Throw '*A password cannot be a*'
        Get-Content -LiteralPath $log | Should -BeNullOrEmpty
    }

    It 'shows the password nowhere' {
        $env:FAKECTL = 'error'
        $env:FAKECTL_RESULT = '{"code":3,"message":"no","data":{"code":"INVALID_ARGUMENT","reason":"RELAY_ADDRESS_INVALID"}}'
        $set = { Set-OMSGatewayRelayProxy -Address http://me:hunter2@proxy -Username svc -Password $secret -Verbose }
        $said = & { try { & $set } catch { $_ } } *>&1
        $said | ForEach-Object { "$($_ | Format-List -Property * -Force | Out-String)" } | Should -Not -Match 'hunter2|p%:ss'
        @($said | Where-Object { $_ -is [Management.Automation.ErrorRecord] }).Count | Should -Be 1
    }
}

Describe 'Get-OMSGatewayRelayProxy' {
    It 'answers <want> for <result>' -ForEach @(
        @{ result = '{"relayProxy":{"address":"http://proxy:3128","username":"svc"}}'; want = 'http://proxy:3128' }
        @{ result = '{"relayProxy":{"address":"","username":""}}'; want = $null }
        @{ result = '{"relayProxy":null}'; want = $null }
        @{ result = '{}'; want = $null }
    ) {
        $log = Use-FakeControl -Mode answer -Result $result
        try { Get-OMSGatewayRelayProxy | Should -BeExactly $want }
        finally { Restore-Control $log }
    }
}

Describe 'A program that is too old' {
    It 'is named: <older>' -ForEach @(
        @{ older = 'The gateway'
            result = '{"code":12,"message":"no","data":{"code":"UNIMPLEMENTED","reason":"METHOD_UNKNOWN"}}' }
        @{ older = 'omsgwctl'; result = '{"code":-32601,"message":"there is no method"}' }
    ) {
        $log = Use-FakeControl -Mode error -Result $result
        try {
            $failed = { Get-OMSGatewayRelayProxy -ErrorAction Stop } | Should -Throw -PassThru
            $failed.FullyQualifiedErrorId | Should -Be 'GatewayTooOld,OMSGateway.GetOMSGatewayRelayProxyCommand'
            $failed.CategoryInfo.Category | Should -Be 'NotImplemented'
            $failed.Exception.Message | Should -Match "^$older is too old for Get-OMSGatewayRelayProxy"
        }
        finally { Restore-Control $log }
    }
}

Describe 'The relay proxy of a gateway' {
    AfterEach { Set-OMSGatewayRelayProxy -Address '' }

    It 'is none at first, and after it was cleared' {
        Get-OMSGatewayRelayProxy | Should -BeNullOrEmpty
        Set-OMSGatewayRelayProxy proxy.example.com
        Set-OMSGatewayRelayProxy ''
        Get-OMSGatewayRelayProxy | Should -BeNullOrEmpty
        Set-OMSGatewayRelayProxy '' -Force -Confirm:$false
    }

    It 'is <want> for <address>' -ForEach @(
        @{ address = 'http://proxy.example.com:3128'; want = 'http://proxy.example.com:3128' }
        @{ address = ' Proxy.Example.com.:3128/ '; want = 'http://proxy.example.com:3128' }
        @{ address = 'https://proxy.example.com'; want = 'https://proxy.example.com:443' }
        @{ address = '192.0.2.7'; want = 'http://192.0.2.7:80' }
    ) {
        Set-OMSGatewayRelayProxy -Address $address
        Get-OMSGatewayRelayProxy | Should -BeExactly $want
        Get-OMSGatewayRelayProxy | Should -BeOfType [string]
    }

    It 'takes user and password, and shows neither' {
        Set-OMSGatewayRelayProxy proxy.example.com:3128 -Credential $credential
        Get-OMSGatewayRelayProxy | Should -BeExactly 'http://proxy.example.com:3128'
        (& $Control relay-proxy get --json | Out-String | ConvertFrom-Json).relayProxy.username | Should -BeExactly 'svc'
        (& $Control relay-proxy get --json | Out-String | ConvertFrom-Json).relayProxy.passwordSet | Should -BeTrue
        Get-Content -LiteralPath $gateway.Log | Should -Not -Match 'p%:ss'
    }

    It 'goes on with -PassThru as the gateway spells it' {
        Set-OMSGatewayRelayProxy Proxy.example.com:3128 -PassThru | Should -BeExactly 'http://proxy.example.com:3128'
        Set-OMSGatewayRelayProxy '' -PassThru | Should -BeNullOrEmpty
    }

    It 'is validated with -WhatIf, and not changed' {
        Set-OMSGatewayRelayProxy proxy.example.com -WhatIf -PassThru | Should -BeNullOrEmpty
        Set-OMSGatewayRelayProxy socks5://proxy.example.com -WhatIf -ErrorAction SilentlyContinue -ErrorVariable failed
        $failed.FullyQualifiedErrorId | Should -Be 'RelayAddressInvalid,OMSGateway.SetOMSGatewayRelayProxyCommand'
        Get-OMSGatewayRelayProxy | Should -BeNullOrEmpty
    }

    It 'loses user and password with an address alone' {
        Set-OMSGatewayRelayProxy proxy.example.com:3128 -Credential $credential
        Set-OMSGatewayRelayProxy proxy.example.com:3128
        (& $Control relay-proxy get --json | Out-String | ConvertFrom-Json).relayProxy.passwordSet | Should -BeFalse
    }

    It 'is not changed by <what>' -ForEach @(
        @{ what = 'a user in the address'; address = 'http://svc:hunter2@other:3128'; id = 'RelayAddressHasUser' }
        @{ what = 'another scheme'; address = 'socks5://other:1080'; id = 'RelayAddressInvalid' }
        @{ what = 'a password in place of the port'; address = 'other:hunter2'; id = 'RelayAddressInvalid' }
    ) {
        Set-OMSGatewayRelayProxy proxy.example.com:3128
        $failed = { Set-OMSGatewayRelayProxy $address -ErrorAction Stop } | Should -Throw -PassThru
        $failed.FullyQualifiedErrorId | Should -Be "$id,OMSGateway.SetOMSGatewayRelayProxyCommand"
        $failed.Exception.Message | Should -Not -Match 'hunter2'
        Get-OMSGatewayRelayProxy | Should -BeExactly 'http://proxy.example.com:3128'
    }

    It 'is gone through by the next tunnel' {
        Add-OMSGatewayAllowedHost a.example.com
        Set-OMSGatewayRelayProxy 127.0.0.1:1
        Invoke-Connect $gateway a.example.com:443 | Should -Match '^HTTP/1.1 502 '
        # The log has it a moment later.
        & $Control event list --id 403 | Select-String -SimpleMatch 'cannot connect to the relay proxy http://127.0.0.1:1' |
            Should -Not -BeNullOrEmpty
        Remove-OMSGatewayAllowedHost a.example.com
    }
}

# Update-OMSGateway.ps1 on a computer that is made up: what msiexec, reg and the registry would do is done to $computer. The script and all
# that it writes into files are real, and so is the PowerShell, 5.1 where it is run by that.

BeforeDiscovery {
    $failures = @(
        @{ step = 'looking at the computer'; fail = 'computer'; code = 1; says = 'Nothing was changed: this needs'; touched = $false }
        @{ step = 'finding the package'; fail = 'package'; code = 1; says = 'Nothing was changed: there are 0 packages'; touched = $false }
        @{ step = 'saving: the module is broken'; fail = 'module'; code = 1; says = 'Nothing was changed: *no module*'; touched = $false }
        @{ step = 'saving: the package is not kept'; fail = 'kept'; code = 1; says = 'Nothing was changed: *-OriginalPackage FILE'; touched = $false }
        @{ step = 'saving: Windows Installer does not know it'; fail = 'product'; code = 1; says = 'Nothing was changed: *by hand*'; touched = $false }
        @{ step = 'saving: the registry'; fail = 'export'; code = 1; says = 'Nothing was changed: *cannot be exported'; touched = $false }
        @{ step = 'uninstalling'; fail = 'uninstall'; code = 1; says = 'runs as before'; touched = $true }
        @{ step = 'uninstalling: the service stays'; fail = 'stays'; code = 1; says = 'runs as before'; touched = $true }
        @{ step = 'installing'; fail = 'install'; code = 1; says = 'runs as before'; touched = $true }
        @{ step = 'installing: cancelled in its window'; fail = 'cancel'; code = 1; says = 'runs as before'; touched = $true }
        @{ step = 'installing: ours does not run'; fail = 'run'; code = 1; says = 'runs as before'; touched = $true }
        @{ step = 'taking over'; fail = 'takeover'; code = 1; says = 'runs as before'; touched = $true }
    )
    $undoing = @(
        @{ step = 'removing ours'; fail = 'takeover', 'remove' }
        @{ step = 'installing the original'; fail = 'install', 'put-back' }
        @{ step = 'importing its registry'; fail = 'install', 'import' }
        @{ step = 'setting its settings'; fail = 'install', 'set' }
        @{ step = 'starting it'; fail = 'install', 'start' }
    )
    $services = @(
        @{ service = 'OMSGatewayService'; name = 'OMS Gateway'; hosts = 'a.example.com', 'b.example.com' }
        @{ service = 'ForwarderService'; name = 'Log Analytics Forwarder'; hosts = @() }
    )
}

BeforeAll {
    # As build.sh does it.
    $here = Split-Path $PSScriptRoot
    $script = Join-Path $TestDrive 'Update-OMSGateway.ps1'
    $part = (Get-Content -LiteralPath (Join-Path $here 'original.ps1')) -join "`n"
    (Get-Content -LiteralPath (Join-Path $here 'update.ps1')) -replace '^# original\.ps1$', $part.Replace('$', '$$') |
        Set-Content -LiteralPath $script
    . $script
    . (Join-Path $PSScriptRoot 'Computer.ps1')

    # Invoke-Update runs the whole script, and leaves what it says in $said.
    function Invoke-Update([switch] $Quiet, [string[]] $Property = @('LicenseAccepted=1', 'PASSWORD=geheim'), $Package = $package, $OriginalPackage = '') {
        $all = Update-Gateway $Package $OriginalPackage $Quiet.IsPresent $Property 6>&1
        Set-Variable -Scope 1 -Name said -Value (($all | Select-Object -SkipLast 1) -join "`n")
        $all | Select-Object -Last 1
    }
}

Describe 'Update-OMSGateway.ps1' {
    BeforeEach {
        $package = Join-Path $TestDrive 'OMSGateway-1.2.3-x64.msi'
        Set-Content -LiteralPath $package -Value 'ours'
        $computer = New-Computer 'OMSGatewayService' (Join-Path $TestDrive ([guid]::NewGuid()))
    }

    It 'puts ours in the place of an original <name>, silently' -ForEach $services {
        $computer = New-Computer $service (Join-Path $TestDrive ([guid]::NewGuid()))
        Invoke-Update -Quiet | Should -Be 0
        $computer.Runs | Should -Be 'ours'
        $computer.TakenOver.listenPort | Should -Be '8081'
        @($computer.TakenOver.allowedHosts) | Should -Be $hosts
        $said | Should -BeLike "*taken over from the original ${name}: $($hosts.Count) allowed hosts*"
        $computer.Calls[-2] | Should -BeLike 'msiexec.exe /x {0B1C} /qn /norestart /l`*v *'
        $computer.Calls[-1] | Should -BeLike "msiexec.exe /i $package /qn LicenseAccepted=1 PASSWORD=geheim /norestart /l`*v *"
        Join-Path $computer.Data 'original' | Should -Not -Exist
        $said | Should -Not -BeLike '*geheim*'
    }

    It 'lets setup ask its questions in the foreground' {
        Invoke-Update -Property @() | Should -Be 0
        $computer.Calls[-2] | Should -BeLike 'msiexec.exe /x {0B1C} /qb *'
        $computer.Calls[-1] | Should -BeLike "msiexec.exe /i $package /norestart *"
    }

    It 'installs ours where there is no original' {
        $computer.Installed = $computer.Runs = ''
        Invoke-Update -Quiet | Should -Be 0
        $computer.Runs | Should -Be 'ours'
        $computer.Calls.Count | Should -Be 1
    }

    It 'finds the package beside it, also under both of its names' {
        Copy-Item -LiteralPath $package -Destination (Join-Path $TestDrive 'OMS Gateway.msi')
        Invoke-Update -Quiet -Package '' | Should -Be 0
        Set-Content -LiteralPath (Join-Path $TestDrive 'OMS Gateway.msi') -Value 'another'
        Invoke-Update -Quiet -Package '' | Should -Be 1
        $said | Should -BeLike '*there are 2 packages*-Package FILE*'
        Remove-Item -LiteralPath (Join-Path $TestDrive 'OMS Gateway.msi')
    }

    It 'says that Windows needs a restart' {
        $computer.Code = 3010
        Invoke-Update -Quiet | Should -Be 3010
        $said | Should -BeLike '*needs a restart*'
    }

    It 'reminds of a password that cannot be read, unless it is given' {
        $null = Invoke-Update -Quiet
        $said | Should -BeLike '*Set-OMSGatewayRelayProxy*'
        $computer = New-Computer 'OMSGatewayService' (Join-Path $TestDrive ([guid]::NewGuid()))
        $null = Invoke-Update -Quiet -Property 'LicenseAccepted=1', 'HASAUTH=1'
        $said | Should -Not -BeLike '*Set-OMSGatewayRelayProxy*'
    }

    It 'changes nothing when it is called with <given>' -ForEach @(
        @{ given = 'no licence'; property = @(); says = '*LicenseAccepted=1*' }
        @{ given = 'a port that is none'; property = 'LicenseAccepted=1', 'PORTNUMBER=70000'; says = '*PORTNUMBER is no port*' }
        @{ given = 'what is no property'; property = 'LicenseAccepted=1', 'geheim'; says = '*NAME=value*' }
    ) {
        Invoke-Update -Quiet -Property $property | Should -Be 1
        $said | Should -BeLike $says
        $said | Should -Not -BeLike '*geheim*'
        $computer.Calls | Should -BeNullOrEmpty
    }

    It 'leaves the original as it was when this fails: <step>' -ForEach $failures {
        $before = $computer.Settings | ConvertTo-Json
        $computer.Fail = @($fail)
        Invoke-Update -Package $(if ($fail -ne 'package') { $package } else { Remove-Item -LiteralPath $package }) -Quiet | Should -Be $code
        $said | Should -BeLike "*$says*"
        $computer.Runs | Should -Be 'original'
        $computer.Installed | Should -Be 'original'
        $computer.Settings | ConvertTo-Json | Should -Be $before
        [bool](@($computer.Calls) -match '/[ix]') | Should -Be $touched
        Join-Path $computer.Data 'config.json' | Should -Not -Exist
        # And the next time it works.
        Set-Content -LiteralPath $package -Value 'ours'
        $computer.Fail = @()
        Invoke-Update -Quiet | Should -Be 0
        $computer.Runs | Should -Be 'ours'
    }

    It 'says what is left to do when putting the original back fails: <step>; and goes on when it is run again' -ForEach $undoing {
        $computer.Fail = $fail
        Invoke-Update -Quiet | Should -Be 2
        $said | Should -BeLike '*That failed, too: *original.msi*original.reg*original.json*run this script again*'
        foreach ($name in 'original.msi', 'original.reg', 'original.json') { Join-Path $computer.Data "original/$name" | Should -Exist }
        $computer.Fail = @()
        Invoke-Update -Quiet | Should -Be 0
        $computer.Runs | Should -Be 'ours'
        @($computer.TakenOver.allowedHosts) | Should -Be 'a.example.com', 'b.example.com'
    }

    It 'goes on when it was interrupted between the packages, and can still go back' {
        $backup = Join-Path $computer.Data 'original'
        $null = Save-All (Find-Original) ''
        $null = Start-Program 'msiexec.exe' '/x', '{0B1C}', 'uninstall.log'
        $computer.Installed | Should -Be ''
        $computer.Fail = @('install')
        Invoke-Update -Quiet | Should -Be 1
        $computer.Runs | Should -Be 'original'
        @($computer.Settings.allowedHosts) | Should -Be 'a.example.com', 'b.example.com'
    }

    It 'gives programs <argument> as <want>' -ForEach @(
        @{ argument = '/qn'; want = '/qn' }
        @{ argument = 'C:\a b\c.msi'; want = '"C:\a b\c.msi"' }
        @{ argument = 'PASSWORD=a "b" c'; want = 'PASSWORD="a ""b"" c"' }
        @{ argument = 'PASSWORD="'; want = 'PASSWORD=""""' }
        @{ argument = 'PROXY='; want = 'PROXY=""' }
        @{ argument = 'C:\a=b\c.msi'; want = 'C:\a=b\c.msi' }
    ) { Format-Argument $argument | Should -BeExactly $want }

    It 'reads settings in a process of its own' {
        $PSCommandPath | Should -Not -BeNullOrEmpty
        & { . $script; Invoke-Apart Read-Text ([pscustomobject]@{ Value = 'of another process' }) } | Should -Be 'of another process'
    }
}

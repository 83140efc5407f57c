# The three blocks of the script resource that docs/automation.md shows for DSC, as they stand there, save the path of the file.

BeforeAll {
    . "$PSScriptRoot/Gateway.ps1"
    $gateway = Start-Gateway
    Import-Module $Manifest
    $file = Join-Path $gateway.Folder 'gateway.yml'
    $page = Get-Content -LiteralPath (Join-Path $Root 'docs/automation.md') -Raw
    $code = [regex]::Match($page, '(?ms)^```powershell\r?\n(Script .*?)^```').Groups[1].Value
    $script = [Management.Automation.Language.Parser]::ParseInput($code, [ref] $null, [ref] $null)
    $blocks = @{}
    foreach ($call in $script.FindAll({ $args[0] -is [Management.Automation.Language.CommandAst] }, $true)) {
        if ("$($call.GetCommandName())" -like '?*Script' -and $call.CommandElements.Count -eq 3) {
            $text = $call.CommandElements[2].ScriptBlock.GetScriptBlock().ToString().Replace('C:\Config\gateway.yml', $file)
            $blocks[$call.GetCommandName()] = [scriptblock]::Create($text)
        }
    }
}

AfterAll { Stop-Gateway $gateway -Remove }

Describe 'The script resource for DSC' {
    It 'has its three blocks' {
        $blocks.Keys | Sort-Object | Should -Be 'GetScript', 'SetScript', 'TestScript'
    }

    It 'finds what is different, makes it so, and finds nothing any more' {
        Set-Content -LiteralPath $file -Value "version: 4`nallowedHosts:`n  - host: a.example.com`n"
        $before = & $blocks.TestScript
        $before | Should -BeOfType bool
        $before | Should -BeFalse
        & $blocks.SetScript 3>$null | Should -BeNullOrEmpty
        & $blocks.TestScript | Should -BeTrue
        Get-OMSGatewayAllowedHost | Should -Be 'a.example.com'
        (Get-OMSGatewayRevision)[0].Comment | Should -BeExactly 'DSC'
        $revisions = @(Get-OMSGatewayRevision).Count
        & $blocks.SetScript 3>$null
        @(Get-OMSGatewayRevision).Count | Should -Be $revisions
    }

    It 'shows what is there' {
        $got = & $blocks.GetScript
        $got | Should -BeOfType hashtable
        ($got.Result | ConvertFrom-Json).allowedHosts.host | Should -BeExactly 'a.example.com'
    }

    It 'does not take a file that is wrong for one that is applied' {
        Set-Content -LiteralPath $file -Value "version: 4`nallowedHots: []`n"
        { & $blocks.TestScript } | Should -Throw '*gateway.yml*allowedHots*'
        { & $blocks.SetScript } | Should -Throw '*gateway.yml*allowedHots*'
    }
}

# Run.ps1 [PATH] runs all Pester tests and ends with an exit code. Needs Pester 5; where it is not there they are skipped with one line, or fail
# if OMSGATEWAY_TEST_REQUIRE is set. PATH is another folder with tests.
param([string] $Path = $PSScriptRoot)

if (-not (Get-Module -ListAvailable -Name Pester | Where-Object { $_.Version.Major -ge 5 })) {
    Write-Output "psmodule: Pester tests skipped: PowerShell $($PSVersionTable.PSVersion) has no Pester 5 (Install-Module Pester)"
    exit [int] [bool] $env:OMSGATEWAY_TEST_REQUIRE
}
Import-Module -Name Pester -MinimumVersion 5.0
$configuration = New-PesterConfiguration
$configuration.Run.Path = $Path
$configuration.Run.Exit = $true
Invoke-Pester -Configuration $configuration

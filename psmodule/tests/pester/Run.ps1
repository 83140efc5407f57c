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
$configuration.Run.PassThru = $true
$result = Invoke-Pester -Configuration $configuration

# Again at the end, where whoever reads a log begins.
foreach ($test in $result.Failed) {
    Write-Output "FAILED $($test.ExpandedPath)"
    foreach ($record in $test.ErrorRecord) {
        Write-Output "  $($record.Exception.Message)"
        $record.ScriptStackTrace -split "`n" -match '\.Tests\.ps1' | Select-Object -First 1
    }
}
foreach ($container in $result.FailedContainers) {
    Write-Output "FAILED $($container.Item)"
    foreach ($record in $container.ErrorRecord) { Write-Output "  $($record.Exception.Message)" }
}
exit [int] ($result.Result -ne 'Passed')

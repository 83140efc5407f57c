# What the tests share: a gateway of their own, the programs they drive, and a PowerShell in a process of its own.

$Windows = $env:OS -eq 'Windows_NT'
$Exe = if ($Windows) { '.exe' } else { '' }
$Root = (Resolve-Path -LiteralPath "$PSScriptRoot/../../..").Path
$ModuleFolder = Join-Path $Root 'psmodule/out/OMSGateway'
$Manifest = Join-Path $ModuleFolder 'OMSGateway.psd1'
$Control = Join-Path $Root "bin/omsgwctl$Exe"
$FakeControl = Join-Path $Root "psmodule/out/build/bin/FakeCtl/release/FakeCtl$Exe"
$Shell = (Get-Process -Id $PID).Path

function Start-Gateway {
    # A gateway with an empty configuration, which the cmdlets and programs of this process then reach.
    $folder = Join-Path ([IO.Path]::GetTempPath()) ('oms' + [guid]::NewGuid().ToString('N').Substring(0, 12))
    $null = New-Item -ItemType Directory -Path $folder
    $gateway = [pscustomobject] @{
        Folder  = $folder
        Address = if ($Windows) { "npipe:$(Split-Path -Leaf $folder)" } else { "unix:$folder/admin.sock" }
        Log     = Join-Path $folder 'log/omsgateway.log'
        Process = $null
        Port    = 0
    }
    Restart-Gateway $gateway
    $env:OMSGATEWAY_ADDRESS = $gateway.Address
    $env:OMSGATEWAY_CTL = $Control
    $gateway
}

function Restart-Gateway {
    # Starts a gateway that was stopped, or starts one again; it answers when this ends, as with a service.
    param($Gateway)

    if ($null -ne $Gateway.Process) { Stop-Gateway $Gateway }
    $start = New-Object -TypeName System.Diagnostics.ProcessStartInfo -ArgumentList (Join-Path $Root "bin/omsgateway$Exe")
    $start.Arguments = "--state-dir ""$($Gateway.Folder)"" --address $($Gateway.Address) --listen 127.0.0.1:0"
    $start.UseShellExecute = $false
    $start.RedirectStandardError = $true
    $Gateway.Process = [Diagnostics.Process]::Start($start)
    do {
        $line = $Gateway.Process.StandardError.ReadLine()
        if ($null -eq $line) { throw 'the gateway did not start' }
    } until ($line -match 'listens on 127\.0\.0\.1:(\d+)')
    $Gateway.Port = [int] $Matches[1]
    $null = $Gateway.Process.StandardError.ReadToEndAsync()
}

function Stop-Gateway {
    param($Gateway, [switch] $Remove)

    if (-not $Gateway.Process.HasExited) { $Gateway.Process.Kill() }
    $Gateway.Process.WaitForExit()
    if ($Remove) {
        Remove-Item -LiteralPath $Gateway.Folder -Recurse -Force
        $env:OMSGATEWAY_ADDRESS = $null
        $env:OMSGATEWAY_CTL = $null
    }
}

function Clear-Gateway {
    # Empties the lists, so that a test begins with nothing.
    Get-OMSGatewayAllowedHost | Remove-OMSGatewayAllowedHost -WarningAction Ignore
    Get-OMSGatewayAllowedClientCertificate | Remove-OMSGatewayAllowedClientCertificate -WarningAction Ignore
}

function Invoke-Connect {
    # Sends a CONNECT request and answers the status line.
    param($Gateway, [string] $Target)

    $client = New-Object -TypeName System.Net.Sockets.TcpClient -ArgumentList '127.0.0.1', $Gateway.Port
    try {
        $stream = $client.GetStream()
        $request = [Text.Encoding]::ASCII.GetBytes("CONNECT $Target HTTP/1.1`r`nHost: $Target`r`n`r`n")
        $stream.Write($request, 0, $request.Length)
        (New-Object -TypeName IO.StreamReader -ArgumentList $stream).ReadLine()
    }
    finally {
        $client.Close()
    }
}

function Invoke-Shell {
    # Runs a script in a new PowerShell and answers what it wrote, the module not imported. Input is typed text.
    param([string] $Script, [string] $Type)

    $file = Join-Path ([IO.Path]::GetTempPath()) ([guid]::NewGuid().ToString('N') + '.ps1')
    Set-Content -LiteralPath $file -Value $Script -Encoding UTF8
    try {
        if ($Type) { $Type | & $Shell -NoProfile -File $file 2>&1 } else { & $Shell -NoProfile -NonInteractive -File $file 2>&1 }
    }
    finally {
        Remove-Item -LiteralPath $file
    }
}

function Use-FakeControl {
    # Lets the cmdlets run the stand-in of tests/fakectl until Restore-Control. Answers the file with what it is asked.
    param([string] $Mode, [string] $Result)

    $log = [IO.Path]::GetTempFileName()
    $env:OMSGATEWAY_CTL = $FakeControl
    $env:FAKECTL = $Mode
    $env:FAKECTL_RESULT = $Result
    $env:FAKECTL_PROGRAM = $Control
    $env:FAKECTL_LOG = $log
    $log
}

function Restore-Control {
    param([string] $Log)

    $env:OMSGATEWAY_CTL = $Control
    'FAKECTL', 'FAKECTL_RESULT', 'FAKECTL_PROGRAM', 'FAKECTL_LOG' | ForEach-Object { Set-Item -Path "env:$_" -Value $null }
    Remove-Item -LiteralPath $Log
}

function Get-Request {
    # The requests in a file of the stand-in, as objects.
    param([string] $Log)

    Get-Content -LiteralPath $Log | Where-Object { $_ -ne 'start' } | ForEach-Object { $_ | ConvertFrom-Json }
}

function Get-Completion {
    # What the Tab key offers at the end of a line. The cmdlets give up after 300 ms, which may be too soon on a busy machine, so the
    # key is pressed until it offers something, as people do; PowerShell's own offers, which are files, do not count.
    param([string] $Line, [int] $Presses = 20)

    while ($Presses-- -gt 0) {
        $offers = (TabExpansion2 -inputScript $Line -cursorColumn $Line.Length).CompletionMatches |
            Where-Object ResultType -EQ ParameterValue
        if ($offers) { return $offers }
    }
}

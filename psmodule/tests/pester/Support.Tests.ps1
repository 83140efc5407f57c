BeforeAll {
    . "$PSScriptRoot/Gateway.ps1"
    $gateway = Start-Gateway
    Import-Module $Manifest
    Add-Type -AssemblyName System.IO.Compression.FileSystem
    $folder = Join-Path $gateway.Folder 'a folder with "quotes"'
    if ($Windows) { $folder = Join-Path $gateway.Folder 'a folder' }
    $null = New-Item -ItemType Directory -Path $folder

    function Read-Archive {
        param($File)
        $text = ''
        $archive = [IO.Compression.ZipFile]::OpenRead($File)
        try {
            foreach ($entry in $archive.Entries) {
                $reader = New-Object -TypeName System.IO.StreamReader -ArgumentList $entry.Open()
                $text += $reader.ReadToEnd()
                $reader.Dispose()
            }
        } finally { $archive.Dispose() }
        $text
    }
}

AfterAll { Stop-Gateway $gateway -Remove }

Describe 'Save-OMSGatewaySupport' {
    It 'makes a file in a folder' {
        Add-OMSGatewayAllowedHost secret-project.contoso.example
        $saved = Save-OMSGatewaySupport -Path $folder
        $saved.Name | Should -Match '^omsgateway-support-.+-\d{8}T\d{6}Z\.zip$'
        $saved.DirectoryName | Should -Be $folder
        Read-Archive $saved.FullName | Should -Match 'secret-project\.contoso\.example'
    }

    It 'puts aliases in the place of names' {
        $saved = Save-OMSGatewaySupport -Path (Join-Path $folder 'anonymous.zip') -Anonymous
        $text = Read-Archive $saved.FullName
        $text | Should -Match 'host-1'
        $text | Should -Not -Match 'contoso'
    }

    It 'leaves a file alone that is there' {
        $file = Join-Path $folder 'there.zip'
        'mine' | Set-Content -LiteralPath $file
        Save-OMSGatewaySupport -Path $file -ErrorAction SilentlyContinue -ErrorVariable failed | Should -BeNullOrEmpty
        $failed[0].FullyQualifiedErrorId | Should -BeLike 'SupportNotSaved,*'
        "$($failed[0])" | Should -Match 'there\.zip'
        Get-Content -LiteralPath $file | Should -BeExactly 'mine'
    }

    It 'makes none with -WhatIf' {
        Save-OMSGatewaySupport -Path (Join-Path $folder 'none.zip') -WhatIf | Should -BeNullOrEmpty
        Test-Path -LiteralPath (Join-Path $folder 'none.zip') | Should -BeFalse
    }
}

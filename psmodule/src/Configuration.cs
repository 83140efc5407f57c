using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Management.Automation;
using System.Text;

namespace OMSGateway;

/// <summary>How the configuration is written as a file.</summary>
public enum ConfigurationFormat
{
    /// <summary>YAML, the shorter one for people.</summary>
    Yaml,

    /// <summary>JSON.</summary>
    Json,
}

/// <summary>Export-OMSGatewayConfiguration.</summary>
[Cmdlet(VerbsData.Export, "OMSGatewayConfiguration", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(string))]
public sealed class ExportOMSGatewayConfigurationCommand : AskingCmdlet
{
    private const int Attempts = 5;

    /// <summary>The file to write, which is replaced. Left out, the text goes to the pipeline.</summary>
    [Parameter(Position = 0)]
    [ValidateNotNullOrEmpty]
    public string? Path { get; set; }

    /// <summary>How it is written; left out, what the name of the file says, else YAML.</summary>
    [Parameter]
    public ConfigurationFormat? Format { get; set; }

    /// <summary>Do not replace a file.</summary>
    [Parameter]
    public SwitchParameter NoClobber { get; set; }

    private protected override IEnumerable<object?> Ask()
    {
        var path = Path == null ? null : GetUnresolvedProviderPathFromPSPath(Path);
        if (path != null && !ShouldProcess(path, "Write the configuration"))
        {
            return [];
        }
        var format = Format ?? (path != null && path.EndsWith(".json", StringComparison.OrdinalIgnoreCase)
            ? ConfigurationFormat.Json
            : ConfigurationFormat.Yaml);
        var document = Read(format);
        if (path == null)
        {
            return [Encoding.UTF8.GetString(document)];
        }
        try
        {
            using var file = new FileStream(path, NoClobber ? FileMode.CreateNew : FileMode.Create, FileAccess.Write);
            file.Write(document, 0, document.Length);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            WriteError(new ErrorRecord(e, "ConfigurationNotSaved", ErrorCategory.WriteError, path));
        }
        return [];
    }

    /// <summary>The parts of the document as one; when the configuration changes between two of them it begins again.</summary>
    private byte[] Read(ConfigurationFormat format)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return ReadOnce(format);
            }
            catch (CallException e) when (e.Reason == "ETAG_MISMATCH" && attempt < Attempts)
            {
                WriteVerbose("The configuration has changed meanwhile; it is read again.");
            }
        }
    }

    private byte[] ReadOnce(ConfigurationFormat format)
    {
        using var document = new MemoryStream();
        var request = new ExportConfigurationRequest { Format = format.ToString().ToUpperInvariant() };
        while (true)
        {
            var answer = Call<ExportConfigurationRequest, ExportConfigurationAnswer>("ConfigurationService/ExportConfiguration", request);
            var part = Convert.FromBase64String(answer.Document ?? "");
            document.Write(part, 0, part.Length);
            if (part.Length == 0 || document.Length >= answer.Size)
            {
                return document.ToArray();
            }
            (request.Offset, request.Etag) = (document.Length, answer.Etag);
        }
    }
}

/// <summary>Compare-OMSGatewayConfiguration.</summary>
[Cmdlet(VerbsData.Compare, "OMSGatewayConfiguration")]
[OutputType(typeof(RevisionChange))]
public sealed class CompareOMSGatewayConfigurationCommand : AskingCmdlet
{
    /// <summary>The file, in YAML or JSON.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [ValidateNotNullOrEmpty]
    public string Path { get; set; } = "";

    /// <summary>What the file leaves out counts as a difference, too.</summary>
    [Parameter]
    public SwitchParameter Prune { get; set; }

    /// <summary>As for Import-OMSGatewayConfiguration.</summary>
    [Parameter]
    [Password]
    public object? Password { get; set; }

    private protected override IEnumerable<object?> Ask()
    {
        Secret.WarnOfPlainText(this, Password, "Give it as a SecureString, or as a PSCredential (Get-Credential).");
        if (ConfigurationFile.Read(this, Path, Prune, Password) is not { } request)
        {
            return [];
        }
        request.ValidateOnly = true;
        var answer = Call<ApplyConfigurationRequest, ApplyConfigurationAnswer>("ConfigurationService/ApplyConfiguration", request);
        RevisionDifference.WarnOfMore(this, answer.Changes, answer.Counts);
        return answer.Changes.Select(c => new RevisionChange(c));
    }
}

/// <summary>Import-OMSGatewayConfiguration.</summary>
[Cmdlet(VerbsData.Import, "OMSGatewayConfiguration", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(RevisionChange))]
public sealed class ImportOMSGatewayConfigurationCommand : ChangeCmdlet
{
    /// <summary>The file, in YAML or JSON.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [ValidateNotNullOrEmpty]
    public string Path { get; set; } = "";

    /// <summary>What the file leaves out goes: entries, the relay proxy, and settings, which get their default.</summary>
    [Parameter]
    public SwitchParameter Prune { get; set; }

    /// <summary>The password of the relay proxy's user, where the gateway does not have it: a SecureString, a string, a number as it was
    /// typed, or a PSCredential.</summary>
    [Parameter]
    [Password]
    public object? Password { get; set; }

    /// <summary>Write what is different now to the pipeline.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <summary>Makes the configuration what the file says.</summary>
    private protected override void Finish()
    {
        Secret.WarnOfPlainText(this, Password, "Give it as a SecureString, or as a PSCredential (Get-Credential).");
        if (ConfigurationFile.Read(this, Path, Prune, Password) is not { } request)
        {
            return;
        }
        var answer = Change<ApplyConfigurationRequest, ApplyConfigurationAnswer>(
            request.Name, Prune ? "Make this the configuration, and remove what it leaves out" : "Make this the configuration",
            "ConfigurationService/ApplyConfiguration", request);
        if (answer == null)
        {
            return;
        }
        var changes = Array.ConvertAll(answer.Changes, c => new RevisionChange(c));
        WriteVerbose(changes.Length == 0 ? "Nothing was different." : $"{changes.Length} differences: {string.Join("; ", changes.Take(5))}");
        if (PassThru)
        {
            RevisionDifference.WarnOfMore(this, answer.Changes, answer.Counts);
            WriteObject(changes, true);
        }
    }
}

/// <summary>A configuration as a file.</summary>
internal static class ConfigurationFile
{
    private const int MostBytes = 16 << 20; // that the gateway takes

    /// <summary>The request that applies a file, or null if it cannot be read, of which the user is told.</summary>
    public static ApplyConfigurationRequest? Read(PSCmdlet cmdlet, string path, bool prune, object? password)
    {
        var full = cmdlet.GetUnresolvedProviderPathFromPSPath(path);
        try
        {
            using var file = new FileStream(full, FileMode.Open, FileAccess.Read, FileShare.Read);
            using var document = new MemoryStream();
            var block = new byte[64 * 1024];
            int size;
            while (document.Length <= MostBytes && (size = file.Read(block, 0, block.Length)) > 0)
            {
                document.Write(block, 0, size);
            }
            return new ApplyConfigurationRequest
            {
                Document = Convert.ToBase64String(document.GetBuffer(), 0, (int)document.Length),
                Name = System.IO.Path.GetFileName(full),
                Prune = prune,
                Password = password == null ? null : Secret.Plain((password as PSCredential)?.Password ?? password),
            };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            var isMissing = e is FileNotFoundException or DirectoryNotFoundException;
            cmdlet.WriteError(new ErrorRecord(e, isMissing ? "ConfigurationNotFound" : "ConfigurationNotRead",
                isMissing ? ErrorCategory.ObjectNotFound : ErrorCategory.ReadError, full));
            return null;
        }
    }
}

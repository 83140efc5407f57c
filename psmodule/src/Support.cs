using System;
using System.Collections.Generic;
using System.ComponentModel;
using System.Diagnostics;
using System.IO;
using System.Management.Automation;
using System.Text;
using System.Threading.Tasks;

namespace OMSGateway;

/// <summary>Save-OMSGatewaySupport: the archive of <c>omsgwctl support</c>.</summary>
[Cmdlet(VerbsData.Save, "OMSGatewaySupport", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(FileInfo))]
public sealed class SaveOMSGatewaySupportCommand : PSCmdlet, IDisposable
{
    private Process? process;

    /// <summary>The file to make, which must not be there yet, or a folder to make it in. Left out, it is made in the current folder, with
    /// the computer's name and the time in its name.</summary>
    [Parameter(Position = 0)]
    [ValidateNotNullOrEmpty]
    public string? Path { get; set; }

    /// <summary>Puts aliases in the place of names and addresses.</summary>
    [Parameter]
    public SwitchParameter Anonymous { get; set; }

    /// <summary>Makes the archive.</summary>
    protected override void EndProcessing()
    {
        var path = GetUnresolvedProviderPathFromPSPath(Path ?? ".");
        if (Directory.Exists(path))
        {
            var computer = Anonymous ? "gateway" : Environment.MachineName;
            path = System.IO.Path.Combine(path, $"omsgateway-support-{computer}-{DateTime.UtcNow:yyyyMMddTHHmmssZ}.zip");
        }
        if (!ShouldProcess(path, "Write what somebody needs who is to help"))
        {
            return;
        }
        try
        {
            var (exitCode, notes) = Run(ControlProgram.Find(), path);
            if (exitCode != 0)
            {
                var text = notes.Count > 0 ? notes[0] : $"omsgwctl ended with exit code {exitCode}";
                WriteError(new ErrorRecord(new IOException(text), "SupportNotSaved", ErrorCategory.WriteError, path));
                return;
            }
            notes.ForEach(WriteVerbose);
            WriteObject(new FileInfo(path));
        }
        catch (BatchException e)
        {
            WriteError(Failure.Record(e, "Save-OMSGatewaySupport", path));
        }
    }

    /// <summary>Ends omsgwctl, which removes what it has begun.</summary>
    protected override void StopProcessing() => Kill();

    /// <summary>Ends omsgwctl where the pipeline ended early.</summary>
    public void Dispose()
    {
        Kill();
        process?.Dispose();
    }

    // The lines of standard error are what is missing in the archive, or why there is none. Each part has its own limit in omsgwctl.
    private (int ExitCode, List<string> Notes) Run(string program, string path)
    {
        var start = new ProcessStartInfo(program, $"support{(Anonymous ? " --anonymous" : "")} --output {Quoted(path)}")
        {
            UseShellExecute = false,
            CreateNoWindow = true,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardErrorEncoding = Encoding.UTF8,
        };
        try
        {
            process = Process.Start(start)!;
        }
        catch (Exception e) when (e is Win32Exception or IOException or InvalidOperationException)
        {
            throw new BatchException("ControlProgramNotStarted", $"{program} cannot be started: {e.Message}", e);
        }
        process.StandardInput.Close();
        var output = Task.Run(() => process.StandardOutput.ReadToEnd());
        List<string> notes = [];
        while (process.StandardError.ReadLine() is { } line)
        {
            const string prefix = "omsgwctl: ";
            notes.Add(line.StartsWith(prefix, StringComparison.Ordinal) ? line.Substring(prefix.Length) : line);
        }
        output.Wait();
        process.WaitForExit();
        return (process.ExitCode, notes);
    }

    private void Kill()
    {
        try
        {
            process?.Kill();
        }
        catch (Exception e) when (e is InvalidOperationException or Win32Exception)
        {
            // It has ended.
        }
    }

    // As programs on Windows take their command line apart, and .NET on other systems: backslashes before a quotation mark are doubled.
    private static string Quoted(string argument)
    {
        var text = new StringBuilder("\"");
        var backslashes = 0;
        foreach (var c in argument)
        {
            if (c == '\\')
            {
                backslashes++;
                continue;
            }
            text.Append('\\', c == '"' ? (2 * backslashes) + 1 : backslashes).Append(c);
            backslashes = 0;
        }
        return text.Append('\\', 2 * backslashes).Append('"').ToString();
    }
}

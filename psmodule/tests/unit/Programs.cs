using System.Diagnostics;
using System.Runtime.InteropServices;

[assembly: CollectionBehavior(DisableTestParallelization = true)] // the programs are told by environment variables

namespace OMSGateway.Tests;

/// <summary>Where the programs are that the tests drive.</summary>
internal static class Programs
{
    private static readonly string Exe = RuntimeInformation.IsOSPlatform(OSPlatform.Windows) ? ".exe" : "";

    public static string Root { get; } = FindRoot();

    public static string Gateway => Built("omsgateway");

    public static string Control => Built("omsgwctl");

    /// <summary>The stand-in of tests/fakectl.</summary>
    public static string FakeControl =>
        Path.Combine(Root, "psmodule", "out", "build", "bin", "FakeCtl", Configuration, "FakeCtl" + Exe);

    // "debug" or "release": the last folder that the tests lie in.
    private static string Configuration => Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));

    private static string Built(string name)
    {
        var path = Path.Combine(Root, "bin", name + Exe);
        return File.Exists(path) ? path : throw new FileNotFoundException($"{path} is missing; make test-psmodule builds it");
    }

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder != null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "go.mod")))
            {
                return folder.FullName;
            }
        }
        throw new DirectoryNotFoundException("the tests run outside of the project");
    }
}

/// <summary>A gateway of the test's own, whose address is in OMSGATEWAY_ADDRESS while it is there.</summary>
internal sealed class RunningGateway : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("oms").FullName;
    private Process? process;

    public RunningGateway()
    {
        Address = OperatingSystem.IsWindows() ? $"npipe:{Path.GetFileName(folder)}" : $"unix:{folder}/admin.sock";
        Environment.SetEnvironmentVariable("OMSGATEWAY_ADDRESS", Address);
        Start();
    }

    public string Address { get; }

    public void Start()
    {
        process = Process.Start(new ProcessStartInfo(Programs.Gateway)
        {
            ArgumentList = { "--state-dir", folder, "--address", Address, "--listen", "127.0.0.1:0" },
            RedirectStandardError = true,
        })!;
        while (process.StandardError.ReadLine() is { } line)
        {
            if (line.Contains("listens on", StringComparison.Ordinal))
            {
                _ = process.StandardError.ReadToEndAsync();
                return;
            }
        }
        throw new InvalidOperationException("the gateway did not start");
    }

    public void Kill()
    {
        process!.Kill();
        process.WaitForExit();
    }

    public void Dispose()
    {
        Kill();
        Environment.SetEnvironmentVariable("OMSGATEWAY_ADDRESS", null);
        Directory.Delete(folder, true);
    }
}

/// <summary>Environment variables that go back with the test's end.</summary>
internal sealed class Variables : IDisposable
{
    private readonly List<(string Name, string? Value)> before = [];

    public Variables Set(string name, string? value)
    {
        before.Add((name, Environment.GetEnvironmentVariable(name)));
        Environment.SetEnvironmentVariable(name, value);
        return this;
    }

    public void Dispose()
    {
        before.Reverse();
        before.ForEach(v => Environment.SetEnvironmentVariable(v.Name, v.Value));
    }
}

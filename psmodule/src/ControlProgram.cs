using System;
using System.IO;
using System.Runtime.InteropServices;

namespace OMSGateway;

/// <summary>Finds omsgwctl: beside this module, or where OMSGATEWAY_CTL says. It is never searched in PATH.</summary>
internal static class ControlProgram
{
    public const string Variable = "OMSGATEWAY_CTL";

    /// <summary>The full path of omsgwctl.</summary>
    /// <exception cref="BatchException">There is none, or the variable does not name one.</exception>
    public static string Find()
    {
        var given = Environment.GetEnvironmentVariable(Variable);
        if (!string.IsNullOrEmpty(given))
        {
            return Given(given);
        }
        var beside = Path.Combine(ModuleFolder, "bin", Platform(), IsWindows ? "omsgwctl.exe" : "omsgwctl");
        return File.Exists(beside)
            ? beside
            : throw new BatchException("ControlProgramMissing",
                $"The module has no omsgwctl for this computer: {beside} is not there. Install the module again, " +
                $"or set {Variable} to the full path of omsgwctl.");
    }

    private static string Given(string path)
    {
        if (!IsFullPath(path))
        {
            throw new BatchException("ControlProgramMissing", $"{Variable} is \"{path}\", which is not a full path.");
        }
        return File.Exists(path)
            ? path
            : throw new BatchException("ControlProgramMissing", $"{Variable} is \"{path}\", and there is no such file.");
    }

    // "C:omsgwctl.exe" and "\omsgwctl.exe" are rooted on Windows, but depend on the current folder.
    private static bool IsFullPath(string path) =>
        Path.IsPathRooted(path)
        && (!IsWindows || path.StartsWith(@"\\", StringComparison.Ordinal) || path.IndexOf(@":\", StringComparison.Ordinal) == 1);

    private static string ModuleFolder => Path.GetDirectoryName(typeof(ControlProgram).Assembly.Location)!;

    private static bool IsWindows => RuntimeInformation.IsOSPlatform(OSPlatform.Windows);

    // The computer's architecture, not the process's: PowerShell may be a 32-bit or emulated one.
    private static string Platform()
    {
        var system = IsWindows ? "windows" : RuntimeInformation.IsOSPlatform(OSPlatform.Linux) ? "linux" : "other";
        return RuntimeInformation.OSArchitecture switch
        {
            Architecture.X64 => system + "-amd64",
            Architecture.Arm64 => system + "-arm64",
            var other => $"{system}-{other}".ToLowerInvariant(),
        };
    }
}

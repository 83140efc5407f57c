using System;
using System.Management.Automation;
using System.Runtime.InteropServices;
using System.Security;

namespace OMSGateway;

/// <summary>Passwords on their way to omsgwctl, which gets them on its standard input.</summary>
internal static class Secret
{
    /// <summary>The text of a SecureString or a string; empty for anything else.</summary>
    public static string Plain(object? password)
    {
        if (password is not SecureString secret)
        {
            return password as string ?? "";
        }
        var memory = Marshal.SecureStringToGlobalAllocUnicode(secret);
        try
        {
            return Marshal.PtrToStringUni(memory, secret.Length)!;
        }
        finally
        {
            Marshal.ZeroFreeGlobalAllocUnicode(memory);
        }
    }

    /// <summary>Warns of a password that was given as plain text.</summary>
    public static void WarnOfPlainText(Cmdlet cmdlet, object? password, string remedy)
    {
        if (password is string and not "")
        {
            cmdlet.WriteWarning($"The password was given as plain text, so it stays in the history of this session and in scripts. {remedy}");
        }
    }
}

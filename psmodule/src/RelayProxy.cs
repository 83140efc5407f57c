using System;
using System.Management.Automation;
using System.Runtime.InteropServices;
using System.Security;

namespace OMSGateway;

/// <summary>Get-OMSGatewayRelayProxy.</summary>
[Cmdlet(VerbsCommon.Get, "OMSGatewayRelayProxy")]
[OutputType(typeof(string))]
public sealed class GetOMSGatewayRelayProxyCommand : GatewayCmdlet
{
    /// <summary>Answers the address, or nothing if no relay proxy is set.</summary>
    protected override void EndProcessing()
    {
        var address = Call<Empty, GetRelayProxyAnswer>("RelayProxyService/GetRelayProxy", new Empty()).RelayProxy?.Address;
        base.EndProcessing();
        if (!string.IsNullOrEmpty(address))
        {
            WriteObject(address);
        }
    }
}

/// <summary>Set-OMSGatewayRelayProxy.</summary>
[Cmdlet(VerbsCommon.Set, "OMSGatewayRelayProxy", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium,
    DefaultParameterSetName = UserSet)]
public sealed class SetOMSGatewayRelayProxyCommand : ChangeCmdlet
{
    private const string UserSet = "User";
    private const string CredentialSet = "Credential";

    /// <summary>The address; empty for no relay proxy.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [AllowEmptyString]
    public string Address { get; set; } = "";

    /// <summary>The user at the relay proxy.</summary>
    [Parameter(Position = 1, ParameterSetName = UserSet)]
    [AllowEmptyString]
    [AllowNull]
    public string? Username { get; set; }

    /// <summary>The user's password, a string or a SecureString.</summary>
    [Parameter(Position = 2, ParameterSetName = UserSet)]
    [AllowEmptyString]
    [AllowNull]
    [StringOrSecureString]
    public object? Password { get; set; }

    /// <summary>User and password in one.</summary>
    [Parameter(Mandatory = true, ParameterSetName = CredentialSet)]
    [Credential]
    public PSCredential? Credential { get; set; }

    /// <summary>Sets or clears the relay proxy.</summary>
    protected override void EndProcessing()
    {
        var address = Address.Trim();
        var username = Credential?.UserName ?? Username ?? "";
        var password = Plain(Credential?.Password ?? Password);
        if (address == "")
        {
            Clear(username);
        }
        else
        {
            Set(address, username, password);
        }
        base.EndProcessing();
    }

    private void Clear(string username)
    {
        if (username != "")
        {
            Refuse("AddressMissing", "Give -Address together with a user; without a user, -Address \"\" clears the relay proxy.");
        }
        if (Confirmed("Relay proxy", "Clear"))
        {
            Call<Empty, Empty>("RelayProxyService/ClearRelayProxy", new Empty());
            WriteVerbose("The gateway connects directly now.");
        }
    }

    private void Set(string address, string username, string password)
    {
        if (username == "" && password != "")
        {
            Refuse("UsernameMissing", "Give -Username together with -Password.");
        }
        if (Password is string && password != "")
        {
            WriteWarning("The password was given as plain text, so it stays in the history of this session and in scripts. " +
                "Give it as a SecureString, or use -Credential (Get-Credential).");
        }
        var shown = WithoutUser(address);
        if (!Confirmed(shown, "Set relay proxy"))
        {
            return;
        }
        var request = new SetRelayProxyRequest { Address = address };
        if (username != "")
        {
            (request.Username, request.Password) = (username, password);
        }
        Call<SetRelayProxyRequest, Empty>("RelayProxyService/SetRelayProxy", request, shown);
        WriteVerbose($"The gateway connects through {shown} now.");
    }

    private void Refuse(string id, string text) =>
        ThrowTerminatingError(new ErrorRecord(new PSArgumentException(text), id, ErrorCategory.InvalidArgument, null));

    // Somebody may write user:password@ into the address; the gateway refuses that, and it is shown nowhere.
    private static string WithoutUser(string address)
    {
        var at = address.LastIndexOf('@');
        return at < 0 ? address : "***" + address.Substring(at);
    }

    private static string Plain(object? password)
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
}

/// <summary>Takes a SecureString as it is and turns all else into a string, a number as it was typed (0123 stays 0123).</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class StringOrSecureStringAttribute : ArgumentTransformationAttribute
{
    public override object? Transform(EngineIntrinsics engineIntrinsics, object? inputData) =>
        inputData is null || inputData is SecureString || (inputData as PSObject)?.BaseObject is SecureString
            ? (inputData as PSObject)?.BaseObject ?? inputData
            : LanguagePrimitives.ConvertTo<string>(inputData);
}

using System;
using System.Collections.Generic;
using System.Management.Automation;
using System.Numerics;
using System.Security;

namespace OMSGateway;

/// <summary>Get-OMSGatewayRelayProxy.</summary>
[Cmdlet(VerbsCommon.Get, "OMSGatewayRelayProxy")]
[OutputType(typeof(string))]
public sealed class GetOMSGatewayRelayProxyCommand : AskingCmdlet
{
    private protected override IEnumerable<object?> Ask()
    {
        var address = Call<Empty, GetRelayProxyAnswer>("RelayProxyService/GetRelayProxy", new Empty()).RelayProxy?.Address;
        return string.IsNullOrEmpty(address) ? [] : [address];
    }
}

/// <summary>Set-OMSGatewayRelayProxy.</summary>
[Cmdlet(VerbsCommon.Set, "OMSGatewayRelayProxy", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium,
    DefaultParameterSetName = UserSet)]
[OutputType(typeof(string))]
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

    /// <summary>The user's password: a SecureString, a string, a number as it was typed, or a PSCredential, whose user counts where
    /// there is no other.</summary>
    [Parameter(Position = 2, ParameterSetName = UserSet)]
    [AllowEmptyString]
    [AllowNull]
    [Password]
    public object? Password { get; set; }

    /// <summary>User and password in one.</summary>
    [Parameter(Mandatory = true, ParameterSetName = CredentialSet)]
    [Credential]
    public PSCredential? Credential { get; set; }

    /// <summary>Write the address as it is now to the pipeline.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <summary>Sets or clears the relay proxy.</summary>
    private protected override void Finish()
    {
        var address = Address.Trim();
        var credential = Credential ?? Password as PSCredential;
        var username = string.IsNullOrEmpty(Username) ? credential?.UserName ?? "" : Username!;
        var password = Secret.Plain(credential?.Password ?? Password);
        if (address == "" && username != "")
        {
            Refuse("AddressMissing", "Give -Address together with a user; without a user, -Address \"\" clears the relay proxy.");
        }
        else if (address == "")
        {
            Clear();
        }
        else if (username == "" && password != "")
        {
            Refuse("UsernameMissing", "Give -Username together with -Password.");
        }
        else if (credential != null && username != credential.UserName)
        {
            Refuse("UsernameConflict", $"-Username is {username}, and the credential is that of {credential.UserName}; give one of them.");
        }
        else
        {
            Set(address, username, password);
        }
    }

    private void Clear()
    {
        if (Change<ClearRelayProxyRequest, ClearRelayProxyAnswer>("Relay proxy", "Clear",
            "RelayProxyService/ClearRelayProxy", new ClearRelayProxyRequest()) != null)
        {
            WriteVerbose("The gateway connects directly now.");
        }
    }

    private void Set(string address, string username, string password)
    {
        Secret.WarnOfPlainText(this, Password, "Give it as a SecureString, or use -Credential (Get-Credential).");
        var shown = WithoutUser(address);
        var request = new SetRelayProxyRequest { Address = address };
        if (username != "")
        {
            (request.Username, request.Password) = (username, password);
        }
        var answer = Change<SetRelayProxyRequest, SetRelayProxyAnswer>(shown, "Set relay proxy", "RelayProxyService/SetRelayProxy", request);
        if (answer == null)
        {
            return;
        }
        WriteVerbose($"The gateway connects through {shown} now.");
        if (PassThru)
        {
            WriteObject(answer.RelayProxy?.Address);
        }
    }

    private void Refuse(string id, string text) =>
        WriteError(new ErrorRecord(new PSArgumentException(text), id, ErrorCategory.InvalidArgument, null));

    // Somebody may write user:password@ into the address; the gateway refuses that, and it is shown nowhere.
    private static string WithoutUser(string address)
    {
        var at = address.LastIndexOf('@');
        return at < 0 ? address : "***" + address.Substring(at);
    }
}

/// <summary>Takes a SecureString or a PSCredential as it is, a string, and a number as it was typed (0123 stays 0123). What else there is
/// would be sent as the name of its type, or in a form that nobody has typed.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class PasswordAttribute : ArgumentTransformationAttribute
{
    public override object? Transform(EngineIntrinsics engineIntrinsics, object? inputData) =>
        (inputData is PSObject wrapped ? wrapped.BaseObject : inputData) switch
        {
            null => null,
            SecureString secret => secret,
            PSCredential credential => credential,
            string text => text,
            int or long or double or decimal or byte or sbyte or short or ushort or uint or ulong or float or BigInteger =>
                LanguagePrimitives.ConvertTo<string>(inputData), // the object that PowerShell puts around it has what was typed
            var other => throw new ArgumentTransformationMetadataException(
                $"A password cannot be a {other.GetType().Name}; give a SecureString, a string or a PSCredential."),
        };
}

using System;
using System.Collections.Generic;
using System.Linq;
using System.Management.Automation;

namespace OMSGateway;

/// <summary>An allowed client certificate with who added it and when, as Get-OMSGatewayAllowedClientCertificate -Detailed answers
/// it.</summary>
public sealed class AllowedClientCertificate
{
    /// <summary>The subject or thumbprint as the gateway spells it.</summary>
    public string Subject { get; }

    /// <summary>When it was added, local time; null if that is not known.</summary>
    public DateTime? AddedAt { get; }

    /// <summary>The account that added it.</summary>
    public string AddedBy { get; }

    internal AllowedClientCertificate(CertificateMessage message)
    {
        Subject = message.Subject ?? "";
        AddedAt = JsonValue.Time(message.AddedAt);
        AddedBy = message.AddedBy ?? "";
    }

    /// <summary>The subject, so that the object can stand where a string is expected.</summary>
    public override string ToString() => Subject;
}

/// <summary>Get-OMSGatewayAllowedClientCertificate.</summary>
[Cmdlet(VerbsCommon.Get, "OMSGatewayAllowedClientCertificate")]
[OutputType(typeof(string), typeof(AllowedClientCertificate))]
public sealed class GetOMSGatewayAllowedClientCertificateCommand : AskingCmdlet
{
    /// <summary>Objects instead of strings.</summary>
    [Parameter]
    public SwitchParameter Detailed { get; set; }

    private protected override IEnumerable<object?> Ask()
    {
        var certificates =
            ReadAll<CertificatePage, CertificateMessage>("AllowedClientCertificateService/ListAllowedClientCertificates");
        return Detailed ? certificates.Select(c => new AllowedClientCertificate(c)) : certificates.Select(c => c.Subject);
    }
}

/// <summary>Add-OMSGatewayAllowedClientCertificate.</summary>
[Cmdlet(VerbsCommon.Add, "OMSGatewayAllowedClientCertificate", SupportsShouldProcess = true,
    ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(string))]
public sealed class AddOMSGatewayAllowedClientCertificateCommand : ListChangeCmdlet
{
    /// <summary>The subjects.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [AllowEmptyString]
    [AllowEmptyCollection]
    public string[] Subject { get; set; } = [];

    /// <summary>Takes the subjects of one record.</summary>
    protected override void ProcessRecord() => Take(Subject);

    private protected override string Action => "Add allowed client certificate";

    private protected override ChangeAnswer Change(string[] items, bool validateOnly, bool beside) =>
        Send<AddCertificatesRequest, ChangeAnswer>("AllowedClientCertificateService/AddAllowedClientCertificates",
            new AddCertificatesRequest { Certificates = Array.ConvertAll(items, item => new CertificateMessage { Subject = item }) },
            validateOnly, beside);

    private protected override string Changed(string item) => $"{item} is allowed now.";

    private protected override string Unchanged(string item) => $"{item} was allowed already.";
}

/// <summary>Remove-OMSGatewayAllowedClientCertificate.</summary>
[Cmdlet(VerbsCommon.Remove, "OMSGatewayAllowedClientCertificate", SupportsShouldProcess = true,
    ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(string))]
public sealed class RemoveOMSGatewayAllowedClientCertificateCommand : ListChangeCmdlet
{
    /// <summary>The subjects.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [AllowEmptyString]
    [AllowEmptyCollection]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(AllowedClientCertificateCompleter))]
    public string[] Subject { get; set; } = [];

    /// <summary>Takes the subjects of one record.</summary>
    protected override void ProcessRecord() => Take(Subject);

    private protected override string Action => "Remove allowed client certificate";

    private protected override ChangeAnswer Change(string[] items, bool validateOnly, bool beside) =>
        Send<RemoveCertificatesRequest, ChangeAnswer>("AllowedClientCertificateService/RemoveAllowedClientCertificates",
            new RemoveCertificatesRequest { Subjects = items }, validateOnly, beside);

    // A subject may have such characters of its own. What is an entry is that entry, and nobody is asked about it.
    private protected override IReadOnlyCollection<string>? Matching(string item)
    {
        if (!WildcardPattern.ContainsWildcardCharacters(item))
        {
            return null;
        }
        var entries = ReadAll<CertificatePage, CertificateMessage>("AllowedClientCertificateService/ListAllowedClientCertificates")
            .ConvertAll(c => c.Subject ?? "");
        return entries.Contains(item.Trim()) ? null : Pattern.Matching(item, entries);
    }

    private protected override string Changed(string item) => $"{item} is no longer in the list.";

    private protected override string Unchanged(string item) => $"{item} was not in the list.";
}

using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Management.Automation;

namespace OMSGateway;

/// <summary>A cmdlet that says something of allowed hosts: what is asked of client certificates there, who answers for them, and until when
/// they are allowed.</summary>
public abstract class AllowedHostValuesCmdlet : ListChangeCmdlet
{
    /// <summary>What is asked of client certificates in tunnels to the hosts.</summary>
    [Parameter]
    [ValidateSet("Default", "Off", "IfShown", "Required")]
    public string? ClientCertificatePolicy { get; set; }

    /// <summary>Who answers for the hosts.</summary>
    [Parameter]
    [AllowEmptyString]
    public string? Owner { get; set; }

    /// <summary>Where the hosts were asked for.</summary>
    [Parameter]
    [AllowEmptyString]
    public string? Ticket { get; set; }

    /// <summary>What else is to be known of them.</summary>
    [Parameter]
    [AllowEmptyString]
    public string? Note { get; set; }

    /// <summary>When the hosts expire: a DateTime, a TimeSpan from now on, text such as 90d, or never.</summary>
    [Parameter]
    [Expiry]
    public DateTime? Expires { get; set; }

    /// <summary>What was given, as an update mask of protobuf's JSON; empty for nothing.</summary>
    private protected string Mask
    {
        get
        {
            (object? Given, string Name)[] all = [(ClientCertificatePolicy, "clientCertificatePolicy"), (Owner, "owner"),
                (Ticket, "ticket"), (Note, "note"), (Expires, "expiresAt")];
            return string.Join(",", all.Where(v => v.Given != null).Select(v => v.Name));
        }
    }

    /// <summary>What was given, in a message that begins with <paramref name="message"/>.</summary>
    private protected T Filled<T>(T message) where T : HostValues
    {
        message.ClientCertificatePolicy = ClientCertificatePolicy == null ? null : PolicyName.ToMessage(ClientCertificatePolicy);
        (message.Owner, message.Ticket, message.Note) = (Owner, Ticket, Note);
        message.ExpiresAt = Expires is { } at && at != DateTime.MaxValue ? at.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'",
            CultureInfo.InvariantCulture) : null;
        return message;
    }
}

/// <summary>Set-OMSGatewayAllowedHost.</summary>
[Cmdlet(VerbsCommon.Set, "OMSGatewayAllowedHost", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(string))]
public sealed class SetOMSGatewayAllowedHostCommand : AllowedHostValuesCmdlet
{
    /// <summary>The hosts. The name hides PSCmdlet.Host, which this cmdlet does not need.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [AllowEmptyString]
    [AllowEmptyCollection]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(AllowedHostCompleter))]
    public new string[] Host { get; set; } = [];

    /// <summary>Refuses to set nothing.</summary>
    protected override void BeginProcessing()
    {
        base.BeginProcessing();
        if (Mask == "")
        {
            var text = "Nothing is to be set: give -ClientCertificatePolicy, -Owner, -Ticket, -Note or -Expires.";
            ThrowTerminatingError(new ErrorRecord(new ArgumentException(text), "NothingGiven", ErrorCategory.InvalidArgument, null));
        }
    }

    /// <summary>Takes the hosts of one record.</summary>
    protected override void ProcessRecord() => Take(Host);

    private protected override string Action => "Set allowed host";

    private protected override ChangeAnswer Change(string[] items, bool validateOnly, bool beside) =>
        Send<SetHostsRequest, SetHostsAnswer>("AllowedHostService/SetAllowedHosts",
            new SetHostsRequest { Hosts = items, UpdateMask = Mask, Values = Filled(new HostValues()) }, validateOnly, beside).AsChange();

    private protected override IReadOnlyCollection<string>? Matching(string item) => Pattern.IsHosts(item)
        ? Pattern.Matching(item, ReadAll<HostPage, HostMessage>("AllowedHostService/ListAllowedHosts").Select(h => h.Host ?? ""))
        : null;

    private protected override string Changed(string item) => $"{item} was set.";

    private protected override string Unchanged(string item) => $"{item} is as it was.";
}

/// <summary>Something that a review of the allowed hosts has found, as Get-OMSGatewayAllowedHost -Review answers it.</summary>
public sealed class AllowedHostFinding
{
    /// <summary>The host as the gateway spells it.</summary>
    public string Host { get; }

    /// <summary>What is found, for example NeverUsed.</summary>
    public string Finding { get; }

    /// <summary>The same in a sentence.</summary>
    public string Message { get; }

    /// <summary>The commands of omsgwctl that tidy it.</summary>
    public string[] Commands { get; }

    /// <summary>How often the entry has allowed a request.</summary>
    public long UseCount { get; }

    /// <summary>When it has for the last time, local time; null if it never has.</summary>
    public DateTime? LastUsed { get; }

    /// <summary>The entry.</summary>
    public AllowedHost Entry { get; }

    internal AllowedHostFinding(FindingMessage message)
    {
        Entry = new AllowedHost(message.Host ?? new HostMessage());
        Host = Entry.Host;
        var reason = message.Problem?.Reason ?? "";
        Finding = EnumName.Of(reason.StartsWith("REVIEW_", StringComparison.Ordinal) ? reason.Substring("REVIEW_".Length) : reason);
        Message = message.Problem?.Message ?? "";
        Commands = message.Commands ?? [];
        UseCount = JsonValue.Number(message.UseCount);
        LastUsed = JsonValue.Time(message.LastUsedAt);
    }

    /// <summary>What is found, in a sentence.</summary>
    public override string ToString() => Message;
}

using System;
using System.Collections.Generic;
using System.Linq;
using System.Management.Automation;

namespace OMSGateway;

/// <summary>An allowed host with who added it and when, as Get-OMSGatewayAllowedHost -Detailed answers it.</summary>
public sealed class AllowedHost
{
    /// <summary>The host as the gateway spells it.</summary>
    public string Host { get; }

    /// <summary>When it was added, local time; null if that is not known.</summary>
    public DateTime? AddedAt { get; }

    /// <summary>The account that added it.</summary>
    public string AddedBy { get; }

    /// <summary>What is asked of client certificates there: Off, IfShown or Required; Default for what the setting
    /// ClientCertificatePolicy says.</summary>
    public string ClientCertificatePolicy { get; }

    /// <summary>Who answers for it.</summary>
    public string Owner { get; }

    /// <summary>Where it was asked for.</summary>
    public string Ticket { get; }

    /// <summary>What else is to be known of it.</summary>
    public string Note { get; }

    /// <summary>When it expires, local time; null if it does not.</summary>
    public DateTime? Expires { get; }

    /// <summary>It has expired, and allows nothing.</summary>
    public bool Expired { get; }

    internal AllowedHost(HostMessage message)
    {
        Host = message.Host ?? "";
        AddedAt = JsonValue.Time(message.AddedAt);
        AddedBy = message.AddedBy ?? "";
        ClientCertificatePolicy = PolicyName.Of(message.ClientCertificatePolicy);
        (Owner, Ticket, Note) = (message.Owner ?? "", message.Ticket ?? "", message.Note ?? "");
        (Expires, Expired) = (JsonValue.Time(message.ExpiresAt), message.Expired);
    }

    /// <summary>The host, so that the object can stand where a string is expected.</summary>
    public override string ToString() => Host;
}

/// <summary>Get-OMSGatewayAllowedHost.</summary>
[Cmdlet(VerbsCommon.Get, "OMSGatewayAllowedHost", DefaultParameterSetName = "Configured")]
[OutputType(typeof(string), typeof(AllowedHost), typeof(EffectiveHost), typeof(AllowedHostFinding))]
public sealed class GetOMSGatewayAllowedHostCommand : AskingCmdlet
{
    /// <summary>Objects instead of strings.</summary>
    [Parameter(ParameterSetName = "Configured")]
    public SwitchParameter Detailed { get; set; }

    /// <summary>All hosts that are allowed right now, as objects.</summary>
    [Parameter(Mandatory = true, ParameterSetName = "Effective")]
    public SwitchParameter Effective { get; set; }

    /// <summary>What is to be tidied in the list, as objects.</summary>
    [Parameter(Mandatory = true, ParameterSetName = "Review")]
    public SwitchParameter Review { get; set; }

    private protected override IEnumerable<object?> Ask()
    {
        if (Review)
        {
            return ReadAll<FindingPage, FindingMessage>("AllowedHostService/ReviewAllowedHosts").Select(f => new AllowedHostFinding(f));
        }
        if (Effective)
        {
            return ReadAll<EffectiveHostPage, EffectiveHostMessage>("AllowedHostService/ListEffectiveHosts").Select(h => new EffectiveHost(h));
        }
        var hosts = ReadAll<HostPage, HostMessage>("AllowedHostService/ListAllowedHosts");
        return Detailed ? hosts.Select(h => new AllowedHost(h)) : hosts.Select(h => h.Host);
    }
}

/// <summary>Add-OMSGatewayAllowedHost.</summary>
[Cmdlet(VerbsCommon.Add, "OMSGatewayAllowedHost", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(string))]
public sealed class AddOMSGatewayAllowedHostCommand : AllowedHostValuesCmdlet
{
    private List<DeniedHostMessage>? deniedHosts;

    /// <summary>The hosts. The name hides PSCmdlet.Host, which this cmdlet does not need.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [AllowEmptyString]
    [AllowEmptyCollection]
    [ArgumentCompleter(typeof(HostToAddCompleter))]
    public new string[] Host { get; set; } = [];

    /// <summary>Take only hosts that clients were refused, with their port.</summary>
    [Parameter]
    public SwitchParameter Denied { get; set; }

    /// <summary>Takes the hosts of one record.</summary>
    protected override void ProcessRecord() => Take(Host);

    private protected override string Action => "Add allowed host";

    private protected override ChangeAnswer Change(string[] items, bool validateOnly, bool beside)
    {
        var request = new AddHostsRequest
        {
            Hosts = Array.ConvertAll(items, item => Filled(new HostMessage { Host = item })),
            UpdateMask = Mask == "" ? null : Mask,
        };
        return Send<AddHostsRequest, ChangeAnswer>("AllowedHostService/AddAllowedHosts", request, validateOnly, beside);
    }

    // The refused host that an item means: just that, or, if it has no port, the host at the only port where it was refused.
    private protected override string? Meant(string item)
    {
        if (!Denied)
        {
            return item;
        }
        var request = new AddHostsRequest { Hosts = [new HostMessage { Host = item }] };
        var spelled = Send<AddHostsRequest, ChangeAnswer>("AllowedHostService/AddAllowedHosts", request, validateOnly: true).Outcomes.Single();
        if (spelled.Kind == "INVALID")
        {
            return item; // the addition says why
        }
        deniedHosts ??= ReadAll<DeniedHostPage, DeniedHostMessage>("DeniedHostService/ListDeniedHosts");
        var fitting = deniedHosts.FindAll(d => d.Host == spelled.Item);
        if (fitting.Count == 0 && !item.TrimEnd().EndsWith(":443", StringComparison.Ordinal))
        {
            fitting = deniedHosts.FindAll(d => d.Host.StartsWith(spelled.Item + ":", StringComparison.Ordinal));
        }
        if (fitting.Count == 1 && fitting[0].Reason != "ADDRESS_NOT_ALLOWED")
        {
            return fitting[0].Host;
        }
        throw fitting.Count switch
        {
            0 => new CallException(CallException.NotFound, "DENIED_HOST_NOT_PRESENT",
                $"no client was refused {spelled.Item}, or it is allowed by now; Get-OMSGatewayDeniedHost shows the refused hosts"),
            1 => new CallException(CallException.NotFound, "DENIED_HOST_ALLOWED",
                $"{fitting[0].Host} is allowed already, but its name leads to an address that is refused; " +
                $"Test-OMSGatewayHost {fitting[0].Host} tells more"),
            _ => new CallException(CallException.NotFound, "DENIED_HOST_PORTS",
                $"clients were refused {spelled.Item} at several ports; say which: {string.Join(", ", fitting.Select(d => d.Host))}"),
        };
    }

    private protected override string Changed(string item) => ClientCertificatePolicy == null
        ? $"{item} is allowed now."
        : $"{item} is allowed now, with the client certificate policy {ClientCertificatePolicy}.";

    private protected override string Unchanged(string item) => $"{item} was allowed already.";
}

/// <summary>Remove-OMSGatewayAllowedHost.</summary>
[Cmdlet(VerbsCommon.Remove, "OMSGatewayAllowedHost", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(string))]
public sealed class RemoveOMSGatewayAllowedHostCommand : ListChangeCmdlet
{
    /// <summary>The hosts. The name hides PSCmdlet.Host, which this cmdlet does not need.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [AllowEmptyString]
    [AllowEmptyCollection]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(AllowedHostCompleter))]
    public new string[] Host { get; set; } = [];

    /// <summary>Takes the hosts of one record.</summary>
    protected override void ProcessRecord() => Take(Host);

    private protected override string Action => "Remove allowed host";

    private protected override ChangeAnswer Change(string[] items, bool validateOnly, bool beside) =>
        Send<RemoveHostsRequest, ChangeAnswer>("AllowedHostService/RemoveAllowedHosts",
            new RemoveHostsRequest { Hosts = items }, validateOnly, beside);

    private protected override IReadOnlyCollection<string>? Matching(string item) => Pattern.IsHosts(item)
        ? Pattern.Matching(item, ReadAll<HostPage, HostMessage>("AllowedHostService/ListAllowedHosts").Select(h => h.Host ?? ""))
        : null;

    private protected override string Changed(string item) => $"{item} is no longer in the list.";

    private protected override string Unchanged(string item) => $"{item} was not in the list.";
}

/// <summary>Names of the client certificate policies of a host.</summary>
internal static class PolicyName
{
    /// <summary>IfShown for IF_SHOWN; Default for what leaves it to the setting.</summary>
    public static string Of(string? message) => message is null or "" or "UNSPECIFIED" ? "Default" : EnumName.Of(message);

    /// <summary>IF_SHOWN for IfShown, in any case.</summary>
    public static string ToMessage(string name) => name.ToUpperInvariant() switch
    {
        "DEFAULT" => "UNSPECIFIED",
        "IFSHOWN" => "IF_SHOWN",
        var other => other,
    };
}

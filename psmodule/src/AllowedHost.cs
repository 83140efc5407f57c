using System;
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

    internal AllowedHost(HostMessage message)
    {
        Host = message.Host ?? "";
        AddedAt = ListReader.Time(message.AddedAt);
        AddedBy = message.AddedBy ?? "";
    }

    /// <summary>The host, so that the object can stand where a string is expected.</summary>
    public override string ToString() => Host;
}

/// <summary>Get-OMSGatewayAllowedHost.</summary>
[Cmdlet(VerbsCommon.Get, "OMSGatewayAllowedHost", DefaultParameterSetName = "Configured")]
[OutputType(typeof(string), typeof(AllowedHost), typeof(EffectiveHost))]
public sealed class GetOMSGatewayAllowedHostCommand : GatewayCmdlet
{
    /// <summary>Objects instead of strings.</summary>
    [Parameter(ParameterSetName = "Configured")]
    public SwitchParameter Detailed { get; set; }

    /// <summary>All hosts that are allowed right now, as objects.</summary>
    [Parameter(Mandatory = true, ParameterSetName = "Effective")]
    public SwitchParameter Effective { get; set; }

    /// <summary>Reads the list whole before the first host goes on, since the next cmdlet may change it.</summary>
    protected override void EndProcessing()
    {
        if (Effective)
        {
            var effective = ReadAll<EffectiveHostPage, EffectiveHostMessage>("AllowedHostService/ListEffectiveHosts");
            base.EndProcessing();
            WriteObject(effective.Select(h => new EffectiveHost(h)), true);
            return;
        }
        var hosts = ReadAll<HostPage, HostMessage>("AllowedHostService/ListAllowedHosts");
        base.EndProcessing();
        if (Detailed)
        {
            WriteObject(hosts.Select(h => new AllowedHost(h)), true);
        }
        else
        {
            WriteObject(hosts.Select(h => h.Host), true);
        }
    }
}

/// <summary>Add-OMSGatewayAllowedHost.</summary>
[Cmdlet(VerbsCommon.Add, "OMSGatewayAllowedHost", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
public sealed class AddOMSGatewayAllowedHostCommand : ListChangeCmdlet
{
    /// <summary>The hosts. The name hides PSCmdlet.Host, which this cmdlet does not need.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [AllowEmptyString]
    [AllowEmptyCollection]
    public new string[] Host { get; set; } = [];

    /// <summary>Takes the hosts of one record.</summary>
    protected override void ProcessRecord() => Take(Host);

    private protected override string Action => "Add allowed host";

    private protected override ChangeAnswer Change(string[] items) =>
        Call<AddHostsRequest, ChangeAnswer>("AllowedHostService/AddAllowedHosts",
            new AddHostsRequest { Hosts = Array.ConvertAll(items, item => new HostMessage { Host = item }) });

    private protected override string Changed(string item) => $"{item} is allowed now.";

    private protected override string Unchanged(string item) => $"{item} was allowed already.";
}

/// <summary>Remove-OMSGatewayAllowedHost.</summary>
[Cmdlet(VerbsCommon.Remove, "OMSGatewayAllowedHost", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
public sealed class RemoveOMSGatewayAllowedHostCommand : ListChangeCmdlet
{
    /// <summary>The hosts. The name hides PSCmdlet.Host, which this cmdlet does not need.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [AllowEmptyString]
    [AllowEmptyCollection]
    [ArgumentCompleter(typeof(AllowedHostCompleter))]
    public new string[] Host { get; set; } = [];

    /// <summary>Takes the hosts of one record.</summary>
    protected override void ProcessRecord() => Take(Host);

    private protected override string Action => "Remove allowed host";

    private protected override ChangeAnswer Change(string[] items) =>
        Call<RemoveHostsRequest, ChangeAnswer>("AllowedHostService/RemoveAllowedHosts", new RemoveHostsRequest { Hosts = items });

    private protected override string Changed(string item) => $"{item} is no longer in the list.";

    private protected override string Unchanged(string item) => $"{item} was not in the list.";
}

using System;
using System.Management.Automation;

namespace OMSGateway;

/// <summary>What would become of a client's request for a host, as Test-OMSGatewayHost answers it.</summary>
public sealed class HostCheck
{
    /// <summary>The host as the gateway spells it, with ":port" if the port is not 443.</summary>
    public string Host { get; }

    /// <summary>Whether a request would succeed, as far as was tried.</summary>
    public bool Succeeded => Problem == null;

    /// <summary>Whether the host is allowed at this port.</summary>
    public bool Allowed { get; }

    /// <summary>The entry that allows it; if only the port is refused, one that allows it at another port. Null if there is none.</summary>
    public EffectiveHost? Entry { get; }

    /// <summary>The way that a tunnel would take: Direct, RelayProxy or RelayProxyBypass; empty if the host is not allowed.</summary>
    public string Route { get; }

    /// <summary>The address of the relay proxy that is asked; empty if none is.</summary>
    public string RelayProxy { get; }

    /// <summary>Where the name leads; empty if nothing was looked up.</summary>
    public HostCheckAddress[] Addresses { get; }

    /// <summary>Whether a connection was opened.</summary>
    public bool Connected { get; }

    /// <summary>Where the connection went, "ip:port"; empty if there was none.</summary>
    public string ConnectedAddress { get; }

    /// <summary>How long it took, the look-up of the name included; null if there was no connection.</summary>
    public TimeSpan? ConnectTime { get; }

    /// <summary>Why a request would fail: the host is refused, its name leads nowhere, or it cannot be reached. Null if it would not.</summary>
    public Problem? Problem { get; }

    internal HostCheck(CheckHostAnswer answer)
    {
        Host = answer.Host ?? "";
        Allowed = answer.Allowed;
        Entry = answer.Entry == null ? null : new EffectiveHost(answer.Entry);
        Route = answer.Route == "UNSPECIFIED" ? "" : EnumName.Of(answer.Route);
        RelayProxy = answer.RelayProxy ?? "";
        Addresses = Array.ConvertAll(answer.Addresses ?? [], a => new HostCheckAddress(a));
        Connected = answer.Connected;
        ConnectedAddress = answer.ConnectedAddress ?? "";
        ConnectTime = Connected ? JsonValue.Period(answer.ConnectTime) : null;
        Problem = Problem.Of(answer.Refusal ?? answer.Unresolved ?? answer.Unreachable);
    }

    /// <summary>The host, so that the object can stand where a string is expected.</summary>
    public override string ToString() => Host;
}

/// <summary>An address that a host's name leads to.</summary>
public sealed class HostCheckAddress
{
    /// <summary>The IP address.</summary>
    public string Address { get; }

    /// <summary>Why the gateway would not connect to it; null if it would.</summary>
    public Problem? Refusal { get; }

    /// <summary>Whether the gateway has begun to connect to it.</summary>
    public bool Tried { get; }

    /// <summary>Why it has not connected; empty if it has, or was not tried.</summary>
    public string Failure { get; }

    internal HostCheckAddress(CheckHostAddressMessage message)
    {
        Address = message.Address ?? "";
        Refusal = Problem.Of(message.Refusal);
        Tried = message.Tried;
        Failure = message.Failure ?? "";
    }

    /// <summary>The address with what became of it.</summary>
    public override string ToString() => Refusal != null
        ? $"{Address}, refused"
        : Failure != "" ? $"{Address}, not connected" : Address;
}

/// <summary>Test-OMSGatewayHost.</summary>
[Cmdlet(VerbsDiagnostic.Test, "OMSGatewayHost")]
[OutputType(typeof(HostCheck), typeof(bool))]
public sealed class TestOMSGatewayHostCommand : GatewayCmdlet
{
    /// <summary>The hosts. The name hides PSCmdlet.Host, which this cmdlet does not need.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(HostToTestCompleter))]
    public new string[] Host { get; set; } = [];

    /// <summary>Look nothing up and connect nowhere.</summary>
    [Parameter]
    public SwitchParameter DecideOnly { get; set; }

    /// <summary>Only whether it would succeed.</summary>
    [Parameter]
    public SwitchParameter Quiet { get; set; }

    /// <summary>Checks the hosts of one record, each as soon as it has come.</summary>
    protected override void ProcessRecord()
    {
        foreach (var host in Host)
        {
            try
            {
                var check = new HostCheck(Call<CheckHostRequest, CheckHostAnswer>(
                    "AllowedHostService/CheckHost", new CheckHostRequest { Host = host, DecideOnly = DecideOnly }));
                WriteObject(Quiet ? check.Succeeded : check);
            }
            catch (Exception e) when (e is CallException or BatchException)
            {
                WriteError(Record(e, host));
            }
        }
    }
}

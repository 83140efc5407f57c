using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Management.Automation;

namespace OMSGateway;

/// <summary>An open tunnel, as Get-OMSGatewayTunnel answers it.</summary>
public sealed class Tunnel
{
    /// <summary>Its number, unique since the gateway started.</summary>
    public long Id { get; }

    /// <summary>The address of the client, "ip:port".</summary>
    public string Client { get; }

    /// <summary>The host that the client asked for.</summary>
    public string Host { get; }

    /// <summary>The port that the client asked for.</summary>
    public int Port { get; }

    /// <summary>The address that was dialled, "ip:port"; that of the relay proxy if there is one.</summary>
    public string TargetAddress { get; }

    /// <summary>The allowed host that let it through.</summary>
    public string AllowedHost { get; }

    /// <summary>When the request was accepted, local time.</summary>
    public DateTime? OpenedAt { get; }

    /// <summary>Bytes from the client to the target.</summary>
    public long BytesSent { get; }

    /// <summary>Bytes from the target to the client.</summary>
    public long BytesReceived { get; }

    /// <summary>How long no byte has moved.</summary>
    public TimeSpan Idle { get; }

    /// <summary>The version of TLS, for example "TLS 1.2"; empty while the handshake goes on.</summary>
    public string TlsVersion { get; }

    /// <summary>The server name that the client asked for; empty if it named none.</summary>
    public string ServerName { get; }

    /// <summary>The subject of the client's certificate; empty if it could not be seen.</summary>
    public string ClientCertificate { get; }

    /// <summary>The address of the relay proxy that it goes through; empty if it goes directly.</summary>
    public string RelayProxy { get; }

    internal Tunnel(TunnelMessage message)
    {
        Id = JsonValue.Number(message.Id);
        Client = message.Client ?? "";
        Host = message.Host ?? "";
        Port = message.Port;
        TargetAddress = message.TargetAddress ?? "";
        AllowedHost = message.AllowedHost ?? "";
        OpenedAt = JsonValue.Time(message.OpenedAt);
        BytesSent = JsonValue.Number(message.BytesSent);
        BytesReceived = JsonValue.Number(message.BytesReceived);
        Idle = JsonValue.Period(message.Idle);
        TlsVersion = message.TlsVersion ?? "";
        ServerName = message.ServerName ?? "";
        ClientCertificate = message.ClientCertificate ?? "";
        RelayProxy = message.RelayProxy ?? "";
    }

    /// <summary>The number, so that the object can stand where one is expected.</summary>
    public override string ToString() => Id.ToString(CultureInfo.InvariantCulture);
}

/// <summary>Get-OMSGatewayTunnel.</summary>
[Cmdlet(VerbsCommon.Get, "OMSGatewayTunnel")]
[OutputType(typeof(Tunnel))]
public sealed class GetOMSGatewayTunnelCommand : AskingCmdlet
{
    /// <summary>Only tunnels to this host. The name hides PSCmdlet.Host, which this cmdlet does not need.</summary>
    [Parameter(Position = 0)]
    [ArgumentCompleter(typeof(AllowedHostCompleter))]
    public new string? Host { get; set; }

    /// <summary>Only tunnels from the client with this IP address.</summary>
    [Parameter]
    public string? Client { get; set; }

    private protected override IEnumerable<object?> Ask()
    {
        var request = new ListTunnelsRequest { Filter = new TunnelFilter { Host = Host, Client = Client } };
        return ListReader.ReadAll(page =>
        {
            request.PageToken = page.PageToken;
            return Call<ListTunnelsRequest, TunnelPage>("TunnelService/ListTunnels", request);
        }).Select(t => new Tunnel(t));
    }
}

/// <summary>Stop-OMSGatewayTunnel.</summary>
[Cmdlet(VerbsLifecycle.Stop, "OMSGatewayTunnel", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium,
    DefaultParameterSetName = IdSet)]
public sealed class StopOMSGatewayTunnelCommand : ActingCmdlet
{
    private const string IdSet = "Id";
    private const string FilterSet = "Filter";
    private const string Action = "Close";
    private const int MaxIds = 1000; // of a call

    private readonly List<string> ids = [];

    /// <summary>The numbers.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true, ParameterSetName = IdSet)]
    [ValidateRange(1, long.MaxValue)]
    [ArgumentCompleter(typeof(TunnelCompleter))]
    public long[] Id { get; set; } = [];

    /// <summary>All tunnels to this host. The name hides PSCmdlet.Host, which this cmdlet does not need.</summary>
    [Parameter(ParameterSetName = FilterSet)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(AllowedHostCompleter))]
    public new string? Host { get; set; }

    /// <summary>All tunnels from the client with this IP address.</summary>
    [Parameter(ParameterSetName = FilterSet)]
    [ValidateNotNullOrEmpty]
    public string? Client { get; set; }

    /// <summary>Takes the numbers of one record.</summary>
    protected override void ProcessRecord()
    {
        foreach (var id in Id)
        {
            if (Confirmed($"Tunnel {id}", Action))
            {
                ids.Add(id.ToString(CultureInfo.InvariantCulture));
            }
        }
    }

    /// <summary>Closes them.</summary>
    private protected override void Finish()
    {
        if (ParameterSetName == FilterSet)
        {
            var target = "All tunnels" + (Host == null ? "" : $" to {Host}") + (Client == null ? "" : $" from {Client}");
            if (Confirmed(target, Action))
            {
                CloseTunnels(new CloseTunnelsRequest { Filter = new TunnelFilter { Host = Host, Client = Client } });
            }
        }
        for (var from = 0; from < ids.Count; from += MaxIds)
        {
            CloseTunnels(new CloseTunnelsRequest { Ids = [.. ids.Skip(from).Take(MaxIds)] });
        }
    }

    private void CloseTunnels(CloseTunnelsRequest request)
    {
        var answer = Call<CloseTunnelsRequest, CloseTunnelsAnswer>("TunnelService/CloseTunnels", request);
        WriteVerbose($"{answer.Closed} tunnels are closed.");
        foreach (var id in answer.NotOpen)
        {
            WriteVerbose($"There is no open tunnel {id}.");
        }
    }
}

/// <summary>The open tunnels.</summary>
public sealed class TunnelCompleter : GatewayCompleter
{
    private protected override IEnumerable<(string Text, string Hint)> Candidates(
        BatchClient client, System.Collections.IDictionary given) =>
        client.Call<ListTunnelsRequest, TunnelPage>("TunnelService/ListTunnels", new ListTunnelsRequest()).Items
            .Select(t => (t.Id ?? "", $"{t.Client} to {t.Host}"));
}

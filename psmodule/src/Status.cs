using System;
using System.Collections.Generic;
using System.Management.Automation;

namespace OMSGateway;

/// <summary>How the gateway is, as Get-OMSGatewayStatus answers it.</summary>
public sealed class Status
{
    /// <summary>Running; Draining while it lets busy tunnels end; Paused while it accepts no new clients; Stopped.</summary>
    public string State { get; }

    /// <summary>The version of the gateway.</summary>
    public string Version { get; }

    /// <summary>When it started, local time; null if it is stopped.</summary>
    public DateTime? StartedAt { get; }

    /// <summary>How long it has run.</summary>
    public TimeSpan Uptime { get; }

    /// <summary>The addresses where clients can connect, "ip:port".</summary>
    public string[] ListenAddresses { get; }

    /// <summary>The configuration file.</summary>
    public string ConfigFile { get; }

    /// <summary>How many hosts are in the list of allowed hosts.</summary>
    public int AllowedHosts { get; }

    /// <summary>How many hosts are allowed because monitoring agents on the gateway's computer are configured to reach them.</summary>
    public int LearnedHosts { get; }

    /// <summary>Open client connections that have sent at least one byte.</summary>
    public long ActiveClientConnections { get; }

    /// <summary>Distinct addresses among them.</summary>
    public long ConnectedClients { get; }

    /// <summary>How many client connections can be open at the same time; 0 if the gateway is older and does not say.</summary>
    public long MaxClientConnections { get; }

    /// <summary>Open tunnels.</summary>
    public long OpenTunnels { get; }

    /// <summary>Tunnels opened since the start.</summary>
    public long TunnelsOpened { get; }

    /// <summary>Bytes from clients to targets since the start.</summary>
    public long BytesSent { get; }

    /// <summary>Bytes from targets to clients since the start.</summary>
    public long BytesReceived { get; }

    /// <summary>Errors since the start.</summary>
    public long Errors { get; }

    /// <summary>Refusals by TLS checks since the start.</summary>
    public long Rejections { get; }

    /// <summary>Refused and failed requests since the start, by reason.</summary>
    public SortedDictionary<string, long> RefusalsByReason { get; }

    /// <summary>TLS sessions since the start that passed the checks, by version.</summary>
    public SortedDictionary<string, long> SessionsByTlsVersion { get; }

    /// <summary>TLS sessions since the start that passed although no client certificate could be seen in them.</summary>
    public long ClientCertificatesNotVisible { get; }

    /// <summary>Events since the start that a slow log could not take.</summary>
    public long EventsDropped { get; }

    /// <summary>The id of the trial that runs: what is in force goes back with it. Empty if none does.</summary>
    public string Trial { get; }

    /// <summary>When the trial ends, local time; null if none runs.</summary>
    public DateTime? TrialEndsAt { get; }

    /// <summary>What an administrator should see to.</summary>
    public Problem[] Warnings { get; }

    internal Status(StatusMessage message)
    {
        State = EnumName.Of(message.State);
        Version = message.Version ?? "";
        StartedAt = State == "Stopped" ? null : JsonValue.Time(message.StartedAt);
        Uptime = State == "Stopped" ? TimeSpan.Zero : JsonValue.Period(message.Uptime);
        ListenAddresses = message.ListenAddresses ?? [];
        ConfigFile = message.ConfigFile ?? "";
        AllowedHosts = message.AllowedHosts;
        LearnedHosts = message.LearnedHosts;
        ActiveClientConnections = JsonValue.Number(message.ActiveClientConnections);
        ConnectedClients = JsonValue.Number(message.ConnectedClients);
        MaxClientConnections = JsonValue.Number(message.MaxClientConnections);
        OpenTunnels = JsonValue.Number(message.OpenTunnels);
        TunnelsOpened = JsonValue.Number(message.TunnelsOpened);
        BytesSent = JsonValue.Number(message.BytesSent);
        BytesReceived = JsonValue.Number(message.BytesReceived);
        Errors = JsonValue.Number(message.Errors);
        Rejections = JsonValue.Number(message.Rejections);
        RefusalsByReason = JsonValue.Numbers(message.RefusalsByReason);
        SessionsByTlsVersion = JsonValue.Numbers(message.SessionsByTlsVersion);
        ClientCertificatesNotVisible = JsonValue.Number(message.ClientCertificatesNotVisible);
        EventsDropped = JsonValue.Number(message.EventsDropped);
        Trial = message.OnTrial?.Id ?? "";
        TrialEndsAt = JsonValue.Time(message.OnTrial?.EndsAt);
        Warnings = Array.ConvertAll(message.Warnings ?? [], p => Problem.Of(p)!);
    }

    /// <summary>The state.</summary>
    public override string ToString() => State;
}

/// <summary>Get-OMSGatewayStatus.</summary>
[Cmdlet(VerbsCommon.Get, "OMSGatewayStatus")]
[OutputType(typeof(Status))]
public sealed class GetOMSGatewayStatusCommand : AskingCmdlet
{
    private protected override IEnumerable<object?> Ask() =>
        [new Status(Call<Empty, StatusMessage>("StatusService/GetStatus", new Empty()))];
}

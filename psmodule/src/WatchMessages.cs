using System.Collections.Generic;
using System.Runtime.Serialization;

namespace OMSGateway;

// The messages of the admin API by which one sees what a gateway does, as far as the cmdlets use them. What is missing in an answer is
// null here.

[DataContract]
internal sealed class StatusMessage
{
    [DataMember(Name = "version")]
    public string? Version { get; set; }

    [DataMember(Name = "state")]
    public string? State { get; set; }

    [DataMember(Name = "startedAt")]
    public string? StartedAt { get; set; }

    [DataMember(Name = "uptime")]
    public string? Uptime { get; set; }

    [DataMember(Name = "listenAddresses")]
    public string[]? ListenAddresses { get; set; }

    [DataMember(Name = "activeClientConnections")]
    public string? ActiveClientConnections { get; set; }

    [DataMember(Name = "connectedClients")]
    public string? ConnectedClients { get; set; }

    [DataMember(Name = "errors")]
    public string? Errors { get; set; }

    [DataMember(Name = "rejections")]
    public string? Rejections { get; set; }

    [DataMember(Name = "openTunnels")]
    public string? OpenTunnels { get; set; }

    [DataMember(Name = "tunnelsOpened")]
    public string? TunnelsOpened { get; set; }

    [DataMember(Name = "bytesSent")]
    public string? BytesSent { get; set; }

    [DataMember(Name = "bytesReceived")]
    public string? BytesReceived { get; set; }

    [DataMember(Name = "refusalsByReason")]
    public Dictionary<string, string>? RefusalsByReason { get; set; }

    [DataMember(Name = "eventsDropped")]
    public string? EventsDropped { get; set; }

    [DataMember(Name = "allowedHosts")]
    public int AllowedHosts { get; set; }

    [DataMember(Name = "configFile")]
    public string? ConfigFile { get; set; }

    [DataMember(Name = "clientCertificatesNotVisible")]
    public string? ClientCertificatesNotVisible { get; set; }

    [DataMember(Name = "learnedHosts")]
    public int LearnedHosts { get; set; }

    [DataMember(Name = "warnings")]
    public ProblemMessage[]? Warnings { get; set; }

    [DataMember(Name = "maxClientConnections")]
    public string? MaxClientConnections { get; set; }

    [DataMember(Name = "sessionsByTlsVersion")]
    public Dictionary<string, string>? SessionsByTlsVersion { get; set; }

    [DataMember(Name = "onTrial")]
    public TrialMessage? OnTrial { get; set; }
}

[DataContract]
internal sealed class EventMessage
{
    [DataMember(Name = "sequence")]
    public string? Sequence { get; set; }

    [DataMember(Name = "time")]
    public string? Time { get; set; }

    [DataMember(Name = "id")]
    public int Id { get; set; }

    [DataMember(Name = "level")]
    public string? Level { get; set; }

    [DataMember(Name = "component")]
    public string? Component { get; set; }

    [DataMember(Name = "text")]
    public string? Text { get; set; }

    [DataMember(Name = "reason")]
    public string? Reason { get; set; }

    [DataMember(Name = "fields")]
    public Dictionary<string, string>? Fields { get; set; }

    [DataMember(Name = "connection")]
    public string? Connection { get; set; }

    [DataMember(Name = "kind")]
    public string? Kind { get; set; }
}

[DataContract]
internal sealed class EventFilter
{
    [DataMember(Name = "ids", EmitDefaultValue = false)]
    public int[]? Ids { get; set; }

    [DataMember(Name = "kinds", EmitDefaultValue = false)]
    public string[]? Kinds { get; set; }

    [DataMember(Name = "level", EmitDefaultValue = false)]
    public string? Level { get; set; }

    [DataMember(Name = "reason", EmitDefaultValue = false)]
    public string? Reason { get; set; }

    [DataMember(Name = "text", EmitDefaultValue = false)]
    public string? Text { get; set; }

    [DataMember(Name = "since", EmitDefaultValue = false)]
    public string? Since { get; set; }
}

[DataContract]
internal sealed class ListEventsRequest
{
    [DataMember(Name = "filter", EmitDefaultValue = false)]
    public EventFilter? Filter { get; set; }

    [DataMember(Name = "limit", EmitDefaultValue = false)]
    public int Limit { get; set; }
}

[DataContract]
internal sealed class ListEventsAnswer
{
    [DataMember(Name = "events")]
    private EventMessage[]? EventsOrNull { get; set; }

    public EventMessage[] Events => EventsOrNull ?? [];

    [DataMember(Name = "leftOut")]
    public int LeftOut { get; set; }
}

[DataContract]
internal sealed class WatchEventsRequest
{
    [DataMember(Name = "filter", EmitDefaultValue = false)]
    public EventFilter? Filter { get; set; }

    [DataMember(Name = "tail", EmitDefaultValue = false)]
    public int Tail { get; set; }
}

/// <summary>An event, or how many were missed.</summary>
[DataContract]
internal sealed class WatchEventsMessage
{
    [DataMember(Name = "event")]
    public EventMessage? Event { get; set; }

    [DataMember(Name = "missed")]
    public string? Missed { get; set; }
}

[DataContract]
internal sealed class ClearDeniedHostsRequest
{
    [DataMember(Name = "hosts", EmitDefaultValue = false)]
    public string[]? Hosts { get; set; }

    [DataMember(Name = "all", EmitDefaultValue = false)]
    public bool All { get; set; }
}

[DataContract]
internal sealed class ClearDeniedHostsAnswer
{
    [DataMember(Name = "cleared")]
    public int Cleared { get; set; }

    [DataMember(Name = "notPresent")]
    private string[]? NotPresentOrNull { get; set; }

    public string[] NotPresent => NotPresentOrNull ?? [];
}

[DataContract]
internal sealed class TunnelMessage
{
    [DataMember(Name = "id")]
    public string? Id { get; set; }

    [DataMember(Name = "client")]
    public string? Client { get; set; }

    [DataMember(Name = "host")]
    public string? Host { get; set; }

    [DataMember(Name = "port")]
    public int Port { get; set; }

    [DataMember(Name = "targetAddress")]
    public string? TargetAddress { get; set; }

    [DataMember(Name = "allowedHost")]
    public string? AllowedHost { get; set; }

    [DataMember(Name = "openedAt")]
    public string? OpenedAt { get; set; }

    [DataMember(Name = "bytesSent")]
    public string? BytesSent { get; set; }

    [DataMember(Name = "bytesReceived")]
    public string? BytesReceived { get; set; }

    [DataMember(Name = "idle")]
    public string? Idle { get; set; }

    [DataMember(Name = "tlsVersion")]
    public string? TlsVersion { get; set; }

    [DataMember(Name = "serverName")]
    public string? ServerName { get; set; }

    [DataMember(Name = "clientCertificate")]
    public string? ClientCertificate { get; set; }

    [DataMember(Name = "relayProxy")]
    public string? RelayProxy { get; set; }
}

[DataContract]
internal sealed class TunnelFilter
{
    [DataMember(Name = "host", EmitDefaultValue = false)]
    public string? Host { get; set; }

    [DataMember(Name = "client", EmitDefaultValue = false)]
    public string? Client { get; set; }
}

[DataContract]
internal sealed class ListTunnelsRequest
{
    [DataMember(Name = "filter", EmitDefaultValue = false)]
    public TunnelFilter? Filter { get; set; }

    [DataMember(Name = "pageToken", EmitDefaultValue = false)]
    public string? PageToken { get; set; }
}

[DataContract]
internal sealed class TunnelPage : IPage<TunnelMessage>
{
    [DataMember(Name = "tunnels")]
    private TunnelMessage[]? Tunnels { get; set; }

    [DataMember(Name = "nextPageToken")]
    private string? NextOrNull { get; set; }

    public TunnelMessage[] Items => Tunnels ?? [];
    public string Etag => ""; // the list is no configuration, and has none
    public string NextPageToken => NextOrNull ?? "";
}

[DataContract]
internal sealed class CloseTunnelsRequest
{
    [DataMember(Name = "ids", EmitDefaultValue = false)]
    public string[]? Ids { get; set; }

    [DataMember(Name = "filter", EmitDefaultValue = false)]
    public TunnelFilter? Filter { get; set; }
}

[DataContract]
internal sealed class CloseTunnelsAnswer
{
    [DataMember(Name = "closed")]
    public int Closed { get; set; }

    [DataMember(Name = "notOpen")]
    private string[]? NotOpenOrNull { get; set; }

    public string[] NotOpen => NotOpenOrNull ?? [];
}

[DataContract]
internal sealed class CheckHostRequest
{
    [DataMember(Name = "host")]
    public string Host { get; set; } = "";

    [DataMember(Name = "decideOnly", EmitDefaultValue = false)]
    public bool DecideOnly { get; set; }
}

[DataContract]
internal sealed class CheckHostAnswer
{
    [DataMember(Name = "host")]
    public string? Host { get; set; }

    [DataMember(Name = "allowed")]
    public bool Allowed { get; set; }

    [DataMember(Name = "refusal")]
    public ProblemMessage? Refusal { get; set; }

    [DataMember(Name = "entry")]
    public EffectiveHostMessage? Entry { get; set; }

    [DataMember(Name = "route")]
    public string? Route { get; set; }

    [DataMember(Name = "addresses")]
    public CheckHostAddressMessage[]? Addresses { get; set; }

    [DataMember(Name = "unresolved")]
    public ProblemMessage? Unresolved { get; set; }

    [DataMember(Name = "connected")]
    public bool Connected { get; set; }

    [DataMember(Name = "connectedAddress")]
    public string? ConnectedAddress { get; set; }

    [DataMember(Name = "connectTime")]
    public string? ConnectTime { get; set; }

    [DataMember(Name = "unreachable")]
    public ProblemMessage? Unreachable { get; set; }

    [DataMember(Name = "relayProxy")]
    public string? RelayProxy { get; set; }
}

[DataContract]
internal sealed class CheckHostAddressMessage
{
    [DataMember(Name = "address")]
    public string? Address { get; set; }

    [DataMember(Name = "refusal")]
    public ProblemMessage? Refusal { get; set; }

    [DataMember(Name = "tried")]
    public bool Tried { get; set; }

    [DataMember(Name = "failure")]
    public string? Failure { get; set; }
}

[DataContract]
internal sealed class TestRelayProxyRequest
{
    [DataMember(Name = "target")]
    public string Target { get; set; } = "";
}

[DataContract]
internal sealed class TestRelayProxyAnswer
{
    [DataMember(Name = "steps")]
    public RelayProxyStepMessage[]? Steps { get; set; }

    [DataMember(Name = "target")]
    public string? Target { get; set; }

    [DataMember(Name = "relayProxy")]
    public RelayProxyMessage? RelayProxy { get; set; }

    [DataMember(Name = "bypassed")]
    public bool Bypassed { get; set; }
}

[DataContract]
internal sealed class RelayProxyStepMessage
{
    [DataMember(Name = "step")]
    public string? Step { get; set; }

    [DataMember(Name = "detail")]
    public string? Detail { get; set; }

    [DataMember(Name = "duration")]
    public string? Duration { get; set; }

    [DataMember(Name = "problem")]
    public ProblemMessage? Problem { get; set; }
}

[DataContract]
internal sealed class DiscoveryMessage
{
    [DataMember(Name = "on")]
    public bool On { get; set; }

    [DataMember(Name = "readAt")]
    public string? ReadAt { get; set; }

    [DataMember(Name = "places")]
    public DiscoveryPlaceMessage[]? Places { get; set; }

    [DataMember(Name = "hosts")]
    public LearnedMessage[]? Hosts { get; set; }

    [DataMember(Name = "clientCertificates")]
    public LearnedMessage[]? ClientCertificates { get; set; }

    [DataMember(Name = "ignored")]
    public ProblemMessage[]? Ignored { get; set; }

    [DataMember(Name = "leftOut")]
    public int LeftOut { get; set; }
}

[DataContract]
internal sealed class DiscoveryPlaceMessage
{
    [DataMember(Name = "agent")]
    public string? Agent { get; set; }

    [DataMember(Name = "path")]
    public string? Path { get; set; }

    [DataMember(Name = "state")]
    public string? State { get; set; }

    [DataMember(Name = "readAt")]
    public string? ReadAt { get; set; }

    [DataMember(Name = "problem")]
    public ProblemMessage? Problem { get; set; }

    [DataMember(Name = "version")]
    public string? Version { get; set; }
}

/// <summary>A learned host or client certificate.</summary>
[DataContract]
internal sealed class LearnedMessage
{
    [DataMember(Name = "host")]
    public string? Host { get; set; }

    [DataMember(Name = "subject")]
    public string? Subject { get; set; }

    [DataMember(Name = "agent")]
    public string? Agent { get; set; }

    [DataMember(Name = "workspace")]
    public string? Workspace { get; set; }

    [DataMember(Name = "place")]
    public string? Place { get; set; }

    [DataMember(Name = "since")]
    public string? Since { get; set; }
}

using System;
using System.Runtime.Serialization;

namespace OMSGateway;

/// <summary>What a request says of hosts.</summary>
[DataContract]
internal class HostValues
{
    [DataMember(Name = "clientCertificatePolicy", EmitDefaultValue = false)]
    public string? ClientCertificatePolicy { get; set; }

    [DataMember(Name = "owner", EmitDefaultValue = false)]
    public string? Owner { get; set; }

    [DataMember(Name = "ticket", EmitDefaultValue = false)]
    public string? Ticket { get; set; }

    [DataMember(Name = "note", EmitDefaultValue = false)]
    public string? Note { get; set; }

    [DataMember(Name = "expiresAt", EmitDefaultValue = false)]
    public string? ExpiresAt { get; set; }
}

[DataContract]
internal sealed class SetHostsRequest : ChangeRequest
{
    [DataMember(Name = "hosts")]
    public string[] Hosts { get; set; } = [];

    [DataMember(Name = "updateMask")]
    public string UpdateMask { get; set; } = "";

    public HostValues Values { get; set; } = new();

    [DataMember(Name = "clientCertificatePolicy", EmitDefaultValue = false)]
    private string? Policy { get => Values.ClientCertificatePolicy; set => Values.ClientCertificatePolicy = value; }

    [DataMember(Name = "owner", EmitDefaultValue = false)]
    private string? Owner { get => Values.Owner; set => Values.Owner = value; }

    [DataMember(Name = "ticket", EmitDefaultValue = false)]
    private string? Ticket { get => Values.Ticket; set => Values.Ticket = value; }

    [DataMember(Name = "note", EmitDefaultValue = false)]
    private string? Note { get => Values.Note; set => Values.Note = value; }

    [DataMember(Name = "expiresAt", EmitDefaultValue = false)]
    private string? ExpiresAt { get => Values.ExpiresAt; set => Values.ExpiresAt = value; }
}

/// <summary>The answer to a change of hosts that are in the list.</summary>
[DataContract]
internal sealed class SetHostsAnswer : ChangedAnswer
{
    [DataMember(Name = "outcomes")]
    private SetOutcome[]? Outcomes { get; set; }

    [DataMember(Name = "counts")]
    private ChangeCounts? Counts { get; set; }

    /// <summary>The same as an addition would answer it.</summary>
    public ChangeAnswer AsChange() => new(Array.ConvertAll(Outcomes ?? [], o => o.AsOutcome()))
    {
        Counts = Counts, Preview = Preview, Warnings = Warnings, OnTrial = OnTrial,
    };
}

/// <summary>What became of one host that was set.</summary>
[DataContract]
internal sealed class SetOutcome
{
    [DataMember(Name = "host")]
    private HostMessage? Host { get; set; }

    [DataMember(Name = "previous")]
    private HostMessage? Previous { get; set; }

    [DataMember(Name = "problem")]
    private ProblemMessage? Problem { get; set; }

    [DataMember(Name = "index")]
    private int Index { get; set; }

    public Outcome AsOutcome() => new()
    {
        Host = Host?.Host, Problem = Problem, Index = Index,
        Kind = Problem != null ? "INVALID" : IsAsBefore ? "ALREADY_PRESENT" : "CHANGED",
    };

    private bool IsAsBefore => Host != null && Previous != null &&
        (Host.ClientCertificatePolicy, Host.Owner, Host.Ticket, Host.Note, Host.ExpiresAt) ==
        (Previous.ClientCertificatePolicy, Previous.Owner, Previous.Ticket, Previous.Note, Previous.ExpiresAt);
}

[DataContract]
internal sealed class FindingMessage
{
    [DataMember(Name = "host")]
    public HostMessage? Host { get; set; }

    [DataMember(Name = "problem")]
    public ProblemMessage? Problem { get; set; }

    [DataMember(Name = "commands")]
    public string[]? Commands { get; set; }

    [DataMember(Name = "useCount")]
    public string? UseCount { get; set; }

    [DataMember(Name = "lastUsedAt")]
    public string? LastUsedAt { get; set; }
}

[DataContract]
internal sealed class FindingPage : IPage<FindingMessage>
{
    [DataMember(Name = "findings")]
    private FindingMessage[]? Findings { get; set; }

    [DataMember(Name = "etag")]
    private string? EtagOrNull { get; set; }

    [DataMember(Name = "nextPageToken")]
    private string? NextOrNull { get; set; }

    public FindingMessage[] Items => Findings ?? [];
    public string Etag => EtagOrNull ?? "";
    public string NextPageToken => NextOrNull ?? "";
}

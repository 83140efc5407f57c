using System.Runtime.Serialization;

namespace OMSGateway;

// The messages of the admin API, as far as the cmdlets use them. What is missing in an answer is null here.

/// <summary>A page of a list.</summary>
internal interface IPage<out TItem>
{
    TItem[] Items { get; }
    string Etag { get; }
    string NextPageToken { get; }
}

/// <summary>What the request of every change has.</summary>
[DataContract]
internal abstract class ChangeRequest
{
    [DataMember(Name = "validateOnly", EmitDefaultValue = false)]
    public bool ValidateOnly { get; set; }

    [DataMember(Name = "comment", EmitDefaultValue = false)]
    public string? Comment { get; set; }

    /// <summary>How long a trial lasts, as protobuf's JSON writes a Duration: "300s".</summary>
    [DataMember(Name = "confirmWithin", EmitDefaultValue = false)]
    public string? ConfirmWithin { get; set; }

    /// <summary>The trial that the change is to be a part of.</summary>
    [DataMember(Name = "trial", EmitDefaultValue = false)]
    public string? Trial { get; set; }
}

/// <summary>What the answer to every change has; all of it is null from an older gateway.</summary>
[DataContract]
internal abstract class ChangedAnswer
{
    /// <summary>What the change would bring. Only where the request has validateOnly.</summary>
    [DataMember(Name = "preview")]
    public PreviewMessage? Preview { get; set; }

    /// <summary>What is still to be done.</summary>
    [DataMember(Name = "warnings")]
    public ProblemMessage[]? Warnings { get; set; }

    /// <summary>The trial that runs after the change.</summary>
    [DataMember(Name = "onTrial")]
    public TrialMessage? OnTrial { get; set; }
}

[DataContract]
internal sealed class TrialMessage
{
    [DataMember(Name = "id")]
    public string? Id { get; set; }

    [DataMember(Name = "endsAt")]
    public string? EndsAt { get; set; }
}

[DataContract]
internal sealed class PreviewMessage
{
    [DataMember(Name = "impact")]
    public ImpactMessage? Impact { get; set; }
}

/// <summary>Whom a change would cut off.</summary>
[DataContract]
internal sealed class ImpactMessage
{
    [DataMember(Name = "remarks")]
    private ProblemMessage[]? RemarksOrNull { get; set; }

    /// <summary>It in sentences.</summary>
    public ProblemMessage[] Remarks => RemarksOrNull ?? [];
}

[DataContract]
internal sealed class Empty
{
}

[DataContract]
internal sealed class PageRequest
{
    [DataMember(Name = "pageToken", EmitDefaultValue = false)]
    public string? PageToken { get; set; }
}

[DataContract]
internal sealed class HostMessage : HostValues
{
    [DataMember(Name = "host", EmitDefaultValue = false)]
    public string? Host { get; set; }

    [DataMember(Name = "addedAt", EmitDefaultValue = false)]
    public string? AddedAt { get; set; }

    [DataMember(Name = "addedBy", EmitDefaultValue = false)]
    public string? AddedBy { get; set; }

    [DataMember(Name = "expired", EmitDefaultValue = false)]
    public bool Expired { get; set; }
}

[DataContract]
internal sealed class HostPage : IPage<HostMessage>
{
    [DataMember(Name = "hosts")]
    private HostMessage[]? Hosts { get; set; }

    [DataMember(Name = "etag")]
    private string? EtagOrNull { get; set; }

    [DataMember(Name = "nextPageToken")]
    private string? NextOrNull { get; set; }

    public HostMessage[] Items => Hosts ?? [];
    public string Etag => EtagOrNull ?? "";
    public string NextPageToken => NextOrNull ?? "";
}

[DataContract]
internal sealed class EffectiveHostMessage
{
    [DataMember(Name = "host")]
    public string? Host { get; set; }

    [DataMember(Name = "sources")]
    public HostSourceMessage[]? Sources { get; set; }

    [DataMember(Name = "clientCertificatePolicy")]
    public string? ClientCertificatePolicy { get; set; }

    [DataMember(Name = "useCount")]
    public string? UseCount { get; set; }

    [DataMember(Name = "firstUsedAt")]
    public string? FirstUsedAt { get; set; }

    [DataMember(Name = "lastUsedAt")]
    public string? LastUsedAt { get; set; }
}

[DataContract]
internal sealed class HostSourceMessage
{
    [DataMember(Name = "kind")]
    public string? Kind { get; set; }

    [DataMember(Name = "since")]
    public string? Since { get; set; }

    [DataMember(Name = "addedBy")]
    public string? AddedBy { get; set; }

    [DataMember(Name = "agent")]
    public string? Agent { get; set; }

    [DataMember(Name = "place")]
    public string? Place { get; set; }

    [DataMember(Name = "workspace")]
    public string? Workspace { get; set; }
}

[DataContract]
internal sealed class EffectiveHostPage : IPage<EffectiveHostMessage>
{
    [DataMember(Name = "hosts")]
    private EffectiveHostMessage[]? Hosts { get; set; }

    [DataMember(Name = "etag")]
    private string? EtagOrNull { get; set; }

    [DataMember(Name = "nextPageToken")]
    private string? NextOrNull { get; set; }

    public EffectiveHostMessage[] Items => Hosts ?? [];
    public string Etag => EtagOrNull ?? "";
    public string NextPageToken => NextOrNull ?? "";
}

[DataContract]
internal sealed class AddHostsRequest : ChangeRequest
{
    [DataMember(Name = "hosts")]
    public HostMessage[] Hosts { get; set; } = [];

    /// <summary>What hosts that are in the list already get of what is given for them, too.</summary>
    [DataMember(Name = "updateMask", EmitDefaultValue = false)]
    public string? UpdateMask { get; set; }
}

[DataContract]
internal sealed class DeniedHostMessage
{
    [DataMember(Name = "host")]
    private string? HostOrNull { get; set; }

    [DataMember(Name = "reason")]
    public string? Reason { get; set; }

    [DataMember(Name = "count")]
    public string? Count { get; set; }

    [DataMember(Name = "firstDeniedAt")]
    public string? FirstDeniedAt { get; set; }

    [DataMember(Name = "lastDeniedAt")]
    public string? LastDeniedAt { get; set; }

    [DataMember(Name = "clients")]
    public string[]? Clients { get; set; }

    [DataMember(Name = "clientCount")]
    public int ClientCount { get; set; }

    public string Host => HostOrNull ?? "";
}

[DataContract]
internal sealed class DeniedHostPage : IPage<DeniedHostMessage>
{
    [DataMember(Name = "hosts")]
    private DeniedHostMessage[]? Hosts { get; set; }

    [DataMember(Name = "nextPageToken")]
    private string? NextOrNull { get; set; }

    public DeniedHostMessage[] Items => Hosts ?? [];
    public string Etag => ""; // the list is no configuration, and has none
    public string NextPageToken => NextOrNull ?? "";
}

[DataContract]
internal sealed class RemoveHostsRequest : ChangeRequest
{
    [DataMember(Name = "hosts")]
    public string[] Hosts { get; set; } = [];
}

[DataContract]
internal sealed class CertificateMessage
{
    [DataMember(Name = "subject", EmitDefaultValue = false)]
    public string? Subject { get; set; }

    [DataMember(Name = "addedAt", EmitDefaultValue = false)]
    public string? AddedAt { get; set; }

    [DataMember(Name = "addedBy", EmitDefaultValue = false)]
    public string? AddedBy { get; set; }
}

[DataContract]
internal sealed class CertificatePage : IPage<CertificateMessage>
{
    [DataMember(Name = "certificates")]
    private CertificateMessage[]? Certificates { get; set; }

    [DataMember(Name = "etag")]
    private string? EtagOrNull { get; set; }

    [DataMember(Name = "nextPageToken")]
    private string? NextOrNull { get; set; }

    public CertificateMessage[] Items => Certificates ?? [];
    public string Etag => EtagOrNull ?? "";
    public string NextPageToken => NextOrNull ?? "";
}

[DataContract]
internal sealed class AddCertificatesRequest : ChangeRequest
{
    [DataMember(Name = "certificates")]
    public CertificateMessage[] Certificates { get; set; } = [];
}

[DataContract]
internal sealed class RemoveCertificatesRequest : ChangeRequest
{
    [DataMember(Name = "subjects")]
    public string[] Subjects { get; set; } = [];
}

/// <summary>The answer to an addition to a list or a removal from it.</summary>
[DataContract]
internal sealed class ChangeAnswer(Outcome[] outcomes) : ChangedAnswer
{
    [DataMember(Name = "outcomes")]
    private Outcome[]? OutcomesOrNull { get; set; } = outcomes;

    /// <summary>One for each item of the request, in its order; with counts those of which more is to be said, with their index.</summary>
    public Outcome[] Outcomes => OutcomesOrNull ?? [];

    /// <summary>How many items had which outcome, if the request has more than 1,000; else null.</summary>
    [DataMember(Name = "counts")]
    public ChangeCounts? Counts { get; set; }
}

/// <summary>How many items of a change had which outcome.</summary>
[DataContract]
internal sealed class ChangeCounts
{
    [DataMember(Name = "added")]
    public int Added { get; set; }

    [DataMember(Name = "alreadyPresent")]
    public int AlreadyPresent { get; set; }

    [DataMember(Name = "removed")]
    public int Removed { get; set; }

    [DataMember(Name = "notPresent")]
    public int NotPresent { get; set; }

    [DataMember(Name = "changed")]
    public int Changed { get; set; }

    [DataMember(Name = "unchanged")]
    public int Unchanged { get; set; }

    [DataMember(Name = "invalid")]
    public int Invalid { get; set; }

    /// <summary>Outcomes of which more is to be said, and that are not in the answer, since there are too many.</summary>
    [DataMember(Name = "leftOut")]
    public int LeftOut { get; set; }

    /// <summary>All items.</summary>
    public int Total => Added + AlreadyPresent + Removed + NotPresent + Changed + Unchanged + Invalid;
}

/// <summary>What became of one host or subject.</summary>
[DataContract]
internal sealed class Outcome
{
    [DataMember(Name = "host")]
    public string? Host { get; set; }

    [DataMember(Name = "subject")]
    private string? Subject { get; set; }

    [DataMember(Name = "outcome")]
    public string? Kind { get; set; }

    [DataMember(Name = "clientCertificatePolicy")]
    public string? ClientCertificatePolicy { get; set; }

    [DataMember(Name = "problem")]
    public ProblemMessage? Problem { get; set; }

    [DataMember(Name = "warnings")]
    private ProblemMessage[]? WarningsOrNull { get; set; }

    [DataMember(Name = "openTunnels")]
    public int OpenTunnels { get; set; }

    [DataMember(Name = "stillCoveredBy")]
    public string? StillCoveredBy { get; set; }

    /// <summary>The place of the item in the request. Only in an answer with counts.</summary>
    [DataMember(Name = "index")]
    public int Index { get; set; }

    /// <summary>The spelling that the gateway keeps.</summary>
    public string Item => Host ?? Subject ?? "";

    public ProblemMessage[] Warnings => WarningsOrNull ?? [];
}

[DataContract]
internal sealed class ProblemMessage
{
    [DataMember(Name = "reason")]
    public string? Reason { get; set; }

    [DataMember(Name = "message")]
    public string? Message { get; set; }
}

[DataContract]
internal sealed class SettingMessage
{
    [DataMember(Name = "key")]
    public string? Key { get; set; }

    [DataMember(Name = "value")]
    public string? Value { get; set; }

    [DataMember(Name = "defaultValue")]
    public string? DefaultValue { get; set; }

    [DataMember(Name = "description")]
    public string? Description { get; set; }

    [DataMember(Name = "type")]
    public string? Type { get; set; }

    [DataMember(Name = "unit")]
    public string? Unit { get; set; }

    [DataMember(Name = "choices")]
    public string[]? Choices { get; set; }

    [DataMember(Name = "fixed")]
    public bool Fixed { get; set; }

    [DataMember(Name = "access")]
    public AccessMessage? Access { get; set; }

    [DataMember(Name = "layer")]
    public string? Layer { get; set; }
}

[DataContract]
internal sealed class AccessMessage
{
    [DataMember(Name = "role")]
    public string? Role { get; set; }

    [DataMember(Name = "localOnly")]
    public bool LocalOnly { get; set; }
}

[DataContract]
internal sealed class SettingList
{
    [DataMember(Name = "settings")]
    private SettingMessage[]? SettingsOrNull { get; set; }

    public SettingMessage[] Settings => SettingsOrNull ?? [];
}

[DataContract]
internal sealed class GetSettingRequest
{
    [DataMember(Name = "key")]
    public string Key { get; set; } = "";
}

[DataContract]
internal sealed class GetSettingAnswer
{
    [DataMember(Name = "setting")]
    public SettingMessage? Setting { get; set; }
}

[DataContract]
internal sealed class SetSettingRequest : ChangeRequest
{
    [DataMember(Name = "key")]
    public string Key { get; set; } = "";

    [DataMember(Name = "value")]
    public string Value { get; set; } = "";
}

[DataContract]
internal sealed class SetSettingAnswer : ChangedAnswer
{
    [DataMember(Name = "setting")]
    public SettingMessage? Setting { get; set; }

    [DataMember(Name = "previousValue")]
    public string? PreviousValue { get; set; }
}

[DataContract]
internal sealed class RelayProxyMessage
{
    [DataMember(Name = "address")]
    public string? Address { get; set; }
}

[DataContract]
internal sealed class GetRelayProxyAnswer
{
    [DataMember(Name = "relayProxy")]
    public RelayProxyMessage? RelayProxy { get; set; }
}

[DataContract]
internal sealed class SetRelayProxyAnswer : ChangedAnswer
{
    [DataMember(Name = "relayProxy")]
    public RelayProxyMessage? RelayProxy { get; set; }
}

[DataContract]
internal sealed class ClearRelayProxyAnswer : ChangedAnswer
{
}

[DataContract]
internal sealed class ClearRelayProxyRequest : ChangeRequest
{
}

[DataContract]
internal sealed class SetRelayProxyRequest : ChangeRequest
{
    [DataMember(Name = "address")]
    public string Address { get; set; } = "";

    [DataMember(Name = "username", EmitDefaultValue = false)]
    public string? Username { get; set; }

    [DataMember(Name = "password", EmitDefaultValue = false)]
    public string? Password { get; set; }
}

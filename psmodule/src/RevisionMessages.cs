using System.Globalization;
using System.Runtime.Serialization;

namespace OMSGateway;

// The messages of RevisionService. What is missing in an answer is null here; 64 bits are a string in JSON.

[DataContract]
internal sealed class GetTrialAnswer
{
    [DataMember(Name = "trial")]
    public TrialMessage? Trial { get; set; }
}

[DataContract]
internal sealed class EndTrialRequest
{
    [DataMember(Name = "id")]
    public string Id { get; set; } = "";

    [DataMember(Name = "comment", EmitDefaultValue = false)]
    public string? Comment { get; set; }
}

[DataContract]
internal sealed class RevisionFilter
{
    [DataMember(Name = "pageSize", EmitDefaultValue = false)]
    public int PageSize { get; set; }

    [DataMember(Name = "pageToken", EmitDefaultValue = false)]
    public string? PageToken { get; set; }

    [DataMember(Name = "caller", EmitDefaultValue = false)]
    public string? Caller { get; set; }

    [DataMember(Name = "since", EmitDefaultValue = false)]
    public string? Since { get; set; }

    [DataMember(Name = "host", EmitDefaultValue = false)]
    public string? Host { get; set; }
}

[DataContract]
internal sealed class RevisionPage : IPage<RevisionMessage>
{
    [DataMember(Name = "revisions")]
    private RevisionMessage[]? Revisions { get; set; }

    [DataMember(Name = "nextPageToken")]
    private string? NextOrNull { get; set; }

    public RevisionMessage[] Items => Revisions ?? [];
    public string Etag => ""; // a page is what is older than the one before, whatever is added meanwhile
    public string NextPageToken => NextOrNull ?? "";
}

[DataContract]
internal sealed class GetRevisionRequest
{
    [DataMember(Name = "revision")]
    public string Revision { get; set; } = "";
}

[DataContract]
internal sealed class GetRevisionAnswer
{
    [DataMember(Name = "revision")]
    public RevisionMessage? Revision { get; set; }
}

[DataContract]
internal sealed class RevisionMessage
{
    [DataMember(Name = "revision")]
    private string? NumberOrNull { get; set; }

    [DataMember(Name = "time")]
    public string? Time { get; set; }

    [DataMember(Name = "result")]
    public string? Result { get; set; }

    [DataMember(Name = "about")]
    public string? About { get; set; }

    [DataMember(Name = "trial")]
    public string? Trial { get; set; }

    [DataMember(Name = "caller")]
    public string? Caller { get; set; }

    [DataMember(Name = "via")]
    public string? Via { get; set; }

    [DataMember(Name = "address")]
    public string? Address { get; set; }

    [DataMember(Name = "client")]
    public string? Client { get; set; }

    [DataMember(Name = "method")]
    public string? Method { get; set; }

    [DataMember(Name = "comment")]
    public string? Comment { get; set; }

    [DataMember(Name = "changes")]
    public RevisionChangeMessage[]? Changes { get; set; }

    [DataMember(Name = "counts")]
    public RevisionCountMessage[]? Counts { get; set; }

    [DataMember(Name = "problem")]
    public string? Problem { get; set; }

    [DataMember(Name = "hasConfiguration")]
    public bool HasConfiguration { get; set; }

    [DataMember(Name = "hash")]
    public string? Hash { get; set; }

    public ulong Number => NumberOf(NumberOrNull);

    public static ulong NumberOf(string? text) =>
        ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;

    public static string TextOf(ulong number) => number.ToString(CultureInfo.InvariantCulture);
}

[DataContract]
internal sealed class RevisionChangeMessage
{
    [DataMember(Name = "noun")]
    public string? Noun { get; set; }

    [DataMember(Name = "key")]
    public string? Key { get; set; }

    [DataMember(Name = "oldValue")]
    public string? OldValue { get; set; }

    [DataMember(Name = "newValue")]
    public string? NewValue { get; set; }
}

[DataContract]
internal sealed class RevisionCountMessage
{
    [DataMember(Name = "noun")]
    private string? Noun { get; set; }

    [DataMember(Name = "added")]
    private string? Added { get; set; }

    [DataMember(Name = "removed")]
    private string? Removed { get; set; }

    [DataMember(Name = "changed")]
    private string? Changed { get; set; }

    public long Total => (long)(RevisionMessage.NumberOf(Added) + RevisionMessage.NumberOf(Removed) + RevisionMessage.NumberOf(Changed));

    public override string ToString() => $"{Noun}: {Added ?? "0"} added, {Removed ?? "0"} removed, {Changed ?? "0"} changed";
}

[DataContract]
internal sealed class DiffRevisionsRequest
{
    [DataMember(Name = "from")]
    public string From { get; set; } = "";

    [DataMember(Name = "to", EmitDefaultValue = false)]
    public string? To { get; set; }
}

[DataContract]
internal sealed class DiffRevisionsAnswer
{
    [DataMember(Name = "changes")]
    private RevisionChangeMessage[]? ChangesOrNull { get; set; }

    [DataMember(Name = "counts")]
    private RevisionCountMessage[]? CountsOrNull { get; set; }

    public RevisionChangeMessage[] Changes => ChangesOrNull ?? [];

    public RevisionCountMessage[] Counts => CountsOrNull ?? [];
}

[DataContract]
internal sealed class RestoreRevisionRequest : ChangeRequest
{
    [DataMember(Name = "revision")]
    public string Revision { get; set; } = "";

    [DataMember(Name = "password", EmitDefaultValue = false)]
    public string? Password { get; set; }
}

[DataContract]
internal sealed class RestoreRevisionAnswer : ChangedAnswer
{
    [DataMember(Name = "changes")]
    private RevisionChangeMessage[]? ChangesOrNull { get; set; }

    [DataMember(Name = "counts")]
    private RevisionCountMessage[]? CountsOrNull { get; set; }

    public RevisionChangeMessage[] Changes => ChangesOrNull ?? [];

    public RevisionCountMessage[] Counts => CountsOrNull ?? [];
}

using System.Runtime.Serialization;

namespace OMSGateway;

// The messages of ConfigurationService. Bytes are base64 in JSON, and 64 bits a string.

[DataContract]
internal sealed class ExportConfigurationRequest
{
    [DataMember(Name = "format")]
    public string Format { get; set; } = "";

    [DataMember(Name = "offset", EmitDefaultValue = false)]
    public long Offset { get; set; }

    [DataMember(Name = "etag", EmitDefaultValue = false)]
    public string? Etag { get; set; }
}

[DataContract]
internal sealed class ExportConfigurationAnswer
{
    [DataMember(Name = "document")]
    public string? Document { get; set; }

    [DataMember(Name = "size")]
    private string? SizeOrNull { get; set; }

    [DataMember(Name = "etag")]
    public string? Etag { get; set; }

    public long Size => (long)RevisionMessage.NumberOf(SizeOrNull);
}

[DataContract]
internal sealed class ApplyConfigurationRequest : ChangeRequest
{
    [DataMember(Name = "document")]
    public string Document { get; set; } = "";

    [DataMember(Name = "name")]
    public string Name { get; set; } = "";

    [DataMember(Name = "prune", EmitDefaultValue = false)]
    public bool Prune { get; set; }

    [DataMember(Name = "password", EmitDefaultValue = false)]
    public string? Password { get; set; }
}

[DataContract]
internal sealed class ApplyConfigurationAnswer : ChangedAnswer
{
    [DataMember(Name = "changes")]
    private RevisionChangeMessage[]? ChangesOrNull { get; set; }

    [DataMember(Name = "counts")]
    private RevisionCountMessage[]? CountsOrNull { get; set; }

    public RevisionChangeMessage[] Changes => ChangesOrNull ?? [];

    public RevisionCountMessage[] Counts => CountsOrNull ?? [];
}

using System;
using System.Collections.Generic;
using System.IO;
using System.Runtime.Serialization;
using System.Runtime.Serialization.Json;

namespace OMSGateway;

/// <summary>A call that omsgwctl answered with an error, in the parts that JSON-RPC 2.0 and the admin API give it.</summary>
internal sealed class CallException : Exception
{
    /// <summary>What omsgwctl answers for a method that it does not know (JSON-RPC 2.0, section 5.1).</summary>
    public const int MethodNotFound = -32601;

    /// <summary>A gRPC status code.</summary>
    public const int NotFound = 5;

    /// <summary>A gRPC status code, or below zero a code of JSON-RPC.</summary>
    public int Code { get; }

    /// <summary>The stable reason in UPPER_SNAKE_CASE; empty if there is none.</summary>
    public string Reason { get; }

    public CallException(int code, string reason, string message) : base(message)
    {
        Code = code;
        Reason = reason;
    }
}

/// <summary>omsgwctl itself cannot be used: it is missing, ends, says nothing, or speaks another protocol.</summary>
internal sealed class BatchException : Exception
{
    /// <summary>A stable name of what went wrong, for the error's identifier.</summary>
    public string Id { get; }

    public BatchException(string id, string message, Exception? cause = null) : base(message, cause)
    {
        Id = id;
    }
}

/// <summary>A line to omsgwctl.</summary>
[DataContract]
internal sealed class BatchRequest<TParams>
{
    [DataMember(Name = "jsonrpc", Order = 1)]
    public string Version { get; set; } = "2.0";

    [DataMember(Name = "id", Order = 2)]
    public int Id { get; set; }

    [DataMember(Name = "method", Order = 3)]
    public string Method { get; set; } = "";

    [DataMember(Name = "params", Order = 4)]
    public TParams? Params { get; set; }
}

/// <summary>A line from omsgwctl.</summary>
[DataContract]
internal sealed class BatchAnswer<TResult>
{
    [DataMember(Name = "id")]
    public int? Id { get; set; }

    [DataMember(Name = "result")]
    public TResult? Result { get; set; }

    [DataMember(Name = "error")]
    public BatchError? Error { get; set; }
}

/// <summary>A line from omsgwctl while a call streams: a message, or in the end the answer.</summary>
[DataContract]
internal sealed class BatchMessage<TMessage>
{
    [DataMember(Name = "id")]
    public int? Id { get; set; }

    [DataMember(Name = "params")]
    public TMessage? Message { get; set; }

    [DataMember(Name = "error")]
    public BatchError? Error { get; set; }
}

[DataContract]
internal sealed class BatchError
{
    [DataMember(Name = "code")]
    public int Code { get; set; }

    [DataMember(Name = "message")]
    public string? Message { get; set; }

    [DataMember(Name = "data")]
    public BatchErrorData? Data { get; set; }
}

[DataContract]
internal sealed class BatchErrorData
{
    [DataMember(Name = "reason")]
    public string? Reason { get; set; }
}

/// <summary>The first line from omsgwctl.</summary>
[DataContract]
internal sealed class BatchHello
{
    [DataMember(Name = "method")]
    public string? Method { get; set; }

    [DataMember(Name = "params")]
    public BatchHelloParams? Params { get; set; }
}

[DataContract]
internal sealed class BatchHelloParams
{
    [DataMember(Name = "protocol")]
    public int Protocol { get; set; }

    [DataMember(Name = "version")]
    public string? Version { get; set; }
}

/// <summary>Objects as JSON in UTF-8 without a byte order mark, with what every .NET has.</summary>
internal static class Json<T> where T : class
{
    private static readonly DataContractJsonSerializer Serializer = new(typeof(T), new DataContractJsonSerializerSettings
    {
        UseSimpleDictionaryFormat = true,
        EmitTypeInformation = EmitTypeInformation.Never,
    });

    /// <summary>One line, its end included.</summary>
    public static byte[] ToLine(T value)
    {
        using var line = new MemoryStream();
        Serializer.WriteObject(line, value);
        line.WriteByte((byte)'\n');
        return line.ToArray();
    }

    /// <summary>Reads one object; members that are not known are skipped.</summary>
    /// <exception cref="SerializationException">The line is not such an object.</exception>
    public static T FromLine(byte[] line)
    {
        using var text = new MemoryStream(line);
        return Serializer.ReadObject(text) as T ?? throw new SerializationException("the line is null");
    }
}

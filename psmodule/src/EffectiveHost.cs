using System;
using System.Linq;

namespace OMSGateway;

/// <summary>A host that is allowed right now, as Get-OMSGatewayAllowedHost -Effective answers it.</summary>
public sealed class EffectiveHost
{
    /// <summary>The host as the gateway spells it.</summary>
    public string Host { get; }

    /// <summary>Where it comes from, at least one. The first decides what is asked of client certificates.</summary>
    public HostSource[] Sources { get; }

    /// <summary>How many requests the entry has allowed.</summary>
    public long UseCount { get; }

    /// <summary>When it has allowed the first one, local time; null if it never has.</summary>
    public DateTime? FirstUsed { get; }

    /// <summary>When it has allowed the last one, local time; null if it never has.</summary>
    public DateTime? LastUsed { get; }

    /// <summary>What is asked of client certificates: Off, IfShown or Required.</summary>
    public string ClientCertificatePolicy { get; }

    internal EffectiveHost(EffectiveHostMessage message)
    {
        Host = message.Host ?? "";
        Sources = Array.ConvertAll(message.Sources ?? [], s => new HostSource(s));
        UseCount = JsonValue.Number(message.UseCount);
        FirstUsed = JsonValue.Time(message.FirstUsedAt);
        LastUsed = JsonValue.Time(message.LastUsedAt);
        ClientCertificatePolicy = EnumName.Of(message.ClientCertificatePolicy);
    }

    /// <summary>The host, so that the object can stand where a string is expected.</summary>
    public override string ToString() => Host;
}

/// <summary>Where an allowed host comes from.</summary>
public sealed class HostSource
{
    /// <summary>Local if it was configured on this gateway, Learned if a monitoring agent on its computer is configured to reach it.</summary>
    public string Kind { get; }

    /// <summary>Since when it is there, local time; null if that is not known.</summary>
    public DateTime? Since { get; }

    /// <summary>The account that added it, if it is Local.</summary>
    public string AddedBy { get; }

    /// <summary>The agent, if it is Learned.</summary>
    public string Agent { get; }

    /// <summary>The file or registry key that it was read from, if it is Learned.</summary>
    public string Place { get; }

    /// <summary>The workspace that the agent sends to; empty if the host is for all of them.</summary>
    public string Workspace { get; }

    internal HostSource(HostSourceMessage message)
    {
        Kind = EnumName.Of(message.Kind);
        Since = JsonValue.Time(message.Since);
        AddedBy = message.AddedBy ?? "";
        Agent = message.Agent ?? "";
        Place = message.Place ?? "";
        Workspace = message.Workspace ?? "";
    }

    /// <summary>The source in one line.</summary>
    public override string ToString() =>
        string.Join(" ", new[] { Kind, AddedBy, Agent, Workspace }.Where(part => part != ""));
}

/// <summary>Names of values as PowerShell spells them.</summary>
internal static class EnumName
{
    /// <summary>IfShown for IF_SHOWN.</summary>
    public static string Of(string? value) => string.Concat((value ?? "").Split('_')
        .Where(word => word != "").Select(word => word.Substring(0, 1) + word.Substring(1).ToLowerInvariant()));
}

using System;
using System.Collections.Generic;
using System.Management.Automation;

namespace OMSGateway;

/// <summary>What the gateway has learned from the monitoring agents on its computer, as Get-OMSGatewayDiscovery answers it.</summary>
public sealed class Discovery
{
    /// <summary>Whether hosts are learned. If not, nothing was read.</summary>
    public bool On { get; }

    /// <summary>When everything was read last, local time; null if it never was.</summary>
    public DateTime? ReadAt { get; }

    /// <summary>Where agents are looked for.</summary>
    public DiscoveryPlace[] Places { get; }

    /// <summary>The hosts, once for each agent and workspace.</summary>
    public LearnedHost[] Hosts { get; }

    /// <summary>The client certificates.</summary>
    public LearnedClientCertificate[] ClientCertificates { get; }

    /// <summary>What was read and is not learned.</summary>
    public Problem[] Ignored { get; }

    /// <summary>How many more places and ignored things there are than an answer can have.</summary>
    public int LeftOut { get; }

    internal Discovery(DiscoveryMessage message)
    {
        On = message.On;
        ReadAt = JsonValue.Time(message.ReadAt);
        Places = Array.ConvertAll(message.Places ?? [], p => new DiscoveryPlace(p));
        Hosts = Array.ConvertAll(message.Hosts ?? [], h => new LearnedHost(h));
        ClientCertificates = Array.ConvertAll(message.ClientCertificates ?? [], c => new LearnedClientCertificate(c));
        Ignored = Array.ConvertAll(message.Ignored ?? [], p => Problem.Of(p)!);
        LeftOut = message.LeftOut;
    }
}

/// <summary>A file, folder or registry key of a monitoring agent.</summary>
public sealed class DiscoveryPlace
{
    /// <summary>The agent, for example "Azure Monitor Agent".</summary>
    public string Agent { get; }

    /// <summary>The version of the agent; empty if it is not known.</summary>
    public string Version { get; }

    /// <summary>The path of a file or folder, or the key.</summary>
    public string Path { get; }

    /// <summary>What became of it: Missing if the agent is not there, Empty if it has no configuration, Read, or Failed.</summary>
    public string State { get; }

    /// <summary>When it was read last, local time; null if it never was.</summary>
    public DateTime? ReadAt { get; }

    /// <summary>Why it could not be read; null if it could.</summary>
    public Problem? Problem { get; }

    internal DiscoveryPlace(DiscoveryPlaceMessage message)
    {
        Agent = message.Agent ?? "";
        Version = message.Version ?? "";
        Path = message.Path ?? "";
        State = EnumName.Of(message.State);
        ReadAt = JsonValue.Time(message.ReadAt);
        Problem = Problem.Of(message.Problem);
    }

    /// <summary>The place in one line.</summary>
    public override string ToString() => $"{Agent}, {Path}: {State}";
}

/// <summary>A host that is allowed because an agent is configured to reach it.</summary>
public sealed class LearnedHost
{
    /// <summary>The host.</summary>
    public string Host { get; }

    /// <summary>The agent.</summary>
    public string Agent { get; }

    /// <summary>The workspace for which the agent needs it; empty if it needs it whatever the workspace.</summary>
    public string Workspace { get; }

    /// <summary>The path or key that says so.</summary>
    public string Place { get; }

    /// <summary>When it was learned first since the gateway started, local time.</summary>
    public DateTime? Since { get; }

    internal LearnedHost(LearnedMessage message)
    {
        Host = message.Host ?? "";
        Agent = message.Agent ?? "";
        Workspace = message.Workspace ?? "";
        Place = message.Place ?? "";
        Since = JsonValue.Time(message.Since);
    }

    /// <summary>The host, so that the object can stand where a string is expected.</summary>
    public override string ToString() => Host;
}

/// <summary>A client certificate that is allowed because agents of a learned workspace show it.</summary>
public sealed class LearnedClientCertificate
{
    /// <summary>The subject.</summary>
    public string Subject { get; }

    /// <summary>The agent.</summary>
    public string Agent { get; }

    /// <summary>The workspace.</summary>
    public string Workspace { get; }

    /// <summary>The path or key that says so.</summary>
    public string Place { get; }

    /// <summary>When it was learned first since the gateway started, local time.</summary>
    public DateTime? Since { get; }

    internal LearnedClientCertificate(LearnedMessage message)
    {
        Subject = message.Subject ?? "";
        Agent = message.Agent ?? "";
        Workspace = message.Workspace ?? "";
        Place = message.Place ?? "";
        Since = JsonValue.Time(message.Since);
    }

    /// <summary>The subject, so that the object can stand where a string is expected.</summary>
    public override string ToString() => Subject;
}

/// <summary>Get-OMSGatewayDiscovery.</summary>
[Cmdlet(VerbsCommon.Get, "OMSGatewayDiscovery")]
[OutputType(typeof(Discovery))]
public sealed class GetOMSGatewayDiscoveryCommand : AskingCmdlet
{
    private protected override IEnumerable<object?> Ask()
    {
        var discovery = new Discovery(Call<Empty, DiscoveryMessage>("DiscoveryService/GetDiscovery", new Empty()));
        if (!discovery.On)
        {
            WriteVerbose("Nothing is learned: the setting LearnHosts is Off.");
        }
        return [discovery];
    }
}

using System;
using System.Collections.Generic;
using System.Linq;
using System.Management.Automation;

namespace OMSGateway;

/// <summary>A host that clients were refused, as Get-OMSGatewayDeniedHost answers it.</summary>
public sealed class DeniedHost
{
    /// <summary>The host, with ":port" if the port is not 443: what Add-OMSGatewayAllowedHost takes to allow just that.</summary>
    public string Host { get; }

    /// <summary>How often it was refused, as far as is remembered.</summary>
    public long Count { get; }

    /// <summary>When it was refused for the first time, as far as is remembered, local time.</summary>
    public DateTime? FirstDeniedAt { get; }

    /// <summary>When it was refused for the last time, local time.</summary>
    public DateTime? LastDeniedAt { get; }

    /// <summary>Why it would be refused now: HOST_NOT_ALLOWED, PORT_NOT_ALLOWED or ADDRESS_NOT_ALLOWED.</summary>
    public string Reason { get; }

    /// <summary>The IP addresses of the clients that were refused last, the latest first, at most 8.</summary>
    public string[] Clients { get; }

    /// <summary>How many clients were refused; an estimate if there were more than 8.</summary>
    public int ClientCount { get; }

    internal DeniedHost(DeniedHostMessage message)
    {
        Host = message.Host;
        Count = JsonValue.Number(message.Count);
        FirstDeniedAt = JsonValue.Time(message.FirstDeniedAt);
        LastDeniedAt = JsonValue.Time(message.LastDeniedAt);
        Reason = message.Reason ?? "";
        Clients = message.Clients ?? [];
        ClientCount = message.ClientCount;
    }

    /// <summary>The host, so that the object can stand where a string is expected.</summary>
    public override string ToString() => Host;
}

/// <summary>Get-OMSGatewayDeniedHost.</summary>
[Cmdlet(VerbsCommon.Get, "OMSGatewayDeniedHost")]
[OutputType(typeof(DeniedHost))]
public sealed class GetOMSGatewayDeniedHostCommand : AskingCmdlet
{
    /// <summary>The hosts, or patterns for hosts. The name hides PSCmdlet.Host, which this cmdlet does not need.</summary>
    [Parameter(Position = 0)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(DeniedHostCompleter))]
    public new string[] Host { get; set; } = ["*"];

    private protected override IEnumerable<object?> Ask()
    {
        var all = ReadAll<DeniedHostPage, DeniedHostMessage>("DeniedHostService/ListDeniedHosts").ConvertAll(h => new DeniedHost(h));
        return all.Where(h => Host.Any(wanted => DeniedHosts.Fits(wanted, h.Host))).OrderBy(h => h.LastDeniedAt);
    }
}

/// <summary>Clear-OMSGatewayDeniedHost.</summary>
[Cmdlet(VerbsCommon.Clear, "OMSGatewayDeniedHost", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium,
    DefaultParameterSetName = HostSet)]
public sealed class ClearOMSGatewayDeniedHostCommand : ActingCmdlet
{
    private const string HostSet = "Host";
    private const string AllSet = "All";
    private const string Action = "Forget refused host";
    private const int MaxHosts = 1000; // of a call

    private readonly List<string> hosts = [];
    private bool yesToAll;
    private bool noToAll;

    /// <summary>The hosts, or patterns for hosts. The name hides PSCmdlet.Host, which this cmdlet does not need.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true, ParameterSetName = HostSet)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(DeniedHostCompleter))]
    public new string[] Host { get; set; } = [];

    /// <summary>All of them.</summary>
    [Parameter(Mandatory = true, ParameterSetName = AllSet)]
    public SwitchParameter All { get; set; }

    /// <summary>Takes the hosts of one record.</summary>
    protected override void ProcessRecord()
    {
        foreach (var host in Host)
        {
            try
            {
                Choose(host);
            }
            catch (Exception e) when (e is CallException or BatchException)
            {
                WriteError(Record(e, host));
            }
        }
    }

    /// <summary>Lets the gateway forget them.</summary>
    private protected override void Finish()
    {
        if (All && Confirmed("All refused hosts", "Forget"))
        {
            Tell(Call<ClearDeniedHostsRequest, ClearDeniedHostsAnswer>(
                "DeniedHostService/ClearDeniedHosts", new ClearDeniedHostsRequest { All = true }));
        }
        Send();
    }

    private void Choose(string host)
    {
        if (!DeniedHosts.IsPattern(host))
        {
            if (Confirmed(host, Action))
            {
                Collect(host);
            }
            return;
        }
        var fitting = ReadAll<DeniedHostPage, DeniedHostMessage>("DeniedHostService/ListDeniedHosts")
            .FindAll(h => DeniedHosts.Fits(host, h.Host));
        if (fitting.Count == 0)
        {
            WriteVerbose($"No refused host fits {host}.");
        }
        foreach (var one in fitting)
        {
            if (ConfirmedAsHigh(one.Host, Action, ref yesToAll, ref noToAll))
            {
                Collect(one.Host);
            }
        }
    }

    private void Collect(string host)
    {
        hosts.Add(host);
        if (hosts.Count == MaxHosts)
        {
            Send();
        }
    }

    // The gateway refuses a call as a whole for one host that it does not understand; each is sent by itself then.
    private void Send()
    {
        if (hosts.Count == 0)
        {
            return;
        }
        var sent = hosts.ToArray();
        hosts.Clear();
        try
        {
            Clear(sent);
        }
        catch (CallException e) when (Failure.IsAboutTheValue(e))
        {
            foreach (var host in sent)
            {
                try
                {
                    Clear(host);
                }
                catch (CallException one) when (Failure.IsAboutTheValue(one))
                {
                    WriteError(Record(one, host));
                }
            }
        }
    }

    private void Clear(params string[] some) => Tell(Call<ClearDeniedHostsRequest, ClearDeniedHostsAnswer>(
        "DeniedHostService/ClearDeniedHosts", new ClearDeniedHostsRequest { Hosts = some }));

    private void Tell(ClearDeniedHostsAnswer answer)
    {
        WriteVerbose($"{answer.Cleared} hosts are forgotten.");
        foreach (var host in answer.NotPresent)
        {
            WriteVerbose($"{host} was not in the list.");
        }
    }
}

/// <summary>Values that name refused hosts. Since none of them is a wildcard, *.domain is a pattern like any other.</summary>
internal static class DeniedHosts
{
    public static bool IsPattern(string value) =>
        value.Trim().StartsWith("*.", StringComparison.Ordinal) || Pattern.IsHosts(value);

    public static bool Fits(string value, string host) => IsPattern(value)
        ? Pattern.Matching(value, [host]).Length > 0
        : string.Equals(value.Trim(), host, StringComparison.OrdinalIgnoreCase);
}

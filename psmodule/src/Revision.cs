using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Management.Automation;

namespace OMSGateway;

/// <summary>A change of the configuration, as Get-OMSGatewayRevision answers it.</summary>
public sealed class Revision
{
    /// <summary>Its number, from 1 on.</summary>
    public ulong Number { get; }

    /// <summary>When the change was made, local time; null if that is not known.</summary>
    public DateTime? Time { get; }

    /// <summary>What the record says: Changed; NotMade for one of which nothing came; Tried, Confirmed and RolledBack for trials.</summary>
    public string Result { get; }

    /// <summary>The revision that this one is about, where it is about another one; else 0.</summary>
    public ulong About { get; }

    /// <summary>The trial that it belongs to; empty if it belongs to none.</summary>
    public string Trial { get; }

    /// <summary>Who made the change.</summary>
    public string By { get; }

    /// <summary>The way by which they called, for example "unix socket".</summary>
    public string Via { get; }

    /// <summary>The address that they called from; empty on the gateway's own computer.</summary>
    public string Address { get; }

    /// <summary>The program by which they called.</summary>
    public string Client { get; }

    /// <summary>The call that was made, or what else changed the configuration: baseline, file, setup, trial.</summary>
    public string Method { get; }

    /// <summary>What they said about it.</summary>
    public string Comment { get; }

    /// <summary>What was changed; empty in a list for a change of more than 20, where <see cref="Counts"/> says how much it was.</summary>
    public RevisionChange[] Changes { get; }

    /// <summary>How many differences there were of each noun, in words; empty where <see cref="Changes"/> has all.</summary>
    public string[] Counts { get; }

    /// <summary>Why something was not made; else empty.</summary>
    public string Problem { get; }

    /// <summary>Whether the whole configuration is kept, so that it can be restored.</summary>
    public bool HasConfiguration { get; }

    /// <summary>The SHA-256 of its record.</summary>
    public string Hash { get; }

    internal Revision(RevisionMessage message)
    {
        Number = message.Number;
        Time = JsonValue.Time(message.Time);
        Result = EnumName.Of(message.Result);
        About = RevisionMessage.NumberOf(message.About);
        Trial = message.Trial ?? "";
        By = message.Caller ?? "";
        Via = message.Via ?? "";
        Address = message.Address ?? "";
        Client = message.Client ?? "";
        Method = message.Method ?? "";
        Comment = message.Comment ?? "";
        Changes = Array.ConvertAll(message.Changes ?? [], c => new RevisionChange(c));
        Counts = Array.ConvertAll(message.Counts ?? [], c => c.ToString());
        Problem = message.Problem ?? "";
        HasConfiguration = message.HasConfiguration;
        Hash = message.Hash ?? "";
    }

    /// <summary>The number, so that the object can stand where one is expected.</summary>
    public override string ToString() => Number.ToString(CultureInfo.InvariantCulture);
}

/// <summary>One difference between two configurations.</summary>
public sealed class RevisionChange
{
    /// <summary>What kind of thing it is: setting, allowed-host, allowed-client-certificate or relay-proxy.</summary>
    public string Noun { get; }

    /// <summary>Which one: the key of a setting, the host, the subject.</summary>
    public string Key { get; }

    /// <summary>What was there before; empty if nothing was. Never a secret.</summary>
    public string OldValue { get; }

    /// <summary>What is there after; empty if nothing is. Never a secret.</summary>
    public string NewValue { get; }

    internal RevisionChange(RevisionChangeMessage message)
    {
        Noun = message.Noun ?? "";
        Key = message.Key ?? "";
        OldValue = message.OldValue ?? "";
        NewValue = message.NewValue ?? "";
    }

    /// <summary>The difference in one line.</summary>
    public override string ToString() => (OldValue, NewValue) switch
    {
        ("", "") => $"{Noun} {Key}: another one",
        ("", _) => $"{Noun} {Key}: {NewValue}",
        (_, "") => $"{Noun} {Key}: no longer {OldValue}",
        _ => $"{Noun} {Key}: {NewValue}, before {OldValue}",
    };
}

/// <summary>Get-OMSGatewayRevision.</summary>
[Cmdlet(VerbsCommon.Get, "OMSGatewayRevision", DefaultParameterSetName = "List")]
[OutputType(typeof(Revision))]
public sealed class GetOMSGatewayRevisionCommand : AskingCmdlet
{
    /// <summary>The numbers.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = "Number")]
    [ArgumentCompleter(typeof(RevisionCompleter))]
    public ulong[] Number { get; set; } = [];

    /// <summary>Only changes by the account of this name.</summary>
    [Parameter(ParameterSetName = "List")]
    public string? By { get; set; }

    /// <summary>Only changes since then.</summary>
    [Parameter(ParameterSetName = "List")]
    public DateTime? Since { get; set; }

    /// <summary>Only changes of this allowed host.</summary>
    [Parameter(ParameterSetName = "List")]
    [ArgumentCompleter(typeof(AllowedHostCompleter))]
    public string? AllowedHost { get; set; }

    private protected override IEnumerable<object?> Ask()
    {
        if (ParameterSetName == "Number")
        {
            return Number.SelectMany(number => About(number, () =>
            {
                var request = new GetRevisionRequest { Revision = RevisionMessage.TextOf(number) };
                return new[] { new Revision(Call<GetRevisionRequest, GetRevisionAnswer>("RevisionService/GetRevision", request).Revision!) };
            }));
        }
        var filter = new RevisionFilter
        {
            Caller = By, Host = AllowedHost, Since = Since?.ToUniversalTime().ToString("o", CultureInfo.InvariantCulture),
        };
        return ListReader.ReadAll(page =>
        {
            filter.PageToken = page.PageToken;
            return Call<RevisionFilter, RevisionPage>("RevisionService/ListRevisions", filter);
        }).Select(r => new Revision(r));
    }
}

/// <summary>Compare-OMSGatewayRevision.</summary>
[Cmdlet(VerbsData.Compare, "OMSGatewayRevision")]
[OutputType(typeof(RevisionChange))]
public sealed class CompareOMSGatewayRevisionCommand : AskingCmdlet
{
    /// <summary>The revision that is looked at as the older one.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [ArgumentCompleter(typeof(RevisionCompleter))]
    public ulong ReferenceNumber { get; set; }

    /// <summary>The other one; left out, what is in force.</summary>
    [Parameter(Position = 1)]
    [ArgumentCompleter(typeof(RevisionCompleter))]
    public ulong? DifferenceNumber { get; set; }

    private protected override IEnumerable<object?> Ask()
    {
        var request = new DiffRevisionsRequest
        {
            From = RevisionMessage.TextOf(ReferenceNumber),
            To = DifferenceNumber == null ? null : RevisionMessage.TextOf(DifferenceNumber.Value),
        };
        var answer = Call<DiffRevisionsRequest, DiffRevisionsAnswer>("RevisionService/DiffRevisions", request);
        RevisionDifference.WarnOfMore(this, answer.Changes, answer.Counts);
        return answer.Changes.Select(c => new RevisionChange(c));
    }
}

/// <summary>Restore-OMSGatewayRevision.</summary>
[Cmdlet(VerbsData.Restore, "OMSGatewayRevision", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(RevisionChange))]
public sealed class RestoreOMSGatewayRevisionCommand : ChangeCmdlet
{
    /// <summary>The revision.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(RevisionCompleter))]
    public ulong Number { get; set; }

    /// <summary>Undo only what this revision changed, and leave what was changed since.</summary>
    [Parameter]
    public SwitchParameter Revert { get; set; }

    /// <summary>The password of the relay proxy's user, where the gateway does not have it: a SecureString, a string, a number as it was
    /// typed, or a PSCredential.</summary>
    [Parameter]
    [Password]
    public object? Password { get; set; }

    /// <summary>Write what is different now to the pipeline.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <summary>Warns once, however many revisions come.</summary>
    protected override void BeginProcessing() =>
        Secret.WarnOfPlainText(this, Password, "Give it as a SecureString, or as a PSCredential (Get-Credential).");

    /// <summary>Goes back.</summary>
    protected override void ProcessRecord()
    {
        var request = new RestoreRevisionRequest
        {
            Revision = RevisionMessage.TextOf(Number),
            Password = Password == null ? null : Secret.Plain((Password as PSCredential)?.Password ?? Password),
        };
        var (action, method) = Revert ? ("Undo this change", "RevertRevision") : ("Go back to this configuration", "RestoreRevision");
        var answer = Change<RestoreRevisionRequest, RestoreRevisionAnswer>(
            $"Revision {Number}", action, "RevisionService/" + method, request);
        if (answer == null)
        {
            return;
        }
        var changes = Array.ConvertAll(answer.Changes, c => new RevisionChange(c));
        WriteVerbose(changes.Length == 0 ? "Nothing was different." : $"{changes.Length} differences: {string.Join("; ", changes.Take(5))}");
        if (PassThru)
        {
            RevisionDifference.WarnOfMore(this, answer.Changes, answer.Counts);
            WriteObject(changes, true);
        }
    }
}

/// <summary>Differences of which an answer has only the first ones.</summary>
internal static class RevisionDifference
{
    public static void WarnOfMore(Cmdlet cmdlet, RevisionChangeMessage[] changes, RevisionCountMessage[] counts)
    {
        if (counts.Sum(c => c.Total) > changes.Length)
        {
            cmdlet.WriteWarning($"These are {changes.Length} of all differences, which are {string.Join("; ", (object[])counts)}.");
        }
    }
}

/// <summary>The revisions.</summary>
public sealed class RevisionCompleter : GatewayCompleter
{
    private protected override IEnumerable<(string Text, string Hint)> Candidates(
        BatchClient client, System.Collections.IDictionary given) =>
        client.Call<RevisionFilter, RevisionPage>("RevisionService/ListRevisions", new RevisionFilter { PageSize = 50 }).Items
            .Select(r => (RevisionMessage.TextOf(r.Number), $"{r.Caller}: {r.Method} {r.Comment}".Trim()));
}

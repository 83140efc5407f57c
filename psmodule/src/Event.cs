using System;
using System.Collections.Generic;
using System.Linq;
using System.Management.Automation;

namespace OMSGateway;

/// <summary>Something that the gateway has seen, as Get-OMSGatewayEvent answers it.</summary>
public sealed class GatewayEvent
{
    /// <summary>Counts up from 1, also over a restart of the gateway.</summary>
    public long Sequence { get; }

    /// <summary>When it happened, local time.</summary>
    public DateTime? Time { get; }

    /// <summary>The event id, for example 105.</summary>
    public int Id { get; }

    /// <summary>How serious it is: Error, Warning, Info or Debug.</summary>
    public string Level { get; }

    /// <summary>The part of the gateway that it comes from.</summary>
    public string Component { get; }

    /// <summary>What happened, in UPPER_SNAKE_CASE, for example ALLOWED_HOST_ADDED.</summary>
    public string Kind { get; }

    /// <summary>The stable reason in UPPER_SNAKE_CASE; empty if there is none.</summary>
    public string Reason { get; }

    /// <summary>The number of the client connection that it is about; 0 if there is none.</summary>
    public long Connection { get; }

    /// <summary>The text, in English in every language.</summary>
    public string Text { get; }

    /// <summary>The parts of the text by name, for example host.</summary>
    public SortedDictionary<string, string> Fields { get; }

    internal GatewayEvent(EventMessage message)
    {
        Sequence = JsonValue.Number(message.Sequence);
        Time = JsonValue.Time(message.Time);
        Id = message.Id;
        Level = EnumName.Of(message.Level);
        Component = message.Component ?? "";
        Kind = message.Kind ?? "";
        Reason = message.Reason ?? "";
        Connection = JsonValue.Number(message.Connection);
        Text = message.Text ?? "";
        Fields = new SortedDictionary<string, string>(message.Fields ?? [], StringComparer.Ordinal);
    }

    /// <summary>The event in one line.</summary>
    public override string ToString() => $"{Id} {Level}: {Text}";
}

/// <summary>Get-OMSGatewayEvent.</summary>
[Cmdlet(VerbsCommon.Get, "OMSGatewayEvent", DefaultParameterSetName = ListSet)]
[OutputType(typeof(GatewayEvent))]
public sealed class GetOMSGatewayEventCommand : GatewayCmdlet
{
    private const string ListSet = "List";
    private const string WaitSet = "Wait";

    /// <summary>Only events with one of these ids.</summary>
    [Parameter(Position = 0)]
    public int[] Id { get; set; } = [];

    /// <summary>Only events of one of these kinds, in any case.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(EventKindCompleter))]
    public string[] Kind { get; set; } = [];

    /// <summary>Only events at least as serious as this.</summary>
    [Parameter]
    [ValidateSet("Error", "Warning", "Info", "Debug")]
    public string? Level { get; set; }

    /// <summary>Only events with this reason, in any case.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(EventReasonCompleter))]
    public string? Reason { get; set; }

    /// <summary>Only events whose text contains this, in any case.</summary>
    [Parameter]
    public string? Text { get; set; }

    /// <summary>Only events since then.</summary>
    [Parameter]
    public DateTime? Since { get; set; }

    /// <summary>At most so many, the newest.</summary>
    [Parameter(ParameterSetName = ListSet)]
    [ValidateRange(1, 10000)]
    public int Limit { get; set; } = 1000;

    /// <summary>Goes on with each event as it happens.</summary>
    [Parameter(Mandatory = true, ParameterSetName = WaitSet)]
    public SwitchParameter Wait { get; set; }

    /// <summary>How many events that have happened already come first, the newest.</summary>
    [Parameter(ParameterSetName = WaitSet)]
    [ValidateRange(0, 10000)]
    public int Tail { get; set; }

    /// <summary>Gets or follows the events.</summary>
    private protected override void Finish()
    {
        var filter = new EventFilter
        {
            Ids = Id,
            Kinds = Array.ConvertAll(Kind, kind => kind.Trim().ToUpperInvariant()),
            Level = Level?.ToUpperInvariant(),
            Reason = Reason?.Trim().ToUpperInvariant(),
            Text = Text,
            Since = Since == null ? null : Period.Message(DateTime.UtcNow - Since.Value.ToUniversalTime()),
        };
        if (Wait)
        {
            Stream<WatchEventsRequest, WatchEventsMessage>("EventService/WatchEvents",
                new WatchEventsRequest { Filter = filter, Tail = Tail }, Show);
            return;
        }
        var answer = Call<ListEventsRequest, ListEventsAnswer>("EventService/ListEvents", new ListEventsRequest { Filter = filter, Limit = Limit });
        Close();
        WriteObject(answer.Events.Select(e => new GatewayEvent(e)), true);
        if (answer.LeftOut > 0 && (answer.Events.Length < Limit || !MyInvocation.BoundParameters.ContainsKey(nameof(Limit))))
        {
            WriteWarning($"{answer.LeftOut} older events are left out; -Limit shows more.");
        }
    }

    private void Show(WatchEventsMessage message)
    {
        if (message.Event != null)
        {
            WriteObject(new GatewayEvent(message.Event));
            return;
        }
        WriteWarning($"{JsonValue.Number(message.Missed)} events are missed, because they came too fast.");
    }
}

/// <summary>The kinds of the latest events.</summary>
public sealed class EventKindCompleter : GatewayCompleter
{
    private protected override IEnumerable<(string Text, string Hint)> Candidates(
        BatchClient client, System.Collections.IDictionary given) => Latest(client, e => e.Kind);

    internal static IEnumerable<(string Text, string Hint)> Latest(BatchClient client, Func<EventMessage, string?> part) =>
        client.Call<ListEventsRequest, ListEventsAnswer>("EventService/ListEvents", new ListEventsRequest()).Events
            .Reverse().GroupBy(e => part(e) ?? "").Select(same => (same.Key, same.First().Text ?? ""));
}

/// <summary>The reasons of the latest events.</summary>
public sealed class EventReasonCompleter : GatewayCompleter
{
    private protected override IEnumerable<(string Text, string Hint)> Candidates(
        BatchClient client, System.Collections.IDictionary given) => EventKindCompleter.Latest(client, e => e.Reason);
}

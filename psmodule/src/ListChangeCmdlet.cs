using System;
using System.Collections.Generic;
using System.Linq;
using System.Management.Automation;
using System.Text;
using System.Threading;

namespace OMSGateway;

/// <summary>
/// A cmdlet that adds to a list of the gateway, or removes from it. Items of an argument are one change, however many they are. What
/// comes through the pipeline is collected, and sent when there is enough of it, when the first item has waited for
/// <see cref="Patience"/>, or at the end. A timer sends beside the pipeline's thread, which alone may report what came of it.
/// </summary>
public abstract class ListChangeCmdlet : ChangeCmdlet
{
    // A change of more has counts and the outcomes of which more is to be said for an answer.
    private const int MaxOutcomes = 1000;

    // What one change of a pipeline has. The bytes, of UTF-8, keep an answer that explains every item below 1 MiB.
    private const int MaxItems = 256;
    private const int MaxBytes = 128 << 10;
    private const int MaxItemBytes = 32 << 10; // more than anything that the gateway takes

    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(200);

    private readonly object turn = new(); // whoever has it may call, and use the fields below
    private readonly List<string> pending = [];
    private readonly Queue<Action> reports = [];
    private int pendingBytes;
    private Timer? timer;
    private bool ended;    // by an error that stops, by Dispose, or since nobody answers -WhatIf: nothing more is sent
    private int applied;   // items that are as they should be

    // Of the pipeline's thread alone.
    private bool rehearses;
    private bool stopsAtErrors;
    private bool yesToAll;
    private bool noToAll;

    /// <summary>Write to the pipeline what is in the list now, or what was removed from it.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <summary>What the change does, for questions and -WhatIf.</summary>
    private protected abstract string Action { get; }

    /// <summary>Makes one change, or with <paramref name="validateOnly"/> only asks what would come of it.</summary>
    private protected abstract ChangeAnswer Change(string[] items, bool validateOnly, bool beside);

    /// <summary>Says what became of an item that needs no change.</summary>
    private protected abstract string Unchanged(string item);

    /// <summary>Says what became of an item that was changed.</summary>
    private protected abstract string Changed(string item);

    /// <summary>The entries that an item stands for if it is a pattern; null if it stands for itself.</summary>
    private protected virtual IReadOnlyCollection<string>? Matching(string item) => null;

    /// <summary>The item as it is to be sent. Null if the user was told that it cannot be.</summary>
    private protected virtual string? Meant(string item) => item;

    private protected override bool Rehearses => rehearses;

    /// <summary>Notes what cannot be asked on the timer's thread.</summary>
    protected override void BeginProcessing()
    {
        rehearses = WhatIf;
        stopsAtErrors = StopsAtErrors;
    }

    /// <summary>Sends nothing more.</summary>
    protected override void StopProcessing()
    {
        base.StopProcessing();
        timer?.Dispose();
    }

    /// <summary>Ends the timer and omsgwctl.</summary>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            timer?.Dispose();
            base.StopProcessing(); // a call of the timer's ends
            lock (turn)
            {
                ended = true;
                base.Dispose(disposing);
            }
        }
    }

    /// <summary>Takes the items of one record.</summary>
    private protected void Take(string[] items)
    {
        Report();
        foreach (var item in items)
        {
            if (MyInvocation.ExpectingInput && string.IsNullOrWhiteSpace(item))
            {
                WriteVerbose("An empty line was skipped.");
                continue;
            }
            var size = Encoding.UTF8.GetByteCount(item);
            if (size > MaxItemBytes)
            {
                var text = $"A value of {size} bytes is too long; it begins with \"{item.Substring(0, 40)}\".";
                Refuse(new ErrorRecord(new ArgumentException(text), "ValueTooLong", ErrorCategory.InvalidArgument, item));
                continue;
            }
            try
            {
                Choose(item);
            }
            catch (Exception e) when (rehearses && Failure.IsAbsence(e))
            {
                Confirmed(item, Action);
                TellAbsence(e);
            }
            catch (Exception e) when (e is CallException or BatchException)
            {
                Refuse(Record(e, item));
            }
        }
    }

    /// <summary>Makes the last change.</summary>
    private protected override void Finish()
    {
        InTurn(() => Send(beside: false));
        timer?.Dispose();
        Report();
    }

    /// <summary>Does something that calls the gateway while the timer does not.</summary>
    private protected T InTurn<T>(Func<T> work)
    {
        if (!Monitor.TryEnter(turn, BatchClient.MentionAfter))
        {
            Waiting(BatchClient.MentionAfter);
            Monitor.Enter(turn);
            Waited();
        }
        try
        {
            return work();
        }
        finally
        {
            Monitor.Exit(turn);
        }
    }

    // Asks about an item, or about the entries that it names by a pattern, and lets them wait to be sent.
    private void Choose(string item)
    {
        if (IsAbsent)
        {
            Confirmed(item, Action);
            return;
        }
        if (InTurn(() => Matching(item)) is { } entries)
        {
            if (entries.Count == 0)
            {
                WriteVerbose($"No entry fits {item}.");
            }
            foreach (var entry in entries)
            {
                if (ConfirmedAsHigh(entry, Action, ref yesToAll, ref noToAll) || rehearses)
                {
                    Collect(entry);
                }
            }
            return;
        }
        if (InTurn(() => Meant(item)) is { } meant && (Confirmed(meant, Action) || rehearses))
        {
            Collect(meant);
        }
    }

    private void Collect(string item)
    {
        InTurn(() =>
        {
            var size = Encoding.UTF8.GetByteCount(item);
            if (MyInvocation.ExpectingInput && IsFull(pending.Count, pendingBytes, size))
            {
                Send(beside: false);
            }
            pending.Add(item);
            pendingBytes += size;
            if (MyInvocation.ExpectingInput && pending.Count == 1)
            {
                timer ??= new Timer(_ => SendBeside());
                timer.Change(Patience, Timeout.InfiniteTimeSpan);
            }
            return true;
        });
        Report();
    }

    private static bool IsFull(int count, int bytes, int more) => count == MaxItems || bytes + more > MaxBytes;

    // Tells of an item that is not sent. What came before it is applied first where the error may end the pipeline.
    private void Refuse(ErrorRecord record)
    {
        if (stopsAtErrors)
        {
            InTurn(() => Send(beside: false));
            Report();
        }
        WriteError(record);
    }

    private void SendBeside()
    {
        lock (turn)
        {
            try
            {
                Send(beside: true);
            }
            catch (PipelineStoppedException)
            {
                ended = true; // by Ctrl+C: what was applied stays
            }
        }
    }

    private bool Send(bool beside)
    {
        if (pending.Count == 0 || ended)
        {
            return false;
        }
        var items = pending.ToArray();
        pending.Clear();
        pendingBytes = 0;
        try
        {
            var end = stopsAtErrors && !rehearses ? FirstInvalid(items, beside) : items.Length;
            if (end > 0)
            {
                var good = items.Take(end).ToArray();
                var isMany = good.Length > MaxOutcomes || good.Sum(Encoding.UTF8.GetByteCount) > MaxBytes;
                var spelled = PassThru && !rehearses && isMany ? Spelled(good, beside) : [];
                Note(good, Repeated(good, beside), passThru: PassThru && !rehearses && !isMany);
                foreach (var item in spelled)
                {
                    reports.Enqueue(() => WriteObject(item));
                }
            }
            if (end < items.Length)
            {
                Note([items[end]], Answer([items[end]], validateOnly: true, beside), passThru: false);
                ended = true;
            }
        }
        catch (Exception e) when (rehearses && Failure.IsAbsence(e))
        {
            ended = true;
            reports.Enqueue(() => TellAbsence(e));
        }
        catch (Exception e) when (e is CallException or BatchException)
        {
            NoteFailure(items, e);
        }
        return true;
    }

    // The index of the first item that the gateway would refuse, or the number of items.
    private int FirstInvalid(string[] items, bool beside)
    {
        var invalid = Array.Find(Answer(items, validateOnly: true, beside).Outcomes, o => o.Kind == "INVALID");
        return invalid?.Index ?? items.Length;
    }

    // The items as the list has them from a change on that is about to be made, or has them until then. An answer with counts does not
    // say it, so the gateway is asked for a part at a time.
    private List<string> Spelled(string[] items, bool beside)
    {
        List<string> spelled = [], part = [];
        var bytes = 0;
        foreach (var item in items)
        {
            var size = Encoding.UTF8.GetByteCount(item);
            if (IsFull(part.Count, bytes, size))
            {
                Ask();
            }
            part.Add(item);
            bytes += size;
        }
        Ask();
        return spelled;

        void Ask()
        {
            spelled.AddRange(Answer([.. part], validateOnly: true, beside).Outcomes.Where(IsPassedThru).Select(o => o.Item));
            part.Clear();
            bytes = 0;
        }
    }

    private static bool IsPassedThru(Outcome outcome) => outcome.Kind is "ADDED" or "CHANGED" or "REMOVED" or "ALREADY_PRESENT";

    // Where the gateway was lost in the middle, the change is made again: to repeat it does no harm.
    private ChangeAnswer Repeated(string[] items, bool beside)
    {
        try
        {
            return Answer(items, rehearses, beside);
        }
        catch (CallException e) when (Failure.LeavesOpen(e) && !Failure.IsTimeout(e))
        {
            return Answer(items, rehearses, beside);
        }
    }

    // The answer to a change, complete, with the index of each outcome.
    private ChangeAnswer Answer(string[] items, bool validateOnly, bool beside)
    {
        var answer = Change(Array.ConvertAll(items, WellFormed), validateOnly, beside);
        var told = answer.Counts?.Total ?? answer.Outcomes.Length;
        if (told != items.Length || Array.Exists(answer.Outcomes, o => o.Index < 0 || o.Index >= items.Length))
        {
            throw new CallException(0, "ANSWER_INCOMPLETE", $"the gateway answered for {told} of {items.Length} values");
        }
        for (var i = 0; answer.Counts == null && i < items.Length; i++)
        {
            answer.Outcomes[i].Index = i;
        }
        return answer;
    }

    private void Note(string[] items, ChangeAnswer answer, bool passThru)
    {
        reports.Enqueue(() => Tell(answer, rehearses));
        foreach (var outcome in answer.Outcomes)
        {
            var item = items[outcome.Index];
            reports.Enqueue(() => Tell(outcome, item, passThru));
        }
        var invalid = answer.Outcomes.Count(o => o.Kind == "INVALID");
        if (answer.Counts is { } counts)
        {
            var untold = counts.Invalid - invalid;
            invalid = counts.Invalid;
            reports.Enqueue(() => TellCounts(items, counts, untold));
        }
        applied += items.Length - invalid;
    }

    private void TellCounts(string[] items, ChangeCounts counts, int untold)
    {
        (int Count, string What)[] parts = [(counts.Added, "added"), (counts.AlreadyPresent, "already present"),
            (counts.Changed, "changed"), (counts.Unchanged, "as before"), (counts.Removed, "removed"), (counts.NotPresent, "not present"), (counts.Invalid, "invalid")];
        WriteVerbose($"{items.Length} values: " +
            string.Join(", ", parts.Where(p => p.Count > 0).Select(p => $"{p.Count} {p.What}")) + ".");
        if (untold > 0)
        {
            var text = $"{untold} more values are invalid, and are not named, since there are too many.";
            WriteError(new ErrorRecord(new ArgumentException(text), "MoreValuesInvalid", ErrorCategory.InvalidArgument, items));
        }
        if (counts.LeftOut > untold)
        {
            WriteWarning($"More is to be said of {counts.LeftOut - untold} values that are not named, since there are too many.");
        }
    }

    private void NoteFailure(string[] items, Exception e)
    {
        var before = applied;
        var isOpen = Failure.LeavesOpen(e);
        if (isOpen || before > 0)
        {
            var state = isOpen ? "may not be applied" : "are not applied";
            var errors = items.Length > MaxOutcomes ? "are one error that has" : "are errors that name";
            reports.Enqueue(() => WriteWarning($"{before} values are applied. The next {items.Length} {state}, and {errors} " +
                "them; to repeat them does no harm."));
        }
        if (items.Length > MaxOutcomes)
        {
            reports.Enqueue(() => TellFailure(e, items, $"{items.Length} values"));
        }
        else
        {
            Array.ForEach(items, item => reports.Enqueue(() => TellFailure(e, item, item)));
        }
        ended |= stopsAtErrors;
    }

    private void TellFailure(Exception e, object target, string name)
    {
        var record = Record(e, target);
        record.ErrorDetails = new ErrorDetails($"{name}: {record.Exception.Message}");
        WriteError(record);
    }

    private void Report()
    {
        while (InTurn(() => reports.Count > 0 ? reports.Dequeue() : null) is { } report)
        {
            report();
        }
    }

    private void Tell(Outcome outcome, string target, bool passThru)
    {
        switch (outcome.Kind)
        {
            case "ADDED" or "CHANGED" or "REMOVED" or "ALREADY_PRESENT" or "NOT_PRESENT" when rehearses:
                break;
            case "ADDED" or "CHANGED" or "REMOVED":
                WriteVerbose(Changed(outcome.Item));
                break;
            case "ALREADY_PRESENT" or "NOT_PRESENT":
                WriteVerbose(Unchanged(outcome.Item));
                break;
            default:
                WriteError(Failure.Record(outcome.Problem, target));
                break;
        }
        foreach (var warning in outcome.Warnings)
        {
            WriteWarning(warning.Message ?? warning.Reason ?? "");
        }
        if (!string.IsNullOrEmpty(outcome.StillCoveredBy))
        {
            WriteWarning($"{outcome.Item} is still allowed by {outcome.StillCoveredBy}.");
        }
        if (outcome.OpenTunnels > 0)
        {
            WriteWarning($"{outcome.OpenTunnels} open tunnels to {outcome.Item} stay until they end; " +
                $"close them with: Stop-OMSGatewayTunnel -Host {outcome.Item}");
        }
        if (passThru && IsPassedThru(outcome))
        {
            WriteObject(outcome.Item);
        }
    }

    // Half a surrogate pair cannot be sent as UTF-8; the replacement character lets the gateway refuse it by its name.
    private static string WellFormed(string item) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(item));
}

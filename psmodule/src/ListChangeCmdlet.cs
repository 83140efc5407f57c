using System;
using System.Collections.Generic;
using System.Management.Automation;
using System.Text;

namespace OMSGateway;

/// <summary>A cmdlet that adds to a list of the gateway, or removes from it, all that comes through the pipeline.</summary>
public abstract class ListChangeCmdlet : ChangeCmdlet
{
    // What one change takes. The bytes, of UTF-8, keep a request and an answer that explains every item below 1 MiB.
    private const int MaxItems = 256;
    private const int MaxBytes = 128 << 10;
    private const int MaxItemBytes = 32 << 10; // more than anything that the gateway takes

    private readonly List<string> given = [];
    private readonly List<string> pending = [];
    private int pendingBytes;

    /// <summary>What the change does, for questions and -WhatIf.</summary>
    private protected abstract string Action { get; }

    /// <summary>Makes one change.</summary>
    private protected abstract ChangeAnswer Change(string[] items);

    /// <summary>Says what became of an item that needs no change.</summary>
    private protected abstract string Unchanged(string item);

    /// <summary>Says what became of an item that was changed.</summary>
    private protected abstract string Changed(string item);

    /// <summary>Takes the items of one record.</summary>
    private protected void Take(string[] items)
    {
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
                WriteError(new ErrorRecord(new ArgumentException(text), "ValueTooLong", ErrorCategory.InvalidArgument, item));
                continue;
            }
            if (!Confirmed(item, Action))
            {
                continue;
            }
            Connect();
            if (pending.Count == MaxItems || pendingBytes + size > MaxBytes)
            {
                Send();
            }
            given.Add(item);
            pending.Add(WellFormed(item));
            pendingBytes += size;
        }
    }

    /// <summary>Makes the last change and ends omsgwctl.</summary>
    protected override void EndProcessing()
    {
        if (pending.Count > 0)
        {
            Send();
        }
        base.EndProcessing();
    }

    private void Send()
    {
        var targets = given.ToArray();
        var items = pending.ToArray();
        given.Clear();
        pending.Clear();
        pendingBytes = 0;

        var outcomes = Change(items).Outcomes;
        if (outcomes.Length != items.Length)
        {
            var text = $"The gateway answered for {outcomes.Length} of {items.Length} values.";
            ThrowTerminatingError(new ErrorRecord(
                new InvalidOperationException(text), "AnswerIncomplete", ErrorCategory.InvalidResult, null));
        }
        for (var i = 0; i < outcomes.Length; i++)
        {
            Report(outcomes[i], targets[i]);
        }
    }

    private void Report(Outcome outcome, string target)
    {
        switch (outcome.Kind)
        {
            case "ADDED":
            case "REMOVED":
                WriteVerbose(Changed(outcome.Item));
                break;
            case "ALREADY_PRESENT":
            case "NOT_PRESENT":
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
                $"close them with: omsgwctl tunnel close --host {outcome.Item}");
        }
    }

    // Half a surrogate pair cannot be sent as UTF-8; the replacement character lets the gateway refuse it by its name.
    private static string WellFormed(string item) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(item));
}

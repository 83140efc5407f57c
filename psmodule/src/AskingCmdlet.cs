using System;
using System.Collections.Generic;
using System.Management.Automation;

namespace OMSGateway;

/// <summary>A cmdlet that asks the gateway something, and writes the objects that it makes of the answers.</summary>
public abstract class AskingCmdlet : GatewayCmdlet
{
    private readonly List<ErrorRecord> failed = [];

    /// <summary>What it asks, and what it makes of the answers.</summary>
    private protected abstract IEnumerable<object?> Ask();

    /// <summary>Asks for everything before the first object goes on, since the next cmdlet may change what this one reads.</summary>
    private protected sealed override void Finish()
    {
        List<object?> objects = [.. Ask()];
        Close();
        WriteObject(objects, true);
        failed.ForEach(WriteError);
    }

    /// <summary>What a call about one value of several brings, or nothing if the gateway refuses that value; the user is told of it after
    /// the objects.</summary>
    private protected IEnumerable<T> About<T>(object value, Func<IEnumerable<T>> ask)
    {
        try
        {
            return ask();
        }
        catch (CallException e) when (Failure.IsAboutTheValue(e))
        {
            failed.Add(Record(e, value));
            return [];
        }
    }
}

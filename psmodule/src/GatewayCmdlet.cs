using System;
using System.Collections.Generic;
using System.Management.Automation;

namespace OMSGateway;

/// <summary>
/// A cmdlet that calls the gateway. It starts one omsgwctl at its first call and ends it with the pipeline. Whatever fails is an
/// error that does not end the script by itself, so that -ErrorAction decides.
/// </summary>
public abstract class GatewayCmdlet : PSCmdlet, IDisposable
{
    private const int ProgressId = 0x4F4D53; // one that no script has by chance

    private static readonly TimeSpan RehearsalLimit = TimeSpan.FromSeconds(2);

    private BatchClient? client;
    private bool progressIsShown;

    /// <summary>Does the last of the work and ends omsgwctl.</summary>
    protected sealed override void EndProcessing()
    {
        try
        {
            Finish();
        }
        catch (Exception e) when (e is CallException or BatchException)
        {
            WriteError(Record(e, null));
        }
        Close();
    }

    /// <summary>Ends omsgwctl while a call is waiting, on another thread.</summary>
    protected override void StopProcessing() => client?.Stop();

    /// <summary>Ends omsgwctl where the pipeline ended early.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Ends omsgwctl if it still runs.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
        {
            client?.Dispose();
            client = null;
        }
    }

    /// <summary>What is left to do when the last record has come. Of the failures of <see cref="Call"/> that it lets through the
    /// user is told.</summary>
    private protected virtual void Finish()
    {
    }

    /// <summary>Makes a call. While it takes long the user is told, unless the call is made beside the pipeline's thread.</summary>
    /// <exception cref="CallException">omsgwctl or the gateway answered with an error.</exception>
    /// <exception cref="BatchException">omsgwctl cannot be used. The next call starts another one.</exception>
    private protected TResult Call<TParams, TResult>(string method, TParams parameters, bool beside = false)
        where TParams : class where TResult : class
    {
        Action<TimeSpan>? waiting = beside ? null : Waiting;
        return With(client => client.Call<TParams, TResult>(method, parameters, waiting), waiting);
    }

    /// <summary>Makes a call that streams, and passes on each message, until the gateway or the user ends it.</summary>
    /// <exception cref="CallException">As for <see cref="Call"/>.</exception>
    /// <exception cref="BatchException">As for <see cref="Call"/>.</exception>
    private protected void Stream<TParams, TMessage>(string method, TParams parameters, Action<TMessage> take)
        where TParams : class where TMessage : class
    {
        With(client =>
        {
            client.Stream(method, parameters, take);
            return true;
        }, Waiting);
    }

    // Calls by an omsgwctl that runs already, or by one that is started.
    private T With<T>(Func<BatchClient, T> call, Action<TimeSpan>? waiting)
    {
        try
        {
            if (client == null)
            {
                client = Rehearses // StopProcessing finds it from here on
                    ? new BatchClient(ControlProgram.Find(), RehearsalLimit, standsIn: false)
                    : new BatchClient(ControlProgram.Find());
                if (Stopping)
                {
                    throw new OperationCanceledException();
                }
                client.Open(waiting);
            }
            return call(client);
        }
        catch (BatchException)
        {
            client?.Dispose();
            client = null;
            throw;
        }
        catch (OperationCanceledException)
        {
            throw new PipelineStoppedException();
        }
        finally
        {
            if (waiting != null)
            {
                Waited();
            }
        }
    }

    /// <summary>Reads a whole list.</summary>
    /// <exception cref="CallException">As for <see cref="Call"/>, or the list changed each time.</exception>
    /// <exception cref="BatchException">As for <see cref="Call"/>.</exception>
    private protected List<TItem> ReadAll<TPage, TItem>(string method) where TPage : class, IPage<TItem> =>
        ListReader.ReadAll(request => Call<PageRequest, TPage>(method, request));

    /// <summary>A failure of a call as an error record.</summary>
    private protected ErrorRecord Record(Exception e, object? target) => Failure.Record(e, MyInvocation.MyCommand.Name, target);

    /// <summary>Whether it is only said what would be done. A gateway that is stopped is not stood in for then, and one that runs has two
    /// seconds for each answer.</summary>
    private protected virtual bool Rehearses => false;

    /// <summary>Whether -WhatIf, or the preference, is set.</summary>
    private protected bool WhatIf => LanguagePrimitives.IsTrue(MyInvocation.BoundParameters.TryGetValue("WhatIf", out var given)
        ? given
        : GetVariableValue("WhatIfPreference"));

    /// <summary>Whether -ErrorAction, or the preference, is Stop.</summary>
    private protected bool StopsAtErrors => LanguagePrimitives.TryConvertTo<ActionPreference>(
        MyInvocation.BoundParameters.TryGetValue("ErrorAction", out var given) ? given : GetVariableValue("ErrorActionPreference"),
        out var action) && action == ActionPreference.Stop;

    /// <summary>Tells that the gateway has not answered for a while.</summary>
    private protected void Waiting(TimeSpan since)
    {
        var text = $"The gateway has not answered for {since.TotalSeconds:0} seconds.";
        WriteVerbose(text);
        WriteProgress(new ProgressRecord(ProgressId, "Waiting for the OMS gateway", text));
        progressIsShown = true;
    }

    /// <summary>Takes away what <see cref="Waiting"/> shows.</summary>
    private protected void Waited()
    {
        if (progressIsShown && !Stopping)
        {
            progressIsShown = false;
            WriteProgress(new ProgressRecord(ProgressId, "Waiting for the OMS gateway", "Done.")
            {
                RecordType = ProgressRecordType.Completed,
            });
        }
    }

    /// <summary>Ends omsgwctl and tells what it has remarked.</summary>
    private protected void Close()
    {
        if (client == null)
        {
            return;
        }
        foreach (var line in client.Close().Split('\n'))
        {
            if (line.Trim() != "")
            {
                WriteVerbose(line.Trim());
            }
        }
        client = null;
    }
}

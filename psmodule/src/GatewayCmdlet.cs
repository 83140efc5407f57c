using System;
using System.Collections.Generic;
using System.Management.Automation;

namespace OMSGateway;

/// <summary>A cmdlet that calls the gateway. It starts one omsgwctl at its first call and ends it with the pipeline.</summary>
public abstract class GatewayCmdlet : PSCmdlet, IDisposable
{
    private BatchClient? client;

    /// <summary>Ends omsgwctl.</summary>
    protected override void EndProcessing() => Close();

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

    /// <summary>Makes a call. A failure ends the cmdlet.</summary>
    private protected TResult Call<TParams, TResult>(string method, TParams parameters, object? target = null)
        where TParams : class where TResult : class
    {
        try
        {
            return TryCall<TParams, TResult>(method, parameters);
        }
        catch (CallException e)
        {
            throw Ended(Failure.Record(e, MyInvocation.MyCommand.Name, target));
        }
    }

    /// <summary>Reads a whole list. A failure ends the cmdlet.</summary>
    private protected List<TItem> ReadAll<TPage, TItem>(string method) where TPage : class, IPage<TItem>
    {
        try
        {
            return ListReader.ReadAll(request => TryCall<PageRequest, TPage>(method, request));
        }
        catch (CallException e)
        {
            throw Ended(Failure.Record(e, MyInvocation.MyCommand.Name, null));
        }
    }

    /// <summary>Makes a call. Ends the cmdlet if omsgwctl cannot be used.</summary>
    /// <exception cref="CallException">omsgwctl or the gateway answered with an error.</exception>
    private protected TResult TryCall<TParams, TResult>(string method, TParams parameters)
        where TParams : class where TResult : class
    {
        try
        {
            Connect();
            return client!.Call<TParams, TResult>(method, parameters);
        }
        catch (BatchException e)
        {
            throw Ended(Failure.Record(e));
        }
        catch (OperationCanceledException)
        {
            throw new PipelineStoppedException();
        }
    }

    /// <summary>Starts omsgwctl if it does not run yet.</summary>
    private protected void Connect()
    {
        try
        {
            if (client == null)
            {
                client = new BatchClient(ControlProgram.Find()); // StopProcessing finds it from here on
                client.Open();
            }
        }
        catch (BatchException e)
        {
            throw Ended(Failure.Record(e));
        }
        catch (OperationCanceledException)
        {
            throw new PipelineStoppedException();
        }
        if (Stopping)
        {
            throw new PipelineStoppedException();
        }
    }

    private void Close()
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

    // ThrowTerminatingError does not return, which the compiler does not know.
    private PipelineStoppedException Ended(ErrorRecord record)
    {
        ThrowTerminatingError(record);
        return new PipelineStoppedException();
    }
}

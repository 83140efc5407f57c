using System;
using System.Management.Automation;

namespace OMSGateway;

/// <summary>A cmdlet that changes the configuration.</summary>
public abstract class ChangeCmdlet : ActingCmdlet
{
    /// <summary>Why, for whoever reads the history.</summary>
    [Parameter]
    public string? Comment { get; set; }

    /// <summary>Change on trial: it goes back after this time unless it is confirmed. A TimeSpan, or text such as 90s, 15m or 2h.</summary>
    [Parameter]
    [Period]
    public TimeSpan? ConfirmWithin { get; set; }

    private string? trial; // that the first change of this cmdlet has begun; the next ones are a part of it
    private string? former; // that ran before the first change, and is none of this cmdlet's; empty for none
    private bool trialIsTold;

    /// <summary>Makes one change, after the question about it. With -WhatIf the gateway is only asked what it would bring.</summary>
    /// <returns>The answer; null if nothing was changed, of which the user was told.</returns>
    private protected TAnswer? Change<TRequest, TAnswer>(string target, string action, string method, TRequest request)
        where TRequest : ChangeRequest where TAnswer : ChangedAnswer
    {
        var rehearses = WhatIf;
        if (!Confirmed(target, action) && (!rehearses || IsAbsent))
        {
            return null;
        }
        TAnswer answer;
        try
        {
            answer = Send<TRequest, TAnswer>(method, request, rehearses);
        }
        catch (Exception e) when (rehearses && Failure.IsAbsence(e))
        {
            TellAbsence(e);
            return null;
        }
        catch (Exception e) when (e is CallException or BatchException)
        {
            WriteError(Record(e, target));
            return null;
        }
        Tell(answer, rehearses);
        return rehearses ? null : answer;
    }

    /// <summary>Makes the call of a change, with what every change has.</summary>
    /// <exception cref="CallException">As for Call.</exception>
    /// <exception cref="BatchException">As for Call.</exception>
    private protected TAnswer Send<TRequest, TAnswer>(string method, TRequest request, bool validateOnly, bool beside = false)
        where TRequest : ChangeRequest where TAnswer : ChangedAnswer
    {
        (request.ValidateOnly, request.Comment, request.Trial) = (validateOnly, Comment, trial);
        request.ConfirmWithin = trial == null ? Period.Message(ConfirmWithin) : null;
        var begins = !validateOnly && ConfirmWithin != null && trial == null;
        if (begins)
        {
            // A change that changes nothing is made while somebody else's trial runs, and its answer has that one.
            former ??= Call<Empty, GetTrialAnswer>("RevisionService/GetTrial", new Empty(), beside).Trial?.Id ?? "";
        }
        var answer = Call<TRequest, TAnswer>(method, request, beside);
        if (begins && answer.OnTrial?.Id != former)
        {
            trial = answer.OnTrial?.Id;
        }
        return answer;
    }

    /// <summary>With -WhatIf: whether no gateway has answered, of which the user was told. It is not asked again.</summary>
    private protected bool IsAbsent { get; private set; }

    /// <summary>With -WhatIf: tells, once, that no gateway answers.</summary>
    private protected void TellAbsence(Exception failure)
    {
        if (!IsAbsent)
        {
            IsAbsent = true;
            Remark("what the change would bring is not known, since no gateway answers");
            WriteVerbose(failure.Message);
        }
    }

    // As PowerShell itself shows what -WhatIf has to say.
    private void Remark(string? text) => WriteInformation(new HostInformationMessage { Message = $"What if: {text}" }, ["PSHOST"]);

    /// <summary>Tells what the gateway says of a change as a whole, and if it is rehearsed, of what it would bring.</summary>
    private protected void Tell(ChangedAnswer answer, bool rehearsed)
    {
        foreach (var warning in answer.Warnings ?? [])
        {
            WriteWarning(warning.Message ?? warning.Reason ?? "");
        }
        if (answer.OnTrial is { Id: not null } running && running.Id == trial && !trialIsTold)
        {
            trialIsTold = true;
            WriteWarning($"The change is on trial {running.Id}: what was before comes back at {JsonValue.Time(running.EndsAt):t}, and when " +
                $"the gateway is started anew. Keep it with: Confirm-OMSGatewayChange {running.Id}");
        }
        foreach (var remark in rehearsed ? answer.Preview?.Impact?.Remarks ?? [] : [])
        {
            Remark(remark.Message);
        }
    }
}

using System;
using System.Management.Automation;

namespace OMSGateway;

/// <summary>A cmdlet that ends a change on trial.</summary>
public abstract class EndTrialCmdlet : GatewayCmdlet
{
    /// <summary>The id of the trial; left out, the one that runs.</summary>
    [Parameter(Position = 0)]
    public string? Trial { get; set; }

    /// <summary>Why, for whoever reads the history.</summary>
    [Parameter]
    public string? Comment { get; set; }

    /// <summary>The method of the API, and what it does, for questions and -WhatIf.</summary>
    private protected abstract (string Method, string Action) End { get; }

    private protected override bool Rehearses => WhatIf;

    /// <summary>Ends the trial.</summary>
    private protected override void Finish()
    {
        var id = Trial;
        try
        {
            id ??= Call<Empty, GetTrialAnswer>("RevisionService/GetTrial", new Empty()).Trial?.Id;
            if (id == null)
            {
                WriteError(new ErrorRecord(new ItemNotFoundException("No change is on trial."), "NoTrial", ErrorCategory.ObjectNotFound, null));
            }
            else if (ShouldProcess($"Trial {id}", End.Action))
            {
                Call<EndTrialRequest, Empty>("RevisionService/" + End.Method, new EndTrialRequest { Id = id, Comment = Comment });
            }
        }
        catch (Exception e) when (e is CallException or BatchException)
        {
            WriteError(Record(e, id));
        }
    }
}

/// <summary>Confirm-OMSGatewayChange.</summary>
[Cmdlet(VerbsLifecycle.Confirm, "OMSGatewayChange", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
public sealed class ConfirmOMSGatewayChangeCommand : EndTrialCmdlet
{
    private protected override (string Method, string Action) End => ("ConfirmTrial", "Keep the change");
}

/// <summary>Undo-OMSGatewayChange.</summary>
[Cmdlet(VerbsCommon.Undo, "OMSGatewayChange", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
public sealed class UndoOMSGatewayChangeCommand : EndTrialCmdlet
{
    private protected override (string Method, string Action) End => ("CancelTrial", "Take back the change");
}

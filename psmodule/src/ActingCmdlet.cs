using System.Management.Automation;

namespace OMSGateway;

/// <summary>A cmdlet that does something: with -Force, -Confirm and -WhatIf, and no prompt unless one is asked for.</summary>
public abstract class ActingCmdlet : GatewayCmdlet
{
    /// <summary>Do not ask, whatever $ConfirmPreference says.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    private protected override bool Rehearses => WhatIf;

    /// <summary>Whether it is to be done.</summary>
    private protected bool Confirmed(string target, string action)
    {
        // -Force is about questions only: -WhatIf and an explicit -Confirm keep their meaning.
        if (Force && !MyInvocation.BoundParameters.ContainsKey("Confirm") && !WhatIf)
        {
            return true;
        }
        return ShouldProcess(target, action);
    }

    /// <summary>Whether something is to be done to what the user has named by a pattern: it is asked about, as where ConfirmImpact is
    /// High. The two references keep the answer "to all".</summary>
    private protected bool ConfirmedAsHigh(string target, string action, ref bool yesToAll, ref bool noToAll)
    {
        var asks = !Force && !MyInvocation.BoundParameters.ContainsKey("Confirm")
            && LanguagePrimitives.TryConvertTo<ConfirmImpact>(GetVariableValue("ConfirmPreference"), out var preference)
            && preference == ConfirmImpact.High; // with a lower one ShouldProcess asks, with None nothing does
        return Confirmed(target, action)
            && (!asks || ShouldContinue($"{action}: {target}?", action, ref yesToAll, ref noToAll));
    }
}

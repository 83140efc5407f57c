using System.Management.Automation;

namespace OMSGateway;

/// <summary>A cmdlet that changes something: with -Force, -Confirm and -WhatIf, and no prompt unless one is asked for.</summary>
public abstract class ChangeCmdlet : GatewayCmdlet
{
    /// <summary>Do not ask, whatever $ConfirmPreference says.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>Whether the change is to be made.</summary>
    private protected bool Confirmed(string target, string action)
    {
        // -Force is about questions only: -WhatIf and an explicit -Confirm keep their meaning.
        if (Force && !MyInvocation.BoundParameters.ContainsKey("Confirm") && !WhatIf)
        {
            return true;
        }
        return ShouldProcess(target, action);
    }

    private bool WhatIf => LanguagePrimitives.IsTrue(MyInvocation.BoundParameters.TryGetValue("WhatIf", out var given)
        ? given
        : GetVariableValue("WhatIfPreference"));
}

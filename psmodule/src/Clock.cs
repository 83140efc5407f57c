using System;
using System.Management.Automation;
using System.Runtime.Serialization;

namespace OMSGateway;

/// <summary>Confirm-OMSGatewayClock.</summary>
[Cmdlet(VerbsLifecycle.Confirm, "OMSGatewayClock", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(DateTime))]
public sealed class ConfirmOMSGatewayClockCommand : GatewayCmdlet
{
    /// <summary>Says that the clock is right.</summary>
    private protected override void Finish()
    {
        if (!ShouldProcess("Clock of the gateway's computer", "Trust"))
        {
            return;
        }
        try
        {
            WriteObject(JsonValue.Time(Call<Empty, TrustClockAnswer>("StatusService/TrustClock", new Empty()).Date));
        }
        catch (Exception e) when (e is CallException or BatchException)
        {
            WriteError(Record(e, null));
        }
    }
}

[DataContract]
internal sealed class TrustClockAnswer
{
    [DataMember(Name = "date")]
    public string? Date { get; set; }
}

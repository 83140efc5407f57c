using System;
using System.Linq;
using System.Management.Automation;

namespace OMSGateway;

/// <summary>How far a tunnel through the relay proxy comes, as Test-OMSGatewayRelayProxy answers it.</summary>
public sealed class RelayProxyTest
{
    /// <summary>The target as the gateway spells it, "host:port".</summary>
    public string Target { get; }

    /// <summary>The address of the relay proxy.</summary>
    public string RelayProxy { get; }

    /// <summary>Whether every step succeeded.</summary>
    public bool Succeeded => Problem == null;

    /// <summary>Whether tunnels to the target do not go this way, because the setting RelayProxyBypass has the host.</summary>
    public bool Bypassed { get; }

    /// <summary>The steps in their order; the last one may have failed.</summary>
    public RelayProxyStep[] Steps { get; }

    /// <summary>Why a step failed; null if none has.</summary>
    public Problem? Problem => Steps.Select(s => s.Problem).LastOrDefault();

    internal RelayProxyTest(TestRelayProxyAnswer answer)
    {
        Target = answer.Target ?? "";
        RelayProxy = answer.RelayProxy?.Address ?? "";
        Bypassed = answer.Bypassed;
        Steps = Array.ConvertAll(answer.Steps ?? [], s => new RelayProxyStep(s));
    }

    /// <summary>The target.</summary>
    public override string ToString() => Target;
}

/// <summary>A step of a test of the relay proxy.</summary>
public sealed class RelayProxyStep
{
    /// <summary>Which one: Dns, Tcp, RelayTls, Connect or Tls.</summary>
    public string Step { get; }

    /// <summary>What was found.</summary>
    public string Detail { get; }

    /// <summary>How long it took.</summary>
    public TimeSpan Duration { get; }

    /// <summary>Why it failed; null if it has not.</summary>
    public Problem? Problem { get; }

    internal RelayProxyStep(RelayProxyStepMessage message)
    {
        Step = EnumName.Of(message.Step);
        Detail = message.Detail ?? "";
        Duration = JsonValue.Period(message.Duration);
        Problem = Problem.Of(message.Problem);
    }

    /// <summary>The step in one line.</summary>
    public override string ToString() =>
        $"{Step}: {(Problem == null ? "ok" : "failed")} after {Duration.TotalMilliseconds:0} ms, {Problem?.Reason ?? Detail}";
}

/// <summary>Test-OMSGatewayRelayProxy.</summary>
[Cmdlet(VerbsDiagnostic.Test, "OMSGatewayRelayProxy")]
[OutputType(typeof(RelayProxyTest), typeof(bool))]
public sealed class TestOMSGatewayRelayProxyCommand : GatewayCmdlet
{
    /// <summary>The targets, each "host" or "host:port".</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("Host")]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(AllowedHostCompleter))]
    public string[] Target { get; set; } = [];

    /// <summary>Only whether every step succeeds.</summary>
    [Parameter]
    public SwitchParameter Quiet { get; set; }

    /// <summary>Tests the targets of one record, each as soon as it has come.</summary>
    protected override void ProcessRecord()
    {
        foreach (var target in Target)
        {
            try
            {
                var test = new RelayProxyTest(Call<TestRelayProxyRequest, TestRelayProxyAnswer>(
                    "RelayProxyService/TestRelayProxy", new TestRelayProxyRequest { Target = target }));
                WriteObject(Quiet ? test.Succeeded : test);
            }
            catch (Exception e) when (e is CallException or BatchException)
            {
                WriteError(Record(e, target));
            }
        }
    }
}

using System.Text.RegularExpressions;
using OMSGateway.Help;

namespace OMSGateway.Tests;

/// <summary>The cmdlets as scripts know them: a change of these tables breaks scripts.</summary>
public sealed class ParametersTests
{
    private const string Value = "mandatory position 0, by value and property name";

    private static readonly string[] Known =
    [
        "Add-OMSGatewayAllowedClientCertificate (Medium) -> String",
        $"  -Subject <String[]> {Value}",
        "  -PassThru <SwitchParameter>",
        "  -Comment <String>",
        "  -ConfirmWithin <Nullable`1>",
        "  -Force <SwitchParameter>",
        "Add-OMSGatewayAllowedHost (Medium) -> String",
        $"  -Host <String[]> {Value}",
        "  -Denied <SwitchParameter>",
        "  -ClientCertificatePolicy <String>",
        "  -Owner <String>",
        "  -Ticket <String>",
        "  -Note <String>",
        "  -Expires <Nullable`1>",
        "  -PassThru <SwitchParameter>",
        "  -Comment <String>",
        "  -ConfirmWithin <Nullable`1>",
        "  -Force <SwitchParameter>",
        "Clear-OMSGatewayDeniedHost (Medium) -> nothing",
        $"  -Host <String[]> mandatory position 0 in Host, by value and property name, wildcards",
        "  -All <SwitchParameter> mandatory in All",
        "  -Force <SwitchParameter>",
        "Compare-OMSGatewayConfiguration -> RevisionChange",
        "  -Path <String> mandatory position 0",
        "  -Prune <SwitchParameter>",
        "  -Password <Object>",
        "Compare-OMSGatewayRevision -> RevisionChange",
        "  -ReferenceNumber <UInt64> mandatory position 0",
        "  -DifferenceNumber <Nullable`1> position 1",
        "Confirm-OMSGatewayChange (Medium) -> nothing",
        "  -Trial <String> position 0",
        "  -Comment <String>",
        "Confirm-OMSGatewayClock (Medium) -> DateTime",
        "Export-OMSGatewayConfiguration (Medium) -> String",
        "  -Path <String> position 0",
        "  -Format <Nullable`1>",
        "  -NoClobber <SwitchParameter>",
        "Get-OMSGatewayAllowedClientCertificate -> String AllowedClientCertificate",
        "  -Detailed <SwitchParameter>",
        "Get-OMSGatewayAllowedHost -> String AllowedHost EffectiveHost AllowedHostFinding",
        "  -Detailed <SwitchParameter> in Configured",
        "  -Effective <SwitchParameter> mandatory in Effective",
        "  -Review <SwitchParameter> mandatory in Review",
        "Get-OMSGatewayConfig -> Setting",
        "  -Key|Name <String[]> position 0, wildcards",
        "Get-OMSGatewayDeniedHost -> DeniedHost",
        "  -Host <String[]> position 0, wildcards",
        "Get-OMSGatewayDiscovery -> Discovery",
        "Get-OMSGatewayEvent -> GatewayEvent",
        "  -Id <Int32[]> position 0",
        "  -Kind <String[]>",
        "  -Level <String>",
        "  -Reason <String>",
        "  -Text <String>",
        "  -Since <Nullable`1>",
        "  -Limit <Int32> in List",
        "  -Wait <SwitchParameter> mandatory in Wait",
        "  -Tail <Int32> in Wait",
        "Get-OMSGatewayRelayProxy -> String",
        "Get-OMSGatewayRevision -> Revision",
        "  -Number <UInt64[]> mandatory position 0 in Number",
        "  -By <String> in List",
        "  -Since <Nullable`1> in List",
        "  -AllowedHost <String> in List",
        "Get-OMSGatewayStatus -> Status",
        "Get-OMSGatewayTunnel -> Tunnel",
        "  -Host <String> position 0",
        "  -Client <String>",
        "Import-OMSGatewayConfiguration (Medium) -> RevisionChange",
        "  -Path <String> mandatory position 0",
        "  -Prune <SwitchParameter>",
        "  -Password <Object>",
        "  -PassThru <SwitchParameter>",
        "  -Comment <String>",
        "  -ConfirmWithin <Nullable`1>",
        "  -Force <SwitchParameter>",
        "Remove-OMSGatewayAllowedClientCertificate (Medium) -> String",
        $"  -Subject <String[]> {Value}, wildcards",
        "  -PassThru <SwitchParameter>",
        "  -Comment <String>",
        "  -ConfirmWithin <Nullable`1>",
        "  -Force <SwitchParameter>",
        "Remove-OMSGatewayAllowedHost (Medium) -> String",
        $"  -Host <String[]> {Value}, wildcards",
        "  -PassThru <SwitchParameter>",
        "  -Comment <String>",
        "  -ConfirmWithin <Nullable`1>",
        "  -Force <SwitchParameter>",
        "Restore-OMSGatewayRevision (High) -> RevisionChange",
        "  -Number <UInt64> mandatory position 0, by property name",
        "  -Revert <SwitchParameter>",
        "  -Password <Object>",
        "  -PassThru <SwitchParameter>",
        "  -Comment <String>",
        "  -ConfirmWithin <Nullable`1>",
        "  -Force <SwitchParameter>",
        "Save-OMSGatewaySupport (Medium) -> FileInfo",
        "  -Path <String> position 0",
        "  -Anonymous <SwitchParameter>",
        "Set-OMSGatewayAllowedHost (Medium) -> String",
        $"  -Host <String[]> {Value}, wildcards",
        "  -ClientCertificatePolicy <String>",
        "  -Owner <String>",
        "  -Ticket <String>",
        "  -Note <String>",
        "  -Expires <Nullable`1>",
        "  -PassThru <SwitchParameter>",
        "  -Comment <String>",
        "  -ConfirmWithin <Nullable`1>",
        "  -Force <SwitchParameter>",
        "Set-OMSGatewayConfig (Medium) -> Setting",
        "  -Key|Name <String> mandatory position 0, by property name",
        "  -Value <String> position 1, by property name",
        "  -PassThru <SwitchParameter>",
        "  -Comment <String>",
        "  -ConfirmWithin <Nullable`1>",
        "  -Force <SwitchParameter>",
        "Set-OMSGatewayRelayProxy (Medium) -> String",
        "  -Address <String> mandatory position 0",
        "  -Username <String> position 1 in User",
        "  -Password <Object> position 2 in User",
        "  -Credential <PSCredential> mandatory in Credential",
        "  -PassThru <SwitchParameter>",
        "  -Comment <String>",
        "  -ConfirmWithin <Nullable`1>",
        "  -Force <SwitchParameter>",
        "Stop-OMSGatewayTunnel (Medium) -> nothing",
        "  -Id <Int64[]> mandatory position 0 in Id, by value and property name",
        "  -Host <String> in Filter",
        "  -Client <String> in Filter",
        "  -Force <SwitchParameter>",
        "Test-OMSGatewayHost -> HostCheck Boolean",
        $"  -Host <String[]> {Value}",
        "  -DecideOnly <SwitchParameter>",
        "  -Quiet <SwitchParameter>",
        "Test-OMSGatewayRelayProxy -> RelayProxyTest Boolean",
        $"  -Target|Host <String[]> {Value}",
        "  -Quiet <SwitchParameter>",
        "Undo-OMSGatewayChange (Medium) -> nothing",
        "  -Trial <String> position 0",
        "  -Comment <String>",
    ];

    private static readonly IReadOnlyList<CmdletFacts> Cmdlets = CmdletFacts.In(typeof(GatewayCmdlet).Assembly);

    [Fact]
    public void Cmdlets_and_parameters_are_the_known_ones() =>
        Assert.Equal(Known, Cmdlets.SelectMany(c => c.Parameters.Where(p => !p.IsCommon).Select(Line).Prepend(Line(c))));

    [Theory]
    [InlineData("OMSGateway.psd1")]
    [InlineData("OMSGateway.psm1")]
    public void The_module_exports_every_cmdlet_by_name(string file)
    {
        var text = File.ReadAllText(Path.Combine(Programs.Root, "psmodule", "OMSGateway", file));
        var exported = Regex.Matches(text, @"^\s*'(\w+-OMSGateway\w+)'\r?$", RegexOptions.Multiline)
            .Select(m => m.Groups[1].Value);

        Assert.Equal(Cmdlets.Select(c => c.Name), exported.Order(StringComparer.Ordinal));
    }

    private static string Line(CmdletFacts cmdlet)
    {
        var impact = cmdlet.SupportsShouldProcess ? $" ({cmdlet.ConfirmImpact})" : "";
        var outputs = cmdlet.Outputs.Count == 0 ? "nothing" : string.Join(" ", cmdlet.Outputs.Select(t => t.Name));
        return $"{cmdlet.Name}{impact} -> {outputs}";
    }

    private static string Line(ParameterFacts parameter)
    {
        var line = $"  -{string.Join("|", parameter.Aliases.Prepend(parameter.Name))} <{parameter.Type.Name}>"
            + (parameter.Mandatory ? " mandatory" : "")
            + (parameter.Position is { } position ? $" position {position}" : "")
            + (parameter.Set is { } set ? $" in {set}" : "");
        return line + (parameter.FromPipeline, parameter.FromProperty) switch
        {
            (true, true) => ", by value and property name",
            (false, true) => ", by property name",
            (true, false) => ", by value",
            _ => "",
        } + (parameter.Wildcards ? ", wildcards" : "");
    }
}

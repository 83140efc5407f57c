using System.Xml.Linq;
using OMSGateway.Help;

namespace OMSGateway.Tests;

public sealed class HelpTests
{
    private static readonly string Docs = Path.Combine(Programs.Root, "psmodule", "docs");
    private static readonly IReadOnlyList<CmdletFacts> Cmdlets = CmdletFacts.In(typeof(GatewayCmdlet).Assembly);
    private static readonly IReadOnlyList<CmdletPage> Pages = CmdletPage.ReadFolder(Docs);

    [Fact]
    public void Every_cmdlet_and_parameter_is_described_and_none_is_stale() => Assert.Empty(HelpCheck.Problems(Cmdlets, Pages));

    [Fact]
    public void A_gap_or_a_stale_description_is_found()
    {
        var page = CmdletPage.Parse("""
            # Add-OMSGatewayAllowedHost

            Adds.

            ## Description

            Adds.

            ## Parameters

            ### -ClientCertificatePolicy

            Yes.

            ### -Denied

            Yes.

            ### -PassThru

            Yes.

            ### -Force

            Yes.

            ### -Comment

            Yes.

            ### -ConfirmWithin

            Yes.

            ### -Owner

            Yes.

            ### -Ticket

            Yes.

            ### -Note

            Yes.

            ### -Expires

            Yes.

            ### -Port

            No such thing.
            """);
        var gone = page with { Name = "Clear-OMSGatewayAllowedHost" };
        var cmdlet = Cmdlets.Single(c => c.Name == page.Name);

        Assert.Equal(
            [
                "Add-OMSGatewayAllowedHost: it has no example",
                "Add-OMSGatewayAllowedHost: the parameter -Host is not described",
                "Add-OMSGatewayAllowedHost: there is no parameter -Port",
                "Add-OMSGatewayAllowedHost: the output System.String is not described",
                "there is no cmdlet Clear-OMSGatewayAllowedHost",
            ],
            HelpCheck.Problems([cmdlet], [page, gone]));
        Assert.Contains("Get-OMSGatewayConfig has no page", HelpCheck.Problems(Cmdlets, [page]));
    }

    [Fact]
    public void The_help_file_has_every_parameter_in_its_parameter_sets()
    {
        var help = Maml.Document(Cmdlets, Pages);
        XNamespace command = "http://schemas.microsoft.com/maml/dev/command/2004/10";
        XNamespace text = "http://schemas.microsoft.com/maml/2004/10";
        string NameOf(XElement of) => of.Descendants(command + "name").First().Value;
        var commands = help.Descendants(command + "command").ToList();
        var relay = commands.Single(c => NameOf(c) == "Set-OMSGatewayRelayProxy");

        Assert.Equal(Cmdlets.Select(c => c.Name), commands.Select(NameOf));
        Assert.Equal(
            [
                "Address Username Password PassThru Comment ConfirmWithin Force WhatIf Confirm",
                "Address Credential PassThru Comment ConfirmWithin Force WhatIf Confirm",
            ],
            relay.Descendants(command + "syntaxItem").Select(item =>
                string.Join(" ", item.Elements(command + "parameter").Select(p => p.Element(text + "name")!.Value))));
    }

    [Fact]
    public void Links_between_pages_lead_somewhere() =>
        Assert.All(Pages.SelectMany(p => p.Links), l => Assert.True(File.Exists(Path.Combine(Docs, l.Target)), l.Target));

    [Fact]
    public void The_about_text_fits_into_80_columns_and_has_all_sections()
    {
        var text = AboutPage.Text(File.ReadAllText(Path.Combine(Docs, "about_OMSGateway.md")));

        Assert.StartsWith("TOPIC\n    about_OMSGateway\n\nSHORT DESCRIPTION\n    Administers", text, StringComparison.Ordinal);
        Assert.All(text.Split('\n'), line => Assert.InRange(line.Length, 0, 80));
        Assert.All(["\nIN SCRIPTS\n", "\nSEE ALSO\n"], heading => Assert.Contains(heading, text, StringComparison.Ordinal));
    }
}

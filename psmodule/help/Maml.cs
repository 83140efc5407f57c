using System.Xml.Linq;

namespace OMSGateway.Help;

/// <summary>Help in the form that Get-Help reads (https://learn.microsoft.com/powershell/scripting/developer/help/).</summary>
internal static class Maml
{
    private static readonly XNamespace Root = "http://msh";
    private static readonly XNamespace Text = "http://schemas.microsoft.com/maml/2004/10";
    private static readonly XNamespace Command = "http://schemas.microsoft.com/maml/dev/command/2004/10";
    private static readonly XNamespace Dev = "http://schemas.microsoft.com/maml/dev/2004/10";

    private static readonly Dictionary<string, string> CommonTexts = new()
    {
        ["WhatIf"] = "Shows what would be done, and does nothing.",
        ["Confirm"] = "Asks before each change. With -Confirm:$false nothing is ever asked.",
    };

    public static XDocument Document(IReadOnlyList<CmdletFacts> cmdlets, IReadOnlyList<CmdletPage> pages) => new(
        new XElement(Root + "helpItems", new XAttribute("schema", "maml"),
            cmdlets.Select(c => Cmdlet(c, pages.Single(p => p.Name == c.Name)))));

    private static XElement Cmdlet(CmdletFacts cmdlet, CmdletPage page) => new(Command + "command",
        new XAttribute(XNamespace.Xmlns + "maml", Text), new XAttribute(XNamespace.Xmlns + "command", Command),
        new XAttribute(XNamespace.Xmlns + "dev", Dev),
        new XElement(Command + "details",
            new XElement(Command + "name", cmdlet.Name), new XElement(Command + "verb", cmdlet.Verb),
            new XElement(Command + "noun", cmdlet.Noun), Description([page.Synopsis])),
        Description(page.Description),
        new XElement(Command + "syntax", cmdlet.Sets.Select(set => new XElement(Command + "syntaxItem",
            new XElement(Text + "name", cmdlet.Name),
            cmdlet.Parameters.Where(p => p.Set == null || p.Set == set).Select(p => Parameter(p, page))))),
        new XElement(Command + "parameters", cmdlet.Parameters.DistinctBy(p => p.Name)
            .OrderBy(p => p.Name, StringComparer.Ordinal).Select(p => Parameter(p, page))),
        new XElement(Command + "inputTypes", page.Inputs.Select(i => Type(Command + "inputType", i.Key, i.Value))),
        new XElement(Command + "returnValues", page.Outputs.Select(o => Type(Command + "returnValue", o.Key, o.Value))),
        page.Notes.Count == 0 ? null : new XElement(Text + "alertSet", new XElement(Text + "alert", Paragraphs(page.Notes))),
        new XElement(Command + "examples", page.Examples.Select((e, i) => new XElement(Command + "example",
            new XElement(Text + "title", $"Example {i + 1}: {e.Title}"),
            new XElement(Dev + "code", e.Code),
            new XElement(Dev + "remarks", Paragraphs([.. e.Remarks, ""]))))), // the empty one sets the next example apart
        new XElement(Command + "relatedLinks", page.Links.Select(l => new XElement(Text + "navigationLink",
            new XElement(Text + "linkText", l.Text),
            new XElement(Text + "uri", l.Target.StartsWith("https:", StringComparison.Ordinal) ? l.Target : "")))));

    private static XElement Parameter(ParameterFacts parameter, CmdletPage page) => new(Command + "parameter",
        new XAttribute("required", parameter.Mandatory ? "true" : "false"), new XAttribute("variableLength", "true"),
        new XAttribute("globbing", parameter.Wildcards ? "true" : "false"),
        new XAttribute("pipelineInput", parameter.PipelineInput),
        new XAttribute("position", parameter.Position?.ToString() ?? "named"),
        new XAttribute("aliases", parameter.Aliases.Count == 0 ? "none" : string.Join(", ", parameter.Aliases)),
        new XElement(Text + "name", parameter.Name),
        Description(parameter.IsCommon ? [CommonTexts[parameter.Name]] : page.Parameters[parameter.Name]),
        parameter.IsSwitch
            ? null
            : new XElement(Command + "parameterValue", new XAttribute("required", "true"),
                new XAttribute("variableLength", "false"), parameter.Type.Name),
        new XElement(Dev + "type", new XElement(Text + "name", parameter.Type.Name), new XElement(Text + "uri")),
        new XElement(Dev + "defaultValue", parameter.IsSwitch ? "False" : "None"));

    private static XElement Type(XName element, string name, IReadOnlyList<string> text) =>
        new(element, new XElement(Dev + "type", new XElement(Text + "name", name)), Description(text));

    private static XElement Description(IReadOnlyList<string> text) => new(Text + "description", Paragraphs(text));

    private static IEnumerable<XElement> Paragraphs(IReadOnlyList<string> text) =>
        text.Select(p => new XElement(Text + "para", p));
}

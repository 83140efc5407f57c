using System.Text.RegularExpressions;

namespace OMSGateway.Help;

/// <summary>
/// What docs/NAME.md says of a cmdlet. The page has the name as its title, a one-line synopsis, and the sections Description,
/// Examples (each a subsection with a block of code and its explanation), Parameters (each a subsection "-Name"), and where
/// there is something to say Inputs, Outputs, Notes and Related links (a list).
/// </summary>
internal sealed partial record CmdletPage(string Name, string Synopsis, IReadOnlyList<string> Description,
    IReadOnlyList<Example> Examples, IReadOnlyDictionary<string, IReadOnlyList<string>> Parameters,
    IReadOnlyDictionary<string, IReadOnlyList<string>> Inputs, IReadOnlyDictionary<string, IReadOnlyList<string>> Outputs,
    IReadOnlyList<string> Notes, IReadOnlyList<Link> Links)
{
    private static readonly string[] KnownSections =
        ["Description", "Examples", "Parameters", "Inputs", "Outputs", "Notes", "Related links"];

    public static IReadOnlyList<CmdletPage> ReadFolder(string folder) =>
    [
        .. Directory.GetFiles(folder, "*-*.md").Order(StringComparer.Ordinal).Select(file => Parse(File.ReadAllText(file))),
    ];

    public static CmdletPage Parse(string markdown)
    {
        var page = Markdown.Sections(markdown, 1).Single();
        var sections = Markdown.Sections(page.Text, 2);
        if (sections.FirstOrDefault(s => s.Title != "" && !KnownSections.Contains(s.Title)) is { } unknown)
        {
            throw new FormatException($"{page.Title}: the section \"{unknown.Title}\" is not known");
        }
        string Section(string title) => sections.FirstOrDefault(s => s.Title == title)?.Text ?? "";

        return new CmdletPage(page.Title, string.Join(" ", Markdown.Paragraphs(Section(""))),
            Markdown.Paragraphs(Section("Description")),
            [.. Markdown.Sections(Section("Examples"), 3).Where(s => s.Title != "").Select(ParseExample)],
            ByTitle(Section("Parameters"), title => title.TrimStart('-')), ByTitle(Section("Inputs"), title => title),
            ByTitle(Section("Outputs"), title => title), Markdown.Paragraphs(Section("Notes")),
            [.. LinkPattern().Matches(Section("Related links")).Select(m => new Link(m.Groups[1].Value, m.Groups[2].Value))]);
    }

    private static Dictionary<string, IReadOnlyList<string>> ByTitle(string text, Func<string, string> key) =>
        Markdown.Sections(text, 3).Where(s => s.Title != "").ToDictionary(s => key(s.Title), s => Markdown.Paragraphs(s.Text));

    private static Example ParseExample(Section section)
    {
        var code = CodePattern().Match(section.Text);
        return code.Success
            ? new Example(section.Title, code.Groups[1].Value.TrimEnd(),
                Markdown.Paragraphs(section.Text.Remove(code.Index, code.Length)))
            : throw new FormatException($"the example \"{section.Title}\" has no code");
    }

    [GeneratedRegex(@"```powershell\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex CodePattern();

    [GeneratedRegex(@"^- \[([^\]]+)\]\(([^)]*)\)", RegexOptions.Multiline)]
    private static partial Regex LinkPattern();
}

internal sealed record Example(string Title, string Code, IReadOnlyList<string> Remarks);

/// <summary>A related page; the target is a file of docs/ or an address.</summary>
internal sealed record Link(string Text, string Target);

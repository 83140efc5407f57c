using System.Text.RegularExpressions;

namespace OMSGateway.Help;

/// <summary>A part of a page under a heading.</summary>
internal sealed record Section(string Title, string Text);

/// <summary>The little Markdown that the pages use: headings, paragraphs, lists, code, and links within the text.</summary>
internal static partial class Markdown
{
    /// <summary>The sections at one level of headings; what comes before the first one is a section without a title.</summary>
    public static IReadOnlyList<Section> Sections(string text, int level)
    {
        var mark = new string('#', level) + " ";
        var sections = new List<Section>();
        var title = "";
        var lines = new List<string>();
        var inCode = false;
        void Add()
        {
            var body = string.Join("\n", lines).Trim('\n');
            if (title != "" || body != "")
            {
                sections.Add(new Section(title, body));
            }
            lines.Clear();
        }
        foreach (var line in text.Replace("\r\n", "\n", StringComparison.Ordinal).Split('\n'))
        {
            inCode ^= line.StartsWith("```", StringComparison.Ordinal);
            if (!inCode && line.StartsWith(mark, StringComparison.Ordinal))
            {
                Add();
                title = line[mark.Length..].Trim();
            }
            else
            {
                lines.Add(line);
            }
        }
        Add();
        return sections;
    }

    /// <summary>Paragraphs as plain text, each in one line; an item of a list is a paragraph that begins with "- ".</summary>
    public static IReadOnlyList<string> Paragraphs(string text) =>
    [
        .. from block in BlockPattern().Split(text.Trim())
           from item in ItemPattern().Split(block)
           let plain = Plain(string.Join(" ", item.Split('\n').Select(l => l.Trim())))
           where plain != ""
           select plain,
    ];

    /// <summary>Text without the marks for code, emphasis and links.</summary>
    public static string Plain(string text) =>
        MarkPattern().Replace(InlineLinkPattern().Replace(text, "$1"), "$1$2").Trim();

    [GeneratedRegex(@"\n\s*\n")]
    private static partial Regex BlockPattern();

    [GeneratedRegex(@"\n(?=- )")]
    private static partial Regex ItemPattern();

    [GeneratedRegex(@"\[([^\]]+)\]\([^)]*\)")]
    private static partial Regex InlineLinkPattern();

    [GeneratedRegex(@"\*\*(.+?)\*\*|`([^`]+)`")]
    private static partial Regex MarkPattern();
}

using System.Text;

namespace OMSGateway.Help;

/// <summary>Turns about_OMSGateway.md into the plain text that Get-Help shows.</summary>
internal static class AboutPage
{
    private const int Width = 78;
    private const string Indent = "    ";

    /// <summary>The text of a page: its title is the topic, the paragraph below it the short description.</summary>
    public static string Text(string markdown)
    {
        var page = Markdown.Sections(markdown, 1).Single();
        var text = new StringBuilder($"TOPIC\n{Indent}{page.Title}\n\n");
        foreach (var section in Markdown.Sections(page.Text, 2))
        {
            text.Append(section.Title == "" ? "SHORT DESCRIPTION" : section.Title.ToUpperInvariant()).Append('\n');
            Body(text, section.Text);
            text.Append('\n');
        }
        return text.ToString();
    }

    private static void Body(StringBuilder text, string body)
    {
        var parts = body.Split("```"); // every second one is a block of code
        for (var i = 0; i < parts.Length; i++)
        {
            if (i % 2 == 1)
            {
                foreach (var line in parts[i][(parts[i].IndexOf('\n', StringComparison.Ordinal) + 1)..].TrimEnd().Split('\n'))
                {
                    text.Append((Indent + Indent + line).TrimEnd()).Append('\n');
                }
                text.Append('\n');
                continue;
            }
            var inList = false;
            foreach (var paragraph in Markdown.Paragraphs(parts[i]))
            {
                var isItem = paragraph.StartsWith("- ", StringComparison.Ordinal);
                if (isItem && inList)
                {
                    text.Length--; // items of a list stand together
                }
                inList = isItem;
                Wrap(text, paragraph, isItem ? Indent + "  " : Indent);
                text.Append('\n');
            }
        }
        text.Length--; // one empty line at the end is the caller's
    }

    private static void Wrap(StringBuilder text, string paragraph, string hanging)
    {
        var line = Indent;
        foreach (var word in paragraph.Split(' '))
        {
            if (line.Length + word.Length > Width && line.Trim() != "")
            {
                text.Append(line.TrimEnd()).Append('\n');
                line = hanging;
            }
            line += word + " ";
        }
        text.Append(line.TrimEnd()).Append('\n');
    }
}

namespace OMSGateway.Help;

/// <summary>Compares the pages with the cmdlets.</summary>
internal static class HelpCheck
{
    /// <summary>What is not described, and what is described but not there; empty if all is well.</summary>
    public static IReadOnlyList<string> Problems(IReadOnlyList<CmdletFacts> cmdlets, IReadOnlyList<CmdletPage> pages)
    {
        var problems = new List<string>();
        foreach (var cmdlet in cmdlets)
        {
            if (pages.SingleOrDefault(p => p.Name == cmdlet.Name) is { } page)
            {
                problems.AddRange(Problems(cmdlet, page).Select(p => $"{cmdlet.Name}: {p}"));
            }
            else
            {
                problems.Add($"{cmdlet.Name} has no page");
            }
        }
        problems.AddRange(pages.Select(p => p.Name).Except(cmdlets.Select(c => c.Name)).Select(n => $"there is no cmdlet {n}"));
        return problems;
    }

    private static IEnumerable<string> Problems(CmdletFacts cmdlet, CmdletPage page)
    {
        if (page.Synopsis == "")
        {
            yield return "it has no synopsis";
        }
        if (page.Description.Count == 0)
        {
            yield return "it has no description";
        }
        if (page.Examples.Count == 0)
        {
            yield return "it has no example";
        }
        var names = cmdlet.Parameters.Where(p => !p.IsCommon).Select(p => p.Name).Distinct().ToList();
        foreach (var missing in names.Where(n => page.Parameters.GetValueOrDefault(n) is not { Count: > 0 }))
        {
            yield return $"the parameter -{missing} is not described";
        }
        foreach (var stale in page.Parameters.Keys.Except(names))
        {
            yield return $"there is no parameter -{stale}";
        }
        foreach (var type in cmdlet.Outputs.Select(t => t.FullName!).Except(page.Outputs.Keys))
        {
            yield return $"the output {type} is not described";
        }
    }
}

// Writes the module's help: OMSGateway.Help DOCS-FOLDER OUTPUT-FOLDER. Fails and writes nothing if a cmdlet or a parameter has no
// text, or a text describes what is not there.

using OMSGateway;
using OMSGateway.Help;

var (docs, output) = (args[0], args[1]);
var cmdlets = CmdletFacts.In(typeof(GatewayCmdlet).Assembly);
var pages = CmdletPage.ReadFolder(docs);

var problems = HelpCheck.Problems(cmdlets, pages);
foreach (var problem in problems)
{
    Console.Error.WriteLine($"help: {problem}");
}
if (problems.Count > 0)
{
    return 1;
}

Directory.CreateDirectory(output);
Maml.Document(cmdlets, pages).Save(Path.Combine(output, "OMSGateway.dll-Help.xml"));
File.WriteAllText(Path.Combine(output, "about_OMSGateway.help.txt"),
    AboutPage.Text(File.ReadAllText(Path.Combine(docs, "about_OMSGateway.md"))));
return 0;

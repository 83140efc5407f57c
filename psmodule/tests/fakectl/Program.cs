// Stands in for omsgwctl in tests and does what a good one never does. The variable FAKECTL says what:
//
//   relay          passes lines to and from the real one, FAKECTL_PROGRAM
//   answer         answers every request with the result FAKECTL_RESULT
//   error          answers every request with the error FAKECTL_RESULT
//   stream         answers every request with the message FAKECTL_RESULT, and then with its end
//   protocol, garbage, ends, silent, deaf, long-line, wrong-id, flood    see below
//
// Where FAKECTL_LOG names a file, it gets the line "start" and every line of input.

using System.Diagnostics;
using System.Text.Json.Nodes;

var mode = Environment.GetEnvironmentVariable("FAKECTL");
var result = Environment.GetEnvironmentVariable("FAKECTL_RESULT") ?? "{}";
const string hello = """{"jsonrpc":"2.0","method":"hello","params":{"protocol":1,"version":"fake"}}""";

Log("start");
switch (mode)
{
    case "relay":
        return Relay(Environment.GetEnvironmentVariable("FAKECTL_PROGRAM")!);
    case "protocol":
        Say(hello.Replace("\"protocol\":1", "\"protocol\":2"));
        break;
    case "garbage":
        Say("Usage: something else entirely");
        break;
    case "ends":
        Console.Error.WriteLine("a note about why");
        return 3;
    case "silent":
        Thread.Sleep(TimeSpan.FromMinutes(5));
        return 0;
    case "deaf": // reads nothing, and does not end with its input either
        Say(hello);
        Thread.Sleep(TimeSpan.FromMinutes(5));
        return 0;
    case "long-line":
        Say(hello);
        Console.ReadLine();
        Say(new string('x', (16 << 20) + 1));
        break;
    case "flood": // far more on standard error than a pipe holds, before and after every answer
        Flood();
        Say(hello);
        break;
    default:
        Say(hello);
        break;
}

while (Console.ReadLine() is { } line)
{
    Log(line);
    var id = JsonNode.Parse(line)!["id"]!.GetValue<int>();
    switch (mode)
    {
        case "error":
            Say($$$"""{"jsonrpc":"2.0","id":{{{id}}},"error":{{{result}}}}""");
            break;
        case "stream":
            Say($$$"""{"jsonrpc":"2.0","method":"any","params":{{{result}}}}""");
            Say($$$"""{"jsonrpc":"2.0","id":{{{id}}},"result":{}}""");
            break;
        case "wrong-id":
            Say($$$"""{"jsonrpc":"2.0","id":{{{id + 1}}},"result":{}}""");
            break;
        case "flood":
            Flood();
            goto default;
        default:
            Say($$$"""{"jsonrpc":"2.0","id":{{{id}}},"result":{{{result}}}}""");
            break;
    }
}
return 0;

static void Say(string line)
{
    var bytes = System.Text.Encoding.UTF8.GetBytes(line + "\n");
    using var output = Console.OpenStandardOutput();
    output.Write(bytes);
}

static void Flood()
{
    for (var i = 0; i < 10_000; i++)
    {
        Console.Error.WriteLine($"flood {i:D6} " + new string('-', 100));
    }
}

static void Log(string line)
{
    if (Environment.GetEnvironmentVariable("FAKECTL_LOG") is { Length: > 0 } file)
    {
        File.AppendAllText(file, line + "\n");
    }
}

static int Relay(string program)
{
    var start = new ProcessStartInfo(program, string.Join(" ", Environment.GetCommandLineArgs().Skip(1))) { RedirectStandardInput = true }; // its output is ours
    using var real = Process.Start(start)!;
    while (Console.ReadLine() is { } line)
    {
        Log(line);
        real.StandardInput.WriteLine(line);
        real.StandardInput.Flush();
    }
    real.StandardInput.Close();
    real.WaitForExit();
    return real.ExitCode;
}

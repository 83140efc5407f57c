using System;
using System.Collections;
using System.Collections.Generic;
using System.Linq;
using System.Management.Automation;
using System.Management.Automation.Language;
using System.Text.RegularExpressions;
using System.Threading.Tasks;

namespace OMSGateway;

/// <summary>Completes an argument with what the gateway knows. Where none answers within 300 ms there is nothing to offer.</summary>
public abstract class GatewayCompleter : IArgumentCompleter
{
    private static readonly TimeSpan Limit = TimeSpan.FromMilliseconds(300); // somebody waits at the prompt

    // What PowerShell takes as one plain word.
    private static readonly Regex Bare = new(@"^[A-Za-z0-9*][A-Za-z0-9*_.:-]*$");

    /// <summary>Offers what begins with the word.</summary>
    public IEnumerable<CompletionResult> CompleteArgument(string commandName, string parameterName, string wordToComplete,
        CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        var begin = Unquoted(wordToComplete ?? "");
        var given = fakeBoundParameters ?? new Hashtable();
        var answer = new TaskCompletionSource<List<(string Text, string Hint)>>();
        _ = Task.Run(() => Ask(given, answer));
        return !answer.Task.Wait(Limit) ? [] : answer.Task.Result
            .Where(c => c.Text.StartsWith(begin, StringComparison.OrdinalIgnoreCase) && c.Text != "")
            .Select(c => new CompletionResult(Quoted(c.Text), c.Text, CompletionResultType.ParameterValue, c.Hint));
    }

    // Answers, and then ends omsgwctl, for which nobody waits.
    private void Ask(IDictionary given, TaskCompletionSource<List<(string Text, string Hint)>> answer)
    {
        try
        {
            using var client = BatchClient.Start(ControlProgram.Find(), Limit);
            answer.TrySetResult([.. Candidates(client, given)]);
        }
        catch (Exception e) when (e is BatchException or CallException)
        {
            answer.TrySetResult([]);
        }
    }

    private protected abstract IEnumerable<(string Text, string Hint)> Candidates(BatchClient client, IDictionary given);

    // The word may begin with a quotation mark that is not closed yet.
    private static string Unquoted(string word) => word.Trim('\'', '"');

    private static string Quoted(string text) =>
        Bare.IsMatch(text) ? text : $"'{CodeGeneration.EscapeSingleQuotedStringContent(text)}'";
}

/// <summary>The keys of settings.</summary>
public sealed class SettingKeyCompleter : GatewayCompleter
{
    private protected override IEnumerable<(string Text, string Hint)> Candidates(BatchClient client, IDictionary given) =>
        client.Call<Empty, SettingList>("SettingService/ListSettings", new Empty()).Settings
            .Select(s => (s.Key ?? "", $"{s.Value} (default {s.DefaultValue}). {s.Description}"));
}

/// <summary>The choices of the setting that -Key names, or its present and its default value.</summary>
public sealed class SettingValueCompleter : GatewayCompleter
{
    private protected override IEnumerable<(string Text, string Hint)> Candidates(BatchClient client, IDictionary given)
    {
        if ((given["Key"] ?? given["Name"])?.ToString() is not { Length: > 0 } key)
        {
            return [];
        }
        var setting = client.Call<GetSettingRequest, GetSettingAnswer>(
            "SettingService/GetSetting", new GetSettingRequest { Key = key }).Setting;
        var values = setting?.Choices is { Length: > 0 } choices ? choices : [setting?.Value ?? "", setting?.DefaultValue ?? ""];
        return values.Distinct().Select(v => (v, v == setting?.Value ? "in force" : v == setting?.DefaultValue ? "default" : v));
    }
}

/// <summary>The configured hosts.</summary>
public sealed class AllowedHostCompleter : GatewayCompleter
{
    private protected override IEnumerable<(string Text, string Hint)> Candidates(BatchClient client, IDictionary given) => In(client);

    internal static IEnumerable<(string Text, string Hint)> In(BatchClient client) =>
        ListReader.ReadAll(request => client.Call<PageRequest, HostPage>("AllowedHostService/ListAllowedHosts", request))
            .Select(h => (h.Host ?? "", $"added by {h.AddedBy}"));
}

/// <summary>The hosts that clients were refused.</summary>
public sealed class DeniedHostCompleter : GatewayCompleter
{
    private protected override IEnumerable<(string Text, string Hint)> Candidates(BatchClient client, IDictionary given) => In(client);

    internal static IEnumerable<(string Text, string Hint)> In(BatchClient client) =>
        ListReader.ReadAll(request => client.Call<PageRequest, DeniedHostPage>("DeniedHostService/ListDeniedHosts", request))
            .Select(h => (h.Host, $"refused {h.Count} times"));
}

/// <summary>The hosts that clients were refused, where -Denied is given.</summary>
public sealed class HostToAddCompleter : GatewayCompleter
{
    private protected override IEnumerable<(string Text, string Hint)> Candidates(BatchClient client, IDictionary given) =>
        LanguagePrimitives.IsTrue(given["Denied"]) ? DeniedHostCompleter.In(client) : [];
}

/// <summary>The configured hosts, and those that clients were refused.</summary>
public sealed class HostToTestCompleter : GatewayCompleter
{
    private protected override IEnumerable<(string Text, string Hint)> Candidates(BatchClient client, IDictionary given) =>
        AllowedHostCompleter.In(client).Concat(DeniedHostCompleter.In(client));
}

/// <summary>The configured subjects.</summary>
public sealed class AllowedClientCertificateCompleter : GatewayCompleter
{
    private protected override IEnumerable<(string Text, string Hint)> Candidates(BatchClient client, IDictionary given) =>
        ListReader.ReadAll(request => client.Call<PageRequest, CertificatePage>(
                "AllowedClientCertificateService/ListAllowedClientCertificates", request))
            .Select(c => (c.Subject ?? "", $"added by {c.AddedBy}"));
}

using System.Diagnostics;

namespace OMSGateway.Tests;

public sealed class BatchClientTests
{
    private const string Add = "AllowedHostService/AddAllowedHosts";
    private const string List = "AllowedHostService/ListAllowedHosts";
    private static readonly TimeSpan Short = TimeSpan.FromSeconds(5); // of what never answers

    [Fact]
    public void Calls_a_gateway_and_ends()
    {
        using var gateway = new RunningGateway();
        using var client = BatchClient.Start(Programs.Control);
        using var process = Process.GetProcessById(client.ProcessId);

        Assert.Equal("ADDED", AddHosts(client, "a.example.com").Single().Kind);
        Assert.Equal("ALREADY_PRESENT", AddHosts(client, "a.example.com").Single().Kind);
        Assert.Equal(["a.example.com"], ReadHosts(client));

        Assert.Equal("", client.Close());
        Assert.True(process.HasExited);
    }

    [Fact]
    public void Takes_ten_thousand_records()
    {
        using var gateway = new RunningGateway();
        using var client = BatchClient.Start(Programs.Control);
        var hosts = Enumerable.Range(0, 10_000).Select(i => $"h{i:D5}.example.com").ToArray();

        foreach (var chunk in hosts.Chunk(256))
        {
            Assert.All(AddHosts(client, chunk), o => Assert.Equal("ADDED", o.Kind));
        }

        Assert.Equal(hosts, ReadHosts(client).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Carries_text_outside_of_ASCII_both_ways()
    {
        using var gateway = new RunningGateway();
        using var client = BatchClient.Start(Programs.Control);

        var outcomes = AddHosts(client, "bücher.example.com", "Größe ☃ \U0001F600.example.com");

        Assert.Equal("xn--bcher-kva.example.com", outcomes[0].Item);
        Assert.Equal("INVALID", outcomes[1].Kind);
        Assert.Contains("Größe ☃ \U0001F600.example.com", outcomes[1].Problem!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_error_of_the_gateway_has_its_reason()
    {
        using var gateway = new RunningGateway();
        using var client = BatchClient.Start(Programs.Control);

        var e = Assert.Throws<CallException>(() => client.Call<GetSettingRequest, GetSettingAnswer>(
            "SettingService/GetSetting", new GetSettingRequest { Key = "Nonsense" }));

        Assert.Equal((5, "SETTING_UNKNOWN"), (e.Code, e.Reason));
        Assert.Contains("Nonsense", e.Message, StringComparison.Ordinal);
        Assert.Empty(ReadHosts(client)); // and the client goes on
    }

    [Fact]
    public void A_method_that_is_not_known_has_the_code_of_JSON_RPC()
    {
        using var gateway = new RunningGateway();
        using var client = BatchClient.Start(Programs.Control);

        var e = Assert.Throws<CallException>(() => client.Call<Empty, Empty>("NoService/NoMethod", new Empty()));

        Assert.Equal((CallException.MethodNotFound, ""), (e.Code, e.Reason));
    }

    [Fact]
    public void A_gateway_that_went_away_and_came_back_is_found_again()
    {
        using var gateway = new RunningGateway();
        using var folder = new TemporaryFolder();
        var alone = folder.Copy(Programs.Control); // with no gateway beside it, nothing can stand in for a stopped one
        using var client = BatchClient.Start(alone);
        AddHosts(client, "a.example.com");

        gateway.Kill();
        var e = Assert.Throws<CallException>(() => ReadHosts(client));
        Assert.Equal((14, "GATEWAY_UNREACHABLE"), (e.Code, e.Reason));

        gateway.Start();
        Assert.Equal(["a.example.com"], ReadHosts(client));
    }

    [Fact]
    public void Follows_a_stream_until_the_gateway_is_gone()
    {
        using var gateway = new RunningGateway();
        using var client = BatchClient.Start(Programs.Control);
        AddHosts(client, "a.example.com");
        var seen = new List<string?>();

        var e = Assert.Throws<CallException>(() => client.Stream<WatchEventsRequest, WatchEventsMessage>("EventService/WatchEvents",
            new WatchEventsRequest { Filter = new EventFilter { Kinds = ["ALLOWED_HOST_ADDED"] }, Tail = 5 }, message =>
            {
                seen.Add(message.Event?.Text);
                gateway.Kill();
            }));

        Assert.Equal(14, e.Code);
        Assert.Contains("a.example.com", Assert.Single(seen), StringComparison.Ordinal);
        gateway.Start();
        Assert.Equal(["a.example.com"], ReadHosts(client)); // and the client goes on
    }

    [Fact]
    public void A_stream_is_stopped_from_another_thread()
    {
        using var gateway = new RunningGateway();
        using var client = BatchClient.Start(Programs.Control);

        Assert.Throws<OperationCanceledException>(() => client.Stream<WatchEventsRequest, WatchEventsMessage>("EventService/WatchEvents",
            new WatchEventsRequest { Tail = 1 }, _ => new Thread(client.Stop).Start()));
    }

    [Fact]
    public void A_stopped_gateway_can_be_administered()
    {
        using var gateway = new RunningGateway();
        gateway.Kill();
        using (var client = BatchClient.Start(Programs.Control))
        {
            Assert.Equal("ADDED", AddHosts(client, "a.example.com").Single().Kind);
        }
        gateway.Start();
        using (var client = BatchClient.Start(Programs.Control))
        {
            Assert.Equal(["a.example.com"], ReadHosts(client));
        }
    }

    [Fact]
    public void A_killed_child_is_an_error_at_the_next_call()
    {
        using var gateway = new RunningGateway();
        using var client = BatchClient.Start(Programs.Control);
        using var process = Process.GetProcessById(client.ProcessId);

        process.Kill();
        process.WaitForExit();

        Assert.Equal("ControlProgramEnded", Assert.Throws<BatchException>(() => ReadHosts(client)).Id);
    }

    [Fact]
    public async Task Stop_ends_a_call_that_waits()
    {
        using var fake = new Variables().Set("FAKECTL", "deaf");
        using var client = BatchClient.Start(Programs.FakeControl);
        using var process = Process.GetProcessById(client.ProcessId);

        var call = Task.Run(() => ReadHosts(client));
        client.Stop();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        Assert.True(process.HasExited);
    }

    [Fact]
    public void A_flood_on_standard_error_blocks_nothing_and_its_end_is_kept()
    {
        using var fake = new Variables().Set("FAKECTL", "flood");
        using var client = BatchClient.Start(Programs.FakeControl);

        client.Call<Empty, Empty>("A/B", new Empty());
        client.Call<Empty, Empty>("A/B", new Empty());

        var notes = client.Close();
        Assert.InRange(notes.Length, 1, 4096);
        Assert.Contains("flood 009999", notes, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("protocol", "ControlProtocolUnknown", "speaks protocol 2, and this module protocol 1")]
    [InlineData("garbage", "ControlAnswerInvalid", "is not an omsgwctl that this module understands")]
    [InlineData("ends", "ControlProgramEnded", "a note about why")]
    [InlineData("silent", "ControlProgramSilent", "did not answer within 5 seconds")]
    public void A_bad_first_line_is_an_error(string mode, string id, string text)
    {
        using var fake = new Variables().Set("FAKECTL", mode);

        var e = Assert.Throws<BatchException>(() => BatchClient.Start(Programs.FakeControl, mode == "silent" ? Short : null));

        Assert.Equal(id, e.Id);
        Assert.Contains(text, e.Message, StringComparison.Ordinal);
        Assert.Contains(Programs.FakeControl, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("deaf", "ControlProgramSilent")]
    [InlineData("long-line", "ControlAnswerInvalid")]
    [InlineData("wrong-id", "ControlAnswerInvalid")]
    public void A_bad_answer_is_an_error(string mode, string id)
    {
        using var fake = new Variables().Set("FAKECTL", mode);
        using var client = BatchClient.Start(Programs.FakeControl, mode == "deaf" ? Short : null);

        Assert.Equal(id, Assert.Throws<BatchException>(() => ReadHosts(client)).Id);
    }

    [Fact]
    public void A_request_that_nobody_reads_does_not_block_for_ever()
    {
        using var fake = new Variables().Set("FAKECTL", "deaf");
        using var client = BatchClient.Start(Programs.FakeControl, Short);
        var large = Enumerable.Repeat(new string('x', 250), 4000).ToArray(); // more than a pipe holds

        Assert.Equal("ControlProgramSilent", Assert.Throws<BatchException>(() => AddHosts(client, large)).Id);
    }

    [Fact]
    public void A_result_that_is_not_of_the_expected_form_is_an_error()
    {
        using var fake = new Variables().Set("FAKECTL", "answer").Set("FAKECTL_RESULT", """{"hosts":7}""");
        using var client = BatchClient.Start(Programs.FakeControl);

        Assert.Equal("ControlAnswerInvalid", Assert.Throws<BatchException>(() => ReadHosts(client)).Id);
    }

    [Fact]
    public void A_program_that_cannot_be_started_is_an_error()
    {
        using var folder = new TemporaryFolder();
        var text = Path.Combine(folder.Path, "omsgwctl.exe");
        File.WriteAllText(text, "no program");

        var e = Assert.Throws<BatchException>(() => BatchClient.Start(text));

        Assert.Equal("ControlProgramNotStarted", e.Id);
        Assert.Contains(OperatingSystem.IsWindows() ? text : $"chmod +x \"{text}\"", e.Message, StringComparison.Ordinal);
    }

    private static Outcome[] AddHosts(BatchClient client, params string[] hosts) =>
        client.Call<AddHostsRequest, ChangeAnswer>(Add,
            new AddHostsRequest { Hosts = Array.ConvertAll(hosts, h => new HostMessage { Host = h }) }).Outcomes;

    private static IEnumerable<string?> ReadHosts(BatchClient client) =>
        ListReader.ReadAll(request => client.Call<PageRequest, HostPage>(List, request)).Select(h => h.Host);
}

/// <summary>A folder that goes with the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("oms").FullName;

    public string Copy(string file)
    {
        var copy = System.IO.Path.Combine(Path, System.IO.Path.GetFileName(file));
        File.Copy(file, copy);
        return copy;
    }

    public void Dispose() => Directory.Delete(Path, true);
}

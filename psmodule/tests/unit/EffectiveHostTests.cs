namespace OMSGateway.Tests;

public sealed class EffectiveHostTests
{
    [Fact]
    public void Has_sources_uses_and_names_as_PowerShell_spells_them()
    {
        var host = new EffectiveHost(new EffectiveHostMessage
        {
            Host = "a.example.com",
            UseCount = "9223372036854775807",
            LastUsedAt = "2026-11-21T14:22:10Z",
            ClientCertificatePolicy = "IF_SHOWN",
            Sources =
            [
                new() { Kind = "LOCAL", AddedBy = "alice" },
                new() { Kind = "LEARNED", Agent = "OMS agent", Place = "/etc/x.conf", Workspace = "w", Since = "2026-11-20T00:00:00Z" },
            ],
        });

        Assert.Equal("a.example.com", host.ToString());
        Assert.Equal(long.MaxValue, host.UseCount);
        Assert.Equal(new DateTime(2026, 11, 21, 14, 22, 10, DateTimeKind.Utc).ToLocalTime(), host.LastUsed);
        Assert.Null(host.FirstUsed);
        Assert.Equal("IfShown", host.ClientCertificatePolicy);
        Assert.Equal(["Local alice", "Learned OMS agent w"], host.Sources.Select(s => s.ToString()));
        Assert.Null(host.Sources[0].Since);
        Assert.Equal("/etc/x.conf", host.Sources[1].Place);
    }

    [Fact]
    public void An_answer_with_gaps_is_no_error()
    {
        var host = new EffectiveHost(new EffectiveHostMessage());

        Assert.Equal("", host.Host);
        Assert.Equal(0, host.UseCount);
        Assert.Empty(host.Sources);
        Assert.Equal("", host.ClientCertificatePolicy);
    }
}

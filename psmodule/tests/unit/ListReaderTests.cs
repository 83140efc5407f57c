namespace OMSGateway.Tests;

public sealed class ListReaderTests
{
    [Fact]
    public void A_list_that_changes_between_two_pages_is_read_again()
    {
        var pages = new Queue<Page>([
            new(["a", "b"], "1", "b"), new(["x"], "2", ""),          // changed: both are dropped
            new(["a"], "2", "a"), new(["x"], "2", "x"), new(["z"], "2", ""),
        ]);
        var tokens = new List<string?>();

        var all = ListReader.ReadAll(request =>
        {
            tokens.Add(request.PageToken);
            return pages.Dequeue();
        });

        Assert.Equal(["a", "x", "z"], all);
        Assert.Equal([null, "b", null, "a", "x"], tokens);
    }

    [Fact]
    public void A_list_that_never_rests_is_an_error()
    {
        var etag = 0;

        var e = Assert.Throws<CallException>(() => ListReader.ReadAll(_ => new Page(["a"], $"{++etag}", "a")));

        Assert.Equal("ETAG_MISMATCH", e.Reason);
    }

    private sealed record Page(string[] Items, string Etag, string NextPageToken) : IPage<string>;
}

namespace OMSGateway.Tests;

public sealed class JsonValueTests
{
    [Theory]
    [InlineData("0s", 0)]
    [InlineData("1.5s", 15_000_000)]
    [InlineData("-0.000000100s", -1)]
    [InlineData("86400s", 864_000_000_000)]
    [InlineData("", 0)]
    [InlineData(null, 0)]
    [InlineData("soon", 0)]
    public void A_duration_is_a_time_span(string? text, long ticks) => Assert.Equal(TimeSpan.FromTicks(ticks), JsonValue.Period(text));

    [Theory]
    [InlineData("9223372036854775807", long.MaxValue)]
    [InlineData("-3", -3)]
    [InlineData(null, 0)]
    public void A_number_of_64_bits_is_one(string? text, long number) => Assert.Equal(number, JsonValue.Number(text));

    [Fact]
    public void Times_are_local_and_may_have_nine_digits_after_the_second()
    {
        var want = new DateTime(2026, 11, 21, 14, 22, 10, DateTimeKind.Utc).AddTicks(1234567).ToLocalTime();

        Assert.Equal(want, JsonValue.Time("2026-11-21T14:22:10.123456700Z"));
        Assert.Null(JsonValue.Time(""));
        Assert.Null(JsonValue.Time(null));
    }
}

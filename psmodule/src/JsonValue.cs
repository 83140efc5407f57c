using System;
using System.Collections.Generic;
using System.Globalization;
using System.Xml;

namespace OMSGateway;

/// <summary>Values as protobuf's JSON writes them (https://protobuf.dev/programming-guides/json/).</summary>
internal static class JsonValue
{
    /// <summary>A Timestamp as local time; null if there is none.</summary>
    public static DateTime? Time(string? text) =>
        string.IsNullOrEmpty(text) ? null : XmlConvert.ToDateTime(text!, XmlDateTimeSerializationMode.Utc).ToLocalTime();

    /// <summary>An int64, which is a string there; 0 if there is none.</summary>
    public static long Number(string? text) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : 0;

    /// <summary>A map of int64; empty if there is none.</summary>
    public static SortedDictionary<string, long> Numbers(Dictionary<string, string>? map)
    {
        var numbers = new SortedDictionary<string, long>(StringComparer.Ordinal);
        foreach (var pair in map ?? [])
        {
            numbers[pair.Key] = Number(pair.Value);
        }
        return numbers;
    }

    /// <summary>A Duration, which is a number of seconds with an s; zero if there is none.</summary>
    public static TimeSpan Period(string? text) =>
        decimal.TryParse((text ?? "").TrimEnd('s'), NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint,
            CultureInfo.InvariantCulture, out var seconds)
            ? TimeSpan.FromTicks((long)(seconds * TimeSpan.TicksPerSecond))
            : TimeSpan.Zero;
}

using System;
using System.Globalization;
using System.Management.Automation;
using System.Text.RegularExpressions;

namespace OMSGateway;

/// <summary>Lengths of time.</summary>
internal static class Period
{
    private static readonly Regex Short = new(@"^\s*(\d{1,7})\s*([smhd])\s*$", RegexOptions.IgnoreCase);

    /// <summary>The time that a text such as 90s, 15m, 2h or 1d means; null if it is none.</summary>
    public static TimeSpan? Parse(string text)
    {
        var match = Short.Match(text);
        if (!match.Success)
        {
            return null;
        }
        var number = double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);
        return char.ToLowerInvariant(match.Groups[2].Value[0]) switch
        {
            's' => TimeSpan.FromSeconds(number),
            'm' => TimeSpan.FromMinutes(number),
            'h' => TimeSpan.FromHours(number),
            _ => TimeSpan.FromDays(number),
        };
    }

    /// <summary>A time as protobuf's JSON writes a Duration, in seconds; null for none.</summary>
    public static string? Message(TimeSpan? period) =>
        period == null ? null : period.Value.TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture) + "s";
}

/// <summary>Takes a TimeSpan, what PowerShell makes one of, and a text such as 15m. 90s and 1d are numbers to PowerShell, with a suffix for
/// their type; the object that it puts around such a number has what was typed. A number without a unit would be ticks, ten million to a
/// second, and is refused.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class PeriodAttribute : ArgumentTransformationAttribute
{
    public override object? Transform(EngineIntrinsics engineIntrinsics, object? inputData)
    {
        var value = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        if (value is not (string or short or int or long or float or double or decimal))
        {
            return value;
        }
        var text = LanguagePrimitives.ConvertTo<string>(inputData);
        if (Period.Parse(text) is { } period)
        {
            return period;
        }
        return value is string && !double.TryParse(text, out _)
            ? value
            : throw new ArgumentTransformationMetadataException(
                $"A time of {text} has no unit; give for example {text}m for minutes, or a TimeSpan.");
    }
}

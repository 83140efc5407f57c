using System;
using System.Management.Automation;

namespace OMSGateway;

/// <summary>Takes a DateTime, a TimeSpan from now on, text such as 90d, a date as text, and never, which is DateTime.MaxValue.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class ExpiryAttribute : ArgumentTransformationAttribute
{
    public override object? Transform(EngineIntrinsics engineIntrinsics, object? inputData)
    {
        var value = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        var text = value is DateTime or DateTimeOffset or TimeSpan or null ? null : LanguagePrimitives.ConvertTo<string>(inputData);
        var period = value is TimeSpan span ? span : text == null ? null : Period.Parse(text);
        if (period != null)
        {
            try
            {
                return DateTime.Now + period.Value;
            }
            catch (ArgumentOutOfRangeException e)
            {
                throw new ArgumentTransformationMetadataException($"A time of {inputData} is too long.", e);
            }
        }
        return value switch
        {
            DateTimeOffset at => at.LocalDateTime,
            string when text!.Trim().Equals("never", StringComparison.OrdinalIgnoreCase) => DateTime.MaxValue,
            string or DateTime or null => value,
            _ => throw new ArgumentTransformationMetadataException(
                $"A time of {text} has no unit; give for example {text}d for days, a date, or never."),
        };
    }
}

using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Management.Automation;

namespace OMSGateway;

/// <summary>A setting of the gateway, as Get-OMSGatewayConfig answers it.</summary>
public sealed class Setting
{
    /// <summary>The key.</summary>
    public string Name { get; }

    /// <summary>The value in force: a number or a string.</summary>
    public object Value { get; }

    /// <summary>The value while nobody has set one.</summary>
    public object Default { get; }

    /// <summary>What it does.</summary>
    public string Description { get; }

    internal Setting(SettingMessage message)
    {
        var number = message.Type == "NUMBER";
        Name = message.Key ?? "";
        Value = Typed(message.Value ?? "", number);
        Default = Typed(message.DefaultValue ?? "", number);
        Description = message.Description ?? "";
    }

    // Numbers as numbers, so that -gt compares them as such.
    private static object Typed(string value, bool number)
    {
        if (!number || !long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var parsed))
        {
            return value;
        }
        return parsed is >= int.MinValue and <= int.MaxValue ? (object)(int)parsed : parsed;
    }
}

/// <summary>Get-OMSGatewayConfig.</summary>
[Cmdlet(VerbsCommon.Get, "OMSGatewayConfig")]
[OutputType(typeof(Setting))]
public sealed class GetOMSGatewayConfigCommand : GatewayCmdlet
{
    /// <summary>The key, or a pattern for keys.</summary>
    [Parameter(Position = 0)]
    [Alias("Name")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(SettingKeyCompleter))]
    public string? Key { get; set; }

    /// <summary>Reads one setting or all.</summary>
    protected override void EndProcessing()
    {
        var settings = Key == null || WildcardPattern.ContainsWildcardCharacters(Key) ? Fitting(Key ?? "*") : Named(Key);
        base.EndProcessing();
        WriteObject(settings.Select(s => new Setting(s)), true);
    }

    private IEnumerable<SettingMessage> Fitting(string pattern)
    {
        var wanted = WildcardPattern.Get(pattern, WildcardOptions.IgnoreCase);
        var all = Call<Empty, SettingList>("SettingService/ListSettings", new Empty()).Settings;
        return all.Where(s => wanted.IsMatch(s.Key ?? ""));
    }

    private IEnumerable<SettingMessage> Named(string key)
    {
        var request = new GetSettingRequest { Key = key };
        var setting = Call<GetSettingRequest, GetSettingAnswer>("SettingService/GetSetting", request, key).Setting;
        return setting == null ? [] : [setting];
    }
}

/// <summary>Set-OMSGatewayConfig.</summary>
[Cmdlet(VerbsCommon.Set, "OMSGatewayConfig", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
public sealed class SetOMSGatewayConfigCommand : ChangeCmdlet
{
    /// <summary>The key.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipelineByPropertyName = true)]
    [Alias("Name")]
    [ArgumentCompleter(typeof(SettingKeyCompleter))]
    public string Key { get; set; } = "";

    /// <summary>The value. Empty for the default, but never by leaving it out.</summary>
    [Parameter(Position = 1, ValueFromPipelineByPropertyName = true)]
    [AllowEmptyString]
    [SettingText]
    [ArgumentCompleter(typeof(SettingValueCompleter))]
    public string? Value { get; set; }

    /// <summary>Changes one setting.</summary>
    protected override void ProcessRecord()
    {
        if (!MyInvocation.BoundParameters.ContainsKey(nameof(Value)))
        {
            var text = $"Give -Value for {Key}; -Value \"\" goes back to the default.";
            WriteError(new ErrorRecord(new PSArgumentException(text), "ValueMissing", ErrorCategory.InvalidArgument, Key));
            return;
        }
        var value = Value ?? "";
        if (!Confirmed(Key, value == "" ? "Set to the default" : $"Set to {value}"))
        {
            return;
        }
        try
        {
            var answer = TryCall<SetSettingRequest, SetSettingAnswer>("SettingService/SetSetting",
                new SetSettingRequest { Key = Key, Value = value });
            foreach (var warning in answer.Warnings ?? [])
            {
                WriteWarning(warning.Message ?? warning.Reason ?? "");
            }
            WriteVerbose(answer.PreviousValue == answer.Setting?.Value
                ? $"{answer.Setting?.Key} is {Shown(answer.Setting?.Value)}, as before."
                : $"{answer.Setting?.Key} is {Shown(answer.Setting?.Value)} now; before: {Shown(answer.PreviousValue)}.");
        }
        catch (CallException e)
        {
            var record = Failure.Record(e, MyInvocation.MyCommand.Name, Key);
            if (!Failure.IsAboutTheValue(e))
            {
                ThrowTerminatingError(record);
            }
            WriteError(record);
        }
    }

    private static string Shown(string? value) => string.IsNullOrEmpty(value) ? "\"\"" : value!;
}

/// <summary>Turns $true and $false into On and Off, and refuses $null, which is more often a mistake than a wish.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class SettingTextAttribute : ArgumentTransformationAttribute
{
    public override object Transform(EngineIntrinsics engineIntrinsics, object? inputData) =>
        (inputData is PSObject wrapped ? wrapped.BaseObject : inputData) switch
        {
            null => throw new ArgumentTransformationMetadataException("The value is $null; give \"\" for the default."),
            bool on => on ? "On" : "Off",
            _ => inputData!,
        };
}

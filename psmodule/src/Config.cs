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

    /// <summary>What a number counts, for example seconds; empty where it is plain.</summary>
    public string Unit { get; }

    /// <summary>The values that are possible where there are few; else empty.</summary>
    public string[] Choices { get; }

    /// <summary>Whether the gateway's command line gives the value for this run, so that it cannot be changed now.</summary>
    public bool Fixed { get; }

    /// <summary>Where the value comes from: Default; Local if it was set on this gateway, be it to the default; CommandLine; empty if the
    /// gateway is older and does not say.</summary>
    public string Layer { get; }

    /// <summary>The role that it takes to change it: Change or Administer; empty if the gateway is older and does not say.</summary>
    public string Role { get; }

    /// <summary>Whether it can only be changed on the gateway's own computer.</summary>
    public bool LocalOnly { get; }

    /// <summary>What it does.</summary>
    public string Description { get; }

    internal Setting(SettingMessage message)
    {
        var number = message.Type == "NUMBER";
        Name = message.Key ?? "";
        Value = Typed(message.Value ?? "", number);
        Default = Typed(message.DefaultValue ?? "", number);
        Unit = message.Unit ?? "";
        Choices = message.Choices ?? [];
        Fixed = message.Fixed;
        Layer = EnumName.Of(message.Layer is null or "LAYER_UNSPECIFIED" ? null : message.Layer);
        Role = EnumName.Of(message.Access?.Role);
        LocalOnly = message.Access?.LocalOnly ?? false;
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
public sealed class GetOMSGatewayConfigCommand : AskingCmdlet
{
    /// <summary>The keys, or patterns for keys.</summary>
    [Parameter(Position = 0)]
    [Alias("Name")]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(SettingKeyCompleter))]
    public string[] Key { get; set; } = ["*"];

    // Each setting once, in the order of the keys.
    private protected override IEnumerable<object?> Ask() => Key
        .SelectMany(key => About(key, () => WildcardPattern.ContainsWildcardCharacters(key) ? Fitting(key) : Named(key)))
        .GroupBy(s => s.Key).Select(same => new Setting(same.First()));

    private IEnumerable<SettingMessage> Fitting(string pattern)
    {
        var wanted = WildcardPattern.Get(pattern, WildcardOptions.IgnoreCase);
        var all = Call<Empty, SettingList>("SettingService/ListSettings", new Empty()).Settings;
        return all.Where(s => wanted.IsMatch(s.Key ?? ""));
    }

    private SettingMessage[] Named(string key)
    {
        var request = new GetSettingRequest { Key = key };
        var setting = Call<GetSettingRequest, GetSettingAnswer>("SettingService/GetSetting", request).Setting;
        return setting == null ? [] : [setting];
    }
}

/// <summary>Set-OMSGatewayConfig.</summary>
[Cmdlet(VerbsCommon.Set, "OMSGatewayConfig", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(Setting))]
public sealed class SetOMSGatewayConfigCommand : ChangeCmdlet
{
    /// <summary>The key.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipelineByPropertyName = true)]
    [Alias("Name")]
    [ArgumentCompleter(typeof(SettingKeyCompleter))]
    public string Key { get; set; } = "";

    /// <summary>The value. Empty to give the setting back to the layer below, but never by leaving it out.</summary>
    [Parameter(Position = 1, ValueFromPipelineByPropertyName = true)]
    [AllowEmptyString]
    [SettingText]
    [ArgumentCompleter(typeof(SettingValueCompleter))]
    public string? Value { get; set; }

    /// <summary>Write the setting as it is now to the pipeline.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <summary>Changes one setting.</summary>
    protected override void ProcessRecord()
    {
        if (!MyInvocation.BoundParameters.ContainsKey(nameof(Value)))
        {
            var text = $"Give -Value for {Key}; -Value \"\" gives it back to the layer below.";
            WriteError(new ErrorRecord(new PSArgumentException(text), "ValueMissing", ErrorCategory.InvalidArgument, Key));
            return;
        }
        var value = Value ?? "";
        var answer = Change<SetSettingRequest, SetSettingAnswer>(Key, value == "" ? "Give back to the layer below" : $"Set to {value}",
            "SettingService/SetSetting", new SetSettingRequest { Key = Key, Value = value });
        if (answer == null)
        {
            return;
        }
        WriteVerbose(answer.PreviousValue == answer.Setting?.Value
            ? $"{answer.Setting?.Key} is {Shown(answer.Setting?.Value)}, as before."
            : $"{answer.Setting?.Key} is {Shown(answer.Setting?.Value)} now; before: {Shown(answer.PreviousValue)}.");
        if (PassThru && answer.Setting != null)
        {
            WriteObject(new Setting(answer.Setting));
        }
    }

    private static string Shown(string? value) => string.IsNullOrEmpty(value) ? "\"\"" : value!;
}

/// <summary>Turns $true and $false into On and Off and an array into a list with commas, and refuses $null and what is empty, which are
/// more often a mistake than a wish.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class SettingTextAttribute : ArgumentTransformationAttribute
{
    public override object Transform(EngineIntrinsics engineIntrinsics, object? inputData) =>
        (inputData is PSObject wrapped ? wrapped.BaseObject : inputData) switch
        {
            null => throw new ArgumentTransformationMetadataException("The value is $null; give \"\" for the default."),
            bool on => on ? "On" : "Off",
            object[] { Length: 0 } =>
                throw new ArgumentTransformationMetadataException("The value is an empty array; give \"\" for the default."),
            object[] items => string.Join(",", items.Select(item => (string)Transform(engineIntrinsics, One(item)))),
            _ => LanguagePrimitives.ConvertTo<string>(inputData!),
        };

    // A list in a list has a comma too many, as an item that has one itself would.
    private static object? One(object? item) => (item is PSObject wrapped ? wrapped.BaseObject : item) is not object[]
        ? item
        : throw new ArgumentTransformationMetadataException("The value is an array in an array; give one array of strings.");
}

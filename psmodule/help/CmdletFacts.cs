using System.Management.Automation;
using System.Reflection;

namespace OMSGateway.Help;

/// <summary>What the code says of a cmdlet.</summary>
internal sealed record CmdletFacts(string Verb, string Noun, bool SupportsShouldProcess, string ConfirmImpact, string DefaultSet,
    IReadOnlyList<ParameterFacts> Parameters, IReadOnlyList<Type> Outputs)
{
    public string Name => $"{Verb}-{Noun}";

    /// <summary>The names of the parameter sets, the default one first.</summary>
    public IReadOnlyList<string> Sets { get; } =
        [.. Parameters.Select(p => p.Set).OfType<string>().DefaultIfEmpty("").Distinct().OrderBy(s => s == DefaultSet ? 0 : 1)];

    /// <summary>All cmdlets of an assembly, by name.</summary>
    public static IReadOnlyList<CmdletFacts> In(Assembly assembly) =>
    [
        .. from type in assembly.GetExportedTypes()
           from cmdlet in Attributes<CmdletAttribute>(type)
           let verb = (string)cmdlet.ConstructorArguments[0].Value!
           let noun = (string)cmdlet.ConstructorArguments[1].Value!
           let shouldProcess = Named(cmdlet, "SupportsShouldProcess", false)
           orderby $"{verb}-{noun}"
           select new CmdletFacts(verb, noun, shouldProcess, ((ConfirmImpact)Named(cmdlet, "ConfirmImpact", 0)).ToString(),
               Named(cmdlet, "DefaultParameterSetName", ""), ParametersOf(type, shouldProcess), OutputsOf(type)),
    ];

    private static IReadOnlyList<ParameterFacts> ParametersOf(Type cmdlet, bool shouldProcess)
    {
        var own = from property in cmdlet.GetProperties()
                  from parameter in Attributes<ParameterAttribute>(property)
                  let position = Named(parameter, "Position", int.MaxValue)
                  orderby position
                  select new ParameterFacts(property.Name, property.PropertyType,
                      Named<string?>(parameter, "ParameterSetName", null), Named(parameter, "Mandatory", false),
                      position == int.MaxValue ? null : position,
                      Named(parameter, "ValueFromPipeline", false), Named(parameter, "ValueFromPipelineByPropertyName", false),
                      Attributes<SupportsWildcardsAttribute>(property).Any(), AliasesOf(property));
        return shouldProcess ? [.. own, .. ParameterFacts.Common] : [.. own];
    }

    private static IReadOnlyList<string> AliasesOf(PropertyInfo property) =>
    [
        .. from alias in Attributes<AliasAttribute>(property)
           from name in (IEnumerable<CustomAttributeTypedArgument>)alias.ConstructorArguments[0].Value!
           select (string)name.Value!,
    ];

    private static IReadOnlyList<Type> OutputsOf(Type cmdlet) =>
    [
        .. from output in Attributes<OutputTypeAttribute>(cmdlet)
           from type in (IEnumerable<CustomAttributeTypedArgument>)output.ConstructorArguments[0].Value!
           select (Type)type.Value!,
    ];

    // The attributes as they were written: PowerShell's reference assembly has none that work.
    private static IEnumerable<CustomAttributeData> Attributes<T>(MemberInfo member) =>
        CustomAttributeData.GetCustomAttributes(member).Where(a => a.AttributeType == typeof(T));

    private static T Named<T>(CustomAttributeData attribute, string name, T otherwise) =>
        attribute.NamedArguments.Where(a => a.MemberName == name).Select(a => (T)a.TypedValue.Value!)
            .DefaultIfEmpty(otherwise).First();
}

/// <summary>What the code says of a parameter.</summary>
internal sealed record ParameterFacts(string Name, Type Type, string? Set, bool Mandatory, int? Position, bool FromPipeline,
    bool FromProperty, bool Wildcards, IReadOnlyList<string> Aliases)
{
    /// <summary>What PowerShell gives every cmdlet that supports ShouldProcess.</summary>
    public static IReadOnlyList<ParameterFacts> Common { get; } =
    [
        new("WhatIf", typeof(SwitchParameter), null, false, null, false, false, false, ["wi"]),
        new("Confirm", typeof(SwitchParameter), null, false, null, false, false, false, ["cf"]),
    ];

    public bool IsCommon => Common.Any(c => c.Name == Name);

    public bool IsSwitch => Type == typeof(SwitchParameter);

    /// <summary>How values come through the pipeline, in the words of Get-Help.</summary>
    public string PipelineInput => (FromPipeline, FromProperty) switch
    {
        (true, true) => "True (ByValue, ByPropertyName)",
        (true, false) => "True (ByValue)",
        (false, true) => "True (ByPropertyName)",
        _ => "False",
    };
}

using System;
using System.Collections.Generic;
using System.Linq;
using System.Management.Automation;
using System.Net;
using System.Net.Sockets;

namespace OMSGateway;

/// <summary>Values of Remove cmdlets that name entries by a pattern of PowerShell's.</summary>
internal static class Pattern
{
    /// <summary>Whether a host is a pattern. <c>*.domain</c>, which is how an entry is spelt, and an IPv6 address in brackets are none.</summary>
    public static bool IsHosts(string item)
    {
        var host = item.Trim();
        return WildcardPattern.ContainsWildcardCharacters(host.StartsWith("*.", StringComparison.Ordinal) ? host.Substring(2) : host)
            && !IsAddress(host);
    }

    /// <summary>The entries that fit, in any case.</summary>
    public static string[] Matching(string item, IEnumerable<string> entries)
    {
        var pattern = WildcardPattern.Get(item.Trim(), WildcardOptions.IgnoreCase);
        return [.. entries.Where(pattern.IsMatch)];
    }

    private static bool IsAddress(string host)
    {
        var end = host.IndexOf(']');
        return host.StartsWith("[", StringComparison.Ordinal) && end > 0
            && IPAddress.TryParse(host.Substring(1, end - 1), out var address)
            && address.AddressFamily == AddressFamily.InterNetworkV6;
    }
}

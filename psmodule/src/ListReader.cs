using System;
using System.Collections.Generic;

namespace OMSGateway;

/// <summary>Reads lists that the gateway answers page by page.</summary>
internal static class ListReader
{
    private const int Attempts = 5;

    /// <summary>All items of a list as it was at one moment: a list that is changed between two pages is read again.</summary>
    /// <exception cref="CallException">It changed every time, or the call failed.</exception>
    public static List<TItem> ReadAll<TItem>(Func<PageRequest, IPage<TItem>> read)
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var items = new List<TItem>();
            string? token = null;
            string? etag = null;
            while (true)
            {
                var page = read(new PageRequest { PageToken = token });
                if (etag != null && page.Etag != etag)
                {
                    break;
                }
                items.AddRange(page.Items);
                if (page.NextPageToken == "")
                {
                    return items;
                }
                (etag, token) = (page.Etag, page.NextPageToken);
            }
        }
        throw new CallException(Aborted, "ETAG_MISMATCH",
            "the configuration changed each time while the list was read; try again");
    }

    private const int Aborted = 10; // a gRPC status code
}

using System;
using System.Collections.Concurrent;
using System.IO;
using System.Threading;

namespace OMSGateway;

/// <summary>Reads a stream line by line on a thread of its own, so that waiting for a line can have an end.</summary>
internal sealed class LineReader : IDisposable
{
    private const int MaxAhead = 4; // lines that are read before somebody asks for them

    private readonly Stream stream;
    private readonly int maxLine;
    private readonly BlockingCollection<byte[]> lines = new(MaxAhead);
    private readonly CancellationTokenSource closing = new();
    private Exception? failure;

    /// <summary>Starts to read. A line of more than <paramref name="maxLine"/> bytes ends it.</summary>
    public LineReader(Stream stream, int maxLine)
    {
        this.stream = stream;
        this.maxLine = maxLine;
        new Thread(Read) { IsBackground = true, Name = "omsgwctl output" }.Start();
    }

    /// <summary>The next line without its end, or null at the end of the stream.</summary>
    /// <exception cref="TimeoutException">No line came within <paramref name="limit"/>.</exception>
    /// <exception cref="InvalidDataException">A line is too long.</exception>
    public byte[]? Next(TimeSpan limit)
    {
        if (lines.TryTake(out var line, (int)limit.TotalMilliseconds))
        {
            return line;
        }
        if (!lines.IsCompleted)
        {
            throw new TimeoutException();
        }
        return failure == null ? null : throw new InvalidDataException(failure.Message, failure);
    }

    /// <summary>Lets the thread go as soon as the stream ends; it is not waited for.</summary>
    public void Dispose() => closing.Cancel();

    private void Read()
    {
        try
        {
            var block = new byte[64 * 1024];
            using var line = new MemoryStream();
            int size;
            while ((size = stream.Read(block, 0, block.Length)) > 0)
            {
                var begin = 0;
                while (begin < size)
                {
                    var end = Array.IndexOf(block, (byte)'\n', begin, size - begin);
                    var part = (end < 0 ? size : end) - begin;
                    if (line.Length + part > maxLine)
                    {
                        throw new InvalidDataException($"a line is longer than {maxLine} bytes");
                    }
                    line.Write(block, begin, part);
                    begin += part + 1;
                    if (end >= 0)
                    {
                        lines.Add(line.ToArray(), closing.Token);
                        line.SetLength(0);
                    }
                }
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException)
        {
            // The program or we have closed the stream: that is its end.
        }
        catch (InvalidDataException e)
        {
            failure = e;
        }
        finally
        {
            lines.CompleteAdding();
        }
    }
}

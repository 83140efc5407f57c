using System;
using System.ComponentModel;
using System.Diagnostics;
using System.IO;
using System.Runtime.Serialization;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

namespace OMSGateway;

/// <summary>
/// One run of <c>omsgwctl batch</c>: calls of the admin API as JSON-RPC lines on its standard input and output. One thread calls;
/// <see cref="Stop"/> may come from another one.
/// </summary>
internal sealed class BatchClient : IDisposable
{
    /// <summary>The only version of the lines that this module speaks.</summary>
    public const int Protocol = 1;

    /// <summary>How long an answer may take. omsgwctl waits 10 s for a gateway that starts, and 30 s for a call.</summary>
    public static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(60);

    /// <summary>After how long, and then again and again, somebody who waits is told of it.</summary>
    public static readonly TimeSpan MentionAfter = TimeSpan.FromSeconds(2);

    // Of the module, with three parts, as its manifest has it.
    private static readonly string Version = typeof(BatchClient).Assembly.GetName().Version!.ToString(3);

    private static readonly TimeSpan ExitLimit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan StopLimit = TimeSpan.FromMilliseconds(500);
    private const int MaxLine = 16 << 20; // the gateway's answers have at most 1 MiB in their own encoding
    private const int MaxNotes = 4096;    // characters of standard error that are kept, the last ones

    private readonly string program;
    private readonly TimeSpan limit;
    private readonly Process process;
    private readonly Stream requests;
    private readonly LineReader answers;
    private readonly Thread notesReader;
    private readonly StringBuilder notes = new();
    private volatile bool stopped;
    private bool closed;
    private int lastId;

    /// <summary>Starts a program and opens it.</summary>
    /// <exception cref="BatchException">As for the constructor and <see cref="Open"/>.</exception>
    public static BatchClient Start(string program, TimeSpan? limit = null)
    {
        var client = new BatchClient(program, limit);
        try
        {
            client.Open();
            return client;
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    /// <summary>Starts <paramref name="program"/>, a full path, and waits for nothing. Every wait after this, but for the messages of a stream, is at most
    /// <paramref name="limit"/>, or <see cref="AnswerLimit"/>. A gateway that is stopped is stood in for only if it
    /// <paramref name="standsIn"/>.</summary>
    /// <exception cref="BatchException">It cannot be started.</exception>
    public BatchClient(string program, TimeSpan? limit = null, bool standsIn = true)
    {
        this.program = program;
        this.limit = limit ?? AnswerLimit;
        process = new Process
        {
            StartInfo = new ProcessStartInfo(program, $"batch --client OMSGateway/{Version}{(standsIn ? "" : " --no-stand-in")}")
            {
                UseShellExecute = false,
                CreateNoWindow = true,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                StandardErrorEncoding = Encoding.UTF8,
            },
        };
        try
        {
            process.Start();
        }
        catch (Exception e) when (e is Win32Exception or IOException or InvalidOperationException)
        {
            process.Dispose();
            // Tools that copy modules lose the permission on Linux: 13 is EACCES there.
            var remedy = Path.DirectorySeparatorChar == '/' && (e as Win32Exception)?.NativeErrorCode == 13
                ? $" Make it executable: chmod +x \"{program}\""
                : "";
            throw new BatchException("ControlProgramNotStarted", $"{program} cannot be started: {e.Message}.{remedy}", e);
        }
        // The streams themselves: the writer that .NET puts before standard input has the encoding of the console.
        requests = process.StandardInput.BaseStream;
        answers = new LineReader(process.StandardOutput.BaseStream, MaxLine);
        notesReader = new Thread(ReadNotes) { IsBackground = true, Name = "omsgwctl errors" };
        notesReader.Start();
    }

    /// <summary>The process that was started, for tests and logs.</summary>
    public int ProcessId => process.Id;

    /// <summary>Waits for the first line. Nothing is sent yet. <paramref name="waiting"/> is told after each
    /// <see cref="MentionAfter"/> how long it has been waited.</summary>
    /// <exception cref="BatchException">The program is not an omsgwctl that this module understands.</exception>
    /// <exception cref="OperationCanceledException"><see cref="Stop"/> was called.</exception>
    public void Open(Action<TimeSpan>? waiting = null)
    {
        var hello = Parse<BatchHello>(ReadLine(waiting, limit));
        if (hello.Method != "hello" || hello.Params == null)
        {
            throw Garbled("its first line is not a hello");
        }
        if (hello.Params.Protocol != Protocol)
        {
            throw new BatchException("ControlProtocolUnknown",
                $"{program} (version {hello.Params.Version}) speaks protocol {hello.Params.Protocol}, and this module " +
                $"protocol {Protocol}; install the module and omsgwctl of one and the same version.");
        }
    }

    /// <summary>Makes one call and waits for its answer; <paramref name="waiting"/> as for <see cref="Open"/>.</summary>
    /// <exception cref="CallException">omsgwctl or the gateway answered with an error.</exception>
    /// <exception cref="BatchException">There is no answer.</exception>
    /// <exception cref="OperationCanceledException"><see cref="Stop"/> was called.</exception>
    public TResult Call<TParams, TResult>(string method, TParams parameters, Action<TimeSpan>? waiting = null)
        where TParams : class where TResult : class
    {
        var id = ++lastId;
        Send(Json<BatchRequest<TParams>>.ToLine(new BatchRequest<TParams> { Id = id, Method = method, Params = parameters }));
        var answer = Parse<BatchAnswer<TResult>>(ReadLine(waiting, limit));
        ThrowIf(answer.Error);
        if (answer.Id != id || answer.Result == null)
        {
            throw Garbled($"an answer to request {id} was expected");
        }
        return answer.Result;
    }

    /// <summary>Makes a call that streams, and passes on each message, for as long as they come.</summary>
    /// <exception cref="CallException">As for <see cref="Call"/>.</exception>
    /// <exception cref="BatchException">The program ended, or said something else.</exception>
    /// <exception cref="OperationCanceledException"><see cref="Stop"/> was called.</exception>
    public void Stream<TParams, TMessage>(string method, TParams parameters, Action<TMessage> take)
        where TParams : class where TMessage : class
    {
        var id = ++lastId;
        Send(Json<BatchRequest<TParams>>.ToLine(new BatchRequest<TParams> { Id = id, Method = method, Params = parameters }));
        while (true)
        {
            var line = Parse<BatchMessage<TMessage>>(ReadLine(null, Timeout.InfiniteTimeSpan));
            ThrowIf(line.Error);
            if (line.Id == id)
            {
                if (stopped) // omsgwctl ends a stream with its input
                {
                    throw Ended(null);
                }
                return;
            }
            take(line.Message ?? throw Garbled($"a message of request {id} was expected"));
        }
    }

    /// <summary>Ends the program: closes its input, waits, and kills it if that does not help. Answers what it wrote to standard
    /// error, at most the last 4,096 characters.</summary>
    public string Close()
    {
        End(ExitLimit);
        return Notes();
    }

    /// <summary>Ends the program while another thread may be waiting for an answer; that call then ends with
    /// <see cref="OperationCanceledException"/>.</summary>
    public void Stop()
    {
        stopped = true;
        End(StopLimit);
    }

    /// <summary>Ends the program where its work is of no more use.</summary>
    public void Dispose() => End(StopLimit);

    private void End(TimeSpan wait)
    {
        lock (process)
        {
            if (closed)
            {
                return;
            }
            closed = true;
            try
            {
                requests.Dispose();
            }
            catch (IOException)
            {
                // It has closed its end already.
            }
            if (!process.WaitForExit((int)wait.TotalMilliseconds))
            {
                try
                {
                    process.Kill();
                }
                catch (Exception e) when (e is Win32Exception or InvalidOperationException)
                {
                    // It has ended by itself meanwhile.
                }
                process.WaitForExit((int)ExitLimit.TotalMilliseconds);
            }
            answers.Dispose();
            notesReader.Join(StopLimit);
            process.Dispose();
        }
    }

    private void Send(byte[] line)
    {
        try
        {
            var writing = requests.WriteAsync(line, 0, line.Length);
            if (Task.WaitAny([writing], limit) < 0)
            {
                throw Silent();
            }
            writing.GetAwaiter().GetResult();
            requests.Flush();
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            throw Ended(e);
        }
    }

    private static void ThrowIf(BatchError? error)
    {
        if (error != null)
        {
            throw new CallException(error.Code, error.Data?.Reason ?? "", error.Message ?? $"error {error.Code}");
        }
    }

    private byte[] ReadLine(Action<TimeSpan>? waiting, TimeSpan most)
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            var left = most == Timeout.InfiniteTimeSpan ? MentionAfter : most - clock.Elapsed;
            if (left <= TimeSpan.Zero)
            {
                throw Silent();
            }
            try
            {
                return answers.Next(left < MentionAfter ? left : MentionAfter) ?? throw Ended(null);
            }
            catch (TimeoutException)
            {
                waiting?.Invoke(clock.Elapsed);
            }
            catch (InvalidDataException e)
            {
                throw Garbled(e.Message, e);
            }
        }
    }

    private T Parse<T>(byte[] line) where T : class
    {
        try
        {
            return Json<T>.FromLine(line);
        }
        catch (Exception e) when (e is SerializationException or FormatException or System.Xml.XmlException)
        {
            throw Garbled("a line is not JSON of the expected form", e);
        }
    }

    private BatchException Silent() =>
        new("ControlProgramSilent", $"{program} did not answer within {limit.TotalSeconds:0} seconds.");

    private BatchException Garbled(string problem, Exception? cause = null) =>
        new("ControlAnswerInvalid", $"{program} is not an omsgwctl that this module understands: {problem}.", cause);

    private Exception Ended(Exception? cause)
    {
        if (stopped)
        {
            return new OperationCanceledException("the call was stopped", cause);
        }
        notesReader.Join(StopLimit);
        var said = Notes().Trim();
        return new BatchException("ControlProgramEnded",
            $"{program} ended before it answered{(said == "" ? "." : ": " + said)}", cause);
    }

    private void ReadNotes()
    {
        var block = new char[1024];
        try
        {
            int size;
            while ((size = process.StandardError.Read(block, 0, block.Length)) > 0)
            {
                lock (notes)
                {
                    notes.Append(block, 0, size);
                    if (notes.Length > MaxNotes)
                    {
                        notes.Remove(0, notes.Length - MaxNotes);
                    }
                }
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // We have closed the stream.
        }
    }

    private string Notes()
    {
        lock (notes)
        {
            return notes.ToString();
        }
    }
}

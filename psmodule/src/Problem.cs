namespace OMSGateway;

/// <summary>Something that is wrong, in the gateway's words.</summary>
public sealed class Problem
{
    /// <summary>The stable reason in UPPER_SNAKE_CASE, for scripts.</summary>
    public string Reason { get; }

    /// <summary>The text.</summary>
    public string Message { get; }

    private Problem(ProblemMessage message)
    {
        Reason = message.Reason ?? "";
        Message = message.Message ?? "";
    }

    /// <summary>The problem of a message; null if there is none.</summary>
    internal static Problem? Of(ProblemMessage? message) => message == null ? null : new Problem(message);

    /// <summary>The text.</summary>
    public override string ToString() => Message;
}

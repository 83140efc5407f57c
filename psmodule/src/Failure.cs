using System;
using System.Globalization;
using System.Management.Automation;

namespace OMSGateway;

/// <summary>Failures as error records: identifier from the reason, category from the gRPC status code.</summary>
internal static class Failure
{
    /// <summary>A failure of a call, which is a <see cref="CallException"/> or a <see cref="BatchException"/>.
    /// <paramref name="cmdlet"/> is named where the gateway does not know the call.</summary>
    public static ErrorRecord Record(Exception failure, string cmdlet, object? target)
    {
        if (failure is not CallException e)
        {
            var id = (failure as BatchException)?.Id ?? "CallFailed";
            return new ErrorRecord(failure, id, ErrorCategory.ResourceUnavailable, target);
        }
        if (e.Code is CallException.MethodNotFound or Unimplemented)
        {
            var older = e.Code == Unimplemented ? "The gateway" : "omsgwctl";
            var text = $"{older} is too old for {cmdlet}: {e.Message}. Install the version that this module comes from.";
            return new ErrorRecord(new NotSupportedException(text, e), "GatewayTooOld", ErrorCategory.NotImplemented, target);
        }
        return new ErrorRecord(e, Identifier(e.Reason == "" ? "CALL_FAILED" : e.Reason), Category(e.Code), target);
    }

    /// <summary>What the gateway says of one item.</summary>
    public static ErrorRecord Record(ProblemMessage? problem, object target)
    {
        var reason = string.IsNullOrEmpty(problem?.Reason) ? "INVALID" : problem!.Reason!;
        var text = string.IsNullOrEmpty(problem?.Message) ? $"The gateway refuses \"{target}\"." : problem!.Message!;
        return new ErrorRecord(new ArgumentException(text), Identifier(reason), ErrorCategory.InvalidArgument, target);
    }

    /// <summary>Whether the error is about the value that was sent, so that another one may do better.</summary>
    public static bool IsAboutTheValue(CallException e) =>
        e.Code is InvalidParams or InvalidArgument or CallException.NotFound or AlreadyExists or FailedPrecondition or OutOfRange;

    /// <summary>Whether the call may have had its effect all the same: the connection was lost, or no answer came in time.</summary>
    public static bool LeavesOpen(Exception failure) => failure switch
    {
        CallException { Code: DeadlineExceeded or Unavailable } => true,
        BatchException { Id: "ControlProgramEnded" or "ControlProgramSilent" or "ControlAnswerInvalid" } => true,
        _ => false,
    };

    /// <summary>Whether no gateway answers: there is none, or it hangs.</summary>
    public static bool IsAbsence(Exception failure) => failure switch
    {
        CallException { Code: DeadlineExceeded or Unavailable } => true,
        BatchException { Id: "ControlProgramSilent" } => true,
        _ => false,
    };

    /// <summary>Whether the gateway had all the time that a call has.</summary>
    public static bool IsTimeout(CallException failure) => failure.Code == DeadlineExceeded;

    // HOST_IS_URL becomes HostIsUrl.
    private static string Identifier(string reason)
    {
        var words = reason.Split('_');
        for (var i = 0; i < words.Length; i++)
        {
            if (words[i].Length > 0)
            {
                words[i] = char.ToUpperInvariant(words[i][0]) + words[i].Substring(1).ToLower(CultureInfo.InvariantCulture);
            }
        }
        return string.Concat(words);
    }

    // Status codes of gRPC (https://grpc.github.io/grpc/core/md_doc_statuscodes.html), and one of JSON-RPC.
    private const int InvalidArgument = 3;
    private const int DeadlineExceeded = 4;
    private const int AlreadyExists = 6;
    private const int FailedPrecondition = 9;
    private const int OutOfRange = 11;
    private const int Unimplemented = 12;
    private const int Unavailable = 14;
    private const int InvalidParams = -32602;

    private static ErrorCategory Category(int code) => code switch
    {
        1 => ErrorCategory.OperationStopped,
        InvalidArgument or OutOfRange or InvalidParams => ErrorCategory.InvalidArgument,
        DeadlineExceeded => ErrorCategory.OperationTimeout,
        CallException.NotFound => ErrorCategory.ObjectNotFound,
        AlreadyExists => ErrorCategory.ResourceExists,
        7 => ErrorCategory.PermissionDenied,
        8 => ErrorCategory.LimitsExceeded,
        FailedPrecondition => ErrorCategory.InvalidOperation,
        10 => ErrorCategory.ResourceBusy, // ABORTED: somebody else changed the configuration meanwhile
        13 => ErrorCategory.InvalidResult,
        Unavailable => ErrorCategory.ConnectionError,
        15 => ErrorCategory.InvalidData,
        16 => ErrorCategory.AuthenticationError,
        _ => ErrorCategory.NotSpecified,
    };
}

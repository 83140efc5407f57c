package localsock

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/Microsoft/go-winio"
	"golang.org/x/sys/windows"

	"github.com/omsgateway/omsgateway/internal/osdefaults"
)

// maxPath is the longest name of a pipe, \\.\pipe\ included (CreateNamedPipe).
const maxPath = 256

// pipeAccess is what a client needs: FILE_GENERIC_READ and FILE_GENERIC_WRITE without FILE_APPEND_DATA, which for a pipe is
// FILE_CREATE_PIPE_INSTANCE: the right to serve the pipe (Microsoft: Named Pipe Security and Access Rights). pipeDescriptor has it
// as 0x12019b.
const pipeAccess = (windows.FILE_GENERIC_READ | windows.FILE_GENERIC_WRITE) &^ windows.FILE_APPEND_DATA

// pipeDescriptor is the security descriptor of the pipe (Microsoft: Security Descriptor String Format); %[1]s is the account that
// serves it.
//
// It does not deny the NETWORK SID, since remote PowerShell sessions on the gateway carry it; other machines are refused by
// FILE_PIPE_REJECT_REMOTE_CLIENTS, which winio sets. What a caller may do is decided by its token, not here.
const pipeDescriptor = "O:%[1]s" + // the owner, by which clients recognise the gateway
	"D:P" + // protected: nothing is inherited
	"(A;;FA;;;SY)" + // SYSTEM: all
	"(A;;FA;;;BA)" + // Administrators: all
	"(A;;FA;;;%[1]s)" + // the gateway: all, so that it can serve further instances
	"(A;;0x12019b;;;BU)" // Users: connect, but not serve

func systemPath(kind, name string) (string, error) {
	path := `\\.\pipe\` + name
	switch {
	case kind != "npipe":
		return "", errors.New("the gateway uses no unix sockets on Windows")
	case strings.Contains(name, `\`):
		return "", errors.New("the name of a pipe has no backslash")
	case len(path) > maxPath:
		return "", fmt.Errorf("the name of a pipe has at most %d characters", maxPath-len(path)+len(name))
	}
	return path, nil
}

func listen(path string) (net.Listener, error) {
	account, err := servingAccount()
	if err != nil {
		return nil, fmt.Errorf("finding out who may use the admin pipe: %w", err)
	}
	l, err := winio.ListenPipe(path, &winio.PipeConfig{
		SecurityDescriptor: fmt.Sprintf(pipeDescriptor, account),
		InputBufferSize:    64 << 10,
		OutputBufferSize:   64 << 10,
	})
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) || errors.Is(err, windows.ERROR_PIPE_BUSY) {
		return nil, fmt.Errorf("another program serves %s; stop it first or use another --address: %w", path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the admin pipe: %w", err)
	}
	return l, nil
}

// servingAccount is the SID of the gateway's service if this process is that service, else that of its user.
func servingAccount() (*windows.SID, error) {
	token := windows.GetCurrentProcessToken()
	groups, err := token.GetTokenGroups()
	if err != nil {
		return nil, fmt.Errorf("reading the groups of this process: %w", err)
	}
	for _, group := range groups.AllGroups() {
		if isService(group.Sid) && group.Attributes&windows.SE_GROUP_OWNER != 0 {
			return group.Sid.Copy()
		}
	}
	own, err := token.GetTokenUser()
	if err != nil {
		return nil, fmt.Errorf("reading the user of this process: %w", err)
	}
	return own.User.Sid, nil
}

func isService(sid *windows.SID) bool { return sid.String() == osdefaults.ServiceSID }

func dial(ctx context.Context, path string) (net.Conn, error) {
	// At Identification the gateway can see who is calling, but not act as the caller.
	conn, err := winio.DialPipeAccessImpLevel(ctx, path, pipeAccess, winio.PipeImpLevelIdentification)
	if errors.Is(err, windows.ERROR_FILE_NOT_FOUND) {
		return nil, fmt.Errorf("connecting to %s: %w: %w", path, ErrNotListening, err)
	}
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", path, err)
	}
	if err := checkOwner(conn); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("connecting to %s: %w", path, err)
	}
	return conn, nil
}

// checkOwner refuses a pipe that somebody else made under the gateway's name.
func checkOwner(conn net.Conn) error {
	pipe, ok := conn.(handled)
	if !ok {
		return errors.New("the connection is not a pipe")
	}
	descriptor, err := windows.GetSecurityInfo(windows.Handle(pipe.Fd()), windows.SE_KERNEL_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return fmt.Errorf("reading the pipe's owner: %w", err)
	}
	owner, _, err := descriptor.Owner()
	if err != nil {
		return fmt.Errorf("reading the pipe's owner: %w", err)
	}
	if owner == nil {
		return errors.New("the pipe has no owner")
	}
	if owner.IsWellKnown(windows.WinLocalSystemSid) || owner.IsWellKnown(windows.WinBuiltinAdministratorsSid) || isService(owner) {
		return nil
	}
	if own, err := windows.GetCurrentProcessToken().GetTokenUser(); err == nil && owner.Equals(own.User.Sid) {
		return nil
	}
	return fmt.Errorf("the pipe belongs to %s, which is not the gateway's account", accountName(owner))
}

func hungUp(conn net.Conn) bool {
	pipe, ok := conn.(handled)
	if !ok {
		return false
	}
	peek := windows.NewLazySystemDLL("kernel32.dll").NewProc("PeekNamedPipe")
	there, _, err := syscall.SyscallN(peek.Addr(), pipe.Fd(), 0, 0, 0, 0, 0)
	return there == 0 && errors.Is(err, windows.ERROR_BROKEN_PIPE)
}

// handled is a connection that has a handle of the operating system.
type handled interface{ Fd() uintptr }

func closable(f *os.File) *os.File { return f }

package localsock

import (
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"syscall"

	"golang.org/x/sys/windows"

	"github.com/omsgateway/omsgateway/internal/caller"
)

// identify returns who is at the other end of a named pipe. It needs the first byte that the client sends, since a server cannot
// impersonate before it has read (ImpersonateNamedPipeClient); the connection that it answers reads that byte again.
func identify(conn net.Conn, _ Rules) (net.Conn, caller.Caller, error) {
	pipe, ok := conn.(handled)
	if !ok {
		return nil, caller.Caller{}, errors.New("the connection is not a named pipe")
	}
	replay := &replayConn{Conn: conn, unread: make([]byte, 1)}
	if _, err := io.ReadFull(conn, replay.unread); err != nil {
		return nil, caller.Caller{}, fmt.Errorf("waiting for the first byte: %w", err)
	}
	token, err := peerToken(windows.Handle(pipe.Fd()))
	if err != nil {
		return nil, caller.Caller{}, err
	}
	defer token.Close()
	who, err := callerOf(token)
	return replay, who, err
}

// peerToken is the token of the pipe's client.
func peerToken(pipe windows.Handle) (windows.Token, error) {
	type result struct {
		token windows.Token
		err   error
	}
	done := make(chan result, 1)
	go func() {
		runtime.LockOSThread()
		token, err := impersonatedToken(pipe)
		if revertErr := windows.RevertToSelf(); revertErr != nil {
			if err == nil {
				_ = token.Close()
			}
			// The goroutine ends without unlocking the thread, and so the thread ends with it and serves nobody as the client.
			done <- result{err: fmt.Errorf("ending the impersonation: %w", revertErr)}
			return
		}
		runtime.UnlockOSThread()
		done <- result{token, err}
	}()
	r := <-done
	return r.token, r.err
}

func impersonatedToken(pipe windows.Handle) (windows.Token, error) {
	impersonate := windows.NewLazySystemDLL("advapi32.dll").NewProc("ImpersonateNamedPipeClient")
	if ok, _, err := syscall.SyscallN(impersonate.Addr(), uintptr(pipe)); ok == 0 {
		return 0, fmt.Errorf("impersonating the client: %w", err)
	}
	var token windows.Token
	// As self: at Identification level the client's own rights do not suffice to open its token.
	if err := windows.OpenThreadToken(windows.CurrentThread(), windows.TOKEN_QUERY, true, &token); err != nil {
		return 0, fmt.Errorf("opening the client's token: %w", err)
	}
	return token, nil
}

// callerOf decides what the owner of token may do. Whatever cannot be found out gives no role.
func callerOf(token windows.Token) (caller.Caller, error) {
	account, err := token.GetTokenUser()
	if err != nil {
		return caller.Caller{}, fmt.Errorf("reading the client's user: %w", err)
	}
	sid := account.User.Sid
	who := caller.Caller{Name: accountName(sid), Via: "named pipe", Local: true}
	administrators, err := windows.CreateWellKnownSid(windows.WinBuiltinAdministratorsSid)
	if err != nil {
		return caller.Caller{}, fmt.Errorf("naming the group Administrators: %w", err)
	}
	users, err := windows.CreateWellKnownSid(windows.WinBuiltinUsersSid)
	if err != nil {
		return caller.Caller{}, fmt.Errorf("naming the group Users: %w", err)
	}
	switch {
	case sid.IsWellKnown(windows.WinLocalSystemSid), enabled(token, administrators), ownAccount(sid):
		who.Role = caller.Administer
	case enabled(token, users):
		who.Role = caller.Read
	}
	if who.Role < caller.Change {
		who.ToChange = "members of Administrators may change: run it as one of them, elevated"
		if deniedOnly(token, administrators) {
			who.ToChange = `the account is an administrator, but this program is not elevated: start it by "Run as administrator"`
		}
	}
	who.ToAdminister = who.ToChange // who may change may do everything
	if who.Role < caller.Read {
		who.ToRead = "members of Users and Administrators may read: ask an administrator to add the account"
	}
	return who, nil
}

// enabled reports whether token is a member of group with effect: not so for an administrator who is not elevated.
func enabled(token windows.Token, group *windows.SID) bool {
	member, err := token.IsMember(group)
	return err == nil && member
}

// deniedOnly reports whether token has group only so that it can be denied something: an administrator who is not elevated.
func deniedOnly(token windows.Token, group *windows.SID) bool {
	groups, err := token.GetTokenGroups()
	if err != nil {
		return false
	}
	for _, g := range groups.AllGroups() {
		if g.Sid.Equals(group) && g.Attributes&windows.SE_GROUP_USE_FOR_DENY_ONLY != 0 {
			return true
		}
	}
	return false
}

// ownAccount reports whether sid is the user of this process and that says enough: a service account is shared with other
// services, and the account of an elevated process is that of programs that are not elevated too.
func ownAccount(sid *windows.SID) bool {
	token := windows.GetCurrentProcessToken()
	own, err := token.GetTokenUser()
	return err == nil && own.User.Sid.Equals(sid) && !token.IsElevated() &&
		!sid.IsWellKnown(windows.WinLocalServiceSid) && !sid.IsWellKnown(windows.WinNetworkServiceSid)
}

// accountName is DOMAIN\name, or the SID if it has no name.
func accountName(sid *windows.SID) string {
	name, domain, _, err := sid.LookupAccount("")
	if err != nil {
		return sid.String()
	}
	return domain + `\` + name
}

// replayConn reads unread first.
type replayConn struct {
	net.Conn
	unread []byte
}

func (c *replayConn) Read(p []byte) (int, error) {
	if len(c.unread) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.unread)
	c.unread = c.unread[n:]
	return n, nil
}

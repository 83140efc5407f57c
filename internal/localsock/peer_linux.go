package localsock

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"slices"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/omsgateway/omsgateway/internal/caller"
)

// overflow is the user and group id as which the kernel shows every one that has no id in this process's user namespace
// (/proc/sys/kernel/overflowuid). It is nobody in particular, so it never gives a role.
const overflow = 65534

// maxGroups is the most groups that a process can have (NGROUPS_MAX).
const maxGroups = 65536

// identify returns who is at the other end of a unix socket.
func identify(conn net.Conn, rules Rules) (net.Conn, caller.Caller, error) {
	cred, groups, err := peerOf(conn)
	if err != nil {
		return nil, caller.Caller{}, err
	}
	uid := strconv.FormatUint(uint64(cred.Uid), 10)
	who := caller.Caller{Name: "uid:" + uid, Via: "unix socket", Local: true}
	account := "$USER"
	if found, err := user.LookupId(uid); err == nil {
		who.Name, account = found.Username, found.Username
	}
	if cred.Uid == 0 || cred.Uid != overflow && int(cred.Uid) == os.Geteuid() {
		who.Role = caller.Administer
		return conn, who, nil
	}
	who.ToAdminister = "root and the gateway's own account may: run it with sudo"
	change, read := findGroup(rules.ChangeGroup), findGroup(rules.ReadGroup)
	switch {
	case change.in(groups):
		who.Role = caller.Change
	case read.in(groups):
		who.Role = caller.Read
		who.ToChange = change.remedy("change", account)
	default:
		who.ToChange = change.remedy("change", account)
		who.ToRead = read.remedy("read", account)
	}
	return conn, who, nil
}

// peerOf is the user and all groups of the process that opened the other end of conn, as they were when it did.
func peerOf(conn net.Conn) (*unix.Ucred, []uint32, error) {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return nil, nil, errors.New("the connection is not a unix socket")
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil, nil, fmt.Errorf("using the socket: %w", err)
	}
	var cred *unix.Ucred
	var groups []uint32
	controlErr := raw.Control(func(fd uintptr) {
		if cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err != nil {
			err = fmt.Errorf("reading the peer's user: %w", err)
			return
		}
		if groups, err = peerGroups(fd); err != nil {
			err = fmt.Errorf("reading the peer's groups: %w", err)
		}
	})
	if err = cmp.Or(controlErr, err); err != nil {
		return nil, nil, err
	}
	if cred.Pid == 0 && cred.Uid == ^uint32(0) { // what the kernel answers for a socket that has no peer
		return nil, nil, errors.New("the connection has no peer")
	}
	return cred, append(groups, cred.Gid), nil
}

// peerGroups are the supplementary groups of the peer of the unix socket fd. x/sys has no call for this option.
func peerGroups(fd uintptr) ([]uint32, error) {
	for room := 64; ; {
		groups := make([]uint32, room)
		size := uint32(room) * uint32(unsafe.Sizeof(groups[0]))
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&groups[0])), uintptr(unsafe.Pointer(&size)), 0)
		used := int(size / uint32(unsafe.Sizeof(groups[0])))
		switch {
		case errno == 0:
			return groups[:used], nil
		case errno != unix.ERANGE || room == maxGroups: // ERANGE: size is what it needs
			return nil, errno
		}
		room = min(max(used, 2*room), maxGroups)
	}
}

// group is a group of the rules as the user database has it at the moment.
type group struct {
	name   string
	id     uint32
	exists bool
	err    error // why the user database cannot tell
}

func findGroup(name string) group {
	found, err := user.LookupGroup(name)
	if _, unknown := errors.AsType[user.UnknownGroupError](err); unknown {
		return group{name: name}
	}
	if err != nil {
		return group{name: name, err: err}
	}
	id, err := strconv.ParseUint(found.Gid, 10, 32)
	return group{name: name, id: uint32(id), exists: err == nil, err: err}
}

func (g group) in(groups []uint32) bool {
	return g.exists && g.id != overflow && slices.Contains(groups, g.id)
}

// remedy is how account gets to be a member.
func (g group) remedy(what, account string) string {
	if g.err != nil {
		return fmt.Sprintf("only members of the group %s may %s, and looking it up failed (%v)", g.name, what, g.err)
	}
	command := fmt.Sprintf("sudo usermod -aG %s %s", g.name, account)
	if !g.exists {
		command = fmt.Sprintf("sudo groupadd --system %s && %s", g.name, command)
	}
	return fmt.Sprintf("members of the group %s may %s: run %s and log in again", g.name, what, command)
}

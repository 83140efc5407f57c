package firewall

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// Where Windows keeps the rules of the computer and those of a domain's policies, in HKEY_LOCAL_MACHINE (Microsoft: [MS-GPFAS],
// section 2.2.2). Everybody may read them.
const (
	localKey  = `SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\FirewallRules`
	policyKey = `SOFTWARE\Policies\Microsoft\WindowsFirewall\FirewallRules`
)

// Bounds on what is read, and on a run of netsh.
const (
	maxRules  = 20_000
	maxRule   = 16 << 10 // bytes
	netshTime = time.Minute
)

func rules() (all []rule) {
	for _, path := range []string{localKey, policyKey} {
		key, err := registry.OpenKey(registry.LOCAL_MACHINE, path, registry.QUERY_VALUE|registry.WOW64_64KEY)
		if err != nil {
			continue
		}
		names, _ := key.ReadValueNames(maxRules) // those that were read count, whatever the error
		for _, name := range names {
			text, _, err := key.GetStringValue(name)
			if err != nil || len(text) > maxRule {
				continue
			}
			if r, ok := parseRule(text); ok {
				r.local = path == localKey
				all = append(all, r)
			}
		}
		key.Close()
	}
	return all
}

// Rule is what [Set] makes.
type Rule struct {
	Name             string
	Port             uint16 // TCP, inbound
	Program, Service string // which alone may be reached
}

// Set makes the rules of this name fit, and keeps all else that an administrator has set of them: from where one may connect, in which
// networks. If there is none, it makes one, unless onlyIfThere. It needs the rights of an administrator. What netsh says goes to out.
func Set(ctx context.Context, out io.Writer, r Rule, onlyIfThere bool) error {
	what := []string{"protocol=TCP", "localport=" + strconv.Itoa(int(r.Port)), "program=" + r.Program, "service=" + r.Service}
	switch {
	case isThere(r.Name):
		return netsh(ctx, out, append([]string{"set", "rule", "name=" + r.Name, "dir=in", "new"}, what...))
	case onlyIfThere:
		return nil
	}
	return netsh(ctx, out, append([]string{"add", "rule", "name=" + r.Name, "dir=in", "action=allow", "profile=any"}, what...))
}

// Remove removes the rules of this name; if there is none, it does nothing. It needs the rights of an administrator. What netsh says
// goes to out.
func Remove(ctx context.Context, out io.Writer, name string) error {
	if !isThere(name) {
		return nil
	}
	return netsh(ctx, out, []string{"delete", "rule", "name=" + name, "dir=in"})
}

// isThere reports whether this computer has a rule that netsh finds by the name; those of policies it leaves alone.
func isThere(name string) bool {
	return slices.ContainsFunc(rules(), func(r rule) bool { return r.local && r.inbound && r.name == name })
}

func netsh(ctx context.Context, out io.Writer, arguments []string) error {
	system, err := windows.GetSystemDirectory()
	if err != nil {
		return fmt.Errorf("finding netsh: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, netshTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(system, "netsh.exe"), append([]string{"advfirewall", "firewall"}, arguments...)...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = time.Second // for what it has started, which may keep out
	err = cmd.Run()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("it did not end within %v: %w", netshTime, ctx.Err())
	}
	if err != nil {
		return fmt.Errorf("changing the Windows firewall by netsh advfirewall firewall %s, which needs the rights of an administrator: %w",
			strings.Join(arguments, " "), err)
	}
	return nil
}

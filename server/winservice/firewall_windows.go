package winservice

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc/mgr"

	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/firewall"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
)

// OpenFirewall lets clients in at the port of the configuration, to this program as the service. With onlyIfThere a rule that an
// administrator has removed stays away. It refuses what would let nobody in: a service that is not installed, or has another program.
func OpenFirewall(ctx context.Context, out io.Writer, onlyIfThere bool) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding out where this program is: %w", err)
	}
	if err := checkService(program); err != nil {
		return err
	}
	c, err := config.Read(osdefaults.ConfigFile(osdefaults.StateDir()))
	if errors.Is(err, fs.ErrNotExist) {
		c, err = config.Default(), nil
	}
	if err != nil {
		return elevated("finding out which port to open", err)
	}
	return firewall.Set(ctx, out, firewall.Rule{
		Name:    firewall.Clients,
		Port:    c.Settings.ListenPort,
		Program: program,
		Service: osdefaults.ServiceName,
	}, onlyIfThere)
}

// checkService refuses a service that is not installed, or not with this program.
func checkService(program string) error {
	manager, err := mgr.Connect()
	if err != nil {
		return elevated("connecting to the service manager", err)
	}
	defer disconnect(manager)
	s, err := manager.OpenService(osdefaults.ServiceName)
	switch {
	case errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST):
		return fmt.Errorf("the service %s is not installed: install it first, by: omsgateway service install", osdefaults.ServiceName)
	case err != nil:
		return elevated("opening the service", err)
	}
	defer closeService(s)
	return checkProgram(s, program)
}

// closeFirewall removes the rule for clients, if there is one.
func closeFirewall(ctx context.Context, out io.Writer) error {
	if err := firewall.Remove(ctx, out, firewall.Clients); err != nil {
		return fmt.Errorf("removing the rule %s: %w", firewall.Clients, err)
	}
	return nil
}

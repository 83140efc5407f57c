package winservice

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/firewall"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
)

// OpenFirewall lets clients in at the port of the configuration, to this program as the service. With onlyIfThere a rule that an
// administrator has removed stays away.
func OpenFirewall(ctx context.Context, out io.Writer, onlyIfThere bool) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding out where this program is: %w", err)
	}
	c, err := config.Read(osdefaults.ConfigFile(osdefaults.StateDir()))
	if errors.Is(err, fs.ErrNotExist) {
		c, err = config.Default(), nil
	}
	if err != nil {
		return err
	}
	return firewall.Set(ctx, out, firewall.Rule{
		Name:    firewall.Clients,
		Port:    c.Settings.ListenPort,
		Program: program,
		Service: osdefaults.ServiceName,
	}, onlyIfThere)
}

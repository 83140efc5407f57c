package command

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/omsgateway/omsgateway/ctl/gateways"
	"github.com/omsgateway/omsgateway/internal/adminclient"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
)

// GatewayVariable is the environment variable that has the name of a gateway, for a shell. Empty is as not set.
const GatewayVariable = "OMSGATEWAY_GATEWAY"

// target is the gateway that the command line, or a variable, names.
type target struct {
	name    string // "" if it was not given by name
	address string // "" leaves it to adminclient: its variable, else this computer's
}

// text is how a note calls the target.
func (t target) text() string {
	if t.name == "" {
		return "gateway " + t.address
	}
	return fmt.Sprintf("gateway %s (%s)", t.name, t.address)
}

// target finds out which gateway the command line names. A flag wins over both variables.
func (p *Program) target() (target, error) {
	byName := os.Getenv(GatewayVariable)
	switch {
	case p.address != "" && p.gateway.given:
		return target{}, Usagef("give either --address or --gateway")
	case p.address != "":
		return target{address: p.address}, nil
	case p.gateway.given:
		byName = p.gateway.name
	case byName == "":
		return target{}, nil
	case os.Getenv(adminclient.AddressVariable) != "":
		return target{}, Usagef("%s and %s are both set, and name a gateway each; unset one of them",
			adminclient.AddressVariable, GatewayVariable)
	}
	return named(byName)
}

func named(name string) (target, error) {
	if name == gateways.Local {
		return target{name: name, address: osdefaults.AdminAddress()}, nil
	}
	if err := gateways.CheckName(name); err != nil {
		return target{}, Usagef("--gateway: %v", err)
	}
	file, err := gateways.File()
	if err != nil {
		return target{}, err
	}
	list, err := gateways.Read(file, adminclient.CheckAddress)
	if err != nil {
		return target{}, err
	}
	i := gateways.Find(list, name)
	if i < 0 {
		return target{}, Usagef("there is no gateway %q; omsgwctl gateway list shows them, and omsgwctl gateway add %s ADDRESS adds it",
			name, name)
	}
	return target{list[i].Name, list[i].Address}, nil
}

// UseGateway makes the command one about the gateway with this name.
func (p *Program) UseGateway(name string) error {
	if p.address != "" || p.gateway.given {
		return Usagef("the gateway is the argument; leave --address and --gateway out")
	}
	return p.gateway.Set(name)
}

// GatewayNames completes a name.
func GatewayNames(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	file, err := gateways.File()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	list, _ := gateways.Read(file, adminclient.CheckAddress) // nothing is said
	var names []string
	for _, g := range list {
		names = append(names, cobra.CompletionWithDesc(g.Name, g.Address))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// gatewayFlag is --gateway, of which an empty value is known from none.
type gatewayFlag struct {
	name  string
	given bool
}

func (f *gatewayFlag) String() string { return f.name }
func (*gatewayFlag) Type() string     { return "string" }

func (f *gatewayFlag) Set(name string) error {
	f.name, f.given = name, true
	return nil
}

package ctl

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/omsgateway/omsgateway/ctl/command"
	"github.com/omsgateway/omsgateway/ctl/gateways"
	"github.com/omsgateway/omsgateway/internal/adminclient"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

func (a app) gateway() *cobra.Command {
	return command.Noun(&cobra.Command{
		Use:   "gateway",
		Short: "Give gateways names",
		Long: `Give gateways names, by which --gateway and the variable OMSGATEWAY_GATEWAY know them. The names are yours alone, in a file
of your own; the gateways do not know them. The name local always stands for the gateway of this computer.`,
		Example: `omsgwctl gateway add gw1 ssh:alice@gw1.example.com
omsgwctl gateway test gw1
omsgwctl --gateway gw1 status`,
		GroupID: command.GroupSetUp,
	}, a.gatewayAdd(), a.gatewayList(), a.gatewayRemove(), a.gatewayRename(), a.gatewayTest())
}

func (a app) gatewayAdd() *cobra.Command {
	return a.WithJSON(&cobra.Command{
		Use:   "add NAME ADDRESS",
		Short: "Give a gateway a name",
		Long: `Give a gateway a name: a letter or digit, then letters, digits, ".", "_" and "-", at most 63, whose case does not count. The
address is ssh:[USER@]HOST, unix:PATH or npipe:NAME. A name that is there already is not changed.`,
		Example: "omsgwctl gateway add gw1 ssh:alice@gw1.example.com",
		Args: func(cmd *cobra.Command, args []string) error {
			if err := command.Takes("NAME", "ADDRESS")(cmd, args); err != nil {
				return err
			}
			if err := gateways.CheckName(args[0]); err != nil {
				return command.Usagef("%v", err)
			}
			return adminclient.CheckAddress(args[1])
		},
		ValidArgsFunction: command.NoFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.changeGateways(cmd.Context(), func(list []gateways.Gateway) ([]gateways.Gateway, error) {
				if i := gateways.Find(list, args[0]); i >= 0 {
					return nil, fmt.Errorf("there is a gateway %s already, with the address %s", list[i].Name, list[i].Address)
				}
				return append(list, gateways.Gateway{Name: args[0], Address: args[1]}), nil
			})
		},
	})
}

func (a app) gatewayRemove() *cobra.Command {
	return a.WithJSON(&cobra.Command{
		Use:               "remove NAME",
		Short:             "Forget the name of a gateway",
		Long:              "Forget the name of a gateway. Nothing is changed at the gateway.",
		Example:           "omsgwctl gateway remove gw1",
		Args:              command.Takes("NAME"),
		ValidArgsFunction: command.GatewayNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.changeGateways(cmd.Context(), func(list []gateways.Gateway) ([]gateways.Gateway, error) {
				i := gateways.Find(list, args[0])
				if i < 0 {
					return nil, noGateway(args[0])
				}
				return slices.Delete(list, i, i+1), nil
			})
		},
	})
}

func (a app) gatewayRename() *cobra.Command {
	return a.WithJSON(&cobra.Command{
		Use:     "rename NAME NEW-NAME",
		Short:   "Give a gateway another name",
		Long:    "Give a gateway another name. Its address stays.",
		Example: "omsgwctl gateway rename gw1 gateway-berlin",
		Args: func(cmd *cobra.Command, args []string) error {
			if err := command.Takes("NAME", "NEW-NAME")(cmd, args); err != nil {
				return err
			}
			if err := gateways.CheckName(args[1]); err != nil {
				return command.Usagef("%v", err)
			}
			return nil
		},
		ValidArgsFunction: command.GatewayNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.changeGateways(cmd.Context(), func(list []gateways.Gateway) ([]gateways.Gateway, error) {
				i, taken := gateways.Find(list, args[0]), gateways.Find(list, args[1])
				switch {
				case i < 0:
					return nil, noGateway(args[0])
				case taken >= 0 && taken != i:
					return nil, fmt.Errorf("there is a gateway %s already, with the address %s", list[taken].Name, list[taken].Address)
				}
				list[i].Name = args[1]
				return list, nil
			})
		},
	})
}

func (a app) gatewayList() *cobra.Command {
	return a.WithJSON(&cobra.Command{
		Use:     "list",
		Short:   "List the gateways that have names",
		Long:    "List the gateways that have names, with their addresses.",
		Example: "omsgwctl gateway list",
		Args:    command.Takes(),
		RunE: func(*cobra.Command, []string) error {
			file, err := gateways.File()
			if err != nil {
				return err
			}
			list, err := gateways.Read(file, adminclient.CheckAddress)
			switch {
			case err != nil:
				return err
			case a.JSON:
				return a.Printf("{\"gateways\": %s}\n", command.Quote(append([]gateways.Gateway{}, list...)))
			case len(list) == 0:
				a.Notef("no gateway has a name")
				return nil
			}
			rows := command.Table{{"NAME", "ADDRESS"}}
			for _, g := range list {
				rows = append(rows, []string{g.Name, g.Address})
			}
			return a.Table(rows)
		},
	})
}

func (a app) gatewayTest() *cobra.Command {
	return command.Asking(a.Program, &cobra.Command{
		Use:   "test NAME",
		Short: "Try to reach a gateway",
		Long: `Try to reach a gateway, and show what it says of itself. The first step that fails is explained: the login, the program
omsgwctl there, or the gateway.`,
		Example:           "omsgwctl gateway test gw1",
		Args:              command.Takes("NAME"),
		ValidArgsFunction: command.GatewayNames,
		PreRunE:           func(_ *cobra.Command, args []string) error { return a.UseGateway(args[0]) },
	}, func(ctx context.Context, c *adminclient.Client, _ []string) (*adminv1.GetStatusResponse, error) {
		return command.Call(ctx, c.Status.GetStatus, &adminv1.GetStatusRequest{})
	}, func(r *adminv1.GetStatusResponse) command.View {
		return command.Textf("reached: version %s, %s\n", r.Version, strings.ToLower(r.State.String()))
	})
}

func (a app) changeGateways(ctx context.Context, change func([]gateways.Gateway) ([]gateways.Gateway, error)) error {
	file, err := gateways.File()
	if err != nil {
		return err
	}
	if err := gateways.Change(ctx, file, adminclient.CheckAddress, change); err != nil {
		return err
	}
	if a.JSON {
		return a.Printf("{}\n")
	}
	return nil
}

func noGateway(name string) error {
	return command.Usagef("there is no gateway %q; omsgwctl gateway list shows them", name)
}

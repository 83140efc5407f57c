//go:build unix

package discovery

import (
	"context"
	"io/fs"
	"os"
	"os/user"
	"path"
	"strconv"
	"strings"

	"github.com/omsgateway/omsgateway/internal/osdefaults"
)

func accountName() string {
	if account, err := user.Current(); err == nil {
		return account.Username
	}
	return strconv.Itoa(os.Geteuid())
}

func grantCommand(account, place string, files osdefaults.AgentFiles) string {
	var paths []string
	if place == files.Base {
		paths = []string{place}
	}
	at := files.Base
	elements := strings.Split(files.Path, "/")
	for i, element := range elements {
		at = path.Join(at, element)
		if element == "*" && i < len(elements)-1 {
			paths = append(paths, at+"/") // folders only
			continue
		}
		paths = append(paths, at)
	}
	command := "setfacl -m u:" + account + ":rX " + strings.Join(paths, " ")
	if strings.Contains(elements[len(elements)-1], "*") { // for files that come later
		command += " && setfacl -m d:u:" + account + ":r " + path.Dir(at)
	}
	return command
}

func grantKeyCommand(string, string) string { return "" }

func readConnectors(string) ([]connector, error) { return nil, fs.ErrNotExist }

func monitoringAgentVersion() string { return "" }

func watchConnectors(ctx context.Context, _ string, _ func()) { <-ctx.Done() }

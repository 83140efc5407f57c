package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/omsgateway/omsgateway/internal/adminclient"
	"github.com/omsgateway/omsgateway/internal/printable"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

// asked makes a change, or asks first whether it is meant: if a person sits there, and clients would be refused hosts that they asked for.
// Then it makes only what was shown.
func asked[M Changed](ctx context.Context, p *Program, c *adminclient.Client, f changeFlags, args []string, change Change[M]) (M, error) {
	if f.yes || f.how.ValidateOnly || !isTerminal(p.In) || !isTerminal(p.Err) {
		return change(ctx, c, f.how, args)
	}
	try := f.how
	try.ValidateOnly = true
	would, err := change(ctx, c, try, args)
	if err != nil {
		return would, err
	}
	if impact := would.GetPreview().GetImpact(); impact.GetHostCount() > 0 {
		fmt.Fprintf(p.Err, "%sMake this change? (y or n) ", impactText(impact))
		answer, _ := bufio.NewReader(p.In).ReadString('\n')
		if answer = strings.ToLower(strings.TrimSpace(answer)); answer != "y" && answer != "yes" {
			var none M
			return none, errors.New("nothing was changed, since the answer was not y; --yes changes without the question")
		}
		f.how.Etag = would.GetPreview().GetEtag()
	}
	return change(ctx, c, f.how, args)
}

// isTerminal reports whether a person sees or types what goes through a stream.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// previewView is the view of a change that was not made, with what it would have brought.
func previewView(v View, preview *adminv1.Preview) View {
	v.Notes = append([]string{"nothing was changed; this is what the change would bring:"}, v.Notes...)
	if changes := preview.GetChanges(); len(changes) == 0 {
		v.Text += "nothing: the configuration is so already\n"
	}
	v.Text += impactText(preview.GetImpact())
	return v
}

// impactText has a line for each remark.
func impactText(impact *adminv1.Impact) string {
	var text strings.Builder
	for _, remark := range impact.GetRemarks() {
		fmt.Fprintf(&text, "%s\n", printable.Escaped(remark.GetMessage()))
	}
	return text.String()
}

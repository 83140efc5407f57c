package hostname

import (
	"slices"
	"strconv"
	"strings"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// MaxHosts is how many hosts ParseHosts accepts.
const MaxHosts = 256

// ParseHosts reads a list of hosts and *.domain, with commas between them, that stand for these hosts whatever the port. The answer
// is sorted and has none twice; every pattern has port 443, which means nothing here. An empty list has no hosts.
//
// Errors are *reason.Error: those of ParsePattern for the first entry that is none, LIST_HAS_PORT, and LIST_TOO_LONG.
func ParseHosts(list string) ([]Pattern, error) {
	if trim(list) == "" {
		return nil, nil
	}
	if n := strings.Count(list, ",") + 1; n > MaxHosts {
		return nil, reason.New(reason.ListTooLong, "count", strconv.Itoa(n), "limit", strconv.Itoa(MaxHosts))
	}
	var patterns []Pattern
	for entry := range strings.SplitSeq(list, ",") {
		p, err := ParsePattern(entry)
		if err != nil {
			return nil, err
		}
		if p.Port != defaultPort {
			meant := p
			meant.Port = defaultPort
			return nil, refuse(reason.ListHasPort, trim(entry), "meant", meant.String())
		}
		patterns = append(patterns, p)
	}
	slices.SortFunc(patterns, Pattern.Compare)
	return slices.Compact(patterns), nil
}

// FormatHosts is the canonical spelling of what ParseHosts answers.
func FormatHosts(patterns []Pattern) string {
	texts := make([]string, len(patterns))
	for i, p := range patterns {
		texts[i] = p.String()
	}
	return strings.Join(texts, ",")
}

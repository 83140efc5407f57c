package adminapi

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/demand"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/settings"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

// Bounds of an impact.
const (
	maxImpactHosts = 100
	maxNamedHosts  = 5 // in a sentence
)

// preview is what a change would bring whose request has validate_only, else nil.
func (g Gateway) preview(req changing, before, after *settings.Snapshot) *adminv1.Preview {
	if !req.GetValidateOnly() {
		return nil
	}
	p := &adminv1.Preview{Etag: before.Etag}
	p.Changes, p.Counts = differenceOf(before.Config, after.Config)
	p.Impact = g.impact(before, after, p.Counts)
	return p
}

// impact is whom a change cuts off that makes the differences counts.
func (g Gateway) impact(before, after *settings.Snapshot, counts []*adminv1.RevisionCount) *adminv1.Impact {
	refused := g.Demand.Of(func(t hostname.Target) bool {
		return allows(before.Policy, t) && !allows(after.Policy, t)
	}, g.Clock.Now())
	impact := &adminv1.Impact{
		HostCount: int64(len(refused.Hosts)),
		Requests:  refused.Requests,
		Clients:   int64(refused.Clients),
		AtLeast:   refused.AtLeast,
	}
	if !refused.Since.IsZero() {
		impact.Since = timestamppb.New(refused.Since)
	}
	for _, h := range refused.Hosts[:min(len(refused.Hosts), maxImpactHosts)] {
		impact.Hosts = append(impact.Hosts, &adminv1.Impact_Host{Host: h.Target.String(), Requests: h.Requests})
	}
	for _, part := range touched(before, after, counts) {
		impact.NotKnown = append(impact.NotKnown, string(part))
	}
	for _, remark := range remarks(refused, impact.NotKnown) {
		impact.Remarks = append(impact.Remarks, problem(remark))
	}
	return impact
}

func allows(p *policy.Policy, t hostname.Target) bool {
	return p.Decide(policy.Request{Method: "CONNECT", Target: t}).Allowed
}

// touched are the parts of what clients do that are different, and of which nothing is counted.
func touched(before, after *settings.Snapshot, counts []*adminv1.RevisionCount) []config.Part {
	is := map[config.Part]bool{}
	for _, row := range config.Table() {
		if before.Settings.Get(row.Key) != after.Settings.Get(row.Key) {
			is[row.Touches] = true
		}
	}
	if !before.Config.RelayProxy.Same(after.Config.RelayProxy) {
		is[config.PartRelay] = true
	}
	for _, count := range counts {
		if count.Noun == settings.NounClientCertificate ||
			count.Noun == settings.NounHost && count.Changed > 0 && otherPolicies(before.Config, after.Config) {
			is[config.PartCertificates] = true
		}
	}
	return slices.DeleteFunc(config.Parts(), func(p config.Part) bool { return !is[p] })
}

// otherPolicies reports whether a host that stays has another client certificate policy.
func otherPolicies(before, after config.Config) bool {
	return slices.ContainsFunc(after.AllowedHosts, func(h config.AllowedHost) bool {
		old, found := configured(before, h.Pattern)
		return found && old.ClientCertificatePolicy != h.ClientCertificatePolicy
	})
}

func remarks(refused demand.Sum, notKnown []string) []error {
	var all []error
	since := refused.Since.UTC().Format(time.DateOnly)
	about := func(n int64, estimated bool) string {
		switch text := grouped(n); {
		case refused.AtLeast:
			return "at least " + text
		case estimated:
			return "about " + text
		default:
			return text
		}
	}
	requests := about(refused.Requests, false)
	clients := about(int64(refused.Clients), refused.Clients > demand.FewClients)
	switch count := len(refused.Hosts); {
	case count == 1:
		all = append(all, reason.New(reason.ImpactHostRefused,
			"host", refused.Hosts[0].Target.String(), "since", since, "requests", requests, "clients", clients))
	case count > 1:
		all = append(all, reason.New(reason.ImpactHostsRefused, "count", about(int64(count), false),
			"since", since, "requests", requests, "clients", clients, "hosts", named(refused.Hosts)))
	case refused.Since.IsZero():
		all = append(all, reason.New(reason.ImpactNotCounted))
	case len(notKnown) == 0:
		all = append(all, reason.New(reason.ImpactNone, "since", since))
	}
	if len(notKnown) > 0 {
		all = append(all, reason.New(reason.ImpactNotKnown, "parts", strings.Join(notKnown, ", ")))
	}
	return all
}

// named are the first hosts of a list, and how many more there are.
func named(hosts []demand.Host) string {
	var names []string
	for _, h := range hosts[:min(len(hosts), maxNamedHosts)] {
		names = append(names, h.Target.String())
	}
	if more := len(hosts) - len(names); more > 0 {
		names = append(names, "and "+grouped(int64(more))+" more")
	}
	return strings.Join(names, ", ")
}

// grouped is a number that is not negative, with a comma before each three digits.
func grouped(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

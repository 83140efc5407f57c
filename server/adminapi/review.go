package adminapi

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/handshake"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/settings"
	"github.com/omsgateway/omsgateway/internal/usage"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

// When an entry is found by a review.
const (
	expiresSoon  = 30 * 24 * time.Hour
	unusedTime   = 90 * 24 * time.Hour
	neverUsedFor = 7 * 24 * time.Hour // since it was added: what runs weekly has had its turn
	wideLabels   = 2                  // of the domain of a wildcard
	maxInstead   = 20                 // hosts that a command names instead of a wildcard
)

func (s *allowedHosts) ReviewAllowedHosts(
	_ context.Context, req *adminv1.ReviewAllowedHostsRequest,
) (*adminv1.ReviewAllowedHostsResponse, error) {
	now := s.gateway.Store.Current()
	hosts, next, err := page(now.Config.AllowedHosts, req.GetPageSize(), req.GetPageToken(),
		func(h config.AllowedHost) string { return h.Pattern.String() }, hostsAfter)
	if err != nil {
		return nil, err
	}
	r := review{gateway: s.gateway, snapshot: now, at: s.gateway.Clock.Now()}
	resp := &adminv1.ReviewAllowedHostsResponse{Etag: now.Etag, NextPageToken: next}
	size := 0
	for i, h := range hosts {
		findings := r.of(h)
		for _, f := range findings {
			size += proto.Size(f) + 8
		}
		if size > maxPageBytes {
			resp.NextPageToken = hosts[i-1].Pattern.String()
			break
		}
		resp.Findings = append(resp.Findings, findings...)
	}
	return resp, nil
}

// review finds what is to be tidied among the allowed hosts of a snapshot.
type review struct {
	gateway  Gateway
	snapshot *settings.Snapshot
	at       time.Time
	asked    map[hostname.Pattern][]hostname.Target // what clients asked for of each wide entry; nil until it is needed
}

func (r *review) of(h config.AllowedHost) []*adminv1.AllowedHostFinding {
	use := r.gateway.Usage.UseOf(h.Pattern)
	host, name := h.Pattern.String(), quoted(h.Pattern)
	var findings []*adminv1.AllowedHostFinding
	found := func(why *reason.Error, commands ...string) {
		findings = append(findings, &adminv1.AllowedHostFinding{
			Host: hostOf(h, r.snapshot.Date), Problem: problem(why), Commands: commands,
			UseCount: use.Count, LastUsedAt: timestamp(use.Last),
		})
	}
	remove := "omsgwctl allowed-host remove " + name
	expires := h.Account.Expires.Format(time.RFC3339)
	if r.snapshot.HasExpired(h) {
		found(reason.New(reason.ReviewExpired, "host", host, "expires", expires), remove)
		return findings
	}
	if !h.Account.Expires.IsZero() && h.Account.Expires.Sub(r.snapshot.Date) <= expiresSoon {
		found(reason.New(reason.ReviewExpiring, "host", host, "expires", expires), "omsgwctl allowed-host set "+name+" --expires 90d")
	}
	switch {
	case use.Count > 0 && r.at.Sub(use.Last) >= unusedTime:
		found(reason.New(reason.ReviewUnused, "host", host, "used", use.Last.UTC().Format(time.RFC3339)), remove)
	case use == usage.Use{} && r.at.Sub(h.AddedAt) >= neverUsedFor:
		found(reason.New(reason.ReviewNeverUsed, "host", host), remove)
	}
	if h.Account.Owner == "" {
		found(reason.New(reason.ReviewWithoutOwner, "host", host), "omsgwctl allowed-host set "+name+" --owner NAME")
	}
	if isWide(h.Pattern) {
		asked := r.askedOf(h.Pattern)
		commands := []string{remove}
		if n := len(asked); n > maxInstead {
			commands = []string{remove + " --dry-run"}
		} else if n > 0 {
			commands = []string{"omsgwctl allowed-host add " + joined(asked), remove}
		}
		found(reason.New(reason.ReviewWide,
			"host", host, "domain", h.Pattern.Host.Name(), "count", strconv.Itoa(len(asked))), commands...)
	}
	if cover, ok := r.snapshot.Policy.CoveredBy(h.Pattern); ok {
		r.covered(h, cover, found)
	}
	return findings
}

// covered finds what an entry is good for that another one covers.
func (r *review) covered(h config.AllowedHost, cover policy.Entry, found func(*reason.Error, ...string)) {
	host, other, name := h.Pattern.String(), cover.Pattern.String(), quoted(h.Pattern)
	asks, otherAsks := r.requirement(h.Pattern), r.requirement(cover.Pattern)
	end := time.Time{} // of the other, zero for none
	if c, ok := configured(r.snapshot.Config, cover.Pattern); ok && cover.Source.Kind == policy.Local {
		end = c.Account.Expires
	}
	outlives := !end.IsZero() && (h.Account.Expires.IsZero() || h.Account.Expires.After(end))
	switch {
	case asks != otherAsks:
		found(reason.New(reason.ReviewPolicyDiffers,
			"host", host, "policy", policyNames[asks], "other", other, "other_policy", policyNames[otherAsks]),
			"omsgwctl allowed-host set "+name+" --client-certificate-policy "+policyNames[otherAsks])
	case outlives: // it is needed later
	case !h.Account.Expires.IsZero() && h.Account.Expires != end:
		found(reason.New(reason.ReviewExpiryWithoutEffect,
			"host", host, "expires", h.Account.Expires.Format(time.RFC3339), "other", other),
			"omsgwctl allowed-host remove "+name)
	default:
		found(reason.New(reason.ReviewCovered, "host", host, "other", other), "omsgwctl allowed-host remove "+name)
	}
}

// requirement is what is asked of client certificates by the entry that decides about a pattern.
func (r *review) requirement(pattern hostname.Pattern) handshake.Requirement {
	if own := r.snapshot.Policy.Of(pattern)[0].ClientCertificate; own != nil {
		return *own
	}
	return r.snapshot.Policy.TLS().ClientCertificate
}

// policyNames are those of the setting ClientCertificatePolicy.
var policyNames = map[handshake.Requirement]string{
	handshake.Off: config.Off, handshake.IfShown: config.IfShown, handshake.Required: config.Required,
}

// askedOf are the hosts that clients asked for in the last days and that this wide entry allowed.
func (r *review) askedOf(pattern hostname.Pattern) []hostname.Target {
	if r.asked == nil {
		r.asked = map[hostname.Pattern][]hostname.Target{}
		r.gateway.Demand.Of(func(t hostname.Target) bool {
			d := r.snapshot.Policy.Decide(policy.Request{Method: "CONNECT", Target: t})
			if d.Allowed && isWide(d.Entry.Pattern) {
				r.asked[d.Entry.Pattern] = append(r.asked[d.Entry.Pattern], t)
			}
			return false
		}, r.at)
	}
	return r.asked[pattern]
}

// isWide reports whether a pattern covers more than its administrator can oversee: the names below a domain of few labels, or below one in
// which customers of a cloud choose names.
func isWide(p hostname.Pattern) bool {
	return p.Wildcard && (strings.Count(p.Host.Name(), ".") < wideLabels || p.Warning() != nil)
}

// quoted is a pattern for a command line of sh and PowerShell alike.
func quoted(p hostname.Pattern) string {
	if text := p.String(); strings.ContainsAny(text, "*[") {
		return "'" + text + "'"
	}
	return p.String()
}

func joined(targets []hostname.Target) string {
	names := make([]string, len(targets))
	for i, t := range targets {
		names[i] = quoted(patternOf(t))
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

package ctl_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/ctl"
)

func TestAccountOfAllowedHosts(t *testing.T) {
	g := startGateway(t)
	for _, step := range []struct {
		args string // with _ for a blank within one
		out  string
	}{
		{"add a.example.com --owner Shop_team --ticket CHG-7 --note for_spring --expires 2099-03-31", "a.example.com  added\n"},
		{"add b.example.com", "b.example.com  added\n"},
		{"set a.example.com --owner= --expires 2099-04-01_18:30",
			"a.example.com  no owner, expires 2099-04-01 18:30:00  before: owner Shop team, expires 2099-03-31 00:00:00\n"},
		{"set a.example.com --expires NEVER --note later",
			"a.example.com  note later, does not expire  before: no note, expires 2099-04-01 18:30:00\n"},
		{"set a.example.com --note later", "a.example.com  note later  as before\n"},
		{"set a.example.com --ticket CHG-8 --expires 2099-03-31", "a.example.com  ticket CHG-8, expires 2099-03-31 00:00:00  " +
			"before: no ticket, does not expire\n"},
		{"list", `
HOST           ADDED                BY            TICKET  EXPIRES
a.example.com  TIME  ro\x1b[31mot  CHG-8   2099-03-31 00:00:00
b.example.com  TIME  ro\x1b[31mot
`},
	} {
		args := []string{"allowed-host"}
		for _, arg := range strings.Fields(step.args) {
			args = append(args, strings.ReplaceAll(arg, "_", " "))
		}
		got := g.run(t, "", args...)
		if diff := cmp.Diff(strings.TrimPrefix(step.out, "\n"), atTime(got.Out)); diff != "" || got.Code != 0 {
			t.Errorf("%s: %s (-want +got)\n%s", step.args, got.Err, diff)
		}
	}
}

func TestExpiry(t *testing.T) {
	place := time.FixedZone("", 2*3600)
	now := time.Date(2027, 3, 31, 10, 15, 0, 999, place)
	for text, want := range map[string]string{
		"90d": "2027-06-29T08:15:00Z", "8w": "2027-05-26T08:15:00Z", "12h30m": "2027-03-31T20:45:00Z",
		"2027-04-01": "2027-03-31T22:00:00Z", "2027-04-01 12:00": "2027-04-01T10:00:00Z", "2027-04-01T12:00:00Z": "2027-04-01T12:00:00Z",
		"never": "",
	} {
		at, err := ctl.ParseExpiry(text, now)
		got := ""
		if at != nil {
			got = at.AsTime().Format(time.RFC3339)
		}
		if err != nil || got != want {
			t.Errorf("%q: %s, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0d", "-1d", "-5h", "tomorrow", "2027-13-01", "99999999d", "1.5d", "d"} {
		if at, err := ctl.ParseExpiry(text, now); err == nil || !strings.Contains(err.Error(), "--expires cannot be") {
			t.Errorf("%q: %v, %v", text, at, err)
		}
	}
}

func TestClockTrust(t *testing.T) {
	g := startGateway(t)
	if got := g.run(t, "", "clock", "trust"); atTime(got.Out) != "TIME is right from now on\n" || got.Code != 0 {
		t.Errorf("got %+v", got)
	}
}

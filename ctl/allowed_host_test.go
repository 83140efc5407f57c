package ctl_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

func TestAllowedHostAdd(t *testing.T) {
	tests := map[string]struct {
		args  []string
		stdin string
		want  result
		hosts []string // afterwards; b.example.com is there before
	}{
		"one": {
			args:  []string{"a.example.com"},
			want:  result{Out: "a.example.com  added\n"},
			hosts: []string{"a.example.com", "b.example.com"},
		},
		"present already": {
			args:  []string{"A.example.com", "b.example.com"},
			want:  result{Out: "a.example.com  added\nb.example.com  already present\n"},
			hosts: []string{"a.example.com", "b.example.com"},
		},
		"as JSON": {
			args: []string{"--json", "b.example.com"},
			want: result{Out: `{
  "outcomes": [
    {
      "host": "b.example.com",
      "outcome": "ALREADY_PRESENT",
      "warnings": [],
      "openTunnels": 0,
      "stillCoveredBy": "",
      "clientCertificatePolicy": "UNSPECIFIED"
    }
  ],
  "etag": "etag-0"
}
`},
			hosts: []string{"b.example.com"},
		},
		"with a warning": {
			args: []string{"*.blob.core.windows.net"},
			want: result{
				Out: "*.blob.core.windows.net  added\n",
				Err: "omsgwctl: warning: *.blob.core.windows.net covers a suffix that many customers share (blob.core.windows.net): " +
					"others can create names below it\n",
			},
			hosts: []string{"*.blob.core.windows.net", "b.example.com"},
		},
		"a list": {
			args:  []string{"-"},
			stdin: "\ufeff# ours\r\n\r\n  c.example.com \t# shop 7\n#\n\t\na.example.com",
			want:  result{Out: "c.example.com  added\na.example.com  added\n"},
			hosts: []string{"a.example.com", "b.example.com", "c.example.com"},
		},
		"arguments around a list": {
			args:  []string{"a.example.com", "-", "d.example.com"},
			stdin: "c.example.com\n",
			want:  result{Out: "a.example.com  added\nc.example.com  added\nd.example.com  added\n"},
			hosts: []string{"a.example.com", "b.example.com", "c.example.com", "d.example.com"},
		},
		"one that is invalid": {
			args:  []string{"https://a.example.com"},
			want:  result{1, "", "omsgwctl: no host was added: \"https://a.example.com\" is a URL; give the host alone: a.example.com\n"},
			hosts: []string{"b.example.com"},
		},
		"some of a list that are invalid": {
			args:  []string{"https://z", "-"},
			stdin: "a.example.com\n\nhttps://x\n" + strings.Repeat("x", 1001) + "\n\xff\x1b[31m\nc.example.com\nhttps://y\n",
			want: result{1, "", "omsgwctl: no host was added, because 5 of 7 are invalid\n" +
				"  line 3: \"https://x\" is a URL; give the host alone: x\n" +
				"  line 4: \"" + strings.Repeat("x", 60) + "...\" is too long: a host name has at most 253 octets, " +
				"and at most 63 between two dots\n" +
				"  line 5: \"??[31m\" is not a host name or an IP address\n" +
				"  line 7: \"https://y\" is a URL; give the host alone: y\n" +
				"  argument 1: \"https://z\" is a URL; give the host alone: z\n",
			},
			hosts: []string{"b.example.com"},
		},
		"invalid, as JSON": {
			args:  []string{"a.example.com", "https://x", "--json"},
			hosts: []string{"b.example.com"},
			want: result{1, "", `{
  "code": "INVALID_ARGUMENT",
  "reason": "CHANGE_REFUSED",
  "message": "no host was added, because 1 of 2 are invalid",
  "metadata": {
    "count": "1",
    "first": "\"https://x\" is a URL; give the host alone: x"
  },
  "problems": [
    {
      "argument": 2,
      "host": "https://x",
      "reason": "HOST_IS_URL",
      "message": "\"https://x\" is a URL; give the host alone: x",
      "metadata": {
        "host": "https://x",
        "meant": "x"
      }
    }
  ]
}
`},
		},
		"an empty list": {
			args:  []string{"-"},
			stdin: "# nothing\n",
			want:  result{1, "", "omsgwctl: nothing was given to change: standard input has no host\n"},
			hosts: []string{"b.example.com"},
		},
		"a list in UTF-16": {
			args:  []string{"-"},
			stdin: "\xff\xfea\x00\n\x00",
			want:  result{1, "", "omsgwctl: standard input is UTF-16; save the list as UTF-8\n"},
			hosts: []string{"b.example.com"},
		},
		"a list in UTF-16 without a mark": {
			args:  []string{"-"},
			stdin: "a\x00\n\x00",
			want:  result{1, "", "omsgwctl: standard input is UTF-16; save the list as UTF-8\n"},
			hosts: []string{"b.example.com"},
		},
		"a long comment": {
			args:  []string{"-"},
			stdin: "a.example.com #" + strings.Repeat("x", 100_000) + "\n",
			want:  result{Out: "a.example.com  added\n"},
			hosts: []string{"a.example.com", "b.example.com"},
		},
		"too long a list": {
			args:  []string{"-"},
			stdin: strings.Repeat("a.example.com\n", 100_001),
			want:  result{1, "", "omsgwctl: more than 100000 items in one change; at most 100000 are possible\n"},
			hosts: []string{"b.example.com"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			g := startGateway(t)
			g.hosts = []string{"b.example.com"}
			got := g.run(t, test.stdin, append([]string{"allowed-host", "add"}, test.args...)...)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(test.hosts, g.stored()); diff != "" {
				t.Errorf("stored hosts (-want +got)\n%s", diff)
			}
		})
	}
}

func TestAllowedHostRemove(t *testing.T) {
	g := startGateway(t)
	g.hosts = []string{"a.example.com", "b.example.com", "busy.example.com"}
	got := g.run(t, "", "allowed-host", "remove", "busy.example.com", "b.example.com", "c.example.com")
	want := result{Out: "busy.example.com  removed  2 open tunnels stay  still allowed by *.example.com\n" +
		"b.example.com     removed\n" +
		"c.example.com     not present\n"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a.example.com"}, g.stored()); diff != "" {
		t.Errorf("stored hosts (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{`remove 3 etag="" validate=false atomic=true`}, g.called()); diff != "" {
		t.Errorf("calls (-want +got)\n%s", diff)
	}
}

func TestAllowedHostList(t *testing.T) {
	g := startGateway(t)
	if diff := cmp.Diff(result{Err: "omsgwctl: no host is allowed yet; add one with: omsgwctl allowed-host add HOST\n"},
		g.run(t, "", "allowed-host", "list")); diff != "" {
		t.Errorf("empty list (-want +got)\n%s", diff)
	}
	g.hosts = []string{"a", "b", "c", "d", "long.example.com"}
	got := g.run(t, "", "allowed-host", "list")
	if lines := strings.Split(got.Out, "\n"); len(lines) != 7 ||
		!strings.HasPrefix(lines[0], "HOST              ADDED                BY") ||
		!strings.HasPrefix(lines[5], "long.example.com  2020-02-2") || !strings.HasSuffix(lines[5], `  ro\x1b[31mot`) {
		t.Errorf("got %+v", got)
	}
	if got := g.run(t, "", "allowed-host", "list", "--json"); strings.Count(got.Out, `"host"`) != 5 ||
		!strings.HasSuffix(got.Out, "  \"etag\": \"etag-0\",\n  \"nextPageToken\": \"\"\n}\n") {
		t.Errorf("got %+v", got)
	}
	// A host with a policy of its own shows it.
	g.own["b"] = adminv1.AllowedHost_IF_SHOWN
	got = g.run(t, "", "allowed-host", "list")
	if lines := strings.Split(got.Out, "\n"); !strings.HasSuffix(lines[0], "BY            CLIENT CERTIFICATE POLICY") ||
		!strings.HasSuffix(lines[1], `31mot`) || !strings.HasSuffix(lines[2], `ro\x1b[31mot  IfShown`) {
		t.Errorf("got %+v", got)
	}
}

// A list that is changed between two pages is read again.
func TestAllowedHostListChanges(t *testing.T) {
	g := startGateway(t)
	g.hosts = []string{"a", "b", "c"}
	calls := 0
	g.fail = func(string, bool) error {
		if calls++; calls == 2 {
			g.changes.Add(1)
		}
		return nil
	}
	if got := g.run(t, "", "allowed-host", "list", "--json"); strings.Count(got.Out, `"host"`) != 3 || calls != 4 {
		t.Errorf("%d calls, got %+v", calls, got)
	}
	g.fail = func(string, bool) error { g.changes.Add(1); return nil }
	want := result{1, "", "omsgwctl: the configuration changed each time while the list was read; try again\n"}
	if diff := cmp.Diff(want, g.run(t, "", "allowed-host", "list", "--json=false")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// many is a list of 2,500 hosts, of which host 7 is there already.
func many(g *gateway) string {
	var list strings.Builder
	for i := range 2500 {
		fmt.Fprintf(&list, "h%04d.example.com\n", i)
	}
	g.hosts = []string{"h0007.example.com"}
	return list.String()
}

// However long a list is, it is one change.
func TestAddManyHosts(t *testing.T) {
	g := startGateway(t)
	got := g.run(t, many(g)+"*.blob.example.com\n", "allowed-host", "add", "-")
	want := result{
		Out: "*.blob.example.com  added\n2501 hosts: 2500 added, 1 already present\n",
		Err: "omsgwctl: warning: *.blob.example.com covers a suffix that many customers share (blob.example.com): " +
			"others can create names below it\n",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if len(g.stored()) != 2501 {
		t.Errorf("%d hosts are stored", len(g.stored()))
	}
	if diff := cmp.Diff([]string{`add 2501 etag="" validate=false atomic=true`}, g.called()); diff != "" {
		t.Errorf("calls (-want +got)\n%s", diff)
	}
	got = g.run(t, many(g), "allowed-host", "remove", "-", "--json")
	if want := `"counts": {
    "added": 0,
    "alreadyPresent": 0,
    "removed": 1,
    "notPresent": 2499,
`; got.Code != 0 || !strings.Contains(got.Out, want) {
		t.Errorf("got %+v", got)
	}
}

func TestAddManyHostsSomeInvalid(t *testing.T) {
	g := startGateway(t)
	got := g.run(t, many(g)+"https://x\n", "allowed-host", "remove", "-")
	want := result{1, "", "omsgwctl: no host was removed, because 1 of 2501 are invalid\n" +
		"  line 2501: \"https://x\" is a URL; give the host alone: x\n"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	g.called()
	// Of many invalid ones the gateway names some.
	got = g.run(t, many(g)+strings.Repeat("https://x\n", 5), "allowed-host", "add", "-")
	want = result{1, "", "omsgwctl: no host was added, because 5 of 2505 are invalid\n" +
		"  line 2501: \"https://x\" is a URL; give the host alone: x\n" +
		"  line 2502: \"https://x\" is a URL; give the host alone: x\n" +
		"  and 3 more\n"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	wantCalls := []string{
		`add 2505 etag="" validate=false atomic=true`,
		`add 2505 etag="" validate=true atomic=false`,
	}
	if diff := cmp.Diff(wantCalls, g.called()); diff != "" {
		t.Errorf("calls (-want +got)\n%s", diff)
	}
	if left := g.stored(); !slices.Equal(left, []string{"h0007.example.com"}) {
		t.Errorf("%d hosts are stored", len(left))
	}
}

// A change that was refused for what is right by now is not said to be made.
func TestListChangesBetweenTheCalls(t *testing.T) {
	g := startGateway(t)
	g.hosts = []string{"a.example.com"}
	g.fail = func(call string, before bool) error {
		if before && strings.Contains(call, "validate=true") {
			g.hosts = append(g.hosts, "b.example.com")
		}
		return nil
	}
	got := g.run(t, "", "allowed-host", "set", "b.example.com", "--client-certificate-policy", "Off")
	want := result{1, "", "omsgwctl: nothing was changed, because 1 of the items are invalid; the first: ...\n"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestAllowedHostSet(t *testing.T) {
	const off, ifShown, required = adminv1.AllowedHost_OFF, adminv1.AllowedHost_IF_SHOWN, adminv1.AllowedHost_REQUIRED
	type policies = map[string]adminv1.AllowedHost_ClientCertificatePolicy
	tests := map[string]struct {
		args  []string
		stdin string
		want  result
		own   policies // afterwards; b.example.com is Off before
	}{
		"one": {
			args: []string{"a.example.com", "--client-certificate-policy", "Required"},
			want: result{Out: "a.example.com  Required  before: Default\n"},
			own:  policies{"a.example.com": required, "b.example.com": off},
		},
		"to the default": {
			args: []string{"b.example.com", "--client-certificate-policy=DEFAULT"},
			want: result{Out: "b.example.com  Default  before: Off\n"},
			own:  policies{},
		},
		"several": {
			args:  []string{"--client-certificate-policy", "ifshown", "-", "b.example.com"},
			stdin: "a.example.com # shop 7\n",
			want:  result{Out: "a.example.com  IfShown  before: Default\nb.example.com  IfShown  before: Off\n"},
			own:   policies{"a.example.com": ifShown, "b.example.com": ifShown},
		},
		"as before": {
			args: []string{"--client-certificate-policy", "Off", "b.example.com", "a.example.com"},
			want: result{Out: "b.example.com  Off  as before\na.example.com  Off  before: Default\n"},
			own:  policies{"a.example.com": off, "b.example.com": off},
		},
		"as JSON": {
			args: []string{"--client-certificate-policy", "Required", "b.example.com", "--json"},
			want: result{Out: `{
  "outcomes": [
    {
      "host": {
        "host": "b.example.com",
        "addedBy": "",
        "clientCertificatePolicy": "REQUIRED",
        "owner": "",
        "ticket": "",
        "note": "",
        "expired": false
      },
      "previousClientCertificatePolicy": "OFF"
    }
  ],
  "etag": "etag-1"
}
`},
			own: policies{"b.example.com": required},
		},
		"one that is not in the list": {
			args: []string{"--client-certificate-policy", "Off", "c.example.com"},
			want: result{1, "", "omsgwctl: no host was changed: the list of allowed hosts has no entry c.example.com; " +
				"omsgwctl allowed-host list shows those that it has\n"},
			own: policies{"b.example.com": off},
		},
		"some that cannot be set": {
			args: []string{"--client-certificate-policy", "Required", "a.example.com", "c.example.com", "https://x", "b.example.com"},
			want: result{1, "", "omsgwctl: no host was changed, because 2 of 4 are invalid\n" +
				"  argument 2: the list of allowed hosts has no entry c.example.com; omsgwctl allowed-host list shows those that it has\n" +
				"  argument 3: \"https://x\" is a URL; give the host alone: x\n"},
			own: policies{"b.example.com": off},
		},
		"nothing to set": {
			args: []string{"a.example.com"},
			want: result{2, "", "omsgwctl: what of the hosts? give --client-certificate-policy, --owner, --ticket, --note, --expires\n" +
				"See 'omsgwctl allowed-host set --help'.\n"},
			own: policies{"b.example.com": off},
		},
		"another policy": {
			args: []string{"a.example.com", "--client-certificate-policy", "Automatic"},
			want: result{2, "", "omsgwctl: there is no client certificate policy \"Automatic\"; " +
				"there are Default, Off, IfShown, Required\n" +
				"See 'omsgwctl allowed-host set --help'.\n"},
			own: policies{"b.example.com": off},
		},
		"no host": {
			args: []string{"--client-certificate-policy", "Off"},
			want: result{2, "", "omsgwctl: HOST is missing; give at least one, or - to read them from standard input\n" +
				"See 'omsgwctl allowed-host set --help'.\n"},
			own: policies{"b.example.com": off},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			g := startGateway(t)
			g.hosts, g.own["b.example.com"] = []string{"a.example.com", "b.example.com"}, off
			got := g.run(t, test.stdin, append([]string{"allowed-host", "set"}, test.args...)...)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(test.own, g.own); diff != "" {
				t.Errorf("policies (-want +got)\n%s", diff)
			}
		})
	}
}

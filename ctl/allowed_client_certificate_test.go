package ctl_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/reason"
)

func TestAllowedClientCertificateAdd(t *testing.T) {
	tests := map[string]struct {
		args     []string
		stdin    string
		want     result
		subjects []string // afterwards; Agent is there before
	}{
		"one": {
			args:     []string{`CN="a, b", O=c`},
			want:     result{Out: "CN=\"a, b\", O=c  added\n"},
			subjects: []string{"Agent", `CN="a, b", O=c`},
		},
		"present already in another spelling": {
			args:     []string{"b", "AGENT"},
			want:     result{Out: "b      added\nAgent  already present\n"},
			subjects: []string{"Agent", "b"},
		},
		"as JSON": {
			args: []string{"--json", "agent"},
			want: result{Out: `{
  "outcomes": [
    {
      "subject": "Agent",
      "outcome": "ALREADY_PRESENT",
      "warnings": []
    }
  ],
  "etag": "etag-0"
}
`},
			subjects: []string{"Agent"},
		},
		"a list": {
			args:     []string{"-"},
			stdin:    "\ufeff# ours\r\n\r\n  CN=till #7, O=b \t\n  # not ours\nCN = #04024869\n",
			want:     result{Out: "CN=till #7, O=b  added\nCN = #04024869   added\n"},
			subjects: []string{"Agent", "CN = #04024869", "CN=till #7, O=b"},
		},
		"one that is invalid": {
			args: []string{"sha1:0"},
			want: result{1, "", "omsgwctl: no client certificate was added: " +
				"\"sha1:0\" is not a thumbprint: sha1: is followed by 40 hexadecimal digits\n"},
			subjects: []string{"Agent"},
		},
		"some of a list that are invalid": {
			args:  []string{"b", "-"},
			stdin: "X=a\n" + strings.Repeat("x", 24577) + "\na\xffb\nc\n",
			want: result{1, "", "omsgwctl: no client certificate was added, because 3 of 5 are invalid\n" +
				"  line 1: the distinguished name \"X=a\" has the attribute \"X\", which is not known; " +
				"write it as CN=name, O=company, or with the attribute's number, for example OID.2.5.4.3=name\n" +
				"  line 2: the client certificate has 24579 bytes; at most 24576 are possible\n" +
				"  line 3: the client certificate \"a\uFFFDb\" has the character byte 0xFF, which cannot be seen; " +
				"remove it, or write it in a distinguished name as backslash and two hexadecimal digits a byte\n"},
			subjects: []string{"Agent"},
		},
		"invalid, as JSON": {
			args:     []string{"b", "sha1:0", "--json"},
			subjects: []string{"Agent"},
			want: result{1, "", `{
  "code": "INVALID_ARGUMENT",
  "reason": "CHANGE_REFUSED",
  "message": "no client certificate was added, because 1 of 2 are invalid",
  "metadata": {
    "count": "1",
    "first": "\"sha1:0\" is not a thumbprint: sha1: is followed by 40 hexadecimal digits"
  },
  "problems": [
    {
      "argument": 2,
      "subject": "sha1:0",
      "reason": "CERTIFICATE_THUMBPRINT",
      "message": "\"sha1:0\" is not a thumbprint: sha1: is followed by 40 hexadecimal digits",
      "metadata": {
        "digits": "40",
        "entry": "sha1:0",
        "kind": "sha1"
      }
    }
  ]
}
`},
		},
		"an empty list": {
			args:     []string{"-"},
			stdin:    "# nothing\n",
			want:     result{1, "", "omsgwctl: nothing was given to change: standard input has no client certificate\n"},
			subjects: []string{"Agent"},
		},
		"too long a list": {
			args:     []string{"-"},
			stdin:    strings.Repeat("a\n", 10_001),
			want:     result{1, "", "omsgwctl: more than 10000 items in one change; at most 10000 are possible\n"},
			subjects: []string{"Agent"},
		},
		"nothing": {
			want: result{2, "", "omsgwctl: SUBJECT is missing; give at least one, or - to read them from standard input\n" +
				"See 'omsgwctl allowed-client-certificate add --help'.\n"},
			subjects: []string{"Agent"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			g := startGateway(t)
			g.subjects = []string{"Agent"}
			got := g.run(t, test.stdin, append([]string{"allowed-client-certificate", "add"}, test.args...)...)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(test.subjects, g.subjects); diff != "" {
				t.Errorf("stored (-want +got)\n%s", diff)
			}
		})
	}
}

func TestFirstAllowedClientCertificate(t *testing.T) {
	g := startGateway(t)
	want := result{Out: "agent  added\n", Err: "omsgwctl: warning: " + reason.CertificatesJudged.Text(nil) + "\n"}
	if diff := cmp.Diff(want, g.run(t, "", "allowed-client-certificate", "add", "agent")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestAllowedClientCertificateRemove(t *testing.T) {
	g := startGateway(t)
	g.subjects = []string{"Agent", "CN=a", "CN=b"}
	got := g.run(t, "", "allowed-client-certificate", "remove", "cn=B", "agent", "CN=c")
	want := result{Out: "CN=b   removed\nAgent  removed\nCN=c   not present\n"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"CN=a"}, g.subjects); diff != "" {
		t.Errorf("stored (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{`remove 3 etag="" validate=false atomic=true`}, g.called()); diff != "" {
		t.Errorf("calls (-want +got)\n%s", diff)
	}
}

func TestAllowedClientCertificateList(t *testing.T) {
	g := startGateway(t)
	want := result{Err: "omsgwctl: no client certificate is in the list; " +
		"add one with: omsgwctl allowed-client-certificate add SUBJECT\n"}
	if diff := cmp.Diff(want, g.run(t, "", "allowed-client-certificate", "list")); diff != "" {
		t.Errorf("empty list (-want +got)\n%s", diff)
	}
	g.subjects = []string{"Agent", "CN=a", "CN=b, O=c"}
	got := g.run(t, "", "allowed-client-certificate", "list")
	got.Out = atTime(got.Out)
	want = result{Out: "SUBJECT    ADDED                BY\nAgent      TIME  root\nCN=a       TIME  root\nCN=b, O=c  TIME  root\n"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := g.run(t, "", "allowed-client-certificate", "list", "--json"); strings.Count(got.Out, `"subject"`) != 3 ||
		!strings.HasSuffix(got.Out, "  \"etag\": \"etag-0\",\n  \"nextPageToken\": \"\"\n}\n") {
		t.Errorf("got %+v", got)
	}
}

func TestManyAllowedClientCertificates(t *testing.T) {
	g := startGateway(t)
	var list strings.Builder
	for i := range 900 {
		fmt.Fprintf(&list, "CN=agent %04d, OU=%s\n", i, strings.Repeat("x", 400))
	}
	got := g.run(t, list.String(), "allowed-client-certificate", "add", "-")
	if got.Code != 0 || strings.Count(got.Out, "  added\n") != 900 || len(g.subjects) != 900 {
		t.Errorf("exit code %d, %d lines, %s", got.Code, strings.Count(got.Out, "\n"), got.Err)
	}
	if diff := cmp.Diff([]string{`add 900 etag="" validate=false atomic=true`}, g.called()); diff != "" {
		t.Errorf("calls (-want +got)\n%s", diff)
	}
}

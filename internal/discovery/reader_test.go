package discovery_test

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/discovery"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/testca"
)

const (
	workspace = "11111111-2222-3333-4444-555555555555"
	other     = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"

	chunks     = "azuremonitoragent/config-cache/configchunks/"
	onboarding = "omsagent/" + workspace + "/conf/omsadmin.conf"
)

// regional is a chunk that names one host, of a region.
func regional(region string) string {
	return `{"channels":[{"protocol":"me","endpoint":"https://` + region + `.monitoring.azure.com/x"}]}`
}

// folder is a folder of agents, and a Reader of it whose clock goes on by a second for each reading.
type folder struct {
	t    *testing.T
	base string
	*discovery.Reader
}

func newFolder(t *testing.T, files ...string) *folder {
	t.Helper()
	seconds := int64(0)
	f := &folder{t: t, base: t.TempDir()}
	f.Reader = discovery.NewReader(agentsIn(f.base), func() time.Time { seconds++; return time.Unix(seconds, 0) })
	f.write(files...)
	return f
}

// write takes names and contents in turn.
func (f *folder) write(files ...string) {
	f.t.Helper()
	for i := 0; i < len(files); i += 2 {
		write(f.t, f.path(files[i]), files[i+1])
	}
}

func (f *folder) path(name string) string { return filepath.Join(f.base, filepath.FromSlash(name)) }

func (f *folder) remove(name string) {
	f.t.Helper()
	if err := os.RemoveAll(f.path(name)); err != nil {
		f.t.Fatal(err)
	}
}

// wantHosts compares the hosts that one region or workspace has alone, without those that every agent needs.
func wantHosts(t *testing.T, r *discovery.Reading, want ...string) {
	t.Helper()
	everywhere := map[string]bool{
		"global.handler.control.monitor.azure.com": true, "global.prod.microsoftmetrics.com": true, "management.azure.com": true,
	}
	var got []string
	for _, e := range r.Entries {
		if !everywhere[e.Pattern.String()] {
			got = append(got, e.Pattern.String())
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("hosts (-want +got):\n%s", diff)
	}
}

// wantReasons compares the reasons why something was ignored, and those of the places that failed.
func wantReasons(t *testing.T, r *discovery.Reading, want ...reason.Reason) {
	t.Helper()
	var got []reason.Reason
	for _, p := range r.Places {
		if (p.State == discovery.Failed) != (p.Err != nil) {
			t.Errorf("%s has state %d and error %v", p.Path, p.State, p.Err)
		}
		if p.Err != nil {
			got = append(got, reason.Of(p.Err))
		}
	}
	for _, err := range r.Ignored {
		got = append(got, reason.Of(err))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
}

// A place that cannot be read keeps what it said last; one that is gone does not.
func TestLastGoodReadingStays(t *testing.T) {
	f := newFolder(t, chunks+"1.json", regional("a"), chunks+"2.json", regional("b"))
	wantHosts(t, f.Read(), "a.monitoring.azure.com", "b.monitoring.azure.com")

	f.write(chunks+"1.json", regional("c")[:40])
	cut := f.Read()
	wantHosts(t, cut, "a.monitoring.azure.com", "b.monitoring.azure.com")
	wantReasons(t, cut, reason.LearnedFileInvalid)

	f.remove(chunks + "2.json")
	wantHosts(t, f.Read(), "a.monitoring.azure.com")

	f.write(chunks+"1.json", regional("c"))
	good := f.Read()
	wantHosts(t, good, "c.monitoring.azure.com")
	wantReasons(t, good)

	// A folder in the place of the file, and then a file in the place of the folder.
	f.remove(chunks + "1.json")
	f.write(chunks+"1.json/x", "")
	wantHosts(t, f.Read(), "c.monitoring.azure.com")
	f.remove("azuremonitoragent/config-cache")
	f.write("azuremonitoragent/config-cache", "")
	odd := f.Read()
	wantHosts(t, odd, "c.monitoring.azure.com")
	wantReasons(t, odd, reason.LearnedPlaceNotPlain)

	f.remove("azuremonitoragent")
	gone := f.Read()
	wantHosts(t, gone)
	if gone.AgentFound() || len(gone.Entries) != 0 {
		t.Errorf("without any agent: %+v", gone)
	}
}

// Since is when something was learned first, whichever file says it now.
func TestSince(t *testing.T) {
	f := newFolder(t, chunks+"1.json", regional("a"))
	f.Read()
	f.write(chunks+"0.json", regional("a"), chunks+"2.json", regional("b"))
	since := map[string]string{}
	for _, e := range f.Read().Entries {
		since[e.Pattern.String()] = fmt.Sprintf("%d %s", e.Source.Since.Unix(), filepath.Base(e.Source.Particular(discovery.PlaceRead)))
	}
	want := map[string]string{
		"a.monitoring.azure.com": "1 0.json", "b.monitoring.azure.com": "2 2.json",
		"global.handler.control.monitor.azure.com": "1 0.json", "global.prod.microsoftmetrics.com": "1 0.json",
		"management.azure.com": "1 0.json",
	}
	if diff := cmp.Diff(want, since); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	f.write(chunks+"1.json", "{")
	for _, p := range f.Read().Places {
		want := map[string]int64{"0.json": 3, "1.json": 2, "2.json": 3}[filepath.Base(p.Path)]
		if p.State != discovery.Missing && p.ReadAt.Unix() != want {
			t.Errorf("%s was read last at %d, want %d", p.Path, p.ReadAt.Unix(), want)
		}
	}
	f.remove(chunks + "2.json")
	f.Read()
	f.write(chunks+"2.json", regional("b"))
	for _, e := range f.Read().Entries {
		if e.Pattern.String() == "b.monitoring.azure.com" && e.Source.Since.Unix() != 5 {
			t.Errorf("what was forgotten and is learned again has since %d", e.Source.Since.Unix())
		}
	}
}

// Files that editors of other systems have written.
func TestTextForms(t *testing.T) {
	conf := "WORKSPACE_ID=" + workspace + "\nURL_TLD=opinsights.azure.com\n"
	plain := newFolder(t, chunks+"1.json", regional("a"), onboarding, conf)
	want := describe(plain.base, plain.Read())
	for name, form := range map[string]func(string) string{
		"byte order mark": func(s string) string { return "\ufeff" + s },
		"CRLF":            func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
		"both":            func(s string) string { return "\ufeff" + strings.ReplaceAll(s, "\n", "\r\n") },
		"no final LF":     strings.TrimSpace,
	} {
		f := newFolder(t, chunks+"1.json", form(regional("a")), onboarding, form(conf))
		if diff := cmp.Diff(want, describe(f.base, f.Read())); diff != "" {
			t.Errorf("%s (-plain +this):\n%s", name, diff)
		}
	}
	utf16 := "\xff\xfeU\x00R\x00L\x00_\x00T\x00L\x00D\x00=\x00"
	f := newFolder(t, chunks+"1.json", utf16, onboarding, utf16)
	wantReasons(t, f.Read(), reason.LearnedFileInvalid, reason.LearnedFileInvalid)
}

func TestLimits(t *testing.T) {
	const MiB = 1 << 20
	t.Run("file", func(t *testing.T) {
		padded := regional("a") + strings.Repeat(" ", MiB-len(regional("a")))
		f := newFolder(t, chunks+"1.json", padded)
		wantHosts(t, f.Read(), "a.monitoring.azure.com")
		f.write(chunks+"1.json", strings.Replace(padded, "//a.", "//aa.", 1))
		huge := f.Read()
		wantReasons(t, huge, reason.LearnedFileTooLarge)
		wantHosts(t, huge, "a.monitoring.azure.com")
	})
	t.Run("depth", func(t *testing.T) {
		bomb := strings.Repeat(`{"channels":[`, MiB/16)
		f := newFolder(t, chunks+"1.json", bomb, chunks+"2.json", `{"channels":[`+strings.Repeat("[", MiB-100))
		wantReasons(t, f.Read(), reason.LearnedFileInvalid, reason.LearnedFileInvalid)
	})
	t.Run("all files", func(t *testing.T) {
		f := newFolder(t)
		for i := range 20 {
			f.write(fmt.Sprintf("%s%02d.json", chunks, i), strings.Repeat(" ", MiB-200)+regional(fmt.Sprintf("r%02d", i)))
		}
		r := f.Read()
		wantReasons(t, r, reason.LearnedTooMuch)
		if n := len(r.Places); n != 17+1 { // the other agent is missing
			t.Errorf("%d places, want those of 16 MiB", n)
		}
	})
	t.Run("number of files", func(t *testing.T) {
		f := newFolder(t)
		for i := range 1100 {
			f.write(fmt.Sprintf("%s%04d.json", chunks, i), `{}`)
		}
		r := f.Read()
		wantReasons(t, r, reason.LearnedTooManyFiles, reason.LearnedTooManyFiles) // of the folder, and of all
		if n := len(r.Places); n > 1001 {
			t.Errorf("%d places", n)
		}
	})
	t.Run("hosts", func(t *testing.T) {
		f := newFolder(t)
		for file := range 3 {
			var channels []string
			for i := range 500 {
				channels = append(channels, fmt.Sprintf(`{"protocol":"me","endpoint":"https://h%d-%d.monitoring.azure.com"}`, file, i))
			}
			f.write(fmt.Sprintf("%s%d.json", chunks, file), `{"channels":[`+strings.Join(channels, ",")+`]}`)
		}
		r := f.Read()
		wantReasons(t, r, reason.LearnedTooManyHosts)
		if len(r.Entries) != 1000 {
			t.Errorf("%d hosts, want 1000", len(r.Entries))
		}
	})
	t.Run("workspaces", func(t *testing.T) {
		f := newFolder(t)
		var channels []string
		for i := range 12 {
			id := fmt.Sprintf("%08d-2222-3333-4444-555555555555", i)
			channels = append(channels, `{"protocol":"ods","endpoint":"https://`+id+`.ods.opinsights.azure.com"}`)
			f.write("omsagent/"+id+"/conf/omsadmin.conf", "URL_TLD=opinsights.azure.us\n")
		}
		f.write(chunks+"1.json", `{"channels":[`+strings.Join(channels, ",")+`]}`)
		r := f.Read()
		wantReasons(t, r, reason.LearnedTooManyWorkspaces, reason.LearnedTooManyWorkspaces,
			reason.LearnedTooManyWorkspaces, reason.LearnedTooManyWorkspaces)
		if len(r.Entries) != 10+2+10*3 {
			t.Errorf("%d hosts of 10 workspaces for either agent", len(r.Entries))
		}
	})
	t.Run("what is ignored", func(t *testing.T) {
		f := newFolder(t)
		for file := range 8 {
			var channels []string
			for i := range 30 {
				channels = append(channels, fmt.Sprintf(`{"protocol":"me","endpoint":"https://h%d-%d.example.com"}`, file, i))
			}
			f.write(fmt.Sprintf("%s%d.json", chunks, file), `{"channels":[`+strings.Join(channels, ",")+`]}`)
		}
		r := f.Read()
		if len(r.Ignored) != 100 || r.IgnoredLeftOut != 8*30-100 {
			t.Errorf("%d ignored and %d left out of %d", len(r.Ignored), r.IgnoredLeftOut, 8*30)
		}
	})
	t.Run("names", func(t *testing.T) {
		f := newFolder(t, chunks+strings.Repeat("n", 124)+".json", regional("a"), chunks+strings.Repeat("m", 123)+".json", regional("b"))
		wantHosts(t, f.Read(), "b.monitoring.azure.com")
	})
}

func TestCertificate(t *testing.T) {
	ca, err := testca.New()
	if err != nil {
		t.Fatal(err)
	}
	subject := func(names ...string) string {
		var name pkix.Name
		for _, cn := range names {
			name.ExtraNames = append(name.ExtraNames, pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: cn})
		}
		c, err := ca.Client(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}))
	}
	const file = "omsagent/" + workspace + "/certs/oms.crt"
	for name, test := range map[string]struct {
		content string
		entries []string
		reasons []reason.Reason
	}{
		"workspace and agent": {content: subject(strings.ToUpper(workspace), other), entries: []string{workspace}},
		"key before it":       {content: "-----BEGIN X-----\nAAAA\n-----END X-----\n" + subject(workspace), entries: []string{workspace}},
		"another workspace":   {content: subject(other), reasons: []reason.Reason{reason.LearnedCertificate}},
		"no name":             {content: subject(), reasons: []reason.Reason{reason.LearnedCertificate}},
		"cut":                 {content: subject(workspace)[:200], reasons: []reason.Reason{reason.LearnedCertificate}},
		"no PEM":              {content: "CN=" + workspace, reasons: []reason.Reason{reason.LearnedCertificate}},
		"blank":               {content: "\n"},
	} {
		f := newFolder(t, file, test.content)
		r := f.Read()
		var entries []string
		for _, c := range r.ClientCertificates {
			entries = append(entries, c.Entry.String())
			if s := c.Source; s.Particular(discovery.Agent) != discovery.OMSAgent || s.Particular(discovery.Workspace) != workspace ||
				s.Particular(discovery.PlaceRead) != f.path(file) {
				t.Errorf("%s: source %+v", name, c.Source)
			}
		}
		if diff := cmp.Diff(test.entries, entries); diff != "" {
			t.Errorf("%s: entries (-want +got):\n%s", name, diff)
		}
		wantReasons(t, r, test.reasons...)
	}
}

func TestConnectors(t *testing.T) {
	const place = `HKLM\Connectors`
	url := func(host string) string { return "https://" + host + "/AgentService.svc/AgentTopologyRequest" }
	const thumbprint = "0123456789ABCDEF0123456789abcdef01234567"
	for name, test := range map[string]struct {
		keys []discovery.Connector
		want string
	}{
		"none": {want: "Microsoft Monitoring Agent: empty HKLM\\Connectors\n"},
		"public cloud with a certificate": {
			keys: []discovery.Connector{{
				Name:       "Log Analytics - " + workspace,
				URL:        url(workspace + ".oms.opinsights.azure.com"),
				Thumbprint: "\u200e" + thumbprint + "\x00\n",
			}},
			want: `Microsoft Monitoring Agent: read KEY
host W.ods.opinsights.azure.com of workspace W
  Microsoft Monitoring Agent, KEY
host W.oms.opinsights.azure.com of workspace W
  Microsoft Monitoring Agent, KEY
host W.agentsvc.azure-automation.net of workspace W
  Microsoft Monitoring Agent, KEY
host scadvisorcontent.blob.core.windows.net
  Microsoft Monitoring Agent, KEY
certificate sha1:0123456789ABCDEF0123456789abcdef01234567 of workspace W
  Microsoft Monitoring Agent, KEY
certificate W of workspace W
  Microsoft Monitoring Agent, KEY
`,
		},
		"Azure Government": {
			keys: []discovery.Connector{{Name: "Log Analytics - " + workspace, URL: url(workspace + ".oms.opinsights.azure.us")}},
			want: `Microsoft Monitoring Agent: read KEY
host scadvisorcontent.blob.core.windows.net
  Microsoft Monitoring Agent, KEY
host W.ods.opinsights.azure.us of workspace W
  Microsoft Monitoring Agent, KEY
host W.oms.opinsights.azure.us of workspace W
  Microsoft Monitoring Agent, KEY
host W.agentsvc.azure-automation.us of workspace W
  Microsoft Monitoring Agent, KEY
`,
		},
		"hostile": {
			keys: []discovery.Connector{
				{Name: "Log Analytics - " + workspace, URL: url("evil.example.com"), Thumbprint: "zz"},
				{Name: "Log Analytics - *", URL: url("a.oms.opinsights.azure.com")},
				{Name: "Azure Operational Insights", URL: url("b.oms.opinsights.azure.com")},
			},
			want: `Microsoft Monitoring Agent: read HKLM\Connectors\Azure Operational Insights
Microsoft Monitoring Agent: read HKLM\Connectors\Log Analytics - *
Microsoft Monitoring Agent: read KEY
ignored LEARNED_WORKSPACE_INVALID
  HKLM\Connectors\Log Analytics - *: "*" is not the id of a workspace
ignored LEARNED_HOST_FOREIGN
  KEY: evil.example.com is not learned, since it is no name of Azure's monitoring services; REMEDY
ignored LEARNED_CERTIFICATE
  KEY: no client certificate is learned: "sha1:zz" is not a thumbprint: sha1: is followed by 40 hexadecimal digits
`,
		},
	} {
		got := strings.NewReplacer(
			place+`\Log Analytics - `+workspace, "KEY", workspace, "W",
			"if agents really need it: omsgwctl allowed-host add evil.example.com", "REMEDY",
		).Replace(describe("no folder", discovery.ReadConnectors(place, test.keys...)))
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}

	var five []discovery.Connector
	for i := range 5 {
		id := fmt.Sprintf("%08d-2222-3333-4444-555555555555", i)
		five = append(five, discovery.Connector{Name: "Log Analytics - " + id, URL: url(id + ".oms.opinsights.azure.com")})
	}
	r := discovery.ReadConnectors(place, five...)
	wantReasons(t, r, reason.LearnedTooManyWorkspaces)
	if len(r.Entries) != 4*3+1 {
		t.Errorf("%d hosts of four workspaces", len(r.Entries))
	}
}

// What an agent brings is learned whatever its version; of one that is too old that is told once.
func TestVersionOfTheMonitoringAgent(t *testing.T) {
	keys := []discovery.Connector{
		{Name: "Log Analytics - " + workspace, URL: "https://" + workspace + ".oms.opinsights.azure.com/AgentService.svc"},
		{Name: "Log Analytics - 99999999-2222-3333-4444-555555555555"},
	}
	for version, old := range map[string]bool{
		"": false, "8.0.10900.0": false, "8.0.18053.0": false, "10.20.18053.0": false, "8.0.10899.65535": true, "7.9": true, "x.1": false,
	} {
		r := discovery.ReadConnectorsOf(version, "HKLM", keys...)
		if r.Places[0].Version != version || len(r.Entries) == 0 {
			t.Errorf("%q: %+v with %d hosts", version, r.Places, len(r.Entries))
		}
		var want []reason.Reason
		if old {
			want = append(want, reason.AgentTooOld)
		}
		wantReasons(t, r, want...)
	}
}

package setup_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/setup"
)

func TestPropertiesChangeWhatTheyName(t *testing.T) {
	for name, tc := range map[string]struct {
		lines           string
		port            uint16
		relay, username string
		hasPassword     bool
	}{
		"nothing":                    {lines: "", port: 9000},
		"port":                       {lines: "PORTNUMBER=8081\n", port: 8081},
		"port with quotation marks":  {lines: "PORTNUMBER=“8081”\n", port: 8081},
		"bare address":               {lines: "HASPROXY=1\nPROXY=10.80.2.200\n", port: 9000, relay: "http://10.80.2.200:80"},
		"German quotation marks":     {lines: "HASPROXY=1\nPROXY=„10.80.2.200:3128“\n", port: 9000, relay: "http://10.80.2.200:3128"},
		"TLS to the relay proxy":     {lines: "HASPROXY=“1”\nPROXY=https://proxy.example.com\n", port: 9000, relay: "https://proxy.example.com:443"},
		"no proxy wanted":            {lines: "HASPROXY=0\nPROXY=10.80.2.200\n", port: 9000},
		"user name of the system":    {lines: "HASPROXY=1\nPROXY=p.example.com\nUSERNAME=Windows User\n", port: 9000, relay: "http://p.example.com:80"},
		"Windows line ends":          {lines: "PORTNUMBER=8081\r\nHASPROXY=1\r\nPROXY=p:1\r\n", port: 8081, relay: "http://p:1"},
		"last line without its end":  {lines: "PORTNUMBER=8081", port: 8081},
		"user name and password":     {"HASPROXY=1\nPROXY=p:3128\nHASAUTH=1\nUSERNAME=CORP\\gw\nPASSWORD=a=b [c] \"d\n", 9000, "http://p:3128", `CORP\gw`, true},
		"quotation mark as password": {"HASPROXY=1\nPROXY=p:3128\nHASAUTH=1\nUSERNAME=gw\nPASSWORD=\"\n", 9000, "http://p:3128", "gw", true},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := setup.ReadProperties(strings.NewReader(tc.lines))
			if err != nil {
				t.Fatal(err)
			}
			c := config.Default()
			c.Settings.ListenPort = 9000
			if err := p.Change(&c); err != nil {
				t.Fatal(err)
			}
			if err := c.Validate(); err != nil {
				t.Error(err)
			}
			got := []any{c.Settings.ListenPort, c.RelayProxy.Address.String(), c.RelayProxy.Username, c.RelayProxy.Password.Text() != ""}
			if diff := cmp.Diff([]any{tc.port, tc.relay, tc.username, tc.hasPassword}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPropertiesKeepARelayProxyThatTheyDoNotName(t *testing.T) {
	c := config.Default()
	relay, err := config.NewRelayProxy("old.example.com:3128", "", "")
	if err != nil {
		t.Fatal(err)
	}
	c.RelayProxy = relay
	p, err := setup.ReadProperties(strings.NewReader("PORTNUMBER=8081\nHASPROXY=0\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Change(&c); err != nil || c.RelayProxy != relay {
		t.Errorf("Change = %v, and the relay proxy is now %v", err, c.RelayProxy.Address)
	}
}

func TestWrongProperties(t *testing.T) {
	for name, tc := range map[string]struct{ lines, want string }{
		"port beyond 65535":     {"PORTNUMBER=70000\n", "PORTNUMBER"},
		"no port":               {"PORTNUMBER=http\n", "PORTNUMBER"},
		"proxy without a name":  {"HASPROXY=1\nPROXY=“”\n", "needs PROXY"},
		"no switch":             {"HASPROXY=yes\n", `HASPROXY is "yes"`},
		"proxy not switched":    {"PROXY=10.0.0.5\n", "PROXY has no effect"},
		"no address":            {"HASPROXY=1\nPROXY=a b\n", "reading PROXY"},
		"password only":         {"HASPROXY=1\nPROXY=p\nHASAUTH=1\nPASSWORD=geheim\n", "needs USERNAME and PASSWORD"},
		"user only":             {"HASPROXY=1\nPROXY=p\nHASAUTH=1\nUSERNAME=gw\n", "needs USERNAME and PASSWORD"},
		"user without proxy":    {"HASAUTH=1\nUSERNAME=gw\nPASSWORD=geheim\n", "HASAUTH=1 has no effect"},
		"user with a colon":     {"HASPROXY=1\nPROXY=p\nHASAUTH=1\nUSERNAME=g:w\nPASSWORD=geheim\n", "reading PROXY"},
		"password in the proxy": {"HASPROXY=1\nPROXY=gw:geheim@p\n", "reading PROXY"},
		"unknown property":      {"ALLUSERS=1\n", "line 1"},
		"another line":          {"PORTNUMBER=1\ngeheim\n", "line 2"},
		"no end":                {"PASSWORD=" + strings.Repeat("geheim", 100_000), "more than"},
		"no end of lines":       {strings.Repeat("PASSWORD=geheim\n", 100_000), "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := setup.ReadProperties(strings.NewReader(tc.lines))
			if err == nil {
				c := config.Default()
				err = p.Change(&c)
			}
			switch {
			case err == nil:
				t.Fatal("no error")
			case !strings.Contains(err.Error(), tc.want):
				t.Errorf("the error is %q, without %q", err, tc.want)
			case strings.Contains(err.Error(), "geheim"):
				t.Errorf("the error tells the password: %q", err)
			}
		})
	}
}

func TestOriginalIsTakenOver(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	o, err := setup.ReadOriginal(read(t, "original.json"))
	if err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	report := o.Change(&c, now)
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(string(read(t, "original.want")), string(c.Encode())+report+"\n"); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(report, "geheim") {
		t.Error("the report tells a password")
	}
}

func TestOriginalThatIsNone(t *testing.T) {
	for _, file := range []string{
		``, `{}`, `{"version":2}`, `{"version":1,"Password":"x"}`, `{"version":1,"allowedHosts":"a.example.com"}`, `{"version":1} {}`,
		`{"version":1,"version":1}`, "\ufeff" + `{"version":1}`,
	} {
		if o, err := setup.ReadOriginal([]byte(file)); err == nil {
			t.Errorf("%s is read as %+v", file, o)
		}
	}
}

func FuzzReadProperties(f *testing.F) {
	f.Add("PORTNUMBER=8081\nHASPROXY=1\nPROXY=“10.0.0.5”\nHASAUTH=1\nUSERNAME=a\nPASSWORD=b\n")
	f.Fuzz(func(t *testing.T, lines string) {
		p, err := setup.ReadProperties(strings.NewReader(lines))
		if err != nil {
			return
		}
		c := config.Default()
		if p.Change(&c) == nil {
			if err := c.Validate(); err != nil {
				t.Errorf("%q makes a configuration that is not valid: %s", lines, err)
			}
		}
	})
}

func FuzzReadOriginal(f *testing.F) {
	f.Add(read(f, "original.json"))
	f.Fuzz(func(t *testing.T, file []byte) {
		o, err := setup.ReadOriginal(file)
		if err != nil {
			return
		}
		c := config.Default()
		o.Change(&c, time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC))
		if err := c.Validate(); err != nil {
			t.Errorf("%q makes a configuration that is not valid: %s", file, err)
		}
	})
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

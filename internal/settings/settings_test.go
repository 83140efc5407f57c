package settings_test

import (
	"context"
	"crypto/tls"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/clientcert"
	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/event"
	"github.com/omsgateway/omsgateway/internal/handshake"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/secret"
	"github.com/omsgateway/omsgateway/internal/settings"
)

func TestOpenWithoutAFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "by", "open")
	s := open(t, settings.Options{Dir: dir, Events: &recorder{}})
	now := s.Current()
	if !now.Config.Equal(config.Default()) || !now.Settings.Equal(config.DefaultSettings()) || now.Policy == nil || now.Etag == "" {
		t.Errorf("Current() = %+v, want the defaults", now)
	}
	wantNames(t, dir, "history", "omsgateway.lock")
	if info, err := os.Stat(dir); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v, %v; want mode 0700", info, err)
	}
}

func TestOpenReadsTheFile(t *testing.T) {
	dir := t.TempDir()
	const file = `{"version":1,"settings":{"DrainSeconds":7},"allowedHosts":[{"host":"a.example.com"}]}`
	writeFile(t, osdefaults.ConfigFile(dir), file)
	writeFile(t, filepath.Join(dir, ".config.json.123.tmp"), "left by a process that died")
	s := open(t, settings.Options{Dir: dir, Events: &recorder{}})
	now := s.Current()
	if drainSeconds(now.Settings) != 7 || now.Policy.Limits().DrainTimeout != 7*time.Second || !allowed(t, now, "a.example.com:443") {
		t.Errorf("Current() = %+v, want what the file says", now)
	}
	wantNames(t, dir, "config.json", "history", "omsgateway.lock")
	if got := readFile(t, osdefaults.ConfigFile(dir)); got != file {
		t.Errorf("the file was changed to %s", got)
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, test := range []struct {
		name    string
		options settings.Options
		prepare func(t *testing.T, dir string)
		why     reason.Reason
		text    string
	}{
		{name: "wrong file", prepare: func(t *testing.T, dir string) {
			writeFile(t, osdefaults.ConfigFile(dir), `{"version":1,"settings":{"ListenPort":0}}`)
		}, why: reason.ConfigField, text: "config.json, line 1: settings.ListenPort"},
		{name: "newer file", prepare: func(t *testing.T, dir string) {
			writeFile(t, osdefaults.ConfigFile(dir), `{"version":99}`)
		}, why: reason.ConfigTooNew, text: "99"},
		{name: "folder in place of the file", prepare: func(t *testing.T, dir string) {
			mkdir(t, osdefaults.ConfigFile(dir))
		}, why: reason.ConfigUnreadable, text: "it is not a file"},
		{name: "folder in place of the lock", prepare: func(t *testing.T, dir string) {
			mkdir(t, osdefaults.LockFile(dir))
		}, why: reason.ConfigFolderDenied, text: "cannot be used"},
		{name: "file in place of the folder", prepare: func(t *testing.T, dir string) {
			if err := os.Remove(dir); err != nil {
				t.Fatal(err)
			}
			writeFile(t, dir, "")
		}, why: reason.ConfigFolderDenied, text: "cannot be used"},
		{name: "unknown override", options: with("ListenPrt", "1"), why: reason.SettingUnknown, text: "did you mean ListenPort?"},
		{name: "wrong override", options: with("LogLevel", "Loud"), why: reason.SettingNotAChoice, text: "Loud"},
		{name: "port beyond", options: with("ListenPort", "65536"), why: reason.SettingOutOfRange, text: "65536"},
		{name: "zero elsewhere", options: with("MaxConnections", "0"), why: reason.SettingOutOfRange, text: "MaxConnections"},
		{name: "override twice", options: with("LogLevel", "Info", "loglevel", "Debug"), text: "LogLevel is given twice"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "state")
			mkdir(t, dir)
			if test.prepare != nil {
				test.prepare(t, dir)
			}
			before := tree(t, dir)
			test.options.Dir, test.options.Events = dir, &recorder{}
			for range 2 { // twice, since the first must have given the lock back
				s, err := settings.Open(test.options)
				if err == nil {
					t.Fatalf("it was opened: %v", s.Close())
				}
				wantError(t, err, test.why, test.text)
			}
			after := tree(t, dir)
			delete(after, "omsgateway.lock")
			delete(after, "history")
			delete(before, "omsgateway.lock")
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("the folder was changed (-before +after):\n%s", diff)
			}
		})
	}
}

func TestOverrides(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, osdefaults.ConfigFile(dir), `{"version":1,"settings":{"ListenPort":81,"LogLevel":"Error"}}`)
	s := open(t, settings.Options{Dir: dir, Events: &recorder{}, Overrides: []settings.Value{
		{Key: "listenport", Value: "0"}, {Key: "ListenAddress", Value: "127.0.0.1"}, {Key: "MaxConnections", Value: "7"},
	}})
	check := func(wantDrain int) {
		t.Helper()
		now := s.Current()
		want := config.DefaultSettings()
		want.LogLevel, want.ListenPort, want.MaxConnections = config.LogError, 0, 7
		want.ListenAddress = netip.MustParseAddr("127.0.0.1")
		want.DrainTimeout = time.Duration(wantDrain) * time.Second
		if diff := cmp.Diff(want, now.Settings); diff != "" {
			t.Errorf("in force (-want +got):\n%s", diff)
		}
		if stored := now.Config.Settings; stored.ListenPort != 81 || stored.ListenAddress.IsValid() || stored.MaxConnections != 20000 {
			t.Errorf("overrides are stored: %+v", stored)
		}
		if now.Policy.Limits().MaxConnections != 7 {
			t.Errorf("the policy has %+v", now.Policy.Limits())
		}
		var fixed []string
		for _, row := range config.Table() {
			if now.Fixed(row.Key) {
				fixed = append(fixed, row.Key)
			}
		}
		if diff := cmp.Diff([]string{"ListenPort", "ListenAddress", "MaxConnections"}, fixed); diff != "" {
			t.Errorf("fixed (-want +got):\n%s", diff)
		}
	}
	check(5)

	for _, key := range []string{"ListenPort", "ListenAddress", "MaxConnections"} {
		_, _, err := s.Update(t.Context(), settings.Request{}, set(key, map[string]string{"ListenAddress": "::1"}[key], "82"))
		wantError(t, err, reason.SettingFixed, "setting "+key+" was given on the gateway's command line")
	}
	if _, _, err := s.Update(t.Context(), settings.Request{}, set("ListenPort", "81")); err != nil {
		t.Errorf("a fixed setting cannot be set to what it is: %v", err)
	}
	if _, _, err := s.Update(t.Context(), settings.Request{}, set("DrainSeconds", "9")); err != nil {
		t.Error(err)
	}
	check(9)
	if c, err := config.Read(osdefaults.ConfigFile(dir)); err != nil || c.Settings.ListenPort != 81 || drainSeconds(c.Settings) != 9 {
		t.Errorf("the file has %+v, %v", c.Settings, err)
	}
}

func TestOverridesThatConflict(t *testing.T) {
	both := with("MinimumTlsVersion", "1.2", "MaximumTlsVersion", "1.1")
	both.Dir = t.TempDir()
	_, err := settings.Open(both)
	wantError(t, err, reason.SettingConflict, "")

	dir := t.TempDir()
	writeFile(t, osdefaults.ConfigFile(dir), `{"version":1,"settings":{"MaximumTlsVersion":"1.1"}}`)
	o := with("MinimumTlsVersion", "1.2")
	o.Dir, o.Events = dir, &recorder{}
	_, err = settings.Open(o)
	wantError(t, err, reason.SettingConflict, "MinimumTlsVersion would be 1.2 and MaximumTlsVersion 1.1")

	o.Dir = t.TempDir()
	s := open(t, o)
	_, _, err = s.Update(t.Context(), settings.Request{}, set("MaximumTlsVersion", "1.1"))
	wantError(t, err, reason.SettingConflict, "MinimumTlsVersion would be 1.2 and MaximumTlsVersion 1.1")
	if s.Current().Settings.MaximumTLSVersion != tls.VersionTLS13 {
		t.Error("it was changed")
	}
}

func TestPolicyInput(t *testing.T) {
	own := func(r handshake.Requirement) *handshake.Requirement { return &r }
	s := config.Settings{ListenPort: 1, DrainTimeout: 2 * time.Second, AllowLoopbackTargets: true, LearnHosts: true,
		MaxConnections: 3, MaxRequestHeads: 4, MaxConnectionsPerClient: 5, IdleTimeout: 6 * time.Second, StallTimeout: 7 * time.Second,
		MinimumTLSVersion: tls.VersionTLS11, MaximumTLSVersion: tls.VersionTLS12, RequireServerName: true,
		ClientCertificatePolicy: config.Required}
	p := pattern(t, "a.example.com:8443")
	added := time.Unix(9, 0)
	local := policy.Source{Kind: policy.Local, Loosens: true}
	learned := policy.Entry{Pattern: p, Source: policy.Source{
		Kind: policy.Learned, Particulars: []policy.Particular{{Name: "agent", Value: "an agent"}},
	}}
	want := policy.Input{
		Entries: []policy.Entry{
			{Pattern: p, Source: policy.Source{Kind: policy.Local, Since: added, Loosens: true}},
			{Pattern: p, Source: local, ClientCertificate: own(handshake.Off)},
			{Pattern: p, Source: local, ClientCertificate: own(handshake.IfShown)},
			{Pattern: p, Source: local, ClientCertificate: own(handshake.Required)},
			learned,
		},
		Limits: policy.Limits{MaxConnections: 3, MaxRequestHeads: 4, MaxConnectionsPerClient: 5, MaxHandshakes: 4096,
			HeadTimeout: 10 * time.Second, DialTimeout: 10 * time.Second, RelayTimeout: 30 * time.Second,
			HelloTimeout:     10 * time.Second,
			HandshakeTimeout: 30 * time.Second, CloseTimeout: 5 * time.Second, IdleTimeout: 6 * time.Second,
			StallTimeout: 7 * time.Second, DrainTimeout: 2 * time.Second},
		AllowLoopback: true, ListenPort: 1,
		MinVersion: tls.VersionTLS11, MaxVersion: tls.VersionTLS12, RequireServerName: true,
		ClientCertificate: handshake.Required, Certificates: []string{"CN=a", "agent", "workspace"},
	}
	got := settings.PolicyInput(s, config.Config{
		AllowedHosts: []config.AllowedHost{
			{Pattern: p, AddedBy: "root", AddedAt: added},
			{Pattern: p, ClientCertificatePolicy: config.Off},
			{Pattern: p, ClientCertificatePolicy: config.IfShown},
			{Pattern: p, ClientCertificatePolicy: config.Required},
		},
		AllowedClientCertificates: []config.AllowedClientCertificate{{Entry: entry(t, "CN=a")}, {Entry: entry(t, "agent")}},
	}, settings.Slots{
		policy.Learned: {Entries: []policy.Entry{learned}, ClientCertificates: []clientcert.Entry{entry(t, "workspace")}},
	}, time.Time{})
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(hostname.Pattern{}, netip.Addr{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestPolicyInputHasTheRelayProxy(t *testing.T) {
	s, c := config.DefaultSettings(), config.Default()
	if in := settings.PolicyInput(s, c, nil, time.Time{}); in.ListenAddress.IsValid() {
		t.Errorf("by default the gateway listens at %v", in.ListenAddress)
	}
	s.ListenAddress = netip.MustParseAddr("192.0.2.1")
	if in := settings.PolicyInput(s, c, nil, time.Time{}); in.ListenAddress.String() != "192.0.2.1" {
		t.Errorf("the gateway listens at %v", in.ListenAddress)
	}
	s.RelayProxyResolveLocally = true
	err := s.Set("RelayProxyBypass", "*.corp,near.example.com")
	if err != nil {
		t.Fatal(err)
	}
	if c.RelayProxy, err = config.NewRelayProxy("https://proxy.example.com", "svc", "p%:ss"); err != nil {
		t.Fatal(err)
	}
	in := settings.PolicyInput(s, c, nil, time.Time{})
	want := policy.Relay{Address: c.RelayProxy.Address, Username: "svc", Password: "p%:ss", ResolveLocally: true}
	if in.Relay == nil || *in.Relay != want || hostname.FormatHosts(in.RelayBypass) != "near.example.com,*.corp" {
		t.Errorf("got %+v and %v", in.Relay, in.RelayBypass)
	}

	// Of another computer: it stays, so that nothing goes directly, and is refused when it is used.
	if c.RelayProxy.Password, err = secret.Parse("dpapi:AAECAwQFBgcICQ=="); err != nil {
		t.Fatal(err)
	}
	if got := settings.PolicyInput(s, c, nil, time.Time{}).Relay; got == nil || reason.Of(got.Unusable) != reason.RelayPasswordLost {
		t.Errorf("with a password that does not open: %+v", got)
	}
	if got := settings.PolicyInput(s, config.Default(), nil, time.Time{}).Relay; got != nil {
		t.Errorf("without a relay proxy: %+v", got)
	}
}

// TestClientCertificatePolicy goes through the values of the setting, with an empty list and with one that is not.
func TestClientCertificatePolicy(t *testing.T) {
	for _, test := range []struct {
		value           config.CertificatePolicy
		empty, notEmpty handshake.Requirement
	}{
		{config.Automatic, handshake.Off, handshake.IfShown},
		{config.AutomaticWithLearned, handshake.IfShown, handshake.IfShown},
		{config.Off, handshake.Off, handshake.Off},
		{config.IfShown, handshake.IfShown, handshake.IfShown},
		{config.Required, handshake.Required, handshake.Required},
	} {
		s, c := config.DefaultSettings(), config.Default()
		s.ClientCertificatePolicy = test.value
		learned := settings.Slot{ClientCertificates: []clientcert.Entry{entry(t, "learned")}}
		if got := settings.PolicyInput(s, c, settings.Slots{policy.Learned: learned}, time.Time{}).ClientCertificate; got != test.empty {
			t.Errorf("%s with an empty list is %d, want %d", test.value, got, test.empty)
		}
		c.AddClientCertificates(config.AllowedClientCertificate{Entry: entry(t, "agent")})
		if got := settings.PolicyInput(s, c, nil, time.Time{}).ClientCertificate; got != test.notEmpty {
			t.Errorf("%s with a list is %d, want %d", test.value, got, test.notEmpty)
		}
	}
	s := config.DefaultSettings()
	s.ClientCertificatePolicy = config.AutomaticWithLearned
	if got := settings.PolicyInput(s, config.Default(), nil, time.Time{}).ClientCertificate; got != handshake.Off {
		t.Errorf("AutomaticWithLearned where nothing is learned is %d", got)
	}
	in := settings.PolicyInput(config.DefaultSettings(), config.Default(), nil, time.Time{})
	if in.MinVersion != tls.VersionTLS10 || in.MaxVersion != tls.VersionTLS13 {
		t.Errorf("by default TLS is %x to %x", in.MinVersion, in.MaxVersion)
	}
}

func entry(t *testing.T, subject string) clientcert.Entry {
	t.Helper()
	e, err := clientcert.ParseEntry(subject)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestClose(t *testing.T) {
	dir := t.TempDir()
	s := open(t, settings.Options{Dir: dir, Events: &recorder{}})
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := s.Update(t.Context(), settings.Request{}, set("DrainSeconds", "9"))
	wantError(t, err, reason.GatewayStopping, "")
	if !s.Current().Settings.Equal(config.DefaultSettings()) {
		t.Error("Current does not answer after Close")
	}
	wantNames(t, dir, "history", "omsgateway.lock")
}

// recorder is a sink that keeps the texts of the events.
type recorder struct {
	mu     sync.Mutex
	events []event.Event

	refuse            error // of Record
	recorded, notMade []string
}

func (r *recorder) Emit(e event.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

func (r *recorder) Record(_ context.Context, lines []event.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range lines {
		r.recorded = append(r.recorded, e.Text)
	}
	return r.refuse
}

func (r *recorder) NotMade(_ caller.Caller, why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notMade = append(r.notMade, why.Error())
}

func (r *recorder) Made(events []event.Event) {
	for _, e := range events {
		r.Emit(e)
	}
}

// take returns the texts of the events since the last time.
func (r *recorder) take() (texts []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		texts = append(texts, e.Text)
	}
	r.events = nil
	return texts
}

func open(t *testing.T, o settings.Options) *settings.Store {
	t.Helper()
	s, err := settings.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// with are options with overrides, keys and values in turn.
func with(pairs ...string) (o settings.Options) {
	for pair := range slices.Chunk(pairs, 2) {
		o.Overrides = append(o.Overrides, settings.Value{Key: pair[0], Value: pair[1]})
	}
	return o
}

// set is the change of a setting to the first value that is not empty.
func set(key string, values ...string) func(*config.Config) error {
	i := slices.IndexFunc(values, func(v string) bool { return v != "" })
	return func(c *config.Config) error { return c.Settings.Set(key, values[i]) }
}

// add is the change that allows hosts.
func add(t *testing.T, hosts ...string) func(*config.Config) error {
	t.Helper()
	var list []config.AllowedHost
	for _, h := range hosts {
		list = append(list, config.AllowedHost{Pattern: pattern(t, h), AddedBy: "test"})
	}
	return func(c *config.Config) error {
		c.AddHosts(list...)
		return nil
	}
}

func update(t *testing.T, s *settings.Store, change func(*config.Config) error) (before, after *settings.Snapshot) {
	t.Helper()
	before, after, err := s.Update(context.Background(), settings.Request{Caller: caller.Caller{Name: "test"}}, change)
	if err != nil {
		t.Fatal(err)
	}
	return before, after
}

func allowed(t *testing.T, s *settings.Snapshot, authority string) bool {
	t.Helper()
	target, err := hostname.ParseTarget(authority)
	if err != nil {
		t.Fatal(err)
	}
	return s.Policy.Decide(policy.Request{Method: "CONNECT", Target: target}).Allowed
}

func pattern(t *testing.T, s string) hostname.Pattern {
	t.Helper()
	p, err := hostname.ParsePattern(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func wantError(t *testing.T, err error, why reason.Reason, text string) {
	t.Helper()
	if err == nil || reason.Of(err) != why || !strings.Contains(err.Error(), text) {
		t.Errorf("error %v (%s), want one with %q (%s)", err, reason.Of(err), text, why)
	}
}

func wantNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	got := slices.Sorted(func(yield func(string) bool) {
		for name := range tree(t, dir) {
			if !yield(name) {
				return
			}
		}
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the folder (-want +got):\n%s", diff)
	}
}

// tree are the entries of a folder with the content of the files; a file in the folder's place is one of no name.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		if content, readErr := os.ReadFile(dir); readErr == nil {
			return map[string]string{"": string(content)}
		}
		t.Fatal(err)
	}
	content := map[string]string{}
	for _, e := range entries {
		if e.IsDir() {
			content[e.Name()] = "a folder"
			continue
		}
		content[e.Name()] = readFile(t, filepath.Join(dir, e.Name()))
	}
	return content
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func TestDescriptors(t *testing.T) {
	for _, c := range []struct{ set, descriptors, connections, refused int }{
		{20000, 0, 20000, 256},
		{20000, 131072, 20000, 256},
		{480, 1024, 480, 16},
		{481, 1024, 480, 16},
		{430, 1024, 430, 100},
		{20000, 66, 1, 16},
		{20000, 20, 1, 16},
	} {
		file := config.Default()
		file.Settings.MaxConnections = c.set
		s, err := settings.Compile(file, nil, c.descriptors, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		got := s.Policy.Limits()
		if got.MaxConnections != c.connections || got.MaxRefused != c.refused {
			t.Errorf("%d connections with %d descriptors: %d, and %d that are refused; want %d and %d",
				c.set, c.descriptors, got.MaxConnections, got.MaxRefused, c.connections, c.refused)
		}
		if fewer := reason.Of(s.FewerConnections()) == reason.DescriptorsTooFew; fewer != (c.connections < c.set) {
			t.Errorf("%d connections with %d descriptors: %v", c.set, c.descriptors, s.FewerConnections())
		}
	}
}

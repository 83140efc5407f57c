package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/printable"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// Settings are the values of all settings, and which of them were set; Table tells what each means.
type Settings struct {
	ListenPort              uint16
	ListenAddress           netip.Addr // not valid for all addresses of this computer
	LogLevel                LogLevel
	DrainTimeout            time.Duration // DrainSeconds
	IdleTimeout             time.Duration // IdleTimeoutSeconds
	StallTimeout            time.Duration // StallTimeoutSeconds
	AllowLoopbackTargets    bool
	MaxConnections          int
	MaxRequestHeads         int
	MaxConnectionsPerClient int    // 0 sets no limit
	MinimumTLSVersion       uint16 // a number of crypto/tls, as MaximumTLSVersion
	MaximumTLSVersion       uint16
	RequireServerName       bool
	ClientCertificatePolicy CertificatePolicy

	RelayProxyBypass         []hostname.Pattern // as hostname.ParseHosts makes them; read only
	RelayProxyResolveLocally bool
	LearnHosts               bool

	set uint64 // a bit for each row of the table that was set to its default
}

// LogLevel is the least important level of events that are logged. Its numbers are those of event.Level.
type LogLevel int

// The log levels.
const (
	LogError LogLevel = iota + 1
	LogWarning
	LogInfo
	LogDebug
)

// CertificatePolicy is what is asked of a client's certificate: one of Automatic and AutomaticWithLearned (of the setting), Off, IfShown
// and Required, or empty for what the setting says (of an allowed host).
type CertificatePolicy string

// Setting is a row of the table that the API, the commands, the cmdlets and the documentation are made from.
type Setting struct {
	Key      string
	Type     Type
	Default  string
	Min, Max int64    // of a Number
	Unit     string   // of a Number, in the plural; empty if it has none
	Choices  []string // of a Choice; read only
	Help     string   // one sentence or more, each with its full stop

	Role      caller.Role // that a caller needs to change it: Change, unless the row says more
	LocalOnly bool        // only callers on the gateway's own computer may change it

	// Touches is a part of what clients do that a change may reach, and of which nobody can say beforehand whom; empty for none.
	Touches Part

	since int // version of the files that can have it; 0 for all
	field field
	place int // in the table, below 64
}

// Part is a part of what clients do, in words that stand in a list.
type Part string

// The parts.
const (
	PartListener     Part = "where clients connect"
	PartLimits       Part = "limits"
	PartAddresses    Part = "addresses that names lead to"
	PartTLS          Part = "versions of TLS and server names"
	PartCertificates Part = "client certificates"
	PartRelay        Part = "the relay proxy"
)

// Parts are all parts, in the order in which they are told.
func Parts() []Part {
	return []Part{PartListener, PartLimits, PartAddresses, PartTLS, PartCertificates, PartRelay}
}

// Type is what kind of value a setting has.
type Type int

// Types of settings.
const (
	Number  Type = iota + 1 // a whole number from Min to Max
	Choice                  // one of Choices
	Address                 // an IP address, or empty
	Hosts                   // hosts and *.domain with commas between them, without ports, at most hostname.MaxHosts; or empty
)

// Values of a setting that switches something.
const (
	On  = "On"
	Off = "Off"
)

// What is asked of a client's certificate, as a setting and for an allowed host.
const (
	Automatic            = "Automatic"            // of the setting: IfShown once there are allowed client certificates, else Off
	AutomaticWithLearned = "AutomaticWithLearned" // of the setting: the same, and learned ones count, as in the original
	IfShown              = "IfShown"
	Required             = "Required"
)

// Table lists all settings in the order in which they are shown.
func Table() []Setting { return slices.Clone(table) }

var table = completed([]Setting{
	{
		Key: "ListenPort", Type: Number, Default: "8080", Min: 1, Max: 65535,
		Help:    "TCP port on which clients connect. Open tunnels stay when it changes.",
		Touches: PartListener,
		field:   number(func(s *Settings) *uint16 { return &s.ListenPort }),
	},
	{
		Key: "ListenAddress", Type: Address,
		Help:    "IP address of this computer on which clients connect; empty for all of its addresses.",
		Touches: PartListener,
		field:   address(func(s *Settings) *netip.Addr { return &s.ListenAddress }),
	},
	{
		Key: "LogLevel", Type: Choice, Default: "Info", Choices: []string{"Error", "Warning", "Info", "Debug"},
		Help:  "Least important events that are logged. Debug logs several events for each tunnel.",
		field: choice(func(s *Settings) *LogLevel { return &s.LogLevel }, LogError, LogWarning, LogInfo, LogDebug),
	},
	{
		Key: "DrainSeconds", Type: Number, Default: "5", Max: 3600, Unit: "seconds",
		Help:  "How long busy tunnels may go on when the gateway stops.",
		field: seconds(func(s *Settings) *time.Duration { return &s.DrainTimeout }),
	},
	{
		Key: "IdleTimeoutSeconds", Type: Number, Default: "1800", Min: 10, Max: 86400, Unit: "seconds",
		Help:    "After how long a tunnel is closed in which nothing moves in either direction.",
		Touches: PartLimits,
		field:   seconds(func(s *Settings) *time.Duration { return &s.IdleTimeout }),
	},
	{
		Key: "StallTimeoutSeconds", Type: Number, Default: "120", Min: 10, Max: 3600, Unit: "seconds",
		Help: "After how long a tunnel is closed in which bytes wait for the client or the server, which takes none of them. Up to half " +
			"of that may come on top. A receiver that is slow is not closed.",
		since:   3,
		Touches: PartLimits,
		field:   seconds(func(s *Settings) *time.Duration { return &s.StallTimeout }),
	},
	{
		Key: "AllowLoopbackTargets", Type: Choice, Default: Off, Choices: []string{On, Off},
		Help: "Whether an allowed host name may lead to this computer's loopback addresses. It is meant for tests: clients then " +
			"reach services that listen for this computer alone.",
		Touches: PartAddresses,
		field:   onOff(func(s *Settings) *bool { return &s.AllowLoopbackTargets }),
	},
	{
		Key: "MaxConnections", Type: Number, Default: "20000", Min: 1, Max: 1_000_000, Unit: "connections",
		Help:    "Open client connections at a time; more are refused. In the last eighth a client gets no more than its share.",
		Touches: PartLimits,
		field:   number(func(s *Settings) *int { return &s.MaxConnections }),
	},
	{
		Key: "MaxRequestHeads", Type: Number, Default: "2048", Min: 1, Max: 100_000, Unit: "connections",
		Help: "Client connections at a time that have not sent their whole request yet. In the last eighth a client gets no more than " +
			"its share.",
		Touches: PartLimits,
		field:   number(func(s *Settings) *int { return &s.MaxRequestHeads }),
	},
	{
		Key: "MaxConnectionsPerClient", Type: Number, Default: "0", Max: 1_000_000, Unit: "connections",
		Help:    "Open connections of one client address at a time; 0 sets no limit.",
		Touches: PartLimits,
		field:   number(func(s *Settings) *int { return &s.MaxConnectionsPerClient }),
	},
	{
		Key: "MinimumTlsVersion", Type: Choice, Default: "1.0", Choices: tlsVersions,
		Help:    "Oldest version of TLS that passes through.",
		Touches: PartTLS,
		field:   tlsVersion(func(s *Settings) *uint16 { return &s.MinimumTLSVersion }),
	},
	{
		Key: "MaximumTlsVersion", Type: Choice, Default: "1.3", Choices: tlsVersions,
		Help:    "Newest version of TLS that passes through. TLS 1.3 hides client certificates.",
		Touches: PartTLS,
		field:   tlsVersion(func(s *Settings) *uint16 { return &s.MaximumTLSVersion }),
	},
	{
		Key: "RequireServerName", Type: Choice, Default: Off, Choices: []string{On, Off},
		Help:    "Whether a client that names no server in its TLS hello is refused.",
		Touches: PartTLS,
		field:   onOff(func(s *Settings) *bool { return &s.RequireServerName }),
	},
	{
		Key: "ClientCertificatePolicy", Type: Choice, Default: Automatic,
		Choices: []string{Automatic, AutomaticWithLearned, Off, IfShown, Required},
		Help: "What is asked of a client's certificate. IfShown refuses one that can be seen and is not allowed; Required refuses " +
			"sessions in which none can be seen, too. Automatic is IfShown once there are allowed client certificates, else Off; " +
			"AutomaticWithLearned counts those of the monitoring agents on this computer, too.",
		Touches: PartCertificates,
		field: choice(func(s *Settings) *CertificatePolicy { return &s.ClientCertificatePolicy },
			Automatic, AutomaticWithLearned, Off, IfShown, Required),
	},
	{
		Key: "RelayProxyBypass", Type: Hosts,
		Help: "Hosts, and *.domain for every name below a domain, to which the gateway connects directly although a relay proxy is " +
			"set; with commas between them, and without ports.",
		since:   2,
		Touches: PartRelay,
		field:   hosts(func(s *Settings) *[]hostname.Pattern { return &s.RelayProxyBypass }),
	},
	{
		Key: "RelayProxyResolveLocally", Type: Choice, Default: Off, Choices: []string{On, Off},
		Help: "Whether the gateway, too, resolves the names that it hands to the relay proxy, and refuses those that lead to an " +
			"address of its own computer or network segment. Off leaves names to the relay proxy alone.",
		since:   2,
		Touches: PartAddresses,
		field:   onOff(func(s *Settings) *bool { return &s.RelayProxyResolveLocally }),
	},
	{
		Key: "LearnHosts", Type: Choice, Default: On, Choices: []string{On, Off},
		Help:  "Whether hosts are allowed that the monitoring agents on this computer are configured to reach.",
		since: 2,
		field: onOff(func(s *Settings) *bool { return &s.LearnHosts }),
	},
})

// completed fills in the role of rows that say none, and the place of each.
func completed(rows []Setting) []Setting {
	for i := range rows {
		rows[i].Role = max(rows[i].Role, caller.Change)
		rows[i].place = i
	}
	return rows
}

// bit is that of the row in Settings.set.
func (row Setting) bit() uint64 { return 1 << row.place }

func (row Setting) isSet(s *Settings) bool {
	return s.set&row.bit() != 0 || row.field.get(row, s) != row.Default
}

// tlsVersions are the spellings of the versions from 1.0 on, whose numbers follow each other.
var tlsVersions = []string{"1.0", "1.1", "1.2", "1.3"}

// Lookup finds a setting; key ignores case. The error is SETTING_UNKNOWN.
func Lookup(key string) (Setting, error) {
	key = strings.TrimSpace(key)
	for _, row := range table {
		if strings.EqualFold(row.Key, key) {
			return row, nil
		}
	}
	meant := ""
	if like := similarKey(key); like != "" {
		meant = " (did you mean " + like + "?)"
	}
	return Setting{}, reason.New(reason.SettingUnknown, "key", shown(key), "meant", meant)
}

// DefaultSettings are the settings of a gateway on which none was set.
func DefaultSettings() Settings {
	var s Settings
	for _, row := range table {
		if err := row.field.set(row, &s, row.Default); err != nil {
			panic(err) // the table contradicts itself
		}
	}
	return s
}

// Get is the value of a setting as it is written, "" for a key that Lookup does not find.
func (s Settings) Get(key string) string {
	row, err := Lookup(key)
	if err != nil {
		return ""
	}
	return row.field.get(row, &s)
}

// IsSet reports whether a setting was set: it has another value than its default, or was set to that. It is false for a key that Lookup
// does not find.
func (s Settings) IsSet(key string) bool {
	row, err := Lookup(key)
	return err == nil && row.isSet(&s)
}

// Values are the values alone, without which were set to their default.
func (s Settings) Values() Settings {
	s.set = 0
	return s
}

// Equal reports whether s and t have the same values, and the same settings were set.
func (s Settings) Equal(t Settings) bool {
	for _, row := range table {
		if row.field.get(row, &s) != row.field.get(row, &t) || row.isSet(&s) != row.isSet(&t) {
			return false
		}
	}
	return true
}

// Set gives a setting a value; key and the choices ignore case, white space around is dropped, and an empty value is as Clear. The
// errors are SETTING_UNKNOWN and, with s as it was, SETTING_NOT_A_NUMBER, SETTING_OUT_OF_RANGE, SETTING_NOT_A_CHOICE,
// SETTING_NOT_AN_ADDRESS and SETTING_NOT_HOSTS.
func (s *Settings) Set(key, value string) error {
	if value = strings.TrimSpace(value); value == "" {
		return s.Clear(key)
	}
	return s.put(key, value)
}

// Clear gives a setting its default, as one that was not set. The error is SETTING_UNKNOWN.
func (s *Settings) Clear(key string) error {
	row, err := Lookup(key)
	if err != nil {
		return err
	}
	if err := row.field.set(row, s, row.Default); err != nil {
		return err
	}
	s.set &^= row.bit()
	return nil
}

// SetAs gives a setting the value that it has in t, as one that was set if it was in t. The error is SETTING_UNKNOWN.
func (s *Settings) SetAs(t Settings, key string) error {
	if !t.IsSet(key) {
		return s.Clear(key)
	}
	return s.put(key, t.Get(key))
}

// put is Set, but an empty value is one like any other.
func (s *Settings) put(key, value string) error {
	row, err := Lookup(key)
	if err != nil {
		return err
	}
	if err := row.field.set(row, s, value); err != nil {
		return err
	}
	s.set |= row.bit()
	return nil
}

// Conflict is SETTING_CONFLICT if two settings have values that do not go together.
func (s Settings) Conflict() error {
	if s.MinimumTLSVersion > s.MaximumTLSVersion {
		return reason.New(reason.SettingConflict, "minimum", s.Get("MinimumTlsVersion"), "maximum", s.Get("MaximumTlsVersion"))
	}
	return nil
}

// validate finds values that Set would not have stored.
func (s Settings) validate() error {
	for _, row := range table {
		written := row.field.get(row, &s)
		again := s
		if err := row.field.set(row, &again, written); err != nil {
			return err
		}
		if canonical := row.field.get(row, &again); canonical != written {
			return fmt.Errorf("checking setting %s: %q is written %q", row.Key, written, canonical)
		}
	}
	return s.Conflict()
}

// shown is what somebody typed, cut and cleaned for an error.
func shown(s string) string { return printable.Typed(s, 80) }

// similarKey is the key of a setting that was probably meant, or "".
func similarKey(key string) string {
	const most = 3
	best, nearest := most+1, ""
	for _, row := range table {
		if abs := len(row.Key) - len(key); abs > most || abs < -most {
			continue
		}
		if d := distance(strings.ToLower(row.Key), strings.ToLower(key)); d < best {
			best, nearest = d, row.Key
		}
	}
	return nearest
}

// distance is how many bytes must be inserted, removed or replaced to make a of b (Levenshtein).
func distance(a, b string) int {
	costs := make([]int, len(b)+1)
	for j := range costs {
		costs[j] = j
	}
	for i := range len(a) {
		diagonal := costs[0]
		costs[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = costs[j+1]
			costs[j+1] = min(replace, costs[j]+1, diagonal+1)
		}
	}
	return costs[len(b)]
}

package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// Settings are the values of all settings; Table tells what each means.
type Settings struct {
	ListenPort              int
	ListenAddress           string // canonical IP address, or empty for all
	LogLevel                string
	DrainSeconds            int
	IdleTimeoutSeconds      int
	AllowLoopbackTargets    bool
	MaxConnections          int
	MaxRequestHeads         int
	MaxConnectionsPerClient int
	MinimumTLSVersion       string // "1.0" to "1.3", as MaximumTLSVersion
	MaximumTLSVersion       string
	RequireServerName       bool
	ClientCertificatePolicy string // Automatic or one of the policies of an allowed host

	RelayProxyBypass         string // as hostname.FormatHosts has it
	RelayProxyResolveLocally bool
	LearnHosts               bool
}

// Setting is a row of the table that the API, the commands, the cmdlets and the documentation are made from.
type Setting struct {
	Key      string
	Type     Type
	Default  string
	Min, Max int64    // of a Number
	Unit     string   // of a Number, in the plural; empty if it has none
	Choices  []string // of a Choice; read only
	Help     string   // one sentence or more, each with its full stop

	since int                 // version of the files that can have it; 0 for all
	field func(*Settings) any // *int for a Number, *string or (On and Off) *bool for a Choice, *string for the others
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
	Automatic = "Automatic" // of the setting: IfShown once there are allowed client certificates, else Off
	IfShown   = "IfShown"
	Required  = "Required"
)

// Table lists all settings in the order in which they are shown.
func Table() []Setting { return slices.Clone(table) }

var table = []Setting{
	{
		Key: "ListenPort", Type: Number, Default: "8080", Min: 1, Max: 65535,
		Help:  "TCP port on which clients connect. Open tunnels stay when it changes.",
		field: func(s *Settings) any { return &s.ListenPort },
	},
	{
		Key: "ListenAddress", Type: Address,
		Help:  "IP address of this computer on which clients connect; empty for all of its addresses.",
		field: func(s *Settings) any { return &s.ListenAddress },
	},
	{
		Key: "LogLevel", Type: Choice, Default: "Info", Choices: []string{"Error", "Warning", "Info", "Debug"},
		Help:  "Least important events that are logged. Debug logs several events for each tunnel.",
		field: func(s *Settings) any { return &s.LogLevel },
	},
	{
		Key: "DrainSeconds", Type: Number, Default: "5", Max: 3600, Unit: "seconds",
		Help:  "How long busy tunnels may go on when the gateway stops.",
		field: func(s *Settings) any { return &s.DrainSeconds },
	},
	{
		Key: "IdleTimeoutSeconds", Type: Number, Default: "1800", Min: 10, Max: 86400, Unit: "seconds",
		Help:  "After how long a tunnel is closed in which nothing moves in either direction.",
		field: func(s *Settings) any { return &s.IdleTimeoutSeconds },
	},
	{
		Key: "AllowLoopbackTargets", Type: Choice, Default: Off, Choices: []string{On, Off},
		Help: "Whether an allowed host name may lead to this computer's loopback addresses. It is meant for tests: clients then " +
			"reach services that listen for this computer alone.",
		field: func(s *Settings) any { return &s.AllowLoopbackTargets },
	},
	{
		Key: "MaxConnections", Type: Number, Default: "20000", Min: 1, Max: 1_000_000, Unit: "connections",
		Help:  "Open client connections at a time; more are refused.",
		field: func(s *Settings) any { return &s.MaxConnections },
	},
	{
		Key: "MaxRequestHeads", Type: Number, Default: "2048", Min: 1, Max: 100_000, Unit: "connections",
		Help:  "Client connections at a time that have not sent their whole request yet. One client may have a quarter of them.",
		field: func(s *Settings) any { return &s.MaxRequestHeads },
	},
	{
		Key: "MaxConnectionsPerClient", Type: Number, Default: "0", Max: 1_000_000, Unit: "connections",
		Help:  "Open connections of one client address at a time; 0 sets no limit.",
		field: func(s *Settings) any { return &s.MaxConnectionsPerClient },
	},
	{
		Key: "MinimumTlsVersion", Type: Choice, Default: "1.0", Choices: tlsVersions,
		Help:  "Oldest version of TLS that passes through.",
		field: func(s *Settings) any { return &s.MinimumTLSVersion },
	},
	{
		Key: "MaximumTlsVersion", Type: Choice, Default: "1.3", Choices: tlsVersions,
		Help:  "Newest version of TLS that passes through. TLS 1.3 hides client certificates.",
		field: func(s *Settings) any { return &s.MaximumTLSVersion },
	},
	{
		Key: "RequireServerName", Type: Choice, Default: Off, Choices: []string{On, Off},
		Help:  "Whether a client that names no server in its TLS hello is refused.",
		field: func(s *Settings) any { return &s.RequireServerName },
	},
	{
		Key: "ClientCertificatePolicy", Type: Choice, Default: Automatic, Choices: []string{Automatic, Off, IfShown, Required},
		Help: "What is asked of a client's certificate. IfShown refuses one that can be seen and is not allowed; Required refuses " +
			"sessions in which none can be seen, too. Automatic is IfShown once there are allowed client certificates, else Off.",
		field: func(s *Settings) any { return &s.ClientCertificatePolicy },
	},
	{
		Key: "RelayProxyBypass", Type: Hosts,
		Help: "Hosts, and *.domain for every name below a domain, to which the gateway connects directly although a relay proxy is " +
			"set; with commas between them, and without ports.",
		since: 2,
		field: func(s *Settings) any { return &s.RelayProxyBypass },
	},
	{
		Key: "RelayProxyResolveLocally", Type: Choice, Default: Off, Choices: []string{On, Off},
		Help: "Whether the gateway, too, resolves the names that it hands to the relay proxy, and refuses those that lead to an " +
			"address of its own computer or network segment. Off leaves names to the relay proxy alone.",
		since: 2,
		field: func(s *Settings) any { return &s.RelayProxyResolveLocally },
	},
	{
		Key: "LearnHosts", Type: Choice, Default: On, Choices: []string{On, Off},
		Help:  "Whether hosts are allowed that the monitoring agents on this computer are configured to reach.",
		since: 2,
		field: func(s *Settings) any { return &s.LearnHosts },
	},
}

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
		if err := row.set(&s, row.Default); err != nil {
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
	return row.get(&s)
}

// Set gives a setting a value; key and the choices ignore case, white space around is dropped, and an empty value stands for
// the default. The errors are SETTING_UNKNOWN and, with s as it was, SETTING_NOT_A_NUMBER, SETTING_OUT_OF_RANGE,
// SETTING_NOT_A_CHOICE, SETTING_NOT_AN_ADDRESS and SETTING_NOT_HOSTS.
func (s *Settings) Set(key, value string) error {
	row, err := Lookup(key)
	if err != nil {
		return err
	}
	if value = strings.TrimSpace(value); value == "" {
		value = row.Default
	}
	return row.set(s, value)
}

// Conflict is SETTING_CONFLICT if two settings have values that do not go together.
func (s Settings) Conflict() error {
	if s.MinimumTLSVersion > s.MaximumTLSVersion {
		return reason.New(reason.SettingConflict, "minimum", s.MinimumTLSVersion, "maximum", s.MaximumTLSVersion)
	}
	return nil
}

// validate finds values that Set would not have stored.
func (s Settings) validate() error {
	for _, row := range table {
		again := s
		if err := row.set(&again, row.get(&s)); err != nil {
			return err
		}
		if again != s {
			return fmt.Errorf("checking setting %s: %q is written %q", row.Key, row.get(&s), row.get(&again))
		}
	}
	return s.Conflict()
}

func (row Setting) get(s *Settings) string {
	switch field := row.field(s).(type) {
	case *int:
		return strconv.Itoa(*field)
	case *bool:
		if *field {
			return On
		}
		return Off
	default:
		return *field.(*string)
	}
}

func (row Setting) set(s *Settings, value string) error {
	switch field := row.field(s).(type) {
	case *int:
		n, err := row.number(value)
		if err != nil {
			return err
		}
		*field = n
	case *bool:
		choice, err := row.choice(value)
		if err != nil {
			return err
		}
		*field = choice == On
	case *string:
		parse := row.choice
		switch row.Type {
		case Address:
			parse = row.address
		case Hosts:
			parse = row.hosts
		case Number, Choice:
		}
		text, err := parse(value)
		if err != nil {
			return err
		}
		*field = text
	}
	return nil
}

func (row Setting) number(value string) (int, error) {
	digits := strings.TrimPrefix(value, "-")
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, row.refuse(reason.SettingNotANumber, value)
	}
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil || n < row.Min || n > row.Max {
		return 0, row.refuse(reason.SettingOutOfRange, value)
	}
	return int(n), nil
}

func (row Setting) choice(value string) (string, error) {
	for _, choice := range row.Choices {
		if strings.EqualFold(choice, value) {
			return choice, nil
		}
	}
	return "", row.refuse(reason.SettingNotAChoice, value)
}

func (row Setting) address(value string) (string, error) {
	if value == "" {
		return "", nil
	}
	addr, err := netip.ParseAddr(value)
	if err != nil || addr.Zone() != "" || addr.IsMulticast() {
		return "", row.refuse(reason.SettingNotAnAddr, value)
	}
	return addr.Unmap().String(), nil
}

func (row Setting) hosts(value string) (string, error) {
	patterns, err := hostname.ParseHosts(value)
	if err != nil {
		return "", reason.Wrap(err, reason.SettingNotHosts, "key", row.Key)
	}
	return hostname.FormatHosts(patterns), nil
}

func (row Setting) refuse(why reason.Reason, value string) error {
	parts := []string{"key", row.Key, "value", shown(value)}
	switch row.Type {
	case Number:
		parts = append(parts, "minimum", strconv.FormatInt(row.Min, 10), "maximum", strconv.FormatInt(row.Max, 10))
	case Choice:
		parts = append(parts, "choices", strings.Join(row.Choices, ", "))
	}
	return reason.New(why, parts...)
}

// shown is what somebody typed, cut and cleaned for an error.
func shown(s string) string { return reason.Shown(s, 80) }

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

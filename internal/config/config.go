// Package config is the gateway's configuration as a value, and the file it is kept in: types, the table of settings, strict
// decoding by version, validation and encoding.
package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/omsgateway/omsgateway/internal/clientcert"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// Version is that of the files which Encode makes. Every new field raises it.
const Version = 4

// Limits of a configuration.
const (
	MaxFileSize           = 16 << 20 // bytes
	MaxHosts              = 100_000
	MaxClientCertificates = 10_000
	maxAddedBy            = 256 // bytes
)

// Config is a whole configuration.
type Config struct {
	Settings                  Settings
	RelayProxy                RelayProxy
	AllowedHosts              []AllowedHost              // sorted by pattern, none twice
	AllowedClientCertificates []AllowedClientCertificate // sorted by the text of the entry, no two with the same key
}

// AllowedHost is an entry of the list of allowed hosts.
type AllowedHost struct {
	Pattern                 hostname.Pattern
	ClientCertificatePolicy CertificatePolicy // not Automatic
	Account                 Account
	AddedAt                 time.Time // in UTC and whole seconds; zero if unknown
	AddedBy                 string    // at most 256 bytes, all printable; empty if unknown
}

// AllowedClientCertificate is an entry of the list that client certificates are judged by.
type AllowedClientCertificate struct {
	Entry   clientcert.Entry
	AddedAt time.Time // as of an AllowedHost
	AddedBy string
}

// Default is the configuration of a gateway without a file.
func Default() Config { return Config{Settings: DefaultSettings()} }

// Clone is a copy that shares nothing with c.
func (c Config) Clone() Config {
	c.AllowedHosts = slices.Clone(c.AllowedHosts)
	c.AllowedClientCertificates = slices.Clone(c.AllowedClientCertificates)
	return c
}

// Equal reports whether c and d are the same in all their parts.
func (c Config) Equal(d Config) bool {
	return c.Settings.Equal(d.Settings) && c.RelayProxy == d.RelayProxy && slices.Equal(c.AllowedHosts, d.AllowedHosts) &&
		slices.EqualFunc(c.AllowedClientCertificates, d.AllowedClientCertificates, AllowedClientCertificate.equal)
}

// AddHosts adds those of hosts whose pattern is not there yet, and reports for each whether it was added. AddedAt and the time at
// which one expires become UTC in whole seconds.
func (c *Config) AddHosts(hosts ...AllowedHost) (added []bool) {
	hosts = slices.Clone(hosts)
	for i := range hosts {
		hosts[i].AddedAt = wholeSeconds(hosts[i].AddedAt)
		hosts[i].Account.Expires = wholeSeconds(hosts[i].Account.Expires)
	}
	c.AllowedHosts, added = add(c.AllowedHosts, hosts, patternOf)
	slices.SortFunc(c.AllowedHosts, compareHosts)
	return added
}

// RemoveHosts removes the hosts with these patterns, and reports for each whether it was there.
func (c *Config) RemoveHosts(patterns ...hostname.Pattern) (removed []bool) {
	c.AllowedHosts, removed = remove(c.AllowedHosts, patterns, patternOf)
	return removed
}

// SetHost lets set change the host with this pattern, but for the pattern, and returns the host as it was; present is false if there is
// none. The time at which it expires becomes UTC in whole seconds.
func (c *Config) SetHost(pattern hostname.Pattern, set func(*AllowedHost)) (before AllowedHost, present bool) {
	i, found := slices.BinarySearchFunc(c.AllowedHosts, AllowedHost{Pattern: pattern}, compareHosts)
	if !found {
		return AllowedHost{}, false
	}
	before = c.AllowedHosts[i]
	set(&c.AllowedHosts[i])
	c.AllowedHosts[i].Account.Expires = wholeSeconds(c.AllowedHosts[i].Account.Expires)
	return before, true
}

// AddClientCertificates adds those of certificates of whose entry there is no spelling yet, and reports for each whether it was
// added. AddedAt becomes UTC in whole seconds.
func (c *Config) AddClientCertificates(certificates ...AllowedClientCertificate) (added []bool) {
	certificates = slices.Clone(certificates)
	for i := range certificates {
		certificates[i].AddedAt = wholeSeconds(certificates[i].AddedAt)
	}
	c.AllowedClientCertificates, added = add(c.AllowedClientCertificates, certificates, keyOf)
	slices.SortFunc(c.AllowedClientCertificates, compareCertificates)
	return added
}

// RemoveClientCertificates removes the certificates with these entries in any spelling, and reports for each whether it was there.
func (c *Config) RemoveClientCertificates(entries ...clientcert.Entry) (removed []bool) {
	keys := make([]string, len(entries))
	for i, e := range entries {
		keys[i] = e.Key()
	}
	c.AllowedClientCertificates, removed = remove(c.AllowedClientCertificates, keys, keyOf)
	return removed
}

// Validate checks all that Decode would check. A valid configuration whose Encode has at most MaxFileSize bytes is read back
// by Decode as it is.
func (c Config) Validate() error {
	if err := c.Settings.validate(); err != nil {
		return err
	}
	if err := c.RelayProxy.validate(); err != nil {
		return err
	}
	if err := c.validateHosts(); err != nil {
		return err
	}
	return c.validateCertificates()
}

// Etag is a hash of a configuration, 16 hexadecimal digits; file is what Encode made of it.
func Etag(file []byte) string {
	sum := sha256.Sum256(file)
	return hex.EncodeToString(sum[:8])
}

// add appends those of items to list whose key is not in it, and reports for each whether it was appended.
func add[T any, K comparable](list, items []T, key func(T) K) (longer []T, added []bool) {
	present := keys(list, key)
	added = make([]bool, len(items))
	for i, item := range items {
		if k := key(item); !present[k] {
			present[k], added[i] = true, true
			list = append(list, item)
		}
	}
	return list, added
}

// remove removes the items with the keys gone from list, and reports for each key whether it was there.
func remove[T any, K comparable](list []T, gone []K, key func(T) K) (shorter []T, removed []bool) {
	present := keys(list, key)
	removed = make([]bool, len(gone))
	for i, k := range gone {
		removed[i] = present[k]
		delete(present, k)
	}
	return slices.DeleteFunc(list, func(item T) bool { return !present[key(item)] }), removed
}

func keys[T any, K comparable](list []T, key func(T) K) map[K]bool {
	set := make(map[K]bool, len(list))
	for _, item := range list {
		set[key(item)] = true
	}
	return set
}

func (c Config) validateHosts() error {
	if n := len(c.AllowedHosts); n > MaxHosts {
		return reason.New(reason.TooManyHosts, "count", strconv.Itoa(n), "limit", strconv.Itoa(MaxHosts))
	}
	for i, h := range c.AllowedHosts {
		if err := h.validate(); err != nil {
			return fmt.Errorf("checking allowed host %q: %w", h.Pattern, err)
		}
		if i > 0 && compareHosts(c.AllowedHosts[i-1], h) >= 0 {
			return fmt.Errorf("checking allowed host %q: it is there twice or not in its place", h.Pattern)
		}
	}
	return nil
}

func (c Config) validateCertificates() error {
	list := c.AllowedClientCertificates
	if n := len(list); n > MaxClientCertificates {
		return reason.New(reason.TooManyCertificates, "count", strconv.Itoa(n), "limit", strconv.Itoa(MaxClientCertificates))
	}
	for i, a := range list {
		if err := a.validate(); err != nil {
			return fmt.Errorf("checking allowed client certificate %q: %w", a.Entry, err)
		}
		if i > 0 && compareCertificates(list[i-1], a) >= 0 {
			return fmt.Errorf("checking allowed client certificate %q: it is there twice or not in its place", a.Entry)
		}
	}
	if len(keys(list, keyOf)) < len(list) {
		return fmt.Errorf("checking the allowed client certificates: one is there in two spellings")
	}
	return nil
}

func (h AllowedHost) validate() error {
	p, err := hostname.ParsePattern(h.Pattern.String())
	if err != nil {
		return err
	}
	if p != h.Pattern {
		return fmt.Errorf("it is not spelled %q", p)
	}
	if err := checkHostPolicy(h.ClientCertificatePolicy); err != nil {
		return err
	}
	if err := h.Account.validate(); err != nil {
		return err
	}
	return checkAdded(h.AddedAt, h.AddedBy)
}

func (a AllowedClientCertificate) validate() error {
	if _, err := clientcert.ParseEntry(a.Entry.String()); err != nil {
		return err
	}
	return checkAdded(a.AddedAt, a.AddedBy)
}

func (a AllowedClientCertificate) equal(b AllowedClientCertificate) bool {
	return a.Entry.String() == b.Entry.String() && a.AddedAt.Equal(b.AddedAt) && a.AddedBy == b.AddedBy
}

// hostPolicies are those that a host can have of its own.
var hostPolicies = []string{Off, IfShown, Required}

// checkHostPolicy refuses what is neither a policy nor empty.
func checkHostPolicy(policy CertificatePolicy) error {
	if policy == "" || slices.Contains(hostPolicies, string(policy)) {
		return nil
	}
	return HostPolicyUnknown(string(policy))
}

// HostPolicyUnknown is the error CERTIFICATE_POLICY_UNKNOWN for a value that is no policy of an allowed host.
func HostPolicyUnknown(value string) error {
	return reason.New(reason.CertificatePolicyUnknown, "value", shown(value), "choices", strings.Join(hostPolicies, ", "))
}

func checkAdded(at time.Time, by string) error {
	if at != wholeSeconds(at) || checkTime(at) != nil {
		return fmt.Errorf("the time it was added is %v", at)
	}
	return checkAddedBy(by)
}

func wholeSeconds(at time.Time) time.Time { return at.UTC().Truncate(time.Second) }

// checkTime refuses what RFC 3339 cannot express.
func checkTime(utc time.Time) error {
	if year := utc.Year(); year < 1 || year > 9999 {
		return fmt.Errorf("the year is not between 1 and 9999")
	}
	return nil
}

func checkAddedBy(name string) error {
	if len(name) > maxAddedBy {
		return fmt.Errorf("the name of who added it has more than %d bytes", maxAddedBy)
	}
	if !isPrintable(name) {
		return fmt.Errorf("the name of who added it has characters that cannot be printed")
	}
	return nil
}

func patternOf(h AllowedHost) hostname.Pattern { return h.Pattern }

func keyOf(a AllowedClientCertificate) string { return a.Entry.Key() }

func compareHosts(a, b AllowedHost) int { return a.Pattern.Compare(b.Pattern) }

func compareCertificates(a, b AllowedClientCertificate) int {
	return strings.Compare(a.Entry.String(), b.Entry.String())
}

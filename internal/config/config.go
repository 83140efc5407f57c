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
	"unicode"
	"unicode/utf8"

	"omsgateway/internal/hostname"
	"omsgateway/internal/reason"
)

// Version is that of the files which Encode makes. Every new field raises it.
const Version = 1

// Limits of a configuration.
const (
	MaxFileSize = 16 << 20 // bytes
	MaxHosts    = 100_000
	maxAddedBy  = 256 // bytes
)

// Config is a whole configuration.
type Config struct {
	Settings     Settings
	AllowedHosts []AllowedHost // sorted by pattern, none twice
}

// AllowedHost is an entry of the allow-list.
type AllowedHost struct {
	Pattern hostname.Pattern
	AddedAt time.Time // in UTC and whole seconds; zero if unknown
	AddedBy string    // at most 256 bytes, all printable; empty if unknown
}

// Default is the configuration of a gateway without a file.
func Default() Config { return Config{Settings: DefaultSettings()} }

// Clone is a copy that shares nothing with c.
func (c Config) Clone() Config {
	c.AllowedHosts = slices.Clone(c.AllowedHosts)
	return c
}

// Equal says whether c and d are the same in all their parts.
func (c Config) Equal(d Config) bool {
	return c.Settings == d.Settings && slices.Equal(c.AllowedHosts, d.AllowedHosts)
}

// AddHosts adds those of hosts whose pattern is not there yet, and tells for each whether it was added. AddedAt becomes UTC
// in whole seconds.
func (c *Config) AddHosts(hosts ...AllowedHost) (added []bool) {
	present := c.patterns()
	added = make([]bool, len(hosts))
	for i, h := range hosts {
		if present[h.Pattern] {
			continue
		}
		present[h.Pattern], added[i] = true, true
		h.AddedAt = h.AddedAt.UTC().Truncate(time.Second)
		c.AllowedHosts = append(c.AllowedHosts, h)
	}
	slices.SortFunc(c.AllowedHosts, compareHosts)
	return added
}

// RemoveHosts removes the hosts with these patterns, and tells for each whether it was there.
func (c *Config) RemoveHosts(patterns ...hostname.Pattern) (removed []bool) {
	present := c.patterns()
	removed = make([]bool, len(patterns))
	for i, p := range patterns {
		removed[i] = present[p]
		delete(present, p)
	}
	c.AllowedHosts = slices.DeleteFunc(c.AllowedHosts, func(h AllowedHost) bool { return !present[h.Pattern] })
	return removed
}

// Validate checks all that Decode would check. A valid configuration whose Encode has at most MaxFileSize bytes is read back
// by Decode as it is.
func (c Config) Validate() error {
	if err := c.Settings.validate(); err != nil {
		return err
	}
	if n := len(c.AllowedHosts); n > MaxHosts {
		return tooManyHosts(n)
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

// Etag is a hash of a configuration, 16 hexadecimal digits; file is what Encode made of it.
func Etag(file []byte) string {
	sum := sha256.Sum256(file)
	return hex.EncodeToString(sum[:8])
}

func (c Config) patterns() map[hostname.Pattern]bool {
	set := make(map[hostname.Pattern]bool, len(c.AllowedHosts))
	for _, h := range c.AllowedHosts {
		set[h.Pattern] = true
	}
	return set
}

func (h AllowedHost) validate() error {
	p, err := hostname.ParsePattern(h.Pattern.String())
	if err != nil {
		return err
	}
	if p != h.Pattern {
		return fmt.Errorf("it is not spelled %q", p)
	}
	if at := h.AddedAt; at != at.UTC().Truncate(time.Second) || checkTime(at) != nil {
		return fmt.Errorf("the time it was added is %v", at)
	}
	return checkAddedBy(h.AddedBy)
}

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
	if !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Errorf("the name of who added it has characters that cannot be printed")
	}
	return nil
}

func tooManyHosts(count int) error {
	return reason.New(reason.TooManyHosts, "count", strconv.Itoa(count), "limit", strconv.Itoa(MaxHosts))
}

func compareHosts(a, b AllowedHost) int { return a.Pattern.Compare(b.Pattern) }

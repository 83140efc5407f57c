package config

import (
	"crypto/tls"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// field is the place of a row's value in Settings, with its spelling. get returns the canonical spelling; a value that set would not
// have stored may have any. set stores value, or leaves s as it is and returns why row does not accept it.
type field struct {
	get func(row Setting, s *Settings) string
	set func(row Setting, s *Settings, value string) error
}

// fieldAt is the field at a place, with how its values are written and read.
func fieldAt[T any](at func(*Settings) *T, format func(Setting, T) string, parse func(Setting, string) (T, error)) field {
	return field{
		get: func(row Setting, s *Settings) string { return format(row, *at(s)) },
		set: func(row Setting, s *Settings, value string) error {
			parsed, err := parse(row, value)
			if err == nil {
				*at(s) = parsed
			}
			return err
		},
	}
}

func number[T int | uint16](at func(*Settings) *T) field {
	return fieldAt(at,
		func(_ Setting, n T) string { return strconv.Itoa(int(n)) },
		func(row Setting, value string) (T, error) {
			n, err := row.number(value)
			return T(n), err
		})
}

// seconds is a Number of whole seconds.
func seconds(at func(*Settings) *time.Duration) field {
	return fieldAt(at,
		func(_ Setting, d time.Duration) string {
			if d%time.Second != 0 {
				return d.String() // which nobody can store
			}
			return strconv.Itoa(int(d / time.Second))
		},
		func(row Setting, value string) (time.Duration, error) {
			n, err := row.number(value)
			return time.Duration(n) * time.Second, err
		})
}

// choice stands for the row's Choices by values, in the same order.
func choice[T comparable](at func(*Settings) *T, values ...T) field {
	return fieldAt(at,
		func(row Setting, value T) string {
			if i := slices.Index(values, value); i >= 0 {
				return row.Choices[i]
			}
			return ""
		},
		func(row Setting, value string) (T, error) {
			i := slices.IndexFunc(row.Choices, func(choice string) bool { return strings.EqualFold(choice, value) })
			if i < 0 {
				var none T
				return none, row.refuse(reason.SettingNotAChoice, value)
			}
			return values[i], nil
		})
}

func onOff(at func(*Settings) *bool) field { return choice(at, true, false) }

func tlsVersion(at func(*Settings) *uint16) field {
	return choice(at, tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12, tls.VersionTLS13)
}

func address(at func(*Settings) *netip.Addr) field {
	return fieldAt(at,
		func(_ Setting, addr netip.Addr) string {
			if !addr.IsValid() {
				return ""
			}
			return addr.String()
		},
		func(row Setting, value string) (netip.Addr, error) {
			if value == "" {
				return netip.Addr{}, nil
			}
			addr, err := netip.ParseAddr(value)
			if err != nil || addr.Zone() != "" || addr.IsMulticast() {
				return netip.Addr{}, row.refuse(reason.SettingNotAnAddr, value)
			}
			return addr.Unmap(), nil
		})
}

func hosts(at func(*Settings) *[]hostname.Pattern) field {
	return fieldAt(at,
		func(_ Setting, patterns []hostname.Pattern) string { return hostname.FormatHosts(patterns) },
		func(row Setting, value string) ([]hostname.Pattern, error) {
			patterns, err := hostname.ParseHosts(value)
			if err != nil {
				return nil, reason.Wrap(err, reason.SettingNotHosts, "key", row.Key)
			}
			return patterns, nil
		})
}

func (row Setting) number(value string) (int64, error) {
	digits := strings.TrimPrefix(value, "-")
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, row.refuse(reason.SettingNotANumber, value)
	}
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil || n < row.Min || n > row.Max {
		return 0, row.refuse(reason.SettingOutOfRange, value)
	}
	return n, nil
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

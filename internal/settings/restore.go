package settings

import (
	"strconv"
	"strings"

	"github.com/omsgateway/omsgateway/internal/clientcert"
	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/history"
	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// Password is one that somebody gives with a change, for a relay proxy whose password the gateway does not have; nil is none.
type Password = *string

// Restored returns the change that makes the configuration of a revision the one in force. A relay proxy keeps its password if its address
// and its user are those of now; else password is needed: the change fails with RELAY_PASSWORD_MISSING. Errors are those of Revision.
func (s *Store) Restored(revision uint64, password Password) (change func(*config.Config) error, err error) {
	wanted, err := s.Revision(revision)
	if err != nil {
		return nil, err
	}
	return func(c *config.Config) error {
		relay, err := withPassword(c.RelayProxy, wanted.RelayProxy, password)
		if err != nil {
			return err
		}
		*c = wanted.Clone()
		c.RelayProxy = relay
		return nil
	}, nil
}

// Applied returns the change that puts what a document has into the configuration; with prune, what the document leaves out goes, the
// relay proxy, too. New entries were added by who. A relay proxy gets its password as that of Restored.
func (s *Store) Applied(document config.Config, prune bool, who string, password Password) (change func(*config.Config) error) {
	return func(c *config.Config) error {
		relay := c.RelayProxy
		if prune || document.RelayProxy.IsSet() {
			var err error
			if relay, err = withPassword(c.RelayProxy, document.RelayProxy, password); err != nil {
				return err
			}
		}
		c.Apply(document, prune, s.clock.Now(), who)
		c.RelayProxy = relay
		return nil
	}
}

// Reverted returns the change that undoes what one revision changed, as far as it is still so. What has another value since stands in the
// way: the change fails with REVISION_CHANGED_AGAIN, or as that of Restored. Errors are those of Revision.
func (s *Store) Reverted(revision uint64, password Password) (change func(*config.Config) error, err error) {
	then, err := s.Revision(revision)
	if err != nil {
		return nil, err
	}
	former, err := s.before(revision)
	if err != nil {
		return nil, err
	}
	return func(c *config.Config) error { return revert(c, former, then, revision, password) }, nil
}

// Revision returns the configuration that a revision led to, which has no password. Errors are those of history.History.Configuration, and
// REVISION_DAMAGED and REVISION_NEWER for one that cannot be decoded.
func (s *Store) Revision(revision uint64) (config.Config, error) {
	file, err := s.history.Configuration(revision)
	if err != nil {
		return config.Config{}, err
	}
	c, err := config.Decode("revision "+strconv.FormatUint(revision, 10), file)
	if err != nil {
		why := reason.RevisionDamaged
		if reason.Of(err) == reason.ConfigTooNew {
			why = reason.RevisionNewer
		}
		return config.Config{}, reason.Wrap(err, why, "revision", strconv.FormatUint(revision, 10), "problem", err.Error())
	}
	return c, nil
}

// Difference is what is different between two configurations, at most history.MaxChanges of it, and how much that is in all.
func Difference(before, after config.Config) ([]history.Change, []history.Count) {
	changes := changesOf(before, after)
	counts := history.CountsOf(changes)
	return changes[:min(len(changes), history.MaxChanges)], counts
}

// before returns the configuration before a revision: that of the last one which led to it.
func (s *Store) before(revision uint64) (config.Config, error) {
	r, err := s.history.Record(revision)
	if err != nil {
		return config.Config{}, err
	}
	revisions := s.history.Revisions()
	for i := len(revisions) - 1; i >= 0; i-- {
		if revisions[i] >= revision {
			continue
		}
		earlier, err := s.history.Record(revisions[i])
		if err == nil && earlier.Etag == r.EtagBefore && earlier.Configuration != nil {
			return s.Revision(earlier.Revision)
		}
	}
	return config.Config{}, reason.New(reason.RevisionWithoutConfiguration, "revision", strconv.FormatUint(revision-1, 10))
}

// revert puts into c, for all that is different between former and then, what former has.
func revert(c *config.Config, former, then config.Config, revision uint64, password Password) error {
	var again []string // what has another value by now
	for _, row := range config.Table() {
		was, became, now := stateOf(former.Settings, row.Key), stateOf(then.Settings, row.Key), stateOf(c.Settings, row.Key)
		switch {
		case was == became || now == was:
		case now != became:
			again = append(again, row.Key)
		default:
			if err := c.Settings.SetAs(former.Settings, row.Key); err != nil {
				return err
			}
		}
	}
	if was, became := former.RelayProxy, then.RelayProxy; !sameUser(was, became) && !sameUser(c.RelayProxy, was) {
		if !sameUser(c.RelayProxy, became) {
			again = append(again, "the relay proxy")
		} else {
			relay, err := withPassword(c.RelayProxy, was, password)
			if err != nil {
				return err
			}
			c.RelayProxy = relay
		}
	}
	again = append(again, revertHosts(c, former, then)...)
	revertCertificates(c, former, then)
	if len(again) > 0 {
		return reason.New(reason.RevisionChangedAgain, "revision", strconv.FormatUint(revision, 10), "items", some(again))
	}
	return nil
}

// state is all that can be different about a setting.
type state struct {
	value string
	isSet bool
}

func stateOf(s config.Settings, key string) state { return state{s.Get(key), s.IsSet(key)} }

func revertHosts(c *config.Config, former, then config.Config) (again []string) {
	now := map[string]config.AllowedHost{}
	for _, h := range c.AllowedHosts {
		now[h.Pattern.String()] = h
	}
	var gone []hostname.Pattern
	var back []config.AllowedHost
	difference(former.AllowedHosts, then.AllowedHosts, comparePatterns, func(was, became *config.AllowedHost) {
		if was != nil && became != nil && hostText(was) == hostText(became) {
			return
		}
		key := hostKey(was, became)
		var is *config.AllowedHost
		if h, ok := now[key]; ok {
			is = &h
		}
		switch {
		case hostText(is) == hostText(was):
		case hostText(is) != hostText(became):
			again = append(again, key)
		case was == nil:
			gone = append(gone, became.Pattern)
		case is == nil:
			back = append(back, *was)
		default: // it is there, with another policy or account
			gone, back = append(gone, was.Pattern), append(back, *was)
		}
	})
	c.RemoveHosts(gone...)
	c.AddHosts(back...)
	return again
}

// A certificate is allowed or not, so that nothing can stand in the way.
func revertCertificates(c *config.Config, former, then config.Config) {
	var gone []clientcert.Entry
	var back []config.AllowedClientCertificate
	difference(former.AllowedClientCertificates, then.AllowedClientCertificates, compareSubjects,
		func(was, became *config.AllowedClientCertificate) {
			switch {
			case was == nil:
				gone = append(gone, became.Entry)
			case became == nil:
				back = append(back, *was)
			}
		})
	c.RemoveClientCertificates(gone...)
	c.AddClientCertificates(back...)
}

func sameUser(a, b config.RelayProxy) bool { return a.Address == b.Address && a.Username == b.Username }

// withPassword gives wanted, which has no password, the one that is given, else that of now if both have the same address and user. A
// password that is given again is not sealed again, so that nothing changes.
func withPassword(now, wanted config.RelayProxy, password Password) (config.RelayProxy, error) {
	switch {
	case password != nil && wanted.Username != "":
		relay, err := config.NewRelayProxy(wanted.Address.String(), wanted.Username, *password)
		if err == nil && relay.Same(now) {
			return now, nil
		}
		return relay, err
	case wanted.Username == "":
		return wanted, nil
	case sameUser(now, wanted):
		return now, nil
	}
	return config.RelayProxy{}, reason.New(reason.RelayPasswordMissing, "address", wanted.Address.String(), "username", wanted.Username)
}

// some is a list for a text: the first five of it.
func some(list []string) string {
	const limit = 5
	if len(list) > limit {
		return strings.Join(list[:limit], ", ") + " and " + strconv.Itoa(len(list)-limit) + " more"
	}
	return strings.Join(list, ", ")
}

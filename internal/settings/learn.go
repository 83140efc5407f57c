package settings

import (
	"context"
	"slices"

	"github.com/omsgateway/omsgateway/internal/clientcert"
	"github.com/omsgateway/omsgateway/internal/policy"
)

// Learned is what the policy allows without anybody having configured it, while LearnHosts is on. It is in no file.
type Learned struct {
	Entries            []policy.Entry // read only
	ClientCertificates []clientcert.Entry
}

// Learn puts l in force in place of what was learned before: when it returns, readers see a new snapshot. The configuration, its
// file and its etag stay, and changes made by Update afterwards keep l. Effects are not asked, since none depends on the policy. What
// is in force already makes no new snapshot.
//
// An error leaves everything as it was: GATEWAY_STOPPING, a pattern that policy.Compile refuses, and that of ctx, which bounds the
// wait for changes.
func (s *Store) Learn(ctx context.Context, l Learned) error {
	if err := s.lockWriter(ctx); err != nil {
		return err
	}
	defer func() { <-s.writer }()

	before := s.learned
	if l.equal(before) {
		return nil
	}
	s.learned = l
	after, err := s.compile(s.Current().Config)
	if err != nil {
		s.learned = before
		return err
	}
	s.current.Store(after)
	return nil
}

func (l Learned) equal(other Learned) bool {
	return slices.EqualFunc(l.Entries, other.Entries, policy.Entry.Equal) &&
		slices.EqualFunc(l.ClientCertificates, other.ClientCertificates, func(a, b clientcert.Entry) bool {
			return a.String() == b.String()
		})
}

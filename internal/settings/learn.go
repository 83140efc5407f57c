package settings

import (
	"context"

	"omsgateway/internal/clientcert"
	"omsgateway/internal/policy"
)

// Learned is what the policy allows without anybody having configured it, while LearnHosts is on. It is in no file.
type Learned struct {
	Entries            []policy.Entry // read only
	ClientCertificates []clientcert.Entry
}

// Learn puts l in force in place of what was learned before: when it returns, readers see a new snapshot. The configuration, its
// file and its etag stay, and changes made by Update afterwards keep l. Effects are not asked, since none depends on the policy.
//
// An error leaves everything as it was: GATEWAY_STOPPING, a pattern that policy.Compile refuses, and that of ctx, which bounds the
// wait for changes.
func (s *Store) Learn(ctx context.Context, l Learned) error {
	if err := s.lockWriter(ctx); err != nil {
		return err
	}
	defer func() { <-s.writer }()

	before := s.learned
	s.learned = l
	after, err := s.compile(s.Current().Config)
	if err != nil {
		s.learned = before
		return err
	}
	s.current.Store(after)
	return nil
}

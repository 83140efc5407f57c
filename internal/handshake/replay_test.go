package handshake_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/omsgateway/omsgateway/internal/handshake"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// outcome is all that a caller can know of a handshake in the end.
type outcome struct {
	State     handshake.State
	Version   string
	Seen      handshake.Seen
	Sessions  []handshake.SessionKey
	Event     int
	Alert     reason.Alert
	Reason    reason.Reason
	Text      string
	HeldBack  bool    // the last chunk, as ErrEnded
	Forwarded [2]int  // bytes by direction
	Opaque    [2]bool // by direction
}

func (o outcome) String() string {
	s := fmt.Sprintf("state=%d version=%q name=%q resumed=%v visibility=%d", o.State, o.Version, o.Seen.ServerName, o.Seen.Resumed,
		o.Seen.Certificate.Visibility)
	if c := o.Seen.Certificate.Certificate; c != nil {
		s += fmt.Sprintf(" subject=%q", c.Subject)
	}
	if o.Reason != "" {
		s += fmt.Sprintf(" event=%d reason=%s", o.Event, o.Reason)
	}
	return s
}

// cut divides a chunk.
type cut func(from handshake.Direction, data []byte) [][]byte

func whole(_ handshake.Direction, data []byte) [][]byte { return [][]byte{data} }

func bytewise(_ handshake.Direction, data []byte) [][]byte {
	var chunks [][]byte
	for i := range data {
		chunks = append(chunks, data[i:i+1])
	}
	return chunks
}

// budget is one of a limit, for the watchers that share it.
type budget struct {
	limit int64
	used  atomic.Int64
}

func newBudget(limit int64) *budget {
	return &budget{limit: limit}
}

func (b *budget) Used() int64 { return b.used.Load() }

func (b *budget) Take(n int) error {
	if b.used.Add(int64(n)) > b.limit {
		b.Give(n)
		return reason.New(reason.TLSTooMuchCollected, "limit", strconv.FormatInt(b.limit, 10))
	}
	return nil
}

func (b *budget) Give(n int) { b.used.Add(-int64(n)) }

// replay feeds a conversation as the data path would, and stops at the first error.
func replay(t testing.TB, cfg handshake.Config, c conversation, divide cut) outcome {
	t.Helper()
	if cfg.Host == "" {
		cfg.Host = host
	}
	if cfg.Budget == nil {
		cfg.Budget = newBudget(handshake.MaxCollected)
	}
	w := handshake.New(cfg)
	var o outcome
	var err error
feed:
	for _, turn := range c {
		for _, chunk := range divide(turn.from, turn.data) {
			var v handshake.Verdict
			if v, err = w.Feed(turn.from, chunk); err != nil {
				break feed
			}
			if v.State != w.State() {
				t.Fatalf("the verdict has state %d, the watcher %d", v.State, w.State())
			}
			o.Forwarded[turn.from] += len(chunk)
			o.Opaque[turn.from] = v.Opaque
		}
	}
	o.State, o.Seen, o.Sessions, o.Version = w.State(), w.Seen(), w.Sessions(), tls.VersionName(w.Seen().Version)
	if refusal, ok := errors.AsType[*handshake.Refusal](err); ok {
		o.Reason, o.Text = refusal.Err.Reason, err.Error()
		o.Event, o.Alert = o.Reason.Event(), o.Reason.Alert()
		if o.State != handshake.Refused {
			t.Fatalf("state %d after a refusal", o.State)
		}
	} else if o.HeldBack = errors.Is(err, handshake.ErrEnded); err != nil && !o.HeldBack {
		t.Fatalf("an error that is neither a refusal nor ErrEnded: %v", err)
	}
	if used := cfg.Budget.(*budget).Used(); o.State != handshake.Pending && used != 0 {
		t.Fatalf("state %d, and %d bytes are held", o.State, used)
	}
	w.Close()
	if used := cfg.Budget.(*budget).Used(); used != 0 {
		t.Fatalf("%d bytes are held after Close", used)
	}
	return o
}

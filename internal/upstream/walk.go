package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// WalkTime is the longest that a Walk takes.
const WalkTime = 28 * time.Second

// Step is a step of a Walk.
type Step struct {
	Kind   StepKind
	Detail string // what was found, in English
	Took   time.Duration
	Err    error // *reason.Error, or that of the context
}

// StepKind says which step it is.
type StepKind int

// The steps, in their order.
const (
	StepDNS      StepKind = iota + 1 // the name of the relay proxy; that of the target, too, if it is to be resolved locally
	StepTCP                          // the connection to the relay proxy
	StepRelayTLS                     // TLS with the relay proxy, if its address wants it
	StepConnect                      // what the relay proxy answers
	StepTLS                          // TLS with the target
)

// Walk goes the way of a tunnel to target through how.Relay, which must be set, step by step up to the first that fails. No step takes
// longer than for a tunnel, and all together no longer than WalkTime. Nothing but a TLS handshake is sent to the target.
func (d Dialer) Walk(ctx context.Context, target hostname.Target, how policy.Decision) []Step {
	w := walk{dialer: d, target: target, how: how, end: time.Now().Add(WalkTime)}
	defer func() {
		if w.conn != nil {
			_ = w.conn.Close()
		}
	}()
	steps := []struct {
		kind StepKind
		take func(context.Context) (detail string, err error)
	}{{StepDNS, w.resolve}, {StepTCP, w.connect}, {StepRelayTLS, w.secure}, {StepConnect, w.ask}, {StepTLS, w.handshake}}
	var taken []Step
	for _, s := range steps {
		if s.kind == StepRelayTLS && !how.Relay.Address.TLS {
			continue
		}
		began := time.Now()
		w.how.Limits.DialTimeout = min(how.Limits.DialTimeout, time.Until(w.end))
		w.how.Limits.RelayTimeout = min(how.Limits.RelayTimeout, time.Until(w.end))
		detail, err := s.take(ctx)
		taken = append(taken, Step{Kind: s.kind, Detail: detail, Took: time.Since(began), Err: err})
		if err != nil {
			break
		}
	}
	return taken
}

type walk struct {
	dialer Dialer
	target hostname.Target
	how    policy.Decision // with the time that is left
	end    time.Time
	conn   net.Conn // to the relay proxy, and in the end to the target
	ahead  []byte   // what the target sent before it was asked
}

func (w *walk) resolve(ctx context.Context) (string, error) {
	address := w.how.Relay.Address
	limited, cancel := context.WithTimeout(ctx, w.how.Limits.DialTimeout)
	defer cancel()
	addrs, err := w.dialer.lookUp(limited, address.Target, address.Target.Host.Name())
	if err != nil {
		return "", ofRelay(explain(ctx, err, address.Target, w.how.Limits.DialTimeout), address)
	}
	detail := found(address.Target, addrs)
	if w.how.Relay.ResolveLocally {
		addresses, err := w.dialer.guardLocally(ctx, w.target, w.how)
		if err != nil {
			return detail, err
		}
		addrs = nil
		for _, a := range addresses {
			addrs = append(addrs, a.Addr)
		}
		detail += "; " + found(w.target, addrs)
	}
	return detail, nil
}

// found is the text of the first addresses of a name.
func found(target hostname.Target, addrs []netip.Addr) string {
	if target.Host.IsAddr() {
		return target.Host.Name() + " is an address"
	}
	const most = 4
	var texts []string
	for _, a := range addrs[:min(len(addrs), most)] {
		texts = append(texts, a.Unmap().String())
	}
	if more := len(addrs) - most; more > 0 {
		texts = append(texts, fmt.Sprintf("%d more", more))
	}
	return target.Host.Name() + " is " + strings.Join(texts, ", ")
}

func (w *walk) connect(ctx context.Context) (string, error) {
	conn, err := inTime(ctx, w.how, func(ctx context.Context) (net.Conn, error) { return w.dialer.connectRelay(ctx, w.how) })
	if err != nil {
		return "", err
	}
	w.conn = conn
	return "connected to " + conn.RemoteAddr().String(), nil
}

func (w *walk) secure(ctx context.Context) (string, error) {
	conn, err := inTime(ctx, w.how, func(ctx context.Context) (net.Conn, error) { return w.dialer.secure(ctx, w.conn, w.how) })
	if err != nil {
		return "", err
	}
	w.conn = conn
	return described(conn), nil
}

func (w *walk) ask(ctx context.Context) (string, error) {
	if err := w.how.Relay.Unusable; err != nil {
		return "", err
	}
	ahead, err := w.dialer.ask(ctx, w.conn, w.target, w.how)
	if err != nil {
		return "", err
	}
	w.ahead = ahead
	detail := "the tunnel is open"
	if name := w.how.Relay.Username; name != "" {
		detail += ", with the user name " + name
	}
	return detail, nil
}

func (w *walk) handshake(ctx context.Context) (string, error) {
	limited, cancel := context.WithTimeout(ctx, w.how.Limits.DialTimeout)
	defer cancel()
	secured := tls.Client(&behind{w.conn, w.ahead}, &tls.Config{
		ServerName: w.target.Host.Name(), RootCAs: w.dialer.Roots, MinVersion: tls.VersionTLS12,
	})
	err := secured.HandshakeContext(limited)
	untrusted, isUntrusted := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case err == nil:
		w.conn = secured
		return described(secured), nil
	case ctx.Err() != nil:
		return "", ctx.Err()
	case isUntrusted:
		issuer := ""
		if chain := untrusted.UnverifiedCertificates; len(chain) > 0 {
			issuer = visible(chain[0].Issuer.String())
		}
		return "", reason.Wrap(err, reason.TargetNotTrusted, "target", w.target.String(), "issuer", issuer)
	}
	return "", reason.Wrap(err, reason.TargetTLSFailed, "target", w.target.String())
}

// described is the text of the version and the certificate of a TLS connection whose handshake is done.
func described(conn net.Conn) string {
	secured, ok := conn.(*tls.Conn)
	if !ok {
		return ""
	}
	state := secured.ConnectionState()
	detail := tls.VersionName(state.Version)
	if chain := state.PeerCertificates; len(chain) > 0 {
		detail += fmt.Sprintf(", certificate of %s, issued by %s", visible(chain[0].Subject.String()), visible(chain[0].Issuer.String()))
	}
	return detail
}

// behind is a connection from which some bytes were read already.
type behind struct {
	net.Conn
	ahead []byte
}

func (b *behind) Read(p []byte) (int, error) {
	if len(b.ahead) == 0 {
		return b.Conn.Read(p)
	}
	n := copy(p, b.ahead)
	b.ahead = b.ahead[n:]
	return n, nil
}

package upstream

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/omsgateway/omsgateway/internal/hostname"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// checkTime bounds the look-up of CheckRelay.
const checkTime = 2 * time.Second

// CheckRelay is RELAY_IS_GATEWAY if address leads to the gateway itself. A name that cannot be resolved within 2 seconds passes, since
// every dial checks again.
func (d Dialer) CheckRelay(ctx context.Context, address hostname.RelayAddress, guard policy.Guard) error {
	limited, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	addrs, err := d.lookUp(limited, address.Target, address.Target.Host.Name())
	if err != nil {
		return ctx.Err()
	}
	own := d.own()
	for _, addr := range addrs {
		if err := guard.CheckRelay(addr, address.Target.Port, own); err != nil {
			return ofRelay(err, address)
		}
	}
	return nil
}

// dialThrough connects to target through how.Relay.
func (d Dialer) dialThrough(
	ctx context.Context, target hostname.Target, how policy.Decision,
) (conn net.Conn, ahead []byte, err error) {
	if d.had(how.Via) {
		return nil, nil, reason.New(reason.RelayLoop, "relay", how.Relay.Address.String())
	}
	if how.Relay.ResolveLocally {
		if _, err := d.guardLocally(ctx, target, how); err != nil {
			return nil, nil, err
		}
	}
	conn, err = d.reach(ctx, how)
	if err != nil {
		return nil, nil, err
	}
	ahead, err = d.ask(ctx, conn, target, how)
	if err != nil {
		_ = conn.Close()
		return nil, nil, err
	}
	if secured, ok := conn.(*tls.Conn); ok {
		conn = newSecured(secured)
	}
	return conn, ahead, nil
}

// maxVia bounds what is passed on of a request's Via, in bytes. Nobody has so many proxies one behind the other.
const maxVia = 1 << 10

// had reports whether a request with this Via (RFC 9110, section 7.6.3) has come through this gateway before, or through so many proxies
// that it must be in a loop.
func (d Dialer) had(via string) bool {
	if d.Name == "" {
		return false
	}
	return len(via) > maxVia || slices.ContainsFunc(strings.Split(via, ","), func(hop string) bool {
		words := strings.Fields(hop) // protocol, name, perhaps a comment
		return len(words) > 1 && words[1] == d.Name
	})
}

// via is what the relay proxy is told. What a client has written there is passed on only if it can be a part of a header.
func (d Dialer) via(before string) string {
	switch {
	case d.Name == "":
		return ""
	case before == "" || strings.ContainsFunc(before, notPrintable):
		return "1.1 " + d.Name
	}
	return before + ", 1.1 " + d.Name
}

// guardLocally looks up a name that the relay proxy will look up again, and refuses one of whose addresses any is refused: which of
// them the relay proxy takes, nobody knows.
func (d Dialer) guardLocally(ctx context.Context, target hostname.Target, how policy.Decision) ([]Address, error) {
	addresses, err := d.resolve(ctx, target, how)
	if err != nil {
		return nil, err
	}
	for _, address := range addresses {
		if address.Refused != nil {
			return nil, address.Refused
		}
	}
	return addresses, nil
}

// reach connects to the relay proxy itself, with TLS if it is to be spoken to in it.
func (d Dialer) reach(ctx context.Context, how policy.Decision) (net.Conn, error) {
	if err := how.Relay.Unusable; err != nil {
		return nil, err
	}
	return inTime(ctx, how, func(ctx context.Context) (net.Conn, error) {
		conn, err := d.connectRelay(ctx, how)
		if err != nil || !how.Relay.Address.TLS {
			return conn, err
		}
		return d.secure(ctx, conn, how)
	})
}

// inTime gives a step of the way to the relay proxy how.Limits.DialTimeout, and makes its error one about the relay proxy.
func inTime(
	ctx context.Context, how policy.Decision, step func(context.Context) (net.Conn, error),
) (net.Conn, error) {
	address, timeout := how.Relay.Address, how.Limits.DialTimeout
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := step(limited)
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case limited.Err() != nil:
		return nil, reason.New(reason.RelayTimeout, "relay", address.String(), "seconds", seconds(timeout))
	}
	return nil, ofRelay(err, address)
}

func (d Dialer) connectRelay(ctx context.Context, how policy.Decision) (net.Conn, error) {
	own, to := d.own(), how.Relay.Address.Target
	conn, _, err := d.connect(ctx, to, to.Host.Name(), how.Limits.DialTimeout, func(addr netip.Addr) error {
		return how.Guard.CheckRelay(addr, to.Port, own)
	})
	return conn, err
}

// ofRelay is an error of a look-up, connectRelay or secure as one about the relay proxy.
func ofRelay(err error, address hostname.RelayAddress) error {
	e := reason.From(err)
	if e == nil {
		return err
	}
	renamed := *e
	switch e.Reason {
	case reason.TargetNotFound:
		renamed.Reason = reason.RelayNotFound
	case reason.TargetLookupFailed:
		renamed.Reason = reason.RelayLookupFailed
	case reason.TargetUnreachable:
		renamed.Reason = reason.RelayUnreachable
	case reason.TargetTimeout:
		renamed.Reason = reason.RelayTimeout
	}
	return with(&renamed, "relay", address.String())
}

// secure makes a TLS connection of one to the relay proxy, which it closes if that fails.
func (d Dialer) secure(ctx context.Context, conn net.Conn, how policy.Decision) (net.Conn, error) {
	secured := tls.Client(conn, &tls.Config{
		ServerName: how.Relay.Address.Target.Host.Name(), RootCAs: d.Roots, MinVersion: tls.VersionTLS12,
	})
	err := secured.HandshakeContext(ctx)
	if err == nil {
		return secured, nil
	}
	_ = conn.Close()
	if _, untrusted := errors.AsType[*tls.CertificateVerificationError](err); untrusted {
		return nil, reason.Wrap(err, reason.RelayNotTrusted)
	}
	return nil, reason.Wrap(err, reason.RelayTLSFailed)
}

// ask sends CONNECT for target to the relay proxy on conn and reads its answer, within how.Limits.RelayTimeout. ahead is what came
// behind a good answer. conn is left without deadlines, and open.
func (d Dialer) ask(ctx context.Context, conn net.Conn, target hostname.Target, how policy.Decision) (ahead []byte, err error) {
	relay, timeout := how.Relay, how.Limits.RelayTimeout
	_ = conn.SetDeadline(time.Now().Add(timeout)) // fails on a dead connection, as the first write will
	givenUp := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	a, beginning, err := converse(conn, d.connectHead(target, how))
	if !givenUp() {
		return nil, ctx.Err()
	}
	_ = conn.SetDeadline(time.Time{})
	address := relay.Address.String()
	var invalid invalidAnswer
	switch {
	case errors.As(err, &invalid):
		return nil, reason.New(reason.RelayAnswerInvalid, "relay", address, "problem", string(invalid), "beginning", beginning)
	case beginning != "":
		problem := "the connection ended"
		if errors.Is(err, os.ErrDeadlineExceeded) {
			problem = "nothing more came within " + seconds(timeout) + " seconds"
		}
		return nil, reason.Wrap(err, reason.RelayAnswerIncomplete, "relay", address, "target", target.String(),
			"beginning", beginning, "problem", problem)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, reason.New(reason.RelaySilent, "relay", address, "target", target.String(), "seconds", seconds(timeout))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, reason.New(reason.RelayClosed, "relay", address, "target", target.String())
	case err != nil:
		return nil, reason.Wrap(err, reason.RelayClosed, "relay", address, "target", target.String())
	}
	if why, parts := a.refusal(relay.Username != ""); why != "" {
		return nil, reason.New(why, append(parts, "relay", address, "target", target.String())...)
	}
	return a.rest, nil
}

// connectHead is the request for target. The credentials go with it unasked (RFC 7617, section 2.2), so that one request is enough.
func (d Dialer) connectHead(target hostname.Target, how policy.Decision) string {
	relay, authority := how.Relay, target.String()
	head := "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\nUser-Agent: OMS-Gateway\r\n"
	if via := d.via(how.Via); via != "" {
		head += "Via: " + via + "\r\n"
	}
	if relay.Username != "" {
		credentials := base64.StdEncoding.EncodeToString([]byte(relay.Username + ":" + relay.Password))
		head += "Proxy-Authorization: Basic " + credentials + "\r\n"
	}
	return head + "\r\n"
}

package handshake_test

import (
	"crypto/tls"
	"crypto/x509/pkix"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/clientcert"
	"github.com/omsgateway/omsgateway/internal/handshake"
)

// The clients of Windows 7 and Windows Server 2008 R2, which have the same TLS library, Schannel. These hellos are built, not recorded:
// no such Windows was at hand. What is in them and in which order was read from
//
//   - etc/client-simulation.txt of https://github.com/testssl/testssl.sh (2024-10-17), which has three hellos of Internet Explorer on
//     Windows 7 as SSL Labs has seen them, with their versions, extensions, curves and hashes: "IE 8 Win 7" (as released), "IE 8-10 Win
//     7" and "IE 11 Win 7" (both with the updates of their time);
//   - https://learn.microsoft.com/windows/win32/secauthn/tls-cipher-suites-in-windows-7, which has all suites in the order of the update
//     3042058, and for each the versions that have it. Nobody has published a hello of TLS 1.1: it is that of TLS 1.2 with the suites
//     that TLS 1.1 has, and without the list of hashes, which TLS 1.2 has brought.
//
// All of them resume by the session's id: this Schannel has no tickets.
func schannelHellos() map[string]hello {
	var (
		renegotiation  = extension{0xff01, []byte{0}}
		statusRequest  = extension{5, []byte{1, 0, 0, 0, 0}}
		curves         = extension{10, u16s(23, 24)}
		pointFormats   = extension{11, []byte{1, 0}}
		hashes         = extension{13, u16s(0x0601, 0x0603, 0x0401, 0x0501, 0x0201, 0x0403, 0x0503, 0x0203, 0x0202)}
		extendedMaster = extension{23, nil}
	)
	released := hello{
		version: tls.VersionTLS10, random: random, compressions: []byte{0},
		suites:     []uint16{0x002f, 0x0035, 0x0005, 0x000a, 0xc013, 0xc014, 0xc009, 0xc00a, 0x0032, 0x0038, 0x0013, 0x0004},
		extensions: []extension{renegotiation, sni(host), statusRequest, curves, pointFormats},
	}
	updated10 := released
	updated10.suites = []uint16{0xc014, 0xc013, 0x0035, 0x002f, 0xc00a, 0xc009, 0x0038, 0x0032, 0x000a, 0x0013, 0x0005, 0x0004}
	updated10.extensions = []extension{sni(host), statusRequest, {10, u16s(23, 24, 25)}, pointFormats, renegotiation}
	updated12 := released
	updated12.version = tls.VersionTLS12
	updated12.suites = []uint16{
		0xc028, 0xc027, 0xc014, 0xc013, 0x009f, 0x009e, 0x009d, 0x009c, 0x003d, 0x003c, 0x0035, 0x002f,
		0xc02c, 0xc02b, 0xc024, 0xc023, 0xc00a, 0xc009, 0x006a, 0x0040, 0x0038, 0x0032, 0x000a, 0x0013,
	}
	updated12.extensions = []extension{sni(host), statusRequest, curves, pointFormats, hashes, extendedMaster, renegotiation}
	// What a program gets that asks for nothing special: two suites more, and those with RC4, which a browser leaves out.
	system12 := updated12
	system12.suites = slices.Concat(slices.Insert(slices.Clone(updated12.suites), 6, 0x0039, 0x0033), []uint16{0x0005, 0x0004})
	updated11 := updated12.without(hashes.typ)
	updated11.version = tls.VersionTLS11
	updated11.suites = []uint16{
		0xc014, 0xc013, 0x0039, 0x0033, 0x0035, 0x002f, 0xc00a, 0xc009, 0x0038, 0x0032, 0x000a, 0x0013, 0x0005, 0x0004,
	}
	return map[string]hello{
		"TLS 1.0 as released":                  released,
		"TLS 1.0 with updates":                 updated10,
		"TLS 1.1 with updates":                 updated11,
		"TLS 1.2 with updates":                 updated12,
		"TLS 1.2 with all suites":              system12,
		"TLS 1.2 that asks for no OCSP answer": updated12.without(statusRequest.typ),
	}
}

// inRecord is a handshake message in a record of its version, as Schannel sends its hello too.
func inRecord(version uint16, parts ...[]byte) []byte {
	return versioned(version, typeHandshake, slices.Concat(parts...)...)
}

// schannelSession is a whole handshake in which the server picks the suite, and asks for a client certificate if chain is not nil.
func schannelSession(h hello, suite uint16, chain [][]byte) conversation {
	picked := hello{
		version: h.version, random: random, session: []byte(strings.Repeat("I", 32)), suites: []uint16{suite}, compressions: []byte{0},
		extensions: []extension{{0xff01, []byte{0}}},
	}
	flight := [][]byte{picked.server(), serverChain}
	if ephemeral(suite) {
		flight = append(flight, keyExchange)
	}
	answer := [][]byte{}
	if chain != nil {
		flight = append(flight, askForOne)
		answer = append(answer, certificates(chain...))
	}
	answer = append(answer, clientKey)
	if len(chain) > 0 {
		answer = append(answer, proof)
	}
	changed := slices.Concat(versioned(h.version, typeCCS, 1), inRecord(h.version, slices.Repeat([]byte{0xee}, 48)))
	return conversation{
		client(inRecord(h.version, h.client())),
		server(inRecord(h.version, append(flight, done)...)),
		client(inRecord(h.version, answer...), changed),
		server(changed),
	}
}

// schannelResumed resumes that session.
func schannelResumed(h hello, suite uint16) conversation {
	h.session = []byte(strings.Repeat("I", 32))
	picked := hello{version: h.version, random: random, session: h.session, suites: []uint16{suite}, compressions: []byte{0}}
	changed := slices.Concat(versioned(h.version, typeCCS, 1), inRecord(h.version, slices.Repeat([]byte{0xee}, 48)))
	return conversation{
		client(inRecord(h.version, h.client())),
		server(inRecord(h.version, picked.server()), changed),
		client(changed),
	}
}

// ephemeral reports whether the server sends a ServerKeyExchange with a suite: all but those that encrypt with the key of its
// certificate (RFC 5246, section 7.4.3).
func ephemeral(suite uint16) bool {
	return !slices.Contains([]uint16{0x0004, 0x0005, 0x000a, 0x002f, 0x0035, 0x003c, 0x003d, 0x009c, 0x009d}, suite)
}

func TestSchannelOfWindows7(t *testing.T) {
	for title, h := range schannelHellos() {
		t.Run(title, func(t *testing.T) {
			for _, suite := range h.suites {
				session := handshake.SessionKey{}
				for _, c := range []struct {
					title        string
					conversation conversation
					shown        handshake.Shown
					resumed      bool
				}{
					{"no certificate asked for", schannelSession(h, suite, nil), handshake.Shown{Visibility: handshake.NotAsked}, false},
					{"none given", schannelSession(h, suite, [][]byte{}), handshake.Shown{Visibility: handshake.NotGiven}, false},
					{
						"certificate given", schannelSession(h, suite, [][]byte{leaf("agent")}),
						handshake.Shown{Visibility: handshake.Visible, Certificate: clientcert.Parse(leaf("agent"))}, false,
					},
					{
						"resumed", schannelResumed(h, suite),
						handshake.Shown{Visibility: handshake.Visible, Certificate: clientcert.Parse(leaf("agent"))}, true,
					},
				} {
					title := fmt.Sprintf("%s, %s", tls.CipherSuiteName(suite), c.title)
					cfg := handshake.Config{
						RequireServerName: true,
						Resumed: func(key handshake.SessionKey) (handshake.Shown, bool) {
							return handshake.Shown{Visibility: handshake.Visible, Certificate: clientcert.Parse(leaf("agent"))}, key == session
						},
					}
					got := judge(t, cfg, c.conversation)
					if got.State != handshake.Done {
						t.Fatalf("%s: %s %s", title, got, got.Text)
					}
					want := handshake.Seen{
						Version: h.version, CipherSuite: suite, ServerName: host, Resumed: c.resumed, Certificate: c.shown,
					}
					if diff := cmp.Diff(want, got.Seen, cmp.AllowUnexported(clientcert.Certificate{})); diff != "" {
						t.Errorf("%s (-want +got):\n%s", title, diff)
					}
					if len(got.Sessions) > 0 {
						session = got.Sessions[0]
					}
				}
			}
		})
	}
}

// The same hellos, put to a real server with each of the suites that it has in common with them: it takes them for what they are, and
// the watcher follows its answer up to where the client would go on.
func TestServerAnswersSchannelOfWindows7(t *testing.T) {
	name := pkix.Name{CommonName: host}
	withECDSA, withRSA := newIdentity(t, false, name).tls, newIdentity(t, true, name).tls
	known := map[uint16]bool{}
	for _, suite := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		known[suite.ID] = true
	}
	for title, h := range schannelHellos() {
		t.Run(title, func(t *testing.T) {
			answered := 0
			for _, suite := range h.suites {
				if !known[suite] {
					continue
				}
				certificate := withRSA
				if strings.Contains(tls.CipherSuiteName(suite), "_ECDSA_") {
					certificate = withECDSA
				}
				address := goServer(t, &tls.Config{
					Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS12,
					CipherSuites: []uint16{suite}, ClientAuth: tls.RequestClientCert,
				})
				w := handshake.New(handshake.Config{Host: host, RequireServerName: true})
				if err := throughServerFlight(t, w, address, inRecord(h.version, h.client())); err != nil {
					t.Fatalf("%s: %v", tls.CipherSuiteName(suite), err)
				}
				if got := w.Seen(); got.Version != h.version || got.CipherSuite != suite || got.ServerName != host {
					t.Errorf("%s: seen is %+v", tls.CipherSuiteName(suite), got)
				}
				answered++
			}
			if answered < 8 {
				t.Errorf("the server has only %d suites of the hello", answered)
			}
		})
	}
}

// throughServerFlight sends the hello, and feeds the watcher with it and with all that the server answers before it waits for the client.
func throughServerFlight(t *testing.T, w *handshake.Watcher, address string, hello []byte) error {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	if _, err := w.Feed(handshake.FromClient, hello); err != nil {
		return err
	}
	if _, err := conn.Write(hello); err != nil {
		return err
	}
	for {
		head := make([]byte, 5)
		if _, err := io.ReadFull(conn, head); err != nil {
			return err
		}
		payload := make([]byte, binary.BigEndian.Uint16(head[3:]))
		if _, err := io.ReadFull(conn, payload); err != nil {
			return err
		}
		record := slices.Concat(head, payload)
		verdict, err := w.Feed(handshake.FromServer, record)
		switch {
		case err != nil:
			return err
		case verdict.State != handshake.Pending:
			return fmt.Errorf("state %d after %x", verdict.State, record)
		case strings.HasSuffix(string(record), string(done)):
			return nil
		}
	}
}

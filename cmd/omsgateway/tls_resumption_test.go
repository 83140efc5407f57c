package main_test

import (
	"crypto/rand"
	"crypto/sha256"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// kept is what one client has of one server: a session with a ticket, if the server gives any, and one without.
type kept struct{ byTicket, byID made12 }

// sessions are those that TestCraftedResumption makes with a server.
type sessions struct {
	own    kept // without a certificate, made around the gateway
	agent  kept // with an allowed certificate, as everybody on the way could see it
	leaver kept // with a certificate that was allowed when the session was made
}

// offer is what a client says to resume the session whose secret it has; nil is nothing.
type offer struct {
	id, ticket []byte
	session    made12
}

// TestCraftedResumption has clients offer an id that is not theirs beside a ticket that is, or the reverse, so as to be judged by
// the wrong one. The servers are honest and resume what can be resumed. What honest clients offer passes.
func TestCraftedResumption(t *testing.T) {
	t.Parallel()
	openSSL, gnuTLS := &stack{needs: []string{"openssl"}}, &stack{needs: []string{"gnutls-serv"}}
	agents := newAgents(t)
	own, agent, leaver := agents.named("localhost"), agents.named("agent"), agents.named("leaver")
	random := make([]byte, 32)
	_, _ = rand.Read(random)
	hash := func(ticket []byte) []byte { sum := sha256.Sum256(ticket); return sum[:] }
	g := runStacksGateway(t)

	const unknown, notAllowed = "CLIENT_CERTIFICATE_RESUMED", "CLIENT_CERTIFICATE_NOT_ALLOWED"
	const always, without, with = "", "without tickets", "with tickets"
	cases := []struct {
		name   string
		server string // part of the names of those to which it goes
		policy string
		reason string // of the refusal; "" if it passes as the agent's
		offer  func(s *sessions) offer
	}{
		{"by id", always, "REQUIRED", "", func(s *sessions) offer { return offer{s.agent.byID.id, nil, s.agent.byID} }},
		{"by id, with room for a ticket", always, "REQUIRED", "", func(s *sessions) offer {
			return offer{s.agent.byID.id, []byte{}, s.agent.byID}
		}},
		{"by ticket", with, "REQUIRED", "", func(s *sessions) offer { return offer{nil, s.agent.byTicket.ticket, s.agent.byTicket} }},
		{"by ticket and its hash as id", with, "REQUIRED", "", func(s *sessions) offer {
			return offer{hash(s.agent.byTicket.ticket), s.agent.byTicket.ticket, s.agent.byTicket}
		}},
		{"by ticket and the id that came with it", "GnuTLS with tickets", "REQUIRED", "", func(s *sessions) offer {
			return offer{s.agent.byTicket.id, s.agent.byTicket.ticket, s.agent.byTicket}
		}},
		// OpenSSL gives no id with a ticket and takes the ticket; GnuTLS gives one and takes the id if it has it.
		{"by ticket and a random id", "OpenSSL with tickets", "REQUIRED", "", func(s *sessions) offer {
			return offer{random, s.agent.byTicket.ticket, s.agent.byTicket}
		}},
		{"by ticket and a random id", "GnuTLS with tickets", "REQUIRED", unknown, func(s *sessions) offer {
			return offer{random, s.agent.byTicket.ticket, s.agent.byTicket}
		}},

		{"own id, the agent's id as ticket", without, "REQUIRED", unknown, func(s *sessions) offer {
			return offer{s.own.byID.id, s.agent.byID.id, s.own.byID}
		}},
		{"removed id, the agent's id as ticket", without, "REQUIRED", notAllowed, func(s *sessions) offer {
			return offer{s.leaver.byID.id, s.agent.byID.id, s.leaver.byID}
		}},
		{"removed id, a random ticket", without, "IF_SHOWN", notAllowed, func(s *sessions) offer {
			return offer{s.leaver.byID.id, random, s.leaver.byID}
		}},
		{"own ticket, the agent's id", "OpenSSL with tickets", "REQUIRED", unknown, func(s *sessions) offer {
			return offer{s.agent.byID.id, s.own.byTicket.ticket, s.own.byTicket}
		}},
		{"own ticket, the id that came with the agent's", "GnuTLS with tickets", "REQUIRED", unknown, func(s *sessions) offer {
			return offer{s.agent.byTicket.id, s.own.byTicket.ticket, s.own.byTicket}
		}},
		{"removed ticket, the agent's id", "OpenSSL with tickets", "IF_SHOWN", notAllowed, func(s *sessions) offer {
			return offer{s.agent.byID.id, s.leaver.byTicket.ticket, s.leaver.byTicket}
		}},
		{"own id, the agent's ticket", "GnuTLS with tickets", "REQUIRED", unknown, func(s *sessions) offer {
			return offer{s.own.byID.id, s.agent.byTicket.ticket, s.own.byID}
		}},
		{"removed id, the agent's ticket", "GnuTLS with tickets", "IF_SHOWN", notAllowed, func(s *sessions) offer {
			return offer{s.leaver.byID.id, s.agent.byTicket.ticket, s.leaver.byID}
		}},
	}
	for _, server := range []struct {
		name  string
		stack *stack
		serve func(t *testing.T, own *identity, args ...string) (*program, string)
		args  []string
	}{
		{"OpenSSL without tickets", openSSL, serveOpenSSL, []string{"-rev", "-verify", "1", "-no_ticket"}},
		{"OpenSSL with tickets", openSSL, serveOpenSSL, []string{"-rev", "-verify", "1"}},
		{"GnuTLS without tickets", gnuTLS, serveGnuTLS, []string{"--noticket"}},
		{"GnuTLS with tickets", gnuTLS, serveGnuTLS, nil},
	} {
		t.Run(server.name, func(t *testing.T) {
			server.stack.need(t)
			_, port := server.serve(t, own, server.args...)
			for _, c := range cases {
				if !strings.Contains(server.name, c.server) {
					continue
				}
				t.Run(c.name, func(t *testing.T) {
					target := "localhost:" + port
					// New ones each time, since OpenSSL forgets a session whose connection was refused.
					s := g.makeSessions(t, target, agent, leaver)
					g.allow(t, target, c.policy)
					want := cell{passes: true}
					switch c.reason {
					case unknown:
						want = cell{event: 106, reason: unknown, alert: 49}
					case notAllowed:
						want = cell{event: 105, reason: notAllowed, alert: 49}
					}
					o := c.offer(s)
					got := resumeSession(t, g.through(t, target), o.id, o.ticket, o.session)
					row := policyCase{version: "TLS 1.2", subject: agent.subject}
					if c.reason == notAllowed {
						row.subject = leaver.subject
					}
					g.judge(t, target, g.nextTrace(t, target), row, want, got.outcome)
				})
			}
		})
	}
	g.compareCounters(t)
}

// makeSessions makes those that are remembered under Required, and has the subject of the leaver removed then.
func (g *tlsGateway) makeSessions(t *testing.T, target string, agent, leaver *identity) *sessions {
	t.Helper()
	g.allow(t, target, "REQUIRED")
	subject := `"` + leaver.subject + `"`
	g.call(t, "AllowedClientCertificateService/AddAllowedClientCertificates", `{"certificates":[{"subject":`+subject+`}]}`, nil)
	both := func(dial func() net.Conn, shows *identity) kept {
		return kept{byTicket: makeSession(t, dial(), shows, true), byID: makeSession(t, dial(), shows, false)}
	}
	remembered := func(shows *identity) kept {
		g.asked[target] += 2
		return both(func() net.Conn { return g.through(t, target) }, shows)
	}
	s := &sessions{agent: remembered(agent), leaver: remembered(leaver)}
	s.own = both(func() net.Conn {
		conn, err := net.DialTimeout("tcp", "127.0.0.1"+strings.TrimPrefix(target, "localhost"), patience)
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}, nil)
	g.call(t, "AllowedClientCertificateService/RemoveAllowedClientCertificates", `{"subjects":[`+subject+`]}`, nil)
	return s
}

// through is a tunnel to target.
func (g *tlsGateway) through(t *testing.T, target string) net.Conn {
	t.Helper()
	conn, err := net.DialTimeout("tcp", g.proxy, patience)
	if err != nil {
		t.Fatal(err)
	}
	if err := connect(conn, target); err != nil {
		t.Fatal(err)
	}
	return conn
}

// TestResumedByTheOtherStack has OpenSSL and GnuTLS resume sessions with each other, by ticket and by id, where a certificate is
// required.
func TestResumedByTheOtherStack(t *testing.T) {
	t.Parallel()
	(&stack{needs: []string{"openssl", "gnutls-serv", "gnutls-cli"}}).need(t)
	agents := newAgents(t)
	own, agent := agents.named("localhost"), agents.named("agent")
	g := runStacksGateway(t)
	want := session{"TLS 1.2", "localhost", agent.subject}
	for name, args := range map[string][]string{"by ticket": nil, "by id": {"--noticket"}} {
		t.Run("OpenSSL with GnuTLS, "+name, func(t *testing.T) {
			_, port := serveGnuTLS(t, own, args...)
			target, file := "localhost:"+port, filepath.Join(t.TempDir(), "session")
			g.allow(t, target, "REQUIRED")
			dial := func(args ...string) *held {
				return dialOpenSSL(t, append([]string{"-proxy", g.proxy, "-connect", target, "-tls1_2"}, args...)...)
			}
			g.passes(t, target, want, dial("-cert", agent.file, "-key", agent.file, "-sess_out", file))
			again := dial("-sess_in", file)
			if !again.resumed {
				t.Error("the session is not resumed")
			}
			g.passes(t, target, want, again)
		})
	}
	for name, args := range map[string][]string{"by ticket": nil, "by id": {"-no_ticket"}} {
		t.Run("GnuTLS with OpenSSL, "+name, func(t *testing.T) {
			_, port := serveOpenSSL(t, own, append([]string{"-rev", "-verify", "1"}, args...)...)
			target := "localhost:" + port
			g.allow(t, target, "REQUIRED")
			client := dialGnuTLS(t, g.door(t, target, nobody).address, "1.2",
				"--x509certfile", agent.file, "--x509keyfile", agent.file, "--resume")
			if !client.resumed {
				t.Error("the session is not resumed")
			}
			g.verified(t, target, want)
			g.passes(t, target, want, client)
		})
	}
}

package handshake_test

import (
	"strings"
	"testing"

	"github.com/omsgateway/omsgateway/internal/clientcert"
	"github.com/omsgateway/omsgateway/internal/handshake"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// server12 is how an honest server keeps sessions of TLS 1.2.
type server12 struct {
	tickets bool // it gives a ticket to who takes one, and resumes by it
	ids     bool // it resumes by id, if it gave no ticket
	both    bool // it gives an id beside a ticket
	idFirst bool // it takes the id if a ticket and an id can be resumed
	falls   bool // it takes the id if the ticket cannot be resumed
}

// made is a session as its client has it.
type made struct{ owner, id, ticket string }

// give is what the server makes of a full handshake.
func (s server12) give(owner string, takesTicket bool) made {
	m := made{owner: owner}
	if takesTicket && s.tickets {
		m.ticket = owner + "'s ticket"
	}
	if m.ticket == "" && s.ids {
		m.id = owner + "'s id"
	} else if s.both {
		m.id = owner + "'s id beside it"
	}
	return m
}

// take is the session of those that the server resumes, if any.
func (s server12) take(id, ticket string, sessions []made) *made {
	var byID, byTicket *made
	for i, m := range sessions {
		if s.ids && m.ticket == "" && m.id != "" && id == m.id {
			byID = &sessions[i]
		}
		if s.tickets && m.ticket != "" && ticket == m.ticket {
			byTicket = &sessions[i]
		}
	}
	switch {
	case byTicket != nil && (byID == nil || !s.idFirst):
		return byTicket
	case ticket != "" && s.tickets && !s.falls:
		return nil
	}
	return byID
}

// TestWhateverTheServerTakes tries every offer of ids and tickets that can be known on the way, with every kind of server: under
// Required no session passes but those made with the allowed certificate, under IfShown none that is known to be of another one,
// and a certificate is only told of the session that is really resumed. What honest clients offer passes.
func TestWhateverTheServerTakes(t *testing.T) {
	for name, s := range map[string]server12{
		"ids alone":                    {ids: true},
		"tickets alone":                {tickets: true},
		"OpenSSL":                      {tickets: true, ids: true},
		"Java":                         {tickets: true, ids: true, both: true},
		"GnuTLS":                       {tickets: true, ids: true, both: true, idFirst: true, falls: true},
		"GnuTLS without a database":    {tickets: true, both: true},
		"both, ids where tickets fail": {tickets: true, ids: true, both: true, falls: true},
		"ids where tickets fail":       {tickets: true, ids: true, falls: true},
	} {
		t.Run(name, func(t *testing.T) {
			known := map[handshake.SessionKey]handshake.Shown{}
			var sessions []made
			for _, owner := range []string{"good", "bad", "stranger"} { // the last one's are made around the gateway
				for _, takesTicket := range []bool{true, false} {
					m := s.give(owner, takesTicket)
					sessions = append(sessions, m)
					if owner == "stranger" {
						continue
					}
					got := replay(t, handshake.Config{}, m.full(), whole)
					for _, key := range got.Sessions {
						known[key] = got.Seen.Certificate
					}
				}
			}
			ids, tickets := []string{"", "made up"}, []string{"", "made up"}
			for _, m := range sessions {
				ids = append(ids, m.id, m.ticket)
				if m.ticket != "" {
					ids = append(ids, hashOf(m.ticket))
				}
				tickets = append(tickets, m.id, m.ticket)
			}
			for _, id := range ids {
				for _, ticket := range tickets {
					if m := s.take(id, ticket, sessions); m != nil && len(id) <= 32 {
						checkTaken(t, known, m, id, ticket)
					}
				}
			}
			for _, m := range sessions[:2] {
				for _, o := range m.honest() {
					cfg := recalling(known, handshake.Required)
					if got := replay(t, cfg, offering(o.id, o.ticket, o.id != ""), whole); got.State != handshake.Done {
						t.Errorf("id %q, ticket %q: %s", o.id, o.ticket, got)
					}
				}
			}
		})
	}
}

// checkTaken judges an offer by which the server resumes m.
func checkTaken(t *testing.T, known map[handshake.SessionKey]handshake.Shown, m *made, id, ticket string) {
	t.Helper()
	for _, required := range []handshake.Requirement{handshake.Off, handshake.IfShown, handshake.Required} {
		got := replay(t, recalling(known, required), offering(id, ticket, id != ""), whole)
		passes := got.State == handshake.Done
		c := got.Seen.Certificate.Certificate
		switch told := c != nil && passes; {
		case required == handshake.Required && passes && m.owner != "good",
			required == handshake.IfShown && passes && m.owner == "bad",
			told && !strings.Contains(c.Subject, "CN="+m.owner+","):
			t.Errorf("policy %d, id %q, ticket %q: the session of %s is resumed: %s", required, id, ticket, m.owner, got)
		}
	}
}

// recalling judges by a memory and a list that allows good.
func recalling(known map[handshake.SessionKey]handshake.Shown, required handshake.Requirement) handshake.Config {
	return handshake.Config{
		ClientCertificate:  required,
		AllowedCertificate: func(c *clientcert.Certificate) bool { return strings.Contains(c.Subject, "CN=good,") },
		Resumed: func(key handshake.SessionKey) (handshake.Shown, bool) {
			shown, ok := known[key]
			return shown, ok
		},
	}
}

// full is the handshake that makes m.
func (m made) full() conversation {
	c := fullWith(leaf(m.owner))
	c[1] = server(messages(withSession(picked12(), m.id).server(), serverChain, keyExchange, askForOne, done))
	if m.ticket != "" {
		c[3] = server(messages(ticket(m.ticket)), ccs, finished)
	}
	return c
}

// honest is what clients offer of m to resume it.
func (m made) honest() []made {
	switch {
	case m.ticket != "" && m.id != "":
		return []made{{ticket: m.ticket}, {ticket: m.ticket, id: m.id}, {ticket: m.ticket, id: hashOf(m.ticket)}}
	case m.ticket != "":
		return []made{{ticket: m.ticket}, {ticket: m.ticket, id: hashOf(m.ticket)}, {ticket: m.ticket, id: "made up"}}
	case m.id != "":
		return []made{{id: m.id}}
	}
	return nil
}

// TestAbbreviatedWithoutAnOffer: what the client has not offered cannot be resumed, and no name of it is remembered.
func TestAbbreviatedWithoutAnOffer(t *testing.T) {
	anything := handshake.Config{Resumed: func(handshake.SessionKey) (handshake.Shown, bool) {
		return handshake.Shown{Visibility: handshake.NotGiven}, true
	}}
	for title, c := range map[string]struct {
		id, ticket, given string
		want              reason.Reason
	}{
		"nothing is offered":                         {"", "", "", reason.TLSNotOffered},
		"nothing is offered, and the server has one": {"", "", "never sent", reason.TLSNotOffered},
		"another id":                                 {"id", "", "never sent", reason.TLSNotOffered},
		"an id that is a part of it":                 {"id", "", "i", reason.TLSNotOffered},
		"no id is given back":                        {"id", "", "", reason.TLSNotOffered},
		"a ticket, and a new id":                     {"", "ticket", "never sent", ""},
		"a ticket, and another id":                   {"id", "ticket", "never sent", ""},
	} {
		t.Run(title, func(t *testing.T) {
			talk := offering(c.id, c.ticket, false)
			talk[1] = server(messages(withSession(picked12(), c.given).server()), ccs, finished)
			got := replay(t, anything, talk, whole)
			if got.Reason != c.want || len(got.Sessions) > 0 {
				t.Errorf("%s, %d sessions to remember; want reason %q and none", got, len(got.Sessions), c.want)
			}
		})
	}
}

// TestTicketsOfTLS13AreNotLookedUp: what names sessions in TLS 1.3 has nothing to do with what does before.
func TestTicketsOfTLS13AreNotLookedUp(t *testing.T) {
	cfg := handshake.Config{Resumed: func(handshake.SessionKey) (handshake.Shown, bool) {
		t.Error("a session is looked up")
		return handshake.Shown{Visibility: handshake.NotGiven}, true
	}}
	h := hello13().with(extension{35, []byte("ticket")}).with(preSharedKey(2))
	got := replay(t, cfg, conversation{
		client(messages(h.client())),
		server(messages(picked13().with(extension{41, u16(1)}).server())),
	}, whole)
	if !got.Seen.Resumed || got.Seen.Certificate.Visibility != handshake.Encrypted || len(got.Sessions) > 0 {
		t.Errorf("%s, %d sessions to remember; want a resumed one, encrypted, and none", got, len(got.Sessions))
	}
}

package handshake_test

import (
	"crypto/sha256"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/clientcert"
	"github.com/omsgateway/omsgateway/internal/handshake"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// TestClientCertificatePolicy is the policy table of docs/tls.md: case and policy make the verdict.
func TestClientCertificatePolicy(t *testing.T) {
	list, err := clientcert.Compile([]string{"O=Test, CN=good"})
	if err != nil {
		t.Fatal(err)
	}
	good, bad := clientcert.Parse(leaf("good")), clientcert.Parse(leaf("bad"))
	memory := map[handshake.SessionKey]handshake.Shown{
		key(byTicket, "good"):      {Visibility: handshake.Visible, Certificate: good},
		key(byTicket, "bad"):       {Visibility: handshake.Visible, Certificate: bad},
		key(byTicket, "not asked"): {Visibility: handshake.NotAsked},
		key(byTicket, "not given"): {Visibility: handshake.NotGiven},
		key(byID, "good id"):       {Visibility: handshake.Visible, Certificate: good},
		key(byID, "bad id"):        {Visibility: handshake.Visible, Certificate: bad},
		key(byEither, "good too"):  {Visibility: handshake.Visible, Certificate: good},
		key(byEither, "bad too"):   {Visibility: handshake.Visible, Certificate: bad},
	}
	unknown := [3]reason.Reason{"", "", reason.ClientCertificateResumed}
	notAllowed := [3]reason.Reason{"", reason.ClientCertificateNotAllowed, reason.ClientCertificateNotAllowed}
	const pass = reason.Reason("")
	for title, c := range map[string]struct {
		turns      conversation
		visibility handshake.Visibility
		want       [3]reason.Reason // Off, IfShown, Required
	}{
		"an allowed certificate": {fullWith(leaf("good"), leaf("bad")), handshake.Visible, [3]reason.Reason{pass, pass, pass}},
		"another certificate": {fullWith(leaf("bad"), leaf("good")), handshake.Visible, [3]reason.Reason{
			pass, reason.ClientCertificateNotAllowed, reason.ClientCertificateNotAllowed,
		}},
		"a certificate that cannot be read": {fullWith([]byte("certificate")), handshake.Visible, [3]reason.Reason{
			pass, reason.ClientCertificateNotAllowed, reason.ClientCertificateNotAllowed,
		}},
		"none given": {fullWith(), handshake.NotGiven, [3]reason.Reason{pass, pass, reason.ClientCertificateNotGiven}},
		"none asked": {full(), handshake.NotAsked, [3]reason.Reason{pass, pass, reason.ClientCertificateNotAsked}},
		"TLS 1.3":    {full13(), handshake.Encrypted, [3]reason.Reason{pass, pass, reason.ClientCertificateEncrypted}},
		"TLS 1.3 with HelloRetryRequest": {retried(), handshake.Encrypted, [3]reason.Reason{
			pass, pass, reason.ClientCertificateEncrypted,
		}},
		"early data":                      {refused0RTT(), handshake.Encrypted, [3]reason.Reason{pass, pass, reason.ClientCertificateEarlyData}},
		"resumed, an allowed certificate": {resumed("good", "new"), handshake.Visible, [3]reason.Reason{pass, pass, pass}},
		"resumed, another certificate": {resumed("bad", "new"), handshake.Visible, [3]reason.Reason{
			pass, reason.ClientCertificateNotAllowed, reason.ClientCertificateNotAllowed,
		}},
		"resumed, none asked": {resumed("not asked", ""), handshake.NotAsked, [3]reason.Reason{pass, pass, reason.ClientCertificateResumed}},
		"resumed, none given": {resumed("not given", ""), handshake.NotGiven, [3]reason.Reason{pass, pass, reason.ClientCertificateResumed}},
		"resumed, unknown": {resumed("unknown", ""), handshake.UnknownSession, [3]reason.Reason{
			pass, pass, reason.ClientCertificateResumed,
		}},

		"by id, an allowed certificate":                    {offering("good id", "", true), handshake.Visible, [3]reason.Reason{}},
		"by id, another certificate":                       {offering("bad id", "", true), handshake.Visible, notAllowed},
		"by id, a ticket's name":                           {offering("good", "", true), handshake.UnknownSession, unknown},
		"by ticket, an id's name":                          {offering("", "good id", false), handshake.UnknownSession, unknown},
		"by ticket, the id is not given back":              {offering("bad id", "good", false), handshake.Visible, [3]reason.Reason{}},
		"by another's ticket, the id is not given back":    {offering("good id", "bad", false), handshake.Visible, notAllowed},
		"an unknown ticket, the id is not given back":      {offering("good id", "unknown", false), handshake.UnknownSession, unknown},
		"an unknown ticket beside a known id":              {offering("good id", "unknown", true), handshake.UnknownSession, unknown},
		"an unknown ticket beside another's id":            {offering("bad id", "unknown", true), handshake.UnknownSession, notAllowed},
		"ticket and id, both allowed":                      {offering("good id", "good", true), handshake.Visible, [3]reason.Reason{}},
		"ticket and id, the ticket is not allowed":         {offering("good id", "bad", true), handshake.UnknownSession, notAllowed},
		"ticket and id, the id is not allowed":             {offering("bad id", "good", true), handshake.UnknownSession, notAllowed},
		"ticket and id of two sessions":                    {offering("good id", "not asked", true), handshake.UnknownSession, unknown},
		"ticket beside an id, alone":                       {offering("", "good too", false), handshake.Visible, [3]reason.Reason{}},
		"ticket beside an id, and a known id":              {offering("good id", "good too", true), handshake.Visible, [3]reason.Reason{}},
		"ticket beside an id, and its hash":                {offering(hashOf("good too"), "good too", true), handshake.Visible, [3]reason.Reason{}},
		"ticket beside an id, and an unknown id":           {offering("unknown", "good too", true), handshake.UnknownSession, unknown},
		"another's ticket beside an id, and an unknown id": {offering("unknown", "bad too", true), handshake.UnknownSession, notAllowed},
	} {
		for policy, want := range c.want {
			t.Run(title+"/"+[]string{"Off", "IfShown", "Required"}[policy], func(t *testing.T) {
				got := judge(t, handshake.Config{
					ClientCertificate: handshake.Requirement(policy),
					AllowedCertificate: func(c *clientcert.Certificate) bool {
						_, ok := list.Match(c)
						return ok
					},
					Resumed: func(key handshake.SessionKey) (handshake.Shown, bool) {
						shown, ok := memory[key]
						return shown, ok
					},
				}, c.turns)
				if got.Reason != want {
					t.Fatalf("reason %q, want %q (%s)", got.Reason, want, got.Text)
				}
				if want == pass && (got.State != handshake.Done || got.Seen.Certificate.Visibility != c.visibility) {
					t.Errorf("%s, want visibility %d", got, c.visibility)
				}
				event, alert := 106, reason.AlertAccessDenied
				switch want {
				case pass:
					event, alert = 0, 0
				case reason.ClientCertificateNotAllowed:
					event = 105
					if text := "Invalid Client certificate: " + got.Seen.Certificate.Certificate.Subject; got.Text != text {
						t.Errorf("text %q, want %q", got.Text, text)
					}
				case reason.ClientCertificateNotGiven:
					alert = reason.AlertBadCertificate
				case reason.ClientCertificateEncrypted, reason.ClientCertificateEarlyData:
					alert = reason.AlertProtocolVersion
				}
				if got.Event != event || got.Alert != alert {
					t.Errorf("event %d, alert %d, want %d, %d", got.Event, got.Alert, event, alert)
				}
			})
		}
	}
}

// Kinds of names of sessions, as the keys have them.
const (
	byID     = "\x01"
	byTicket = "\x02" // the server has given no id beside it
	byEither = "\x03" // it has
)

func key(kind, name string) handshake.SessionKey { return sha256.Sum256([]byte(kind + name)) }

func hashOf(ticket string) string { sum := sha256.Sum256([]byte(ticket)); return string(sum[:]) }

// offering is an abbreviated handshake after an offer of that id and ticket, either of which may be empty. The server gives the id
// back or none.
func offering(id, ticket string, back bool) conversation {
	h := withSession(hello12(), id).with(extension{35, []byte(ticket)})
	picked := withSession(picked12(), "")
	if back {
		picked.session = h.session
	}
	return conversation{client(messages(h.client())), server(messages(picked.server()), ccs, finished), client(ccs, finished)}
}

func TestNoListAllowsNoCertificate(t *testing.T) {
	got := judge(t, handshake.Config{ClientCertificate: handshake.IfShown}, fullWith(leaf("good")))
	if got.Reason != reason.ClientCertificateNotAllowed || got.Text != "Invalid Client certificate: CN=good, O=Test" {
		t.Errorf("%s %s", got, got.Text)
	}
}

// TestRefusedBeforeForwarding: the chunk that completes the offending certificate is the one that is refused.
func TestRefusedBeforeForwarding(t *testing.T) {
	c := fullWith(leaf("bad"))
	got := replay(t, handshake.Config{ClientCertificate: handshake.Required}, c, bytewise)
	size := 5 + 4 + 3 + 3 + len(leaf("bad")) // of the record as far as the leaf
	if want := len(c[0].data) + size - 1; got.Forwarded[handshake.FromClient] != want {
		t.Errorf("%d bytes of the client may be forwarded, want %d", got.Forwarded[handshake.FromClient], want)
	}
}

// TestSessionsOfAFullHandshake: a client must not give a name to a session, and a ticket is not as good beside an id as alone.
func TestSessionsOfAFullHandshake(t *testing.T) {
	for title, c := range map[string]struct {
		offered, given string
		want           []handshake.SessionKey
	}{
		"an id and a ticket":             {"", "id", []handshake.SessionKey{key(byID, "id"), key(byEither, "ticket")}},
		"another id and a ticket":        {"offered", "id", []handshake.SessionKey{key(byID, "id"), key(byEither, "ticket")}},
		"a ticket":                       {"", "", []handshake.SessionKey{key(byTicket, "ticket")}},
		"a ticket, the client had an id": {"offered", "", []handshake.SessionKey{key(byTicket, "ticket")}},
		"the client's id and a ticket":   {"offered", "offered", []handshake.SessionKey{key(byEither, "ticket")}},
	} {
		t.Run(title, func(t *testing.T) {
			talk := full()
			talk[0] = client(messages(withSession(hello12(), c.offered).client()))
			talk[1] = server(messages(withSession(picked12(), c.given).server(), serverChain, done))
			got := replay(t, handshake.Config{}, talk, whole)
			if diff := cmp.Diff(c.want, got.Sessions); diff != "" || got.State != handshake.Done {
				t.Errorf("%s (-want +got):\n%s", got, diff)
			}
		})
	}
	if got := replay(t, handshake.Config{}, full()[:3], whole); got.Sessions != nil {
		t.Errorf("%d sessions to remember before the verdict", len(got.Sessions))
	}
}

// TestSessionsOfAResumedHandshake: a ticket that is renewed inherits what is certain, and its kind.
func TestSessionsOfAResumedHandshake(t *testing.T) {
	shown, other := handshake.Shown{Visibility: handshake.NotGiven}, handshake.Shown{Visibility: handshake.NotAsked}
	for title, c := range map[string]struct {
		known map[handshake.SessionKey]handshake.Shown
		want  []handshake.SessionKey
	}{
		"by ticket":                {map[handshake.SessionKey]handshake.Shown{key(byTicket, "old"): shown}, []handshake.SessionKey{key(byTicket, "new")}},
		"by ticket, or by an id":   {map[handshake.SessionKey]handshake.Shown{key(byEither, "old"): shown}, nil},
		"by ticket, or by that id": {map[handshake.SessionKey]handshake.Shown{key(byEither, "old"): shown, key(byID, "made up"): shown}, []handshake.SessionKey{key(byEither, "new")}},
		"by id, or by a ticket":    {map[handshake.SessionKey]handshake.Shown{key(byID, "made up"): shown}, nil},
		"by another's id":          {map[handshake.SessionKey]handshake.Shown{key(byTicket, "old"): shown, key(byID, "made up"): other}, nil},
		"by what is not known":     {nil, nil},
	} {
		t.Run(title, func(t *testing.T) {
			cfg := handshake.Config{Resumed: func(key handshake.SessionKey) (handshake.Shown, bool) { s, ok := c.known[key]; return s, ok }}
			got := replay(t, cfg, resumed("old", "new"), whole)
			if diff := cmp.Diff(c.want, got.Sessions); diff != "" || got.State != handshake.Done {
				t.Errorf("%s (-want +got):\n%s", got, diff)
			}
			want := handshake.Shown{Visibility: handshake.UnknownSession}
			if c.want != nil {
				want = shown
			}
			if diff := cmp.Diff(want, got.Seen.Certificate); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got := replay(t, cfg, resumed("old", ""), whole); got.Sessions != nil {
				t.Errorf("%d sessions to remember without a new ticket", len(got.Sessions))
			}
		})
	}
}

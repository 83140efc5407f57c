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
		sha256.Sum256([]byte("good")):      {Visibility: handshake.Visible, Certificate: good},
		sha256.Sum256([]byte("bad")):       {Visibility: handshake.Visible, Certificate: bad},
		sha256.Sum256([]byte("not asked")): {Visibility: handshake.NotAsked},
		sha256.Sum256([]byte("not given")): {Visibility: handshake.NotGiven},
	}
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
		"resumed, the session id alone is known": {withOfferedID(resumed("unknown", ""), "good"), handshake.UnknownSession, [3]reason.Reason{
			pass, pass, reason.ClientCertificateResumed,
		}},
		"resumed by session id, an allowed certificate": {resumedByID("good"), handshake.Visible, [3]reason.Reason{pass, pass, pass}},
		"resumed by session id, another": {resumedByID("bad"), handshake.Visible, [3]reason.Reason{
			pass, reason.ClientCertificateNotAllowed, reason.ClientCertificateNotAllowed,
		}},
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

func withOfferedID(c conversation, id string) conversation {
	h := withSession(hello12().with(extension{35, []byte("unknown")}), id)
	return append(conversation{client(messages(h.client())), server(messages(withSession(picked12(), id).server()), ccs)}, c[2:]...)
}

func resumedByID(id string) conversation {
	return conversation{
		client(messages(withSession(hello12(), id).client())),
		server(messages(withSession(picked12(), id).server()), ccs, finished),
		client(ccs, finished),
	}
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

// TestChosenSessionIDIsNotRemembered: a client must not give a name to a session.
func TestChosenSessionIDIsNotRemembered(t *testing.T) {
	c := full()
	c[0] = client(messages(withSession(hello12(), "chosen").client()))
	c[1] = server(messages(withSession(picked12(), "chosen").server(), serverChain, done))
	got := replay(t, handshake.Config{}, c, whole)
	if diff := cmp.Diff([]handshake.SessionKey{sha256.Sum256([]byte("ticket"))}, got.Sessions); diff != "" || got.State != handshake.Done {
		t.Errorf("%s (-want +got):\n%s", got, diff)
	}
}

func TestSessionsOfAResumedHandshake(t *testing.T) {
	shown := handshake.Shown{Visibility: handshake.NotGiven}
	known := handshake.Config{Resumed: func(handshake.SessionKey) (handshake.Shown, bool) { return shown, true }}
	got := replay(t, known, resumed("old", "new"), whole)
	if diff := cmp.Diff([]handshake.SessionKey{sha256.Sum256([]byte("new"))}, got.Sessions); diff != "" {
		t.Errorf("a renewed ticket does not inherit (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(shown, got.Seen.Certificate); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := replay(t, known, resumed("old", ""), whole); got.Sessions != nil {
		t.Errorf("%d sessions to remember without a new ticket", len(got.Sessions))
	}
	if got := replay(t, handshake.Config{}, full()[:3], whole); got.Sessions != nil {
		t.Errorf("%d sessions to remember before the verdict", len(got.Sessions))
	}
}

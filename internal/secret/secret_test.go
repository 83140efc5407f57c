package secret_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/omsgateway/omsgateway/internal/secret"
)

func TestSealAndOpen(t *testing.T) {
	for _, want := range []string{"x", `p%:ss "wörd"`, "plain:a:b", "dpapi:AAEC", ":", strings.Repeat("ä", 512)} {
		sealed, err := secret.Seal(want)
		if err != nil {
			t.Fatalf("%q: %v", want, err)
		}
		read, err := secret.Parse(sealed.Text())
		if err != nil || read != sealed {
			t.Errorf("%q is read back as %v, %v", want, read, err)
		}
		if got, err := read.Open(); got != want || err != nil {
			t.Errorf("%q opens as %q, %v", want, got, err)
		}
		if again, _ := secret.Seal(want); again == sealed {
			t.Errorf("%q is sealed to the same twice, so that a hash of it could be guessed", want)
		}
		if runtime.GOOS == "windows" && strings.Contains(sealed.Text(), want) && len(want) > 1 {
			t.Errorf("%q stands in the sealed text", want)
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			if shown := fmt.Sprintf(verb, struct{ Password secret.Sealed }{sealed}); strings.Contains(shown, sealed.Text()) ||
				!strings.Contains(shown, "***") {
				t.Errorf("with %s it shows %s", verb, shown)
			}
		}
	}
}

func TestNoSecret(t *testing.T) {
	sealed, err := secret.Seal("")
	if err != nil || sealed != (secret.Sealed{}) || sealed.Text() != "" || sealed.String() != "none" {
		t.Errorf("no secret is %v, %q, %v", sealed, sealed.Text(), err)
	}
	if read, err := secret.Parse(""); read != sealed || err != nil {
		t.Errorf("it is read back as %v, %v", read, err)
	}
	if got, err := sealed.Open(); got != "" || err != nil {
		t.Errorf("it opens as %q, %v", got, err)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"as it was typed": "hunter2",
		"no random part":  "plain:hunter2",
		"another scheme":  "rot13:a:hunter2",
		"upper case":      "PLAIN:a:hunter2",
		"nothing sealed":  "dpapi:",
		"not UTF-8":       "plain:a:hunter2\xff",
		"too long":        "plain:a:hunter2" + strings.Repeat("x", 8<<10),
	} {
		sealed, err := secret.Parse(text)
		if err == nil || sealed != (secret.Sealed{}) {
			t.Errorf("%s: %v, %v", name, sealed.Text(), err)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error repeats it: %v", name, err)
		}
	}
}

func TestWhatCannotBeOpened(t *testing.T) {
	for name, text := range map[string]string{"another computer's": "dpapi:AAECAwQFBgcICQ==", "damaged": "dpapi:hunter2!"} {
		sealed, err := secret.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got, err := sealed.Open(); err == nil || got != "" || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

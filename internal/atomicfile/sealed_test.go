package atomicfile_test

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"

	"github.com/omsgateway/omsgateway/internal/atomicfile"
)

var sealed = atomicfile.Sealed{Header: "test notes 1\n", MaxBody: 10}

// seal ends content with its hash.
func seal(content string) string {
	sum := sha256.Sum256([]byte(content))
	return content + string(sum[:])
}

func TestSealedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes")
	if body, err := sealed.Read(path); err != nil || body != nil {
		t.Errorf("no file: %q, %v", body, err)
	}
	for _, want := range []string{"", "0123456789", "\x00"} {
		if err := sealed.Write(path, []byte(want)); err != nil {
			t.Fatal(err)
		}
		if got := read(t, path); got != seal(sealed.Header+want) {
			t.Errorf("the file has %q", got)
		}
		if body, err := sealed.Read(path); err != nil || string(body) != want {
			t.Errorf("Read: %q, %v; want %q", body, err, want)
		}
	}
	left := filepath.Join(filepath.Dir(path), ".notes.1.tmp")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sealed.Read(path); err != nil {
		t.Fatal(err)
	}
	wantNames(t, filepath.Dir(path), "notes")
}

func TestSealedFileThatIsNone(t *testing.T) {
	good := seal(sealed.Header + "body")
	flipped := []byte(good)
	flipped[len(sealed.Header)] ^= 1
	path := filepath.Join(t.TempDir(), "notes")
	for content, want := range map[string]string{
		"":                                      "no such file",
		"a":                                     "no such file",
		sealed.Header:                           "no such file",
		good[len(good)-sha256.Size:]:            "no such file",
		seal("test notes 2\nbody"):              "no such file",
		seal("test notes 1"):                    "no such file",
		good[:len(good)-1]:                      "damaged",
		good + "\n":                             "damaged",
		string(flipped):                         "damaged",
		seal(sealed.Header + "0123456789x"):     "more than",
		seal(sealed.Header + "0123456789x1234"): "more than",
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		body, err := sealed.Read(path)
		wantError(t, err, want)
		if body != nil {
			t.Errorf("%q: body %q beside an error", content, body)
		}
	}

	_, err := sealed.Read(filepath.Dir(path))
	wantError(t, err, "is not a file")
	_, err = sealed.Read(filepath.Join(filepath.Dir(path), "absent", "notes"))
	wantError(t, err, "look for old temporary files")
}

func TestSealedFileOfTheFormerVersion(t *testing.T) {
	renewed := sealed
	renewed.Header, renewed.Former = "test notes 2\n", sealed.Header
	path := filepath.Join(t.TempDir(), "notes")
	for content, want := range map[string]string{
		seal(sealed.Header + "body"):                           "",
		sealed.Header + "and damaged":                          "",
		seal(renewed.Header + "new"):                           "new",
		seal(sealed.Header + "much more than a file may have"): "",
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if body, err := renewed.Read(path); err != nil || string(body) != want {
			t.Errorf("%q: %q, %v; want %q", content, body, err, want)
		}
	}
}

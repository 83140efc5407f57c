package support_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/ctl/support"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
)

// What hangs or fails is missing, and the archive says why; the rest is there.
func TestWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never := make(chan struct{})
		defer close(never)
		var file bytes.Buffer
		outcomes, err := support.Write(t.Context(), &file, "Head.\n", time.Now(), []support.Part{
			{Name: "a.json", What: "a", Read: func(context.Context) ([]byte, error) { return []byte("{}\n"), nil }},
			{Name: "b.json", What: "b", Read: func(context.Context) ([]byte, error) { return nil, errors.New("b is \x1b not there") }},
			{Name: "c.json", What: "c", Read: func(context.Context) ([]byte, error) {
				<-never // whatever the context says
				return []byte("late"), nil
			}},
		})
		if err != nil {
			t.Fatal(err)
		}
		files := unpacked(t, file.Bytes())
		if got, want := slices.Sorted(maps.Keys(files)), []string{"a.json", support.Contents}; !slices.Equal(got, want) {
			t.Errorf("the archive has %q, want %q", got, want)
		}
		want := "Head.\r\n\r\na.json\r\n    what it has: a\r\n\r\nb.json\r\n    what it has: b\r\n    missing: b is \\x1b not there\r\n" +
			"\r\nc.json\r\n    what it has: c\r\n    missing: it did not come within 10s\r\n"
		if diff := cmp.Diff(want, files[support.Contents]); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if outcomes[0].Size != 3 || outcomes[0].Problem != nil || outcomes[1].Problem == nil || outcomes[2].Problem == nil {
			t.Errorf("outcomes %v", outcomes)
		}
	})
}

func unpacked(t *testing.T, archive []byte) map[string]string {
	t.Helper()
	files, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, packed := range files.File {
		file, err := packed.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[packed.Name] = string(text)
	}
	return texts
}

// No password leaves the configuration file, wherever it stands, and a file in which it cannot be found stays out as a whole.
func TestConfigurationHasNoPassword(t *testing.T) {
	for _, test := range []struct{ name, file, want string }{
		{"relay proxy", `{"version": 2, "relayProxy": {"address": "http://p:80", "password": "hunter2"}}`, `"address": "http://p:80"`},
		{"elsewhere", `{"further": [{"password": "hunter2", "name": "x"}]}`, `"name": "x"`},
		{"not JSON", `{"relayProxy": {"password": "hunter2"}`, ""},
		{"a list", `[{"password": "hunter2"}]`, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(osdefaults.ConfigFile(dir), []byte(test.file), 0o600); err != nil {
				t.Fatal(err)
			}
			text, problem := fileOf(t, dir, "config.json", nil)
			if strings.Contains(text+problem, "hunter2") {
				t.Errorf("the password is there: %s%s", text, problem)
			}
			if !strings.Contains(text, test.want) || (test.want == "") != (problem != "") {
				t.Errorf("text %q, problem %q", text, problem)
			}
		})
	}
}

// fileOf is what the archive has of a file, or why it has none.
func fileOf(t *testing.T, dir, name string, aliases *support.Aliases) (text, problem string) {
	t.Helper()
	for _, part := range support.Files(dir, aliases) {
		if part.Name == name {
			text, err := part.Read(t.Context())
			if err != nil {
				return "", err.Error()
			}
			return string(text), ""
		}
	}
	t.Fatalf("there is no part %s", name)
	return "", ""
}

// Of a long log the end is there, in whole lines.
func TestLogIsCut(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "log"), 0o700); err != nil {
		t.Fatal(err)
	}
	line := strings.Repeat("x", 99) + "\n"
	log := "first\n" + strings.Repeat(line, 50_000) + "last\n"
	if err := os.WriteFile(osdefaults.LogFile(dir), []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	text, problem := fileOf(t, dir, "omsgateway.log", nil)
	whole := strings.HasPrefix(text, line) && strings.HasSuffix(text, line+"last\n")
	if problem != "" || !whole || len(text) > 4<<20 || len(text) < 4<<20-100 {
		t.Errorf("%d bytes, problem %q", len(text), problem)
	}
}

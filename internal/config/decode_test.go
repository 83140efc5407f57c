package config_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/reason"
)

var update = flag.Bool("update", false, "write the files under testdata that are expected")

// TestGoodFiles decodes each file under testdata/good: its .want is what Encode makes of it.
func TestGoodFiles(t *testing.T) {
	eachFile(t, "good", func(t *testing.T, data []byte) string {
		c, err := config.Decode("config.json", data)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Validate(); err != nil {
			t.Errorf("it was decoded, but is not valid: %v", err)
		}
		return string(c.Encode())
	})
}

// TestBadFiles decodes each file under testdata/bad: its .want has the reason and the error.
func TestBadFiles(t *testing.T) {
	eachFile(t, "bad", func(t *testing.T, data []byte) string {
		c, err := config.Decode("config.json", data)
		if err == nil {
			t.Fatalf("it was decoded to %+v", c)
		}
		if !c.Equal(config.Config{}) {
			t.Errorf("something comes with the error: %+v", c)
		}
		if strings.Contains(err.Error(), "hunter2") || strings.Contains(fmt.Sprintf("%#v", c), "hunter2") {
			t.Errorf("the error tells a password: %v", err)
		}
		return fmt.Sprintf("%s\n%s\n", reason.Of(err), err)
	})
}

func TestSizeLimit(t *testing.T) {
	data := []byte(`{"version":1}`)
	data = append(data, bytes.Repeat([]byte(" "), config.MaxFileSize-len(data))...)
	if _, err := config.Decode("config.json", data); err != nil {
		t.Errorf("%d bytes: %v", len(data), err)
	}
	_, err := config.Decode("config.json", append(data, ' '))
	wantError(t, err, reason.ConfigTooLarge, "config.json is larger than 16777216 bytes")
}

// A file as deep as it can be within the size limit must neither exhaust the stack nor take long.
func TestDeepNesting(t *testing.T) {
	for _, open := range []string{"[", `{"a":`} {
		data := []byte(`{"version":1,"settings":` + strings.Repeat(open, (config.MaxFileSize-100)/len(open)))
		_, err := config.Decode("config.json", data)
		wantError(t, err, reason.ConfigField, "nested more than 16 deep")
	}
}

func TestMoreHostsThanTheLimit(t *testing.T) {
	var data strings.Builder
	data.WriteString(`{"version":1,"allowedHosts":[`)
	for i := range config.MaxHosts {
		fmt.Fprintf(&data, `{"host":"h%d.example.com"},`, i)
	}
	if _, err := config.Decode("config.json", []byte(strings.TrimSuffix(data.String(), ",")+"]}")); err != nil {
		t.Error(err)
	}
	_, err := config.Decode("config.json", []byte(data.String()+`{"host":"one.more.example.com"}]}`))
	wantError(t, err, reason.ConfigField, "config.json, line 1: allowedHosts[100000] is wrong: the list has more than 100000 hosts")
}

func TestMoreCertificatesThanTheLimit(t *testing.T) {
	var data strings.Builder
	data.WriteString(`{"version":1,"allowedClientCertificates":[`)
	for i := range config.MaxClientCertificates {
		fmt.Fprintf(&data, `{"subject":"agent %d"},`, i)
	}
	if _, err := config.Decode("config.json", []byte(strings.TrimSuffix(data.String(), ",")+"]}")); err != nil {
		t.Error(err)
	}
	_, err := config.Decode("config.json", []byte(data.String()+`{"subject":"one more"}]}`))
	wantError(t, err, reason.ConfigField,
		"config.json, line 1: allowedClientCertificates[10000] is wrong: the list has more than 10000 client certificates")
}

func TestEveryVersionIsRead(t *testing.T) {
	for version := 1; version <= config.Version; version++ {
		data := fmt.Appendf(nil, `{"version":%d}`, version)
		if got, err := config.FileVersion("config.json", data); err != nil || got != version {
			t.Errorf("FileVersion = %d, %v, want %d", got, err, version)
		}
		c, err := config.Decode("config.json", data)
		if err != nil || !c.Equal(config.Default()) {
			t.Errorf("version %d without anything else: %+v, %v, want the defaults", version, c, err)
		}
	}
	next := config.Version + 1
	_, err := config.FileVersion("config.json", fmt.Appendf(nil, `{"version":%d}`, next))
	wantError(t, err, reason.ConfigTooNew, fmt.Sprintf("has version %d, and this program understands up to %d", next, config.Version))
	data := config.Default().Encode()
	if got, err := config.FileVersion("config.json", data); err != nil || got != config.Version {
		t.Errorf("Encode writes version %d, %v, want %d", got, err, config.Version)
	}
}

func TestRead(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "config.json")

	_, err := config.Read(path)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v is not ErrNotExist", err)
	}
	wantError(t, err, reason.ConfigUnreadable, path+" cannot be read: ")

	_, err = config.Read(folder)
	wantError(t, err, reason.ConfigUnreadable, folder+" cannot be read: it is not a file")

	writeFile(t, path, `{"version":1,"settings":{"ListenPort":81}}`)
	c, err := config.Read(path)
	if err != nil || c.Settings.ListenPort != 81 {
		t.Errorf("Read = %+v, %v", c, err)
	}

	writeFile(t, path, `{"version":1,`)
	_, err = config.Read(path)
	wantError(t, err, reason.ConfigSyntax, path+" is not valid JSON at line 1, column 14: the file ends too early")

	writeFile(t, path, strings.Repeat(" ", config.MaxFileSize+2))
	_, err = config.Read(path)
	wantError(t, err, reason.ConfigTooLarge, path)
}

func FuzzDecode(f *testing.F) {
	for _, kind := range []string{"good", "bad"} {
		files, err := filepath.Glob(filepath.Join("testdata", kind, "*.json"))
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			if len(data) < 10_000 {
				f.Add(data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := config.Decode("config.json", data)
		if err != nil {
			if reason.Of(err) == "" || !strings.Contains(err.Error(), "config.json") {
				t.Fatalf("error without a reason or the file: %v", err)
			}
			return
		}
		if err := c.Validate(); err != nil {
			t.Fatalf("it was decoded, but is not valid: %v", err)
		}
		wantRoundTrip(t, c)
	})
}

func eachFile(t *testing.T, kind string, result func(t *testing.T, data []byte) string) {
	files, err := filepath.Glob(filepath.Join("testdata", kind, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			got := result(t, []byte(readFile(t, file)))
			for version, name := range versionNames {
				got = strings.ReplaceAll(got, version, name)
			}
			expected := strings.TrimSuffix(file, ".json") + ".want"
			if *update {
				writeFile(t, expected, got)
			}
			want := strings.ReplaceAll(readFile(t, expected), "\r\n", "\n")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// versionNames has what stands for today's version in the expected files, so that the next one does not touch them all.
var versionNames = map[string]string{
	fmt.Sprintf(`"version": %d`, config.Version): `"version": TODAY`,
	fmt.Sprintf("up to %d", config.Version):      "up to TODAY",
}

func wantRoundTrip(t *testing.T, c config.Config) {
	t.Helper()
	data := c.Encode()
	again, err := config.Decode("config.json", data)
	if err != nil {
		t.Fatalf("Decode(Encode): %v\n%s", err, data)
	}
	if !again.Equal(c) {
		t.Fatalf("Decode(Encode) = %+v, want %+v", again, c)
	}
	if second := again.Encode(); !bytes.Equal(second, data) {
		t.Fatalf("the second Encode differs:\n%s\n%s", data, second)
	}
}

func wantError(t *testing.T, err error, why reason.Reason, text string) {
	t.Helper()
	if reason.Of(err) != why || err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("error %v (%s), want one with %q (%s)", err, reason.Of(err), text, why)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"testing"
	"unicode/utf16"

	"github.com/omsgateway/omsgateway/internal/event"
)

func TestEveryEventHasAMessage(t *testing.T) {
	table := messageTable()
	for _, id := range []event.ID{
		event.Information, event.ServiceStarted, event.ServiceStopped, event.Connect, event.NotAConnect, event.Forbidden,
		event.TLSRefused, event.TLSVerified, event.Detail, event.NoAgent, event.Fault, event.WrongConfiguration, event.NoTLS,
		event.Network,
		100, 499, // the first and the last
	} {
		if got, ok := findMessage(table, uint32(id)); !ok || got != "%1" {
			t.Errorf("the message of event %d is %q", id, got)
		}
	}
	for _, id := range []uint32{0, 99, 500, 1 << 31} {
		if got, ok := findMessage(table, id); ok {
			t.Errorf("there is a message %d: %q", id, got)
		}
	}
}

// findMessage looks a message up as FormatMessageW does: the block that has the id, then entry by entry.
func findMessage(table []byte, id uint32) (string, bool) {
	for block := range binary.LittleEndian.Uint32(table) {
		head := table[4+12*block:]
		first, last, at := binary.LittleEndian.Uint32(head), binary.LittleEndian.Uint32(head[4:]), binary.LittleEndian.Uint32(head[8:])
		if id < first || id > last {
			continue
		}
		entry := table[at:]
		for range id - first {
			entry = entry[binary.LittleEndian.Uint16(entry):]
		}
		length, flags := binary.LittleEndian.Uint16(entry), binary.LittleEndian.Uint16(entry[2:])
		if length%4 != 0 || flags != 1 {
			return "", false
		}
		var text []uint16
		for rest := entry[4:length]; ; rest = rest[2:] {
			unit := binary.LittleEndian.Uint16(rest)
			if unit == 0 {
				return string(utf16.Decode(text)), true
			}
			text = append(text, unit)
		}
	}
	return "", false
}

func TestDefinitionsNameFilesThatAreThere(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "resources")
	if err := write(folder); err != nil {
		t.Fatal(err)
	}
	for _, size := range iconSizes {
		f, err := os.Open(filepath.Join(folder, fmt.Sprintf("icon-%d.png", size)))
		if err != nil {
			t.Fatal(err)
		}
		picture, err := png.Decode(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		if b := picture.Bounds(); b.Dx() != size || b.Dy() != size {
			t.Errorf("the icon of size %d has %v", size, b)
		}
		if _, _, _, alpha := picture.At(0, 0).RGBA(); alpha == 0xFFFF {
			t.Errorf("the icon of size %d has no round corner", size)
		}
	}
	for program, types := range map[string][]string{
		"omsgateway": {"RT_GROUP_ICON", "RT_MESSAGETABLE", "RT_VERSION"},
		"omsgwctl":   {"RT_GROUP_ICON", "RT_VERSION"},
	} {
		data, err := os.ReadFile(filepath.Join(folder, program+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var resources map[string]map[string]map[string]any
		if err := json.Unmarshal(data, &resources); err != nil {
			t.Fatal(err)
		}
		for _, name := range types {
			if resources[name] == nil {
				t.Errorf("%s has no %s", program, name)
			}
			checkFiles(t, folder, resources[name])
		}
		if len(resources) != len(types) {
			t.Errorf("%s has resources of %d types, want %v", program, len(resources), types)
		}
	}
}

func checkFiles(t *testing.T, folder string, resources map[string]map[string]any) {
	t.Helper()
	for _, languages := range resources {
		for _, value := range languages {
			names, ok := value.([]any)
			if !ok {
				names = []any{value}
			}
			for _, name := range names {
				if file, ok := name.(string); ok {
					if _, err := os.Stat(filepath.Join(folder, file)); err != nil {
						t.Error(err)
					}
				}
			}
		}
	}
}

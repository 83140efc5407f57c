package msi_test

import (
	"slices"
	"strings"
	"testing"
)

// The dialogs were written by hand; Windows Installer finds what does not fit together only when somebody gets there.
func TestDialogsFitTogether(t *testing.T) {
	pkg := built(t)
	dialogs := by(t, table(t, pkg, "Dialog"), "Dialog")
	controls := map[string]map[string]row{}
	for _, c := range table(t, pkg, "Control") {
		if controls[c["Dialog_"]] == nil {
			controls[c["Dialog_"]] = map[string]row{}
		}
		controls[c["Dialog_"]][c["Control"]] = c
	}
	for name, d := range dialogs {
		for _, column := range []string{"Control_First", "Control_Default", "Control_Cancel"} {
			if d[column] != "" && controls[name][d[column]] == nil {
				t.Errorf("%s of %s is %s, which it does not have", column, name, d[column])
			}
		}
		for id, c := range controls[name] {
			if c["Control_Next"] != "" && controls[name][c["Control_Next"]] == nil {
				t.Errorf("after %s of %s comes %s, which is not there", id, name, c["Control_Next"])
			}
			right, bottom := number(t, c["X"])+number(t, c["Width"]), number(t, c["Y"])+number(t, c["Height"])
			if right > number(t, d["Width"]) || bottom > number(t, d["Height"]) {
				t.Errorf("%s does not fit into %s", id, name)
			}
			if c["Type"] == "Text" && strings.Contains(c["Text"], "&") && number(t, c["Attributes"])&0x20000 != 0 {
				t.Errorf("%s of %s shows its ampersand", id, name)
			}
			for other, o := range controls[name] {
				if id < other && overlap(t, c, o) && name != "ErrorDialog" { // that shows one set of its buttons
					t.Errorf("%s and %s of %s overlap", id, other, name)
				}
			}
		}
	}
	for name := range controls {
		if dialogs[name] == nil {
			t.Errorf("there are controls for %s, which is not there", name)
		}
	}
	for _, of := range []string{"ControlEvent", "ControlCondition", "EventMapping"} {
		for _, r := range table(t, pkg, of) {
			if controls[r["Dialog_"]][r["Control_"]] == nil {
				t.Errorf("%s is for %s of %s, which is not there", of, r["Control_"], r["Dialog_"])
			}
		}
	}
}

func overlap(t *testing.T, a, b row) bool {
	t.Helper()
	within := func(at, size string) bool {
		return number(t, a[at]) < number(t, b[at])+number(t, b[size]) && number(t, b[at]) < number(t, a[at])+number(t, a[size])
	}
	return within("X", "Width") && within("Y", "Height")
}

func TestEveryDialogIsReachedAndLeft(t *testing.T) {
	pkg := built(t)
	dialogs := by(t, table(t, pkg, "Dialog"), "Dialog")
	// Windows Installer shows these by itself.
	reached := map[string]bool{"ErrorDialog": true, "FilesInUse": true}
	if got := by(t, table(t, pkg, "Property"), "Property")["ErrorDialog"]["Value"]; got != "ErrorDialog" {
		t.Errorf("the dialog for errors is %q", got)
	}
	for _, r := range table(t, pkg, "InstallUISequence") {
		reached[r["Action"]] = true
	}
	left := map[string]bool{}
	pressed := map[string]bool{}
	for _, e := range table(t, pkg, "ControlEvent") {
		pressed[e["Dialog_"]+" "+e["Control_"]] = true
		switch e["Event"] {
		case "NewDialog", "SpawnDialog":
			reached[e["Argument"]] = true
			if dialogs[e["Argument"]] == nil {
				t.Errorf("%s of %s leads to %s, which is not there", e["Control_"], e["Dialog_"], e["Argument"])
			}
			fallthrough
		case "EndDialog":
			left[e["Dialog_"]] = true
		}
	}
	for name := range dialogs {
		if !reached[name] {
			t.Errorf("nothing leads to %s", name)
		}
		if !left[name] {
			t.Errorf("nothing leads from %s", name)
		}
	}
	for _, c := range table(t, pkg, "Control") {
		if name := c["Dialog_"] + " " + c["Control"]; c["Type"] == "PushButton" && number(t, c["Attributes"])&2 != 0 && !pressed[name] {
			t.Errorf("button %s does nothing", name)
		}
	}
}

func TestDialogsAskForProperties(t *testing.T) {
	pkg := built(t)
	boxes := by(t, table(t, pkg, "CheckBox"), "Property")
	var asked []string
	for _, c := range table(t, pkg, "Control") {
		if c["Property"] == "" || c["Type"] == "ListBox" {
			continue
		}
		asked = append(asked, c["Property"])
		if c["Type"] == "CheckBox" && boxes[c["Property"]]["Value"] != "1" {
			t.Errorf("a tick at %s does not mean 1", c["Property"])
		}
		if c["Property"] == "PASSWORD" && number(t, c["Attributes"])&0x200000 == 0 {
			t.Error("the password can be read while it is typed")
		}
	}
	slices.Sort(asked)
	want := []string{"HASAUTH", "HASPROXY", "INSTALLDIR", "LICENSEACCEPTED", "PASSWORD", "PORTNUMBER", "PROXY", "USERNAME"}
	if !slices.Equal(asked, want) {
		t.Errorf("the dialogs ask for %v, want %v", asked, want)
	}
	for _, c := range table(t, pkg, "Control") {
		if c["Dialog_"] == "LicenceDialog" && c["Type"] == "ScrollableText" {
			for _, words := range []string{`{\rtf1`, "MIT License", "Permission is hereby granted", "THE SOFTWARE IS PROVIDED"} {
				if !strings.Contains(c["Text"], words) {
					t.Errorf("the licence lacks %q", words)
				}
			}
			return
		}
	}
	t.Error("the licence is shown nowhere")
}

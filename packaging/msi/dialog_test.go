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

// The documents of the original walk through these pages; a first installation goes from each to the next.
func TestWizardIsThatOfTheDocuments(t *testing.T) {
	pkg := built(t)
	titles, next := map[string]string{}, map[string]string{}
	for _, c := range table(t, pkg, "Control") {
		if c["Control"] == "Title" {
			titles[c["Dialog_"]] = strings.TrimPrefix(c["Text"], `{\Title}`)
		}
	}
	back := map[string]string{}
	for _, e := range table(t, pkg, "ControlEvent") {
		if e["Event"] != "NewDialog" || e["Condition"] == "OLDERVERSION" {
			continue
		}
		way := map[string]map[string]string{"Next": next, "Back": back}[e["Control_"]]
		if way[e["Dialog_"]] != "" {
			t.Errorf("%s of %s leads to %s and %s", e["Control_"], e["Dialog_"], way[e["Dialog_"]], e["Argument"])
		}
		way[e["Dialog_"]] = e["Argument"]
	}
	var got []string
	for name := "WelcomeDialog"; name != ""; name = next[name] {
		got = append(got, titles[name])
		if after := next[name]; after != "" && back[after] != name {
			t.Errorf("Next leads from %s to %s, and Back from there to %q", name, after, back[after])
		}
	}
	want := []string{
		"Welcome to OMS Gateway [ProductVersion]", "License Agreement", "Port and proxy address", "Destination Folder", "Ready to install",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the pages are %q, want %q", got, want)
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
	want := []string{"HASAUTH", "INSTALLDIR", "LICENSEACCEPTED", "PASSWORD", "PORTNUMBER", "PROXY", "USERNAME"}
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

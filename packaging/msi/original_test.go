package msi_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	gatewaysetup "github.com/omsgateway/omsgateway/internal/setup"
)

// Windows that are too old, and both editions of an original, are refused; what is missing for the module is only said.
func TestWhatSetupMeets(t *testing.T) {
	pkg := built(t)
	var told bool
	for _, c := range table(t, pkg, "LaunchCondition") {
		if strings.Contains(c["Condition"], "WINDOWSMAJOR") {
			told = strings.Contains(c["Description"], "Either update this Windows, or install the gateway on another computer")
		}
		if len(c["Description"]) > 255 { // the width of the column
			t.Errorf("the text of %s has %d characters", c["Condition"], len(c["Description"]))
		}
	}
	if !told {
		t.Error("a Windows that is too old is not told the ways out")
	}
	const refuses = `NOT Installed AND NOT OLDERVERSION AND ` +
		`(FORWARDERPROGRAM OR (SERVICEPROGRAM AND NOT (SERVICEPROGRAM ~>> " service run")))`
	if got := by(t, table(t, pkg, "InstallExecuteSequence"), "Action")["RefuseOriginal"]["Condition"]; got != refuses {
		t.Errorf("an original is refused if %s", got)
	}
	keys := by(t, table(t, pkg, "RegLocator"), "Signature_")
	for _, c := range []struct{ property, key, name string }{
		{"SERVICEPROGRAM", `SYSTEM\CurrentControlSet\Services\OMSGatewayService`, "ImagePath"},
		{"FORWARDERPROGRAM", `SYSTEM\CurrentControlSet\Services\ForwarderService`, "ImagePath"},
		{"DOTNETRELEASE", `SOFTWARE\Microsoft\NET Framework Setup\NDP\v4\Full`, "Release"},
		{"DOTNETVERSION", `SOFTWARE\Microsoft\NET Framework Setup\NDP\v4\Full`, "Version"},
	} {
		r := keys[by(t, table(t, pkg, "AppSearch"), "Property")[c.property]["Signature_"]]
		if r["Key"] != c.key || r["Name"] != c.name || number(t, r["Root"]) != 2 || number(t, r["Type"])&16 == 0 {
			t.Errorf("%s is looked for in %v", c.property, r)
		}
	}
	module, err := os.ReadFile(filepath.Join("..", "..", "psmodule", "OMSGateway", "OMSGateway.psm1"))
	if err != nil {
		t.Fatal(err)
	}
	properties := by(t, table(t, pkg, "Property"), "Property")
	for _, name := range []string{"DOTNETNEEDED", "DOTNETNEEDEDVERSION"} {
		if value := strings.TrimPrefix(properties[name]["Value"], "#"); !strings.Contains(string(module), value) {
			t.Errorf("%s is %s, of which the module knows nothing", name, value)
		}
	}
	for _, name := range []string{"InstallUISequence", "InstallExecuteSequence"} {
		got := by(t, table(t, pkg, name), "Action")["NoteModule"]["Condition"]
		if got != "NOT (DOTNETRELEASE >= DOTNETNEEDED) AND NOT REMOVE" {
			t.Errorf("in %s the module's needs are told if %s", name, got)
		}
		// Windows Installer: MsiNTProductType is 2 on a domain controller.
		got = by(t, table(t, pkg, name), "Action")["NoteController"]["Condition"]
		if got != "MsiNTProductType = 2 AND NOT REMOVE" {
			t.Errorf("in %s a domain controller is told if %s", name, got)
		}
	}
}

// The script beside the package has all of its parts, and lines as Windows has them.
func TestUpdateScript(t *testing.T) {
	built(t)
	script, err := os.ReadFile(filepath.Join(folder, "Update-OMSGateway.ps1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"function Save-Original", "function Restore-Original", "[CmdletBinding(PositionalBinding = $false)]"} {
		if strings.Count(string(script), part) != 1 {
			t.Errorf("the script does not have one %s", part)
		}
	}
	if lines, ends := strings.Count(string(script), "\n"), strings.Count(string(script), "\r\n"); lines != ends || lines < 200 {
		t.Errorf("of %d lines %d end as on Windows", lines, ends)
	}
}

// The script that setup runs where there is an original, and its reader, in one: on other systems than Windows with what it finds made up.
func TestOriginalIsSaved(t *testing.T) {
	if _, err := exec.LookPath("pwsh"); err != nil {
		t.Skip("pwsh is not on PATH")
	}
	// As build.sh puts it together.
	script := filepath.Join(t.TempDir(), "script.ps1")
	var parts []byte
	for _, name := range []string{"original.ps1", "refuse-original.ps1"} {
		part, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, part...)
	}
	if err := os.WriteFile(script, parts, 0o600); err != nil {
		t.Fatal(err)
	}
	save := func(t *testing.T, dir, owner, attributes string) string {
		t.Helper()
		t.Setenv("OWNER", owner)
		t.Setenv("ATTRIBUTES", attributes)
		return run(t, "pwsh", "-NoProfile", "-NonInteractive", "-File", filepath.Join("testdata", "original.ps1"), dir, script)
	}
	dir := t.TempDir()
	said := save(t, dir, "S-1-5-32-544", "Directory")
	for _, words := range []string{"port 8081, 2 allowed hosts", "password of its relay proxy", "-File Update-OMSGateway.ps1", "run this setup again: msiexec /x {0B1C}"} {
		if !strings.Contains(said, words) {
			t.Errorf("it does not say %q: %s", words, said)
		}
	}
	file, err := os.ReadFile(filepath.Join(dir, "saved-from-original.json"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := gatewaysetup.ReadOriginal(file)
	if err != nil {
		t.Fatal(err)
	}
	want := gatewaysetup.Original{
		Version: 1, ListenPort: "8081", LogLevel: "Info", RelayProxy: "http://10.0.0.5:3128",
		AllowedHosts: []string{"a.example.com", "ü.example.com"}, AllowedClientCertificates: []string{"CN=agent"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	for _, c := range []struct{ owner, attributes, want string }{
		{"S-1-5-21-1-2-3-1001", "Directory", "belongs to somebody else (S-1-5-21-1-2-3-1001)"},
		{"S-1-5-18", "Directory, ReparsePoint", "is a link"}, // to a folder of the system
	} {
		dir := t.TempDir()
		said := save(t, dir, c.owner, c.attributes)
		if !strings.Contains(said, "could not be saved") || !strings.Contains(said, c.want) {
			t.Errorf("it takes a folder that somebody else has made: %s", said)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("it leaves %v, %v", left, err)
		}
	}
}

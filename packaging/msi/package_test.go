// Package msi_test looks into the Windows package, and installs it under Wine.
package msi_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// row is a row of a table, by column.
type row map[string]string

// folder is where the tests build packages.
var folder string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if folder, err = os.MkdirTemp("", "omsgateway-msi"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(folder)
		return m.Run()
	}())
}

// built is the package that most tests look into.
func built(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(folder, "v1.2.3.msi")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	return build(t, "v1.2.3")
}

// build makes a package of this version. Its programs are no programs: what is in the tables does not depend on them.
func build(t *testing.T, version string) (path string) {
	t.Helper()
	for _, tool := range []string{"wixl", "msibuild", "msiinfo", "x86_64-w64-mingw32-gcc"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("OMSGATEWAY_TEST_REQUIRE") == "all" {
				t.Fatalf("%s is required: %v", tool, err)
			}
			t.Skipf("%s is not on PATH", tool)
		}
	}
	for _, name := range []string{
		"programs/omsgateway.exe", "programs/omsgwctl.exe", "programs/third-party-licences.txt",
		"module/OMSGateway.psd1", "module/OMSGateway.dll",
		"module/en-US/about_OMSGateway.help.txt", "module/bin/windows-amd64/omsgwctl.exe", "module/bin/linux-amd64/omsgwctl",
	} {
		file := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path = filepath.Join(folder, version+".msi")
	run(t, "./build.sh", version, filepath.Join(folder, "programs"), filepath.Join(folder, "module"), path)
	return path
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

// table is what the package has in one of its tables.
func table(t *testing.T, pkg, name string) (rows []row) {
	t.Helper()
	lines := strings.Split(strings.TrimRight(run(t, "msiinfo", "export", pkg, name), "\r\n"), "\r\n")
	if len(lines) < 3 {
		t.Fatalf("table %s is not a table: %q", name, lines)
	}
	columns := strings.Split(lines[0], "\t")
	for _, line := range lines[3:] {
		r := row{}
		for i, value := range strings.Split(line, "\t") {
			r[columns[i]] = value
		}
		rows = append(rows, r)
	}
	return rows
}

// by has the rows of a table by one of their columns, which must be different in all of them.
func by(t *testing.T, rows []row, column string) map[string]row {
	t.Helper()
	m := map[string]row{}
	for _, r := range rows {
		if m[r[column]] != nil {
			t.Fatalf("%s %q is there twice", column, r[column])
		}
		m[r[column]] = r
	}
	return m
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Bits of the types of custom actions (learn.microsoft.com/windows/win32/msi/summary-list-of-all-custom-action-types).
const (
	kindBits      = 0x3f
	kindLibrary   = 1  // a function of a library in the package
	kindProperty  = 51 // sets a property
	goOn          = 0x40
	inScript      = 0x400 // with rollback or commit: then only
	rollback      = 0x100
	commit        = 0x200
	noImpersonate = 0x800 // as SYSTEM
	hideTarget    = 0x2000
)

func TestNothingSecretIsToldOrKept(t *testing.T) {
	pkg := built(t)
	properties := by(t, table(t, pkg, "Property"), "Property")
	hidden := strings.Split(properties["MsiHiddenProperties"]["Value"], ";")
	for _, name := range []string{"PASSWORD", "WriteSettings"} {
		if !slices.Contains(hidden, name) {
			t.Errorf("%s is not hidden from logs", name)
		}
		if properties[name] != nil {
			t.Errorf("%s has a value in the package", name)
		}
	}
	actions := by(t, table(t, pkg, "CustomAction"), "Action")
	for _, name := range []string{"CollectSettings", "WriteSettings"} {
		if number(t, actions[name]["Type"])&hideTarget == 0 {
			t.Errorf("what %s works with is not hidden from logs", name)
		}
	}
	for _, kept := range []string{"CustomAction", "Registry", "ServiceInstall", "ServiceControl"} {
		for _, r := range table(t, pkg, kept) {
			for column, value := range r {
				for _, name := range []string{"PASSWORD", "USERNAME", "PROXY", "PORTNUMBER"} {
					if strings.Contains(value, "["+name+"]") {
						t.Errorf("%s is written by table %s, column %s: %s", name, kept, column, value)
					}
				}
			}
		}
	}
}

func TestElevatedHalfGetsWhatItNeeds(t *testing.T) {
	properties := by(t, table(t, built(t), "Property"), "Property")
	want := []string{
		"FORWARDERPROGRAM", "HASAUTH", "HASPROXY", "INSTALLDIR", "LICENSEACCEPTED", "NEWERVERSION", "OLDERVERSION", "PASSWORD", "PORTNUMBER",
		"PREVIOUSINSTALLDIR", "PROXY", "SERVICEPROGRAM", "USERNAME",
	}
	if diff := cmp.Diff(want, strings.Split(properties["SecureCustomProperties"]["Value"], ";")); diff != "" {
		t.Error(diff)
	}
	if properties["ALLUSERS"]["Value"] != "1" {
		t.Error("the package is not for the whole computer")
	}
}

func TestActions(t *testing.T) {
	pkg := built(t)
	actions := by(t, table(t, pkg, "CustomAction"), "Action")
	sequence := by(t, table(t, pkg, "InstallExecuteSequence"), "Action")
	at := func(name string) int {
		t.Helper()
		if sequence[name] == nil {
			t.Fatalf("%s is not in the sequence", name)
		}
		return number(t, sequence[name]["Sequence"])
	}
	seen := map[int]string{}
	for name := range sequence {
		if other, twice := seen[at(name)]; twice {
			t.Errorf("%s and %s have the same place", name, other)
		}
		seen[at(name)] = name
	}
	for name, action := range actions {
		kind := number(t, action["Type"])
		if kind&inScript == 0 {
			continue
		}
		if at(name) <= at("InstallInitialize") || at(name) >= at("InstallFinalize") {
			t.Errorf("%s is outside the transaction", name)
		}
		if kind&noImpersonate == 0 {
			t.Errorf("%s does not run elevated", name)
		}
		if kind&(rollback|commit) != 0 && kind&goOn == 0 {
			t.Errorf("%s can fail when nothing can be done about it any more", name)
		}
	}
	for _, order := range [][]string{
		// What setup was told is in force at the first start; an older version is gone by then.
		{
			"FindRelatedProducts", "AppSearch", "LaunchConditions", "KeepInstallDir", "CostFinalize", "InstallInitialize",
			"RemoveExistingProducts", "InstallFiles", "CollectSettings", "WriteSettings", "StartServices", "InstallFinalize",
		},
		{"InstallServices", "FinishService", "StartServices"},
		{"StopServices", "NameProgram", "AwaitEnd", "DeleteServices", "RemoveFiles", "InstallFiles"},
		{"WriteRegistryValues", "StartServices"},
		// An original is refused before anything is changed.
		{"InstallInitialize", "RefuseOriginal", "StopServices"},
		// The firewall is opened at the port that was set, for a service that is there, and before anybody can connect.
		{"WriteSettings", "FinishService", "UndoFirewallRule", "AddFirewallRule", "MoveFirewallRule", "StartServices"},
		// Nobody can put a file into the folder before it is locked.
		{"CreateFolders", "InstallFiles"},
		{"CollectSettings", "UndoSettings", "WriteSettings"},
	} {
		if !slices.IsSortedFunc(order, func(a, b string) int { return at(a) - at(b) }) {
			t.Errorf("the order is not %s", strings.Join(order, ", "))
		}
	}
	functions := map[string]bool{}
	for _, action := range actions {
		if number(t, action["Type"])&kindBits == kindLibrary {
			functions[action["Target"]] = true
		}
	}
	want := []string{"AwaitEnd", "CollectSettings", "RefuseOriginal", "WriteSettings"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(functions))); diff != "" {
		t.Errorf("the library's functions: %s", diff)
	}
}

func TestEveryActionIsDefinedAndUsed(t *testing.T) {
	pkg := built(t)
	actions, dialogs := by(t, table(t, pkg, "CustomAction"), "Action"), by(t, table(t, pkg, "Dialog"), "Dialog")
	used := map[string]bool{}
	for _, name := range []string{"InstallExecuteSequence", "InstallUISequence"} {
		for _, r := range table(t, pkg, name) {
			used[r["Action"]] = true
		}
	}
	for name := range actions {
		if !used[name] {
			t.Errorf("nobody uses action %s", name)
		}
	}
	for _, text := range table(t, pkg, "ActionText") {
		if !used[text["Action"]] {
			t.Errorf("there is a text for action %s, which nobody uses", text["Action"])
		}
	}
	// Those of Windows Installer that we use, and what each needs to have an effect.
	standard := []string{
		"AppSearch", "CostFinalize", "CostInitialize", "CreateFolders", "DeleteServices", "ExecuteAction", "FileCost",
		"FindRelatedProducts", "InstallFiles", "InstallFinalize", "InstallInitialize", "InstallServices", "InstallValidate",
		"LaunchConditions", "MigrateFeatureStates", "ProcessComponents", "PublishFeatures", "PublishProduct",
		"RegisterProduct", "RegisterUser", "RemoveEnvironmentStrings", "RemoveExistingProducts", "RemoveFiles", "RemoveFolders",
		"RemoveRegistryValues", "StartServices", "StopServices", "UnpublishFeatures", "ValidateProductID", "WriteEnvironmentStrings",
		"WriteRegistryValues",
	}
	for name := range used {
		if actions[name] == nil && dialogs[name] == nil && !slices.Contains(standard, name) {
			t.Errorf("nobody defines action %s", name)
		}
	}
	for _, name := range standard {
		if !used[name] {
			t.Errorf("%s is in no sequence", name)
		}
	}
}

func TestUpgrade(t *testing.T) {
	pkg := build(t, "v1.2.3-4-g0123abc")
	properties := by(t, table(t, pkg, "Property"), "Property")
	if got := properties["ProductVersion"]["Value"]; got != "1.2.3" {
		t.Errorf("the version is %s", got)
	}
	const code = "{8C1F1C3E-5B0D-4C55-9A55-3E7B5F0D2A61}" // what all versions have in common, for ever
	if got := properties["UpgradeCode"]["Value"]; got != code {
		t.Errorf("the upgrade code is %s", got)
	}
	want := []row{
		{
			"UpgradeCode": code, "VersionMin": "", "VersionMax": "1.2.3", "Language": "",
			"Attributes": "513", "Remove": "", "ActionProperty": "OLDERVERSION",
		},
		{
			"UpgradeCode": code, "VersionMin": "1.2.3", "VersionMax": "", "Language": "",
			"Attributes": "2", "Remove": "", "ActionProperty": "NEWERVERSION",
		},
	}
	if diff := cmp.Diff(want, table(t, pkg, "Upgrade")); diff != "" {
		t.Error(diff)
	}
	again := build(t, "v2.0.0")
	if properties["ProductCode"]["Value"] == by(t, table(t, again, "Property"), "Property")["ProductCode"]["Value"] {
		t.Error("two versions have the same product code")
	}
	if diff := cmp.Diff(table(t, pkg, "Component"), table(t, again, "Component")); diff != "" {
		t.Errorf("the components of two versions differ: %s", diff)
	}
	for version, want := range map[string]string{"dev": `^0\.0\.1$`, "0e52beb-dirty": `^0\.0\.[0-9]+$`} {
		got := by(t, table(t, build(t, version), "Property"), "Property")["ProductVersion"]["Value"]
		if !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("the version of %s is %s", version, got)
		}
	}
}

func TestFiles(t *testing.T) {
	pkg := built(t)
	folders, components := by(t, table(t, pkg, "Directory"), "Directory"), by(t, table(t, pkg, "Component"), "Component")
	var path func(id string) string
	path = func(id string) string {
		if id == "TARGETDIR" {
			return ""
		}
		return path(folders[id]["Directory_Parent"]) + folders[id]["DefaultDir"] + "/"
	}
	var got []string
	for _, file := range table(t, pkg, "File") {
		component := components[file["Component_"]]
		got = append(got, path(component["Directory_"])+file["FileName"])
		if number(t, component["Attributes"])&256 == 0 {
			t.Errorf("%s is not installed as on 64 bits", file["FileName"])
		}
	}
	slices.Sort(got)
	want := []string{
		"PFiles/Microsoft OMS Gateway/PowerShell/OmsGateway/OmsGateway.psd1",
		"PFiles/OMS Gateway/LICENSE.txt",
		"PFiles/OMS Gateway/PowerShell/OMSGateway/OMSGateway.dll",
		"PFiles/OMS Gateway/PowerShell/OMSGateway/OMSGateway.psd1",
		"PFiles/OMS Gateway/PowerShell/OMSGateway/bin/windows-amd64/omsgwctl.exe",
		"PFiles/OMS Gateway/PowerShell/OMSGateway/en-US/about_OMSGateway.help.txt",
		"PFiles/OMS Gateway/omsgateway.exe",
		"PFiles/OMS Gateway/omsgwctl.exe",
		"PFiles/WindowsPowerShell/Modules/OMSGateway/OMSGateway.dll",
		"PFiles/WindowsPowerShell/Modules/OMSGateway/OMSGateway.psd1",
		"PFiles/WindowsPowerShell/Modules/OMSGateway/bin/windows-amd64/omsgwctl.exe",
		"PFiles/WindowsPowerShell/Modules/OMSGateway/en-US/about_OMSGateway.help.txt",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	ours, err := os.ReadFile(filepath.Join("..", "..", "LICENSE"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Count(string(ours), "\n") + 2 // and an empty one, and that of the others
	size := len(ours) + len("\n"+"programs/third-party-licences.txt") + lines
	if got := by(t, table(t, pkg, "File"), "File")["LICENSE.txt"]["FileSize"]; got != strconv.Itoa(size) {
		t.Errorf("the licences have %s bytes, want %d", got, size)
	}
	names := map[string]bool{}
	for _, file := range table(t, pkg, "File") {
		names[file["File"]] = true
	}
	for _, hash := range table(t, pkg, "MsiFileHash") {
		delete(names, hash["File_"])
	}
	if len(names) > 0 {
		t.Errorf("files without a hash: %v", names)
	}
}

func TestService(t *testing.T) {
	pkg := built(t)
	want := []row{{
		"ServiceInstall": "Service", "Name": "OMSGatewayService", "DisplayName": "OMS Gateway", "ServiceType": "16", "StartType": "2",
		"ErrorControl": "1", "LoadOrderGroup": "", "Dependencies": "", "StartName": `NT AUTHORITY\LocalService`, "Password": "",
		"Arguments": "service run", "Component_": "Gateway",
		"Description": "Lets computers without internet access send monitoring data to Azure through this one.",
	}}
	if diff := cmp.Diff(want, table(t, pkg, "ServiceInstall")); diff != "" {
		t.Error(diff)
	}
	// Started at installation, stopped at both, deleted at removal; setup waits, since scripts go on with cmdlets right after it.
	control := []row{{
		"ServiceControl": "Service", "Name": "OMSGatewayService", "Event": strconv.Itoa(1 | 2 | 0x20 | 0x80), "Arguments": "", "Wait": "1",
		"Component_": "Gateway",
	}}
	if diff := cmp.Diff(control, table(t, pkg, "ServiceControl")); diff != "" {
		t.Error(diff)
	}
	if key := by(t, table(t, pkg, "Component"), "Component")["Gateway"]["KeyPath"]; key != "omsgateway.exe" {
		t.Errorf("the service's program is %s", key)
	}
}

func TestSigned(t *testing.T) {
	for _, tool := range []string{"openssl", "osslsigncode"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("OMSGATEWAY_TEST_REQUIRE") == "all" {
				t.Fatalf("%s is required: %v", tool, err)
			}
			t.Skipf("%s is not on PATH", tool)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "osslsigncode", "verify", "-in", built(t)).CombinedOutput(); err == nil {
		t.Errorf("a package without a signature is taken for signed: %s", out)
	}
	dir := t.TempDir()
	certificate, key, password := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte("geheim"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "openssl", "req", "-x509", "-newkey", "rsa:2048", "-keyout", key, "-out", certificate, "-passout", "file:"+password,
		"-subj", "/CN=OMS gateway test", "-days", "2", "-addext", "extendedKeyUsage=codeSigning")
	t.Setenv("OMSGATEWAY_SIGN_CERT", certificate)
	t.Setenv("OMSGATEWAY_SIGN_KEY", key)
	t.Setenv("OMSGATEWAY_SIGN_PASSWORD_FILE", password)

	// Real programs, as far as a signature is concerned: Windows ones.
	programs := filepath.Join(dir, "programs")
	for _, name := range []string{"omsgateway.exe", "omsgwctl.exe"} {
		source := filepath.Join(dir, "main.go")
		if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		compile := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(programs, name), source)
		compile.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
		if out, err := compile.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	signed := filepath.Join(dir, "signed.msi")
	args := []string{"v1.2.3", programs, filepath.Join(dir, "none"), signed}
	script := filepath.Join(dir, "Update-OMSGateway.ps1")
	if regexp.MustCompile(`osslsigncode 2\.[0-7]\b`).MatchString(run(t, "osslsigncode", "--version")) { // that of Debian 12
		out, err := exec.CommandContext(t.Context(), "./build.sh", args...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "Update-OMSGateway.ps1 cannot be signed; a script needs osslsigncode 2.8") {
			t.Errorf("a script that was not signed is no clear error: %v, %s", err, out)
		}
		if _, err := os.Stat(script); err == nil {
			t.Error("the script is there although it is not signed")
		}
	} else {
		run(t, "./build.sh", args...)
		run(t, "osslsigncode", "verify", "-CAfile", certificate, "-in", script)
	}
	run(t, "osslsigncode", "verify", "-CAfile", certificate, "-in", signed)
	run(t, "msiextract", "-C", dir, signed)
	for _, name := range []string{"omsgateway.exe", "omsgwctl.exe"} {
		run(t, "osslsigncode", "verify", "-CAfile", certificate, "-in", filepath.Join(dir, "PFiles", "OMS Gateway", name))
	}
}

func TestFolderIsClosedToUsers(t *testing.T) {
	pkg := built(t)
	want := []row{{
		"MsiLockPermissionsEx": "InstallFolder", "LockObject": "INSTALLDIR", "Table": "CreateFolder",
		// Users read and run what is there; they inherit the right to write from most folders but Program Files.
		"SDDLText":  "D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;BU)",
		"Condition": "NOT (INSTALLDIR ~<< ProgramFiles64Folder)",
	}}
	if diff := cmp.Diff(want, table(t, pkg, "MsiLockPermissionsEx")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]row{{"Directory_": "INSTALLDIR", "Component_": "Gateway"}}, table(t, pkg, "CreateFolder")); diff != "" {
		t.Error(diff)
	}
}

func TestNobodyIsInterrupted(t *testing.T) {
	properties := by(t, table(t, built(t), "Property"), "Property")
	if properties["REBOOT"]["Value"] != "ReallySuppress" {
		t.Error("a silent setup may restart the computer")
	}
	if properties["MSIRESTARTMANAGERCONTROL"]["Value"] != "Disable" {
		t.Error("a silent setup may end programs of others")
	}
}

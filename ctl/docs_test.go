package ctl_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/omsgateway/omsgateway/ctl"
)

// Each command line that the pages show is one that omsgwctl understands: its commands, its flags, and how many arguments it takes.
func TestCommandsInDocs(t *testing.T) {
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, page := range append(pages, "../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range shownCommands(string(text)) {
			checked++
			if err := understood(line); err != nil {
				t.Errorf("%s: %s: %v", filepath.Base(page), line, err)
			}
		}
	}
	if checked < 70 {
		t.Errorf("only %d commands were found: the test reads the pages in a wrong way", checked)
	}
}

func TestWrongCommandsAreFound(t *testing.T) {
	for _, line := range []string{
		"omsgwctl allowed-hosts list", "omsgwctl setting set ListenPort", "omsgwctl revision list --nobody", "omsgwctl status now",
	} {
		if understood(line) == nil {
			t.Errorf("%s is taken for right", line)
		}
	}
}

// shownCommand is a line of code, indented or after the prompt of a shell.
var shownCommand = regexp.MustCompile(`(?m)^ {4,}(?:\$ |> |sudo )*(omsgwctl .*)$`)

// shownCommands are the command lines of a page, without what a shell would make of their ends.
func shownCommands(page string) []string {
	var lines []string
	for _, match := range shownCommand.FindAllStringSubmatch(page, -1) {
		line, _, _ := strings.Cut(match[1], " #")
		line, _, _ = strings.Cut(line, " || ")
		line, _, _ = strings.Cut(line, " | ")
		line, _, _ = strings.Cut(line, " > ")
		line, _, _ = strings.Cut(line, " <")
		if !strings.HasSuffix(line, ` \`) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// understood returns what omsgwctl would say of a command line before it does anything.
func understood(line string) error {
	cmd, rest, err := ctl.Root().Find(words(line)[1:])
	if err != nil {
		return err
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	return cmd.ValidateArgs(cmd.Flags().Args())
}

// words are those of a shell: apart by blanks, save in quotation marks.
func words(line string) []string {
	var words []string
	for _, word := range regexp.MustCompile(`(?:'[^']*'|"[^"]*"|[^\s'"])+`).FindAllString(line, -1) {
		words = append(words, strings.NewReplacer("'", "", `"`, "").Replace(word))
	}
	return words
}

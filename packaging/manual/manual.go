// Package manual writes the man pages of a program from its commands. Tests call it, so that it is no part of the programs.
package manual

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// Section is the section of the manual that the pages are in: system administration.
const Section = "8"

// Write writes a page for root, and one for each command below it that is not hidden, into the existing folder dir. The date on
// the pages is SOURCE_DATE_EPOCH if that is set, else today. It changes the commands, which are of no other use afterwards.
func Write(root *cobra.Command, dir string) error {
	root.DisableAutoGenTag = true
	quote(root)
	header := &doc.GenManHeader{Section: Section, Source: root.Name(), Manual: "OMS gateway"}
	if err := doc.GenManTree(root, header, dir); err != nil {
		return fmt.Errorf("writing the man pages of %s: %w", root.Name(), err)
	}
	return nil
}

// quote keeps the characters of cmd's description from meaning something in Markdown, as which package doc reads it.
func quote(cmd *cobra.Command) {
	cmd.Long = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `_`, `\_`, "`", "\\`", `<`, `\<`, `#`, `\#`, `[`, `\[`).Replace(cmd.Long)
	for _, sub := range cmd.Commands() {
		quote(sub)
	}
}

package event

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/windows/svc/eventlog"

	"github.com/omsgateway/omsgateway/internal/osdefaults"
)

// WindowsLog writes to the event log "OMS Gateway Log" of Windows: the id and the level of the event, and as its text the same line
// that a file gets. The line of each tunnel and request is left out, since with some hundreds of them a second nothing else would stay
// in a log of 64 MB; the log file has it.
//
// Debug events have the level Information, the least serious one that a classic event log knows.
type WindowsLog struct {
	source *eventlog.Log // nil until it could be opened
	failed *Event        // with which the last Write ended: what came before it is written
}

// NewWindowsLog does not open the log. Its source has to be registered once on the computer ("omsgateway service install"); without,
// events end up in the log "Application", and their text is shown with a complaint.
func NewWindowsLog() *WindowsLog { return &WindowsLog{} }

// Name implements Output.
func (*WindowsLog) Name() string { return "the event log" }

// Write implements Output. It may wait for the service EventLog.
func (l *WindowsLog) Write(events []*Event) error {
	if l.source == nil {
		source, err := eventlog.Open(osdefaults.EventSource)
		if err != nil {
			return fmt.Errorf("opening the event log: %w", err)
		}
		l.source = source
	}
	for _, e := range events[max(0, slices.Index(events, l.failed)):] {
		if e.logOnly {
			continue
		}
		if err := l.report(e); err != nil {
			l.failed = e
			_ = l.Close() // the next Write opens it again: the service may have been started anew
			return fmt.Errorf("writing to the event log: %w", err)
		}
	}
	l.failed = nil
	return nil
}

// Close implements Output.
func (l *WindowsLog) Close() error {
	source := l.source
	l.source = nil
	if source == nil {
		return nil
	}
	return source.Close()
}

func (l *WindowsLog) report(e *Event) error {
	id, text := uint32(e.ID), escapeInserts(Format(*e))
	switch e.Level {
	case Error:
		return l.source.Error(id, text)
	case Warning:
		return l.source.Warning(id, text)
	default:
		return l.source.Info(id, text)
	}
}

// escapeInserts is s as a string of a Windows event: who shows an event replaces % and a number in it, so % is written as \x25 there
// (Microsoft: ReportEventW, lpStrings).
func escapeInserts(s string) string {
	for digit := '0'; digit <= '9'; digit++ {
		s = strings.ReplaceAll(s, "%"+string(digit), `\x25`+string(digit))
	}
	return s
}

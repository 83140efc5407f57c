package event

import "os"

// Writer writes one line for each event to standard error.
type Writer struct {
	file    *os.File
	journal bool
	buffer  []byte
}

// Stderr writes to standard error. Where that is the systemd journal, each line has its level in front as sd-daemon(3) says, for
// example "<3>". Where it is a pipe that nobody reads any more, writing fails and does not end the process.
func Stderr() *Writer {
	return &Writer{file: stderr(), journal: isJournal(os.Stderr, os.Getenv("JOURNAL_STREAM"))}
}

// Name implements Output.
func (w *Writer) Name() string { return "standard error" }

// Write implements Output.
func (w *Writer) Write(events []*Event) error {
	w.buffer = w.buffer[:0]
	for _, e := range events {
		if w.journal {
			w.buffer = append(w.buffer, journalPrefix(e.Level)...)
		}
		w.buffer = append(appendLine(w.buffer, e), '\n')
	}
	_, err := w.file.Write(w.buffer)
	return err
}

// Close implements Output; standard error stays open.
func (w *Writer) Close() error { return nil }

func journalPrefix(l Level) string {
	switch l {
	case Error:
		return "<3>"
	case Warning:
		return "<4>"
	case Info:
		return "<6>"
	}
	return "<7>"
}

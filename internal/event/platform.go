package event

// Each operating system has its own
//
//	isJournal(f *os.File, stream string) bool    // f is the stream of the journal that JOURNAL_STREAM names: "device:inode"
//	stderr() *os.File                            // standard error, such that a broken pipe is an error and not SIGPIPE

package event

// Each operating system has its own
//
//	const noFollow                               // flags for os.OpenFile: follow no symbolic link, do not wait for a FIFO
//	isJournal(f *os.File, stream string) bool    // f is the stream of the journal that JOURNAL_STREAM names: "device:inode"
//	stderr() *os.File                            // standard error, such that a broken pipe is an error and not SIGPIPE
//	adopt(made *os.File) error                   // gives what root has just made to the owner of the folder that it is in

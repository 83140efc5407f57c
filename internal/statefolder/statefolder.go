// Package statefolder makes the folder in which a gateway keeps its state, closed to everybody but those who administer it.
package statefolder

// Make makes the folder path, and those above it, if it is absent.
//
// On Linux it gets mode 0700. On Windows, where a folder is otherwise open to whom its parent is open to, and everybody may make
// folders in %ProgramData%, it gets a descriptor for SYSTEM, Administrators and the gateway's service, which all that is made in
// it inherits; and a folder that is there already has to belong to one of them or to the account of this process, or it is an
// error: somebody else could have put a configuration of their own there. The user of a process that is not elevated is let in too
// where it makes the folder, so that anybody can run a gateway of their own.
func Make(path string) error { return makeFolder(path) }

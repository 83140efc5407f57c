// Package statefolder makes the folder in which a gateway keeps its state, closed to everybody but those who administer it.
package statefolder

// Make makes the folder path, and those above it, if it is absent.
//
// On Linux it gets mode 0700. On Windows, where a folder is otherwise open to whom its parent is open to, and everybody may make
// folders in %ProgramData%, it gets a descriptor for SYSTEM, Administrators and the gateway's service, which all that is made in
// it inherits; and a folder that is there already has to belong to one of them or to the account of this process, or it is an
// error: somebody else could have put a configuration of their own there. So does what is in it, as long as it is not closed to others.
// The user of a process that is not elevated is let in too where it makes the folder, so that anybody can run a gateway of their own.
func Make(path string) error { return makeFolder(path) }

// Shut makes sure that nobody but root, the account that runs the gateway and its groups can write the folder path and the configuration
// in it. What others can write it takes from them where a gateway has used the folder before and this account may do so, and returns what
// that was; elsewhere it is an error, CONFIG_FOLDER_OPEN, with the command that mends it, as is what belongs to somebody else.
//
// On Windows it does nothing: Make judges the folder there, and who owns a file may not write it.
func Shut(path string) (mended []string, err error) { return shut(path) }

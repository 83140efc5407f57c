package folder

import "os"

// NoFollow are flags for opening a file that may have been exchanged; Windows has none that package os knows.
const NoFollow = 0

const noWait = 0

type owner struct{}

// openLesser finds no folder of a lesser account: who owns a file in the state folder may not change it, which its descriptor says
// (package statefolder).
func openLesser(string) (*os.Root, owner, error) { return nil, owner{}, nil }

func (owner) give(*os.File) error { return nil }

func (owner) check(*os.File) error { return nil }

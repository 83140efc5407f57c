package statefolder

import "os"

func makeFolder(path string) error { return os.MkdirAll(path, 0o700) }

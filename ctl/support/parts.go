package support

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/omsgateway/omsgateway/internal/folder"
	"github.com/omsgateway/omsgateway/internal/osdefaults"
)

// Bounds of what is read here.
const (
	maxConfiguration = 16 << 20 // bytes
	maxTail          = 4 << 20  // bytes of a log
	maxOutput        = 1 << 20  // bytes of what a program writes
	maxListed        = 1000     // files of a folder
)

// Answer is a part with a message of the gateway as JSON; with aliases, unless they are nil.
func Answer[M proto.Message](name, what string, aliases *Aliases, ask func(context.Context) (M, error)) Part {
	return Part{Name: name, What: what, Read: func(ctx context.Context) ([]byte, error) {
		answer, err := ask(ctx)
		if err != nil {
			return nil, err
		}
		message := proto.Message(answer)
		if aliases != nil {
			message = aliases.Message(message)
		}
		varying, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(message)
		if err != nil {
			return nil, err
		}
		return indented(varying)
	}}
}

func indented(text []byte) ([]byte, error) {
	var lines bytes.Buffer
	if err := json.Indent(&lines, text, "", "  "); err != nil {
		return nil, err
	}
	lines.WriteByte('\n')
	return lines.Bytes(), nil
}

// Files are the parts from the files of the gateway whose state folder is dir.
func Files(dir string, aliases *Aliases) []Part {
	parts := []Part{
		logPart("omsgateway.log", "the end of the log", osdefaults.LogFile(dir), aliases),
		{Name: "files.txt", What: "the files of the state folder, with size, mode and time", Read: func(context.Context) ([]byte, error) {
			return listing(dir)
		}},
	}
	if aliases != nil {
		return parts
	}
	parts = append(parts, crashes(dir)...)
	return append(parts,
		logPart("changes.log", "the end of the log of changes", osdefaults.ChangesFile(dir), nil),
		Part{Name: "config.json", What: "the configuration file, without password", Read: func(context.Context) ([]byte, error) {
			return configuration(osdefaults.ConfigFile(dir))
		}},
	)
}

func logPart(name, what, path string, aliases *Aliases) Part {
	if aliases != nil {
		what += ": time, level and component of each line, and its canonical lines"
	}
	return Part{Name: name, What: what, Read: func(context.Context) ([]byte, error) {
		text, err := tail(path)
		if err == nil && aliases != nil {
			text = aliases.Log(text)
		}
		return text, err
	}}
}

// tail returns whole lines from the end of a file.
func tail(path string) ([]byte, error) {
	in, err := folder.Open(filepath.Dir(filepath.Dir(path))) // the state folder, which may be a lesser account's
	if err != nil {
		return nil, err
	}
	defer in.Close()
	file, err := in.OpenFile(filepath.Base(filepath.Dir(path))+"/"+filepath.Base(path), os.O_RDONLY|folder.NoFollow)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("it is no file")
	}
	start := max(0, info.Size()-maxTail)
	text, err := io.ReadAll(io.NewSectionReader(file, start, maxTail))
	if start > 0 {
		_, text, _ = bytes.Cut(text, []byte("\n"))
	}
	return text, err
}

// configuration returns the configuration file without the password in it; one that cannot be understood is an error, since nobody knows
// where in it the password is.
func configuration(path string) ([]byte, error) {
	text, err := folder.ReadFile(path, maxConfiguration+1)
	if err != nil {
		return nil, err
	}
	if len(text) > maxConfiguration {
		return nil, fmt.Errorf("it has more than %d bytes", maxConfiguration)
	}
	var members map[string]any
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, errors.New("it is no JSON object, so that its password cannot be found and left out")
	}
	withoutPasswords(members)
	short, err := json.Marshal(members)
	if err != nil {
		return nil, err
	}
	return indented(short)
}

func withoutPasswords(value any) {
	switch value := value.(type) {
	case map[string]any:
		delete(value, "password")
		for _, member := range value {
			withoutPasswords(member)
		}
	case []any:
		for _, element := range value {
			withoutPasswords(element)
		}
	}
}

// listing has a line for each file below dir, whose names are the gateway's own.
func listing(dir string) ([]byte, error) {
	var lines bytes.Buffer
	count := 0
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	err = fs.WalkDir(root.FS(), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			fmt.Fprintf(&lines, "%s: cannot be read\n", path)
			return nil //nolint:nilerr // it stands there
		}
		info, err := entry.Info()
		if err != nil {
			return nil //nolint:nilerr // removed meanwhile
		}
		if count++; count > maxListed {
			lines.WriteString("and more\n")
			return fs.SkipAll
		}
		fmt.Fprintf(&lines, "%s %12d %s %s\n", info.Mode(), info.Size(), info.ModTime().UTC().Format(time.RFC3339), path)
		return nil
	})
	return lines.Bytes(), err
}

// System are the parts that the operating system tells. They have no names.
func System() []Part {
	return []Part{
		{Name: "system.txt", What: "the operating system and its size", Read: func(context.Context) ([]byte, error) {
			text := fmt.Sprintf("%s %s, %d processors\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
			return append([]byte(text), aboutSystem()...), nil
		}},
		{Name: "service.txt", What: "the state of the service", Read: service},
	}
}

// output runs a program of the system and returns what it writes. The context ends it.
func output(ctx context.Context, program string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.WaitDelay = time.Second
	var text head
	cmd.Stdout, cmd.Stderr = &text, &text
	err := cmd.Run()
	if first, _, _ := bytes.Cut(text.Bytes(), []byte("\n")); err != nil && len(first) > 0 {
		err = fmt.Errorf("%w: %s", err, bytes.TrimSpace(first))
	}
	return text.Bytes(), err
}

// head keeps the first maxOutput bytes of what is written to it.
type head struct{ bytes.Buffer }

func (h *head) Write(p []byte) (int, error) {
	h.Buffer.Write(p[:min(len(p), maxOutput-h.Len())])
	return len(p), nil
}

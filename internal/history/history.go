// Package history keeps what became of the configuration: a revision for each change, which has its record (who made it, when, by which
// call, what was different then) and the whole configuration that it led to. Records are chained: each has the hash of the one before,
// so that a revision which was altered, lost or put in is found.
//
// A revision is one file, so that a change syncs no more than one file and one folder for it: a line of JSON, which is the record, and
// behind it the configuration, compressed. Nothing that is found in the folder stops a start, a read or a change: what is damaged or
// missing, or was written by a newer program, is skipped where it is read, and the chain goes on over the bytes that are there.
//
// The package knows nothing of what a configuration is: it keeps bytes.
package history

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/omsgateway/omsgateway/internal/atomicfile"
	"github.com/omsgateway/omsgateway/internal/folder"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// MaxConfiguration is the largest configuration that is kept, in bytes.
const MaxConfiguration = 16 << 20

// extension is that of the files of revisions; before it stands the number, with ten digits or more.
const extension = ".revision"

// History is the folder of revisions of one gateway. It is safe for concurrent use: reading waits for no writing.
type History struct {
	above  string // the folder that has the folder of revisions
	name   string // of that folder
	limits Limits

	writer sync.Mutex // held while a revision is added or revisions are pruned; it guards what follows
	head   string     // the hash of the last record, or what stands in its place
	parts  parts      // how large what is; nil until it is needed

	mu      sync.RWMutex // held for moments only; it guards what follows
	numbers []uint64     // of the files that are there, ascending
	pruned  mark
}

// Open reads which revisions the folder dir has, which is made with the first one. The error says what is wrong with the last revision or
// with the folder; the History works all the same, as far as the folder lets it.
func Open(dir string, limits Limits) (*History, error) {
	h := &History{above: filepath.Dir(dir), name: filepath.Base(dir), limits: limits}
	in, err := h.open()
	if errors.Is(err, fs.ErrNotExist) {
		return h, nil
	}
	if err != nil {
		return h, fmt.Errorf("opening the folder of revisions: %w", err)
	}
	defer in.Close()
	names, err := namesIn(in)
	if errors.Is(err, fs.ErrNotExist) { // a Folder that goes through no os.Root finds that out here
		return h, nil
	}
	problems := []error{err}
	for _, name := range names {
		if revision, ok := numberOf(name); ok {
			h.numbers = append(h.numbers, revision)
		} else if strings.HasPrefix(name, ".") && strings.HasSuffix(name, ".tmp") {
			problems = append(problems, in.Remove(name)) // of a write that did not come to its end
		}
	}
	slices.Sort(h.numbers)
	h.pruned, err = readMark(in)
	problems = append(problems, err)
	h.numbers = slices.DeleteFunc(h.numbers, func(revision uint64) bool {
		if revision > h.pruned.Revision {
			return false
		}
		problems = append(problems, in.Remove(nameOf(revision))) // by a Prune that did not come to its end
		return true
	})
	h.head = h.pruned.Hash
	if last := h.last(); last > h.pruned.Revision {
		file, err := readIn(in, last)
		line, _, ended := lineOf(file)
		h.head = hashOf(line)
		if err == nil && !ended {
			err = errTorn
		}
		if err == nil {
			_, err = decode(line, last)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("reading revision %d: %w", last, err))
		}
	}
	return h, errors.Join(problems...)
}

// open opens the folder of revisions, which has to be there.
func (h *History) open() (*folder.Folder, error) {
	above, err := folder.Open(h.above)
	if err != nil {
		return nil, err
	}
	defer above.Close()
	return above.Sub(h.name)
}

// made is open of a folder that may have to be made.
func (h *History) made() (*folder.Folder, error) {
	above, err := folder.Open(h.above)
	if err != nil {
		return nil, err
	}
	defer above.Close()
	if err := above.Mkdir(h.name, 0o700); err != nil {
		return nil, err
	}
	return above.Sub(h.name)
}

func namesIn(in *folder.Folder) ([]string, error) {
	list, err := in.OpenFile(".", os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer list.Close()
	return list.Readdirnames(-1)
}

// Append adds a revision: r, to which Format, Revision and Previous are given, and configuration, of which nil is none. When it returns,
// the revision is on the disk. After an error there is no revision, except for an *atomicfile.SyncError: it is there then, but may not
// outlive a power cut.
func (h *History) Append(r Record, configuration []byte) (Record, error) {
	if len(configuration) > MaxConfiguration {
		return Record{}, fmt.Errorf("adding a revision: the configuration has %d bytes, and at most %d are kept",
			len(configuration), MaxConfiguration)
	}
	h.writer.Lock()
	defer h.writer.Unlock()
	r.Format, r.Revision, r.Previous, r.Time = format, h.next(), h.head, r.Time.UTC()
	if configuration != nil {
		r.Configuration = configurationOf(configuration)
	}
	line, err := r.encode()
	if err != nil {
		return Record{}, err
	}
	packed := compress(configuration)
	in, err := h.made()
	if err != nil {
		return Record{}, fmt.Errorf("making the folder of revisions: %w", err)
	}
	defer in.Close()
	err = atomicfile.WriteIn(in, nameOf(r.Revision), append(line, packed...))
	if _, unsynced := errors.AsType[*atomicfile.SyncError](err); err != nil && !unsynced {
		return Record{}, fmt.Errorf("writing revision %d: %w", r.Revision, err)
	}
	h.head = r.hash
	h.parts.add(r, len(line), len(packed))
	h.mu.Lock()
	h.numbers = append(h.numbers, r.Revision)
	h.mu.Unlock()
	return r, err
}

// Revisions returns the numbers of the revisions that are there, ascending.
func (h *History) Revisions() []uint64 {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return slices.Clone(h.numbers)
}

// Last returns the newest record that can be read, and false if there is none.
func (h *History) Last() (Record, bool) {
	for _, revision := range slices.Backward(h.Revisions()) {
		if r, err := h.Record(revision); err == nil {
			return r, true
		}
	}
	return Record{}, false
}

// Record returns the record of a revision. The errors are REVISION_NOT_FOUND, REVISION_NEWER and REVISION_DAMAGED.
func (h *History) Record(revision uint64) (Record, error) {
	r, _, err := h.read(revision)
	return r, err
}

// Configuration returns the configuration of a revision as it was appended. The errors are those of Record, and
// REVISION_WITHOUT_CONFIGURATION where there was none or it is no longer kept.
func (h *History) Configuration(revision uint64) ([]byte, error) {
	r, packed, err := h.read(revision)
	if err != nil {
		return nil, err
	}
	if r.Configuration == nil || len(packed) == 0 {
		return nil, reason.New(reason.RevisionWithoutConfiguration, "revision", decimal(revision))
	}
	configuration, err := decompress(packed, *r.Configuration)
	if err != nil {
		return nil, damaged(revision, err)
	}
	return configuration, nil
}

func (h *History) read(revision uint64) (r Record, packed []byte, err error) {
	in, err := h.open()
	var file []byte
	if err == nil {
		defer in.Close()
		file, err = readIn(in, revision)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return Record{}, nil, h.notFound(revision)
	}
	if err != nil {
		return Record{}, nil, damaged(revision, err)
	}
	line, packed, ended := lineOf(file)
	if !ended {
		return Record{}, nil, damaged(revision, errTorn)
	}
	r, err = decode(line, revision)
	switch {
	case errors.Is(err, errNewer):
		return Record{}, nil, reason.Wrap(err, reason.RevisionNewer, "revision", decimal(revision))
	case err != nil:
		return Record{}, nil, damaged(revision, err)
	}
	return r, packed, nil
}

// last returns the highest number of a revision that is or was there, or 0.
func (h *History) last() uint64 {
	last := h.pruned.Revision
	if n := len(h.numbers); n > 0 {
		last = max(last, h.numbers[n-1])
	}
	return last
}

func (h *History) next() uint64 {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.last() + 1
}

func (h *History) notFound(revision uint64) error {
	h.mu.RLock()
	defer h.mu.RUnlock()
	first := uint64(0)
	if len(h.numbers) > 0 {
		first = h.numbers[0]
	}
	return reason.New(reason.RevisionNotFound, "revision", decimal(revision), "first", decimal(first), "last", decimal(h.last()))
}

func damaged(revision uint64, err error) error {
	return reason.Wrap(err, reason.RevisionDamaged, "revision", decimal(revision), "problem", err.Error())
}

// numberOf returns the revision whose file has this name.
func numberOf(name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, extension)
	if !ok {
		return 0, false
	}
	revision, err := strconv.ParseUint(digits, 10, 62)
	return revision, err == nil && revision > 0 && name == nameOf(revision)
}

func nameOf(revision uint64) string { return fmt.Sprintf("%010d%s", revision, extension) }

func decimal(revision uint64) string { return strconv.FormatUint(revision, 10) }

// maxFile bounds a file of a revision: gzip makes what it cannot make smaller larger by less than a thousandth.
const maxFile = maxRecord + MaxConfiguration + MaxConfiguration/1000 + 1024

func readIn(in *folder.Folder, revision uint64) ([]byte, error) {
	file, err := in.ReadFile(nameOf(revision), maxFile+1)
	if err == nil && len(file) > maxFile {
		err = fmt.Errorf("its file has more than %d bytes, which no revision has", maxFile)
	}
	return file, err
}

func compress(data []byte) []byte {
	if data == nil {
		return nil
	}
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed) // a change waits for it
	if err == nil {
		_, err = w.Write(data)
		err = errors.Join(err, w.Close())
	}
	if err != nil {
		panic(err) // the level is one of gzip's, and the memory accepts everything
	}
	return packed.Bytes()
}

// decompress returns exactly the bytes that want describes; however many the packed ones would become, it makes no more than those.
func decompress(packed []byte, want Configuration) ([]byte, error) {
	if want.Size > MaxConfiguration {
		return nil, fmt.Errorf("its configuration has %d bytes, and at most %d are kept", want.Size, MaxConfiguration)
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("unpacking its configuration: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(r, int64(want.Size)+1))
	if err != nil {
		return nil, fmt.Errorf("unpacking its configuration: %w", err)
	}
	if len(data) != want.Size || hashOf(data) != want.SHA256 {
		return nil, errors.New("its configuration is not the one that the record names")
	}
	return data, nil
}

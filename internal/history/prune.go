package history

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/omsgateway/omsgateway/internal/atomicfile"
	"github.com/omsgateway/omsgateway/internal/folder"
)

// Limits are how much of a history is kept.
type Limits struct {
	ConfigurationBytes int64         // of all configurations, as they are compressed; older ones go, their records stay
	Configurations     int           // as many of the last ones are kept whatever their size
	Records            int           // as many of the last records are kept, and
	Age                time.Duration // all that are younger, whichever is more; but
	RecordBytes        int64         // no more than this of records
}

// DefaultLimits are those of a gateway.
var DefaultLimits = Limits{
	ConfigurationBytes: 64 << 20,
	Configurations:     10,
	Records:            10_000,
	Age:                400 * 24 * time.Hour,
	RecordBytes:        64 << 20,
}

// Prune removes what is over the limits: configurations of old revisions, which keep their records, and the oldest revisions. Number and
// hash of the last one that goes are written down before it goes. What cannot be removed now is removed the next time.
func (h *History) Prune(now time.Time) error {
	h.writer.Lock()
	defer h.writer.Unlock()
	in, err := h.open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("pruning the history: %w", err)
	}
	defer in.Close()
	if h.parts == nil {
		sizes, err := h.measure(in)
		if err != nil {
			return fmt.Errorf("pruning the history: %w", err)
		}
		h.parts = sizes
	}
	revisions := h.Revisions()
	if err := errors.Join(h.pruneConfigurations(in, revisions), h.pruneRecords(in, revisions, now)); err != nil {
		return fmt.Errorf("pruning the history: %w", err)
	}
	return nil
}

// pruneConfigurations cuts the configurations off the older files. A file is cut behind its record, whole or not at all.
func (h *History) pruneConfigurations(in *folder.Folder, revisions []uint64) error {
	var kept int
	var bytes int64
	var problems []error
	for _, revision := range slices.Backward(revisions) {
		p := h.parts[revision]
		if p.configuration == 0 {
			continue
		}
		kept++
		bytes += p.configuration
		if kept <= h.limits.Configurations || bytes <= h.limits.ConfigurationBytes {
			continue
		}
		if err := truncate(in, revision, p.record); err != nil {
			problems = append(problems, err)
			continue
		}
		p.configuration = 0
		h.parts[revision] = p
	}
	return errors.Join(problems...)
}

func truncate(in *folder.Folder, revision uint64, size int64) error {
	file, err := in.OpenFile(nameOf(revision), os.O_WRONLY|folder.NoFollow)
	if err != nil {
		return err
	}
	return errors.Join(file.Truncate(size), file.Close())
}

func (h *History) pruneRecords(in *folder.Folder, revisions []uint64, now time.Time) error {
	keep := len(revisions) // the last so many
	var bytes int64
	for i, revision := range slices.Backward(revisions) {
		p := h.parts[revision]
		bytes += p.record
		old := len(revisions)-i > h.limits.Records && now.Sub(p.time) > h.limits.Age
		if kept := len(revisions) - 1 - i; kept > 0 && (old || bytes > h.limits.RecordBytes) {
			keep = kept
			break
		}
	}
	gone := revisions[:len(revisions)-keep]
	if len(gone) == 0 {
		return nil
	}
	last := gone[len(gone)-1]
	file, err := readIn(in, last)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	line, _, _ := lineOf(file)
	m := mark{Revision: last, Hash: hashOf(line)}
	if err := m.write(in); err != nil {
		return err
	}
	h.mu.Lock()
	h.pruned = m
	h.numbers = slices.Clone(h.numbers[len(gone):])
	h.mu.Unlock()
	var problems []error
	for _, revision := range gone {
		delete(h.parts, revision)
		if err := in.Remove(nameOf(revision)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

// parts are the sizes of revisions. A nil one has not been measured yet.
type parts map[uint64]part

type part struct {
	record, configuration int64 // bytes
	time                  time.Time
}

func (p parts) add(r Record, record, configuration int) {
	if p != nil {
		p[r.Revision] = part{int64(record), int64(configuration), r.Time}
	}
}

// measure reads every record once. What cannot be read has no time, and so counts as old.
func (h *History) measure(in *folder.Folder) (parts, error) {
	sizes := parts{}
	for _, revision := range h.Revisions() {
		file, err := readIn(in, revision)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		line, rest, ended := lineOf(file)
		p := part{record: int64(len(line)), configuration: int64(len(rest))}
		if ended {
			p.record++
		}
		if r, err := decode(line, revision); err == nil {
			p.time = r.Time
		}
		sizes[revision] = p
	}
	return sizes, nil
}

// mark is where the kept part of the chain begins: the last revision that was pruned.
type mark struct {
	Revision uint64 `json:"revision"`
	Hash     string `json:"hash"`
}

// The file that has the mark.
const (
	markName = "pruned.json"
	maxMark  = 4096 // bytes
)

func readMark(in *folder.Folder) (mark, error) {
	data, err := in.ReadFile(markName, maxMark)
	if errors.Is(err, fs.ErrNotExist) {
		return mark{}, nil
	}
	var m mark
	if err == nil {
		err = json.Unmarshal(data, &m, json.RejectUnknownMembers(true))
	}
	if err == nil && !isHash(m.Hash) {
		err = errors.New("it has no hash")
	}
	if err != nil {
		return mark{}, fmt.Errorf("reading which revision was pruned last: %w", err)
	}
	return m, nil
}

func (m mark) write(in *folder.Folder) error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	err = atomicfile.WriteIn(in, markName, append(data, '\n'))
	if err != nil {
		return fmt.Errorf("writing down which revision is pruned last: %w", err)
	}
	return nil
}

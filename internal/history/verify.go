package history

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/omsgateway/omsgateway/internal/folder"
)

// Fault is what kind of thing is wrong with a history.
type Fault string

// The faults.
const (
	Damaged       Fault = "DAMAGED"        // the record or the configuration cannot be read, or the configuration is another one
	Missing       Fault = "MISSING"        // there is no file of this revision
	Altered       Fault = "ALTERED"        // the next record was chained to other bytes than these
	Inserted      Fault = "INSERTED"       // a file that no revision has
	Newer         Fault = "NEWER"          // a newer program has written it
	HeadNotFound  Fault = "HEAD_NOT_FOUND" // no revision has the hash that was asked for
	MarkUnread    Fault = "MARK_DAMAGED"   // where the kept part begins cannot be read
	maxFindings         = 1000             // of one Verify
	maxOtherNames       = 100              // of names that are no revision's, in one Verify
)

// Finding is one thing that is wrong.
type Finding struct {
	Fault    Fault
	Revision uint64 // 0 if it is about no single one
	Text     string
}

// Report is what Verify has found.
type Report struct {
	First, Last uint64 // the revisions that should be there; 0 if there should be none
	Head        string // the hash of the last record
	Findings    []Finding
	More        int // how many findings are left out
}

// Verify reads everything that is kept and says what is wrong with it. If head is not empty, one of the records has to have this hash,
// which somebody has noted elsewhere. Against whoever owns the folder only that helps. An error is that of ctx, or about the folder.
func (h *History) Verify(ctx context.Context, head string) (Report, error) {
	h.mu.RLock()
	v := verification{history: h, head: head, last: h.last(), pruned: h.pruned}
	h.mu.RUnlock()
	revisions := h.Revisions()
	v.report.Last = v.last
	v.report.Head, v.seen = v.pruned.Hash, head == "" || head == v.pruned.Hash
	if v.last > v.pruned.Revision {
		v.report.First = v.pruned.Revision + 1
	}
	in, err := h.open()
	if errors.Is(err, fs.ErrNotExist) {
		if v.report.First > 0 {
			v.missing(v.report.First, v.last)
		}
		v.headSeen()
		return v.report, nil
	}
	if err != nil {
		return Report{}, fmt.Errorf("opening the folder of revisions: %w", err)
	}
	defer in.Close()
	v.in = in
	if _, err := readMark(in); err != nil {
		v.found(MarkUnread, 0, err.Error())
	}
	next := v.pruned.Revision + 1
	for _, revision := range revisions {
		if err := ctx.Err(); err != nil {
			return Report{}, err
		}
		if revision < next || revision > v.last {
			continue // names finds it, or it was added meanwhile
		}
		v.missing(next, revision-1)
		v.revision(revision)
		next = revision + 1
	}
	v.headSeen()
	if err := v.names(); err != nil {
		return Report{}, err
	}
	return v.report, nil
}

type verification struct {
	history *History
	in      *folder.Folder
	head    string
	last    uint64
	pruned  mark
	report  Report // its Head is the hash of the revision before
	broken  bool   // the revision before is missing, so that its hash is not known
	seen    bool   // some record has the hash head
}

func (v *verification) headSeen() {
	if !v.seen {
		v.found(HeadNotFound, 0, "no record has the hash "+v.head)
	}
}

func (v *verification) found(f Fault, revision uint64, text string) {
	if len(v.report.Findings) == maxFindings {
		v.report.More++
		return
	}
	v.report.Findings = append(v.report.Findings, Finding{f, revision, text})
}

// missing is told of a gap between two files. Of the last revision, or the last ones, nobody can say that they are missing but who has
// noted a hash.
func (v *verification) missing(first, last uint64) {
	switch {
	case first > last:
		return
	case first == last:
		v.found(Missing, first, "it is not there")
	default:
		v.found(Missing, first, fmt.Sprintf("revisions %d to %d are not there", first, last))
	}
	v.broken = true
}

func (v *verification) revision(revision uint64) {
	file, err := readIn(v.in, revision)
	if errors.Is(err, fs.ErrNotExist) {
		v.missing(revision, revision)
		return
	}
	if err != nil {
		v.broken = true
		v.found(Damaged, revision, err.Error())
		return
	}
	line, packed, ended := lineOf(file)
	before, broken := v.report.Head, v.broken
	v.report.Head, v.broken = hashOf(line), false
	v.seen = v.seen || v.head == v.report.Head
	if !ended {
		v.found(Damaged, revision, errTorn.Error())
		return
	}
	r, err := decode(line, revision)
	switch {
	case errors.Is(err, errNewer):
		v.found(Newer, revision, err.Error())
		return
	case err != nil:
		v.found(Damaged, revision, err.Error())
		return
	case !broken && r.Previous != before:
		v.found(Altered, revision-1,
			fmt.Sprintf("revision %d was made when the hash of its record was %s, and now it is %s", revision, r.Previous, before))
	}
	if r.Configuration == nil || len(packed) == 0 {
		if len(packed) > 0 {
			v.found(Damaged, revision, "a configuration follows which its record does not name")
		}
		return
	}
	if _, err := decompress(packed, *r.Configuration); err != nil {
		v.found(Damaged, revision, err.Error())
	}
}

// names finds what has come into the folder besides revisions.
func (v *verification) names() error {
	names, err := namesIn(v.in)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the folder of revisions: %w", err)
	}
	known, others := v.history.Revisions(), 0 // with those that were added meanwhile
	for _, name := range names {
		revision, ok := numberOf(name)
		if _, known := slices.BinarySearch(known, revision); ok && known && revision > v.pruned.Revision {
			continue
		}
		if name == markName || strings.HasSuffix(name, ".tmp") {
			continue
		}
		if others++; others <= maxOtherNames {
			v.found(Inserted, revision, fmt.Sprintf("%s is no file of this history", v.in.Path(name)))
		}
	}
	return nil
}

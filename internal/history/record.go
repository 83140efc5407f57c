package history

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// format is that of the records which this program writes. A record of a higher one is of a newer program, and is not understood.
const format = 1

// Limits of a record.
const (
	MaxChanges = 1000    // with more than that a record has counts; the lists follow from the configurations
	MaxComment = 500     // characters of a comment
	maxRecord  = 4 << 20 // bytes of the line
)

// Result is what a record says of a configuration.
type Result string

// The results.
const (
	Changed    Result = "CHANGED"     // it was put in force, and into the file
	NotMade    Result = "NOT_MADE"    // of the revision that Of names nothing came: what was to follow its record failed
	Tried      Result = "TRIED"       // it was put in force until a deadline, and not into the file
	Confirmed  Result = "CONFIRMED"   // the trial that Of names was confirmed: its configuration is in the file now
	RolledBack Result = "ROLLED_BACK" // the trial that Of names is over; what was in force before it is in force again
)

// Record is what is kept of one change.
type Record struct {
	Format        int            `json:"format"`
	Revision      uint64         `json:"revision"` // from 1 on, without a gap
	Time          time.Time      `json:"time"`     // in UTC
	Result        Result         `json:"result"`
	Of            uint64         `json:"of,omitzero"`    // the revision that this record is about, if it is about another one
	Trial         string         `json:"trial,omitzero"` // the id of the trial that the change belongs to
	EtagBefore    string         `json:"etagBefore"`
	Etag          string         `json:"etag"`
	Caller        Caller         `json:"caller"`
	Client        string         `json:"client,omitzero"`  // the program by which the caller called, such as omsgwctl/1.4.0
	Method        string         `json:"method"`           // of the API, without its package; or what else changes: baseline, file, setup
	Comment       string         `json:"comment,omitzero"` // of the caller
	Changes       []Change       `json:"changes,omitzero"` // at most MaxChanges
	Counts        []Count        `json:"counts,omitzero"`  // by noun, where Changes would be longer than that
	Problem       string         `json:"problem,omitzero"` // why something was not made, or what was wrong with the history
	Configuration *Configuration `json:"configuration,omitzero"`
	Previous      string         `json:"previous,omitzero"` // the hash of the record before; of the first revision there is none

	hash string
}

// Hash returns the SHA-256 of the record as it stands in its file, in lower-case hexadecimal. The next record has it as Previous.
func (r Record) Hash() string { return r.hash }

// Caller is who made a change (package caller).
type Caller struct {
	Name    string `json:"name"`
	Via     string `json:"via,omitzero"`
	Address string `json:"address,omitzero"`
	Role    string `json:"role,omitzero"`
}

// Change is one difference that a change made. A secret is never in it.
type Change struct {
	Noun string `json:"noun"` // such as allowed-host
	Key  string `json:"key"`
	Old  string `json:"old,omitzero"` // empty if there was none
	New  string `json:"new,omitzero"` // empty if there is none
}

// Count is how many differences of a noun a change made.
type Count struct {
	Noun    string `json:"noun"`
	Added   int    `json:"added,omitzero"`
	Removed int    `json:"removed,omitzero"`
	Changed int    `json:"changed,omitzero"`
}

// CountsOf counts changes, those of a noun together that stand together.
func CountsOf(changes []Change) []Count {
	var counts []Count
	for _, c := range changes {
		if n := len(counts); n == 0 || counts[n-1].Noun != c.Noun {
			counts = append(counts, Count{Noun: c.Noun})
		}
		count := &counts[len(counts)-1]
		switch {
		case c.Old == "" && c.New != "":
			count.Added++
		case c.New == "" && c.Old != "":
			count.Removed++
		default:
			count.Changed++
		}
	}
	return counts
}

// Configuration says which bytes follow a record.
type Configuration struct {
	SHA256 string `json:"sha256"` // in lower-case hexadecimal, of the configuration
	Size   int    `json:"size"`   // bytes of the configuration
}

func configurationOf(data []byte) *Configuration {
	return &Configuration{SHA256: hashOf(data), Size: len(data)}
}

// encode makes the line of r, with its final line feed.
func (r *Record) encode() ([]byte, error) {
	line, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encoding the record: %w", err)
	}
	if len(line) >= maxRecord {
		return nil, fmt.Errorf("encoding the record: it has %d bytes, and at most %d are read", len(line), maxRecord)
	}
	r.hash = hashOf(line)
	return append(line, '\n'), nil
}

var (
	errNewer = errors.New("a newer program has written it")
	errTorn  = errors.New("its record has no end")
)

// decode reads the record of a revision from its line, which has no line feed. The errors wrap errNewer where the line is one of a newer
// program.
func decode(line []byte, revision uint64) (Record, error) {
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(line, &head); err != nil {
		return Record{}, fmt.Errorf("its record is no JSON object of ours: %w", err)
	}
	if head.Format > format {
		return Record{}, fmt.Errorf("its record has format %d, this program knows up to %d: %w", head.Format, format, errNewer)
	}
	var r Record
	if err := json.Unmarshal(line, &r, json.RejectUnknownMembers(true)); err != nil {
		return Record{}, fmt.Errorf("its record is not as this program writes it: %w", err)
	}
	switch {
	case r.Format < 1:
		return Record{}, fmt.Errorf("its record has the format %d", r.Format)
	case r.Revision != revision:
		return Record{}, fmt.Errorf("its record is that of revision %d", r.Revision)
	case !isHash(r.Previous) && (r.Previous != "" || revision != 1):
		return Record{}, errors.New("its record has no hash of the one before")
	case r.Configuration != nil && (!isHash(r.Configuration.SHA256) || r.Configuration.Size < 0):
		return Record{}, errors.New("its record does not say which configuration follows")
	}
	r.hash = hashOf(line)
	return r, nil
}

// lineOf returns the part of a file that is the record. What a file without a line feed has counts as its record, too, so that the chain
// can go on over it; ended is false then.
func lineOf(file []byte) (line, rest []byte, ended bool) { return bytes.Cut(file, []byte{'\n'}) }

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func isHash(s string) bool {
	return len(s) == 2*sha256.Size && strings.Trim(s, "0123456789abcdef") == ""
}

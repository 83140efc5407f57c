package adminapi

import (
	"cmp"
	"slices"

	"google.golang.org/protobuf/proto"

	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

// outcome is what became of one item of a change, as an answer has it.
type outcome interface {
	proto.Message
	GetIndex() int32
}

// kind is which count of an answer an outcome belongs to.
type kind int

// The kinds.
const (
	added kind = iota
	alreadyPresent
	removed
	notPresent
	changed
	unchanged
	invalid
	kinds // how many there are
)

// told is the outcome of one item.
type told[O outcome] struct {
	outcome O
	kind    kind
	isPlain bool    // the kind says all of it
	index   **int32 // where the outcome has its position
}

// answered returns what an answer has of the outcomes of n items: all of them; or, if they are more than 1,000 or do not fit into
// 1 MiB, counts, and those that are not plain as far as 1,000 of them fit, the invalid ones first chosen. Each is asked for once, in
// the order of the items.
func answered[O outcome](n int, of func(i int) told[O]) (outcomes []O, counts *adminv1.ChangeCounts) {
	if n <= maxOutcomes {
		all, size := make([]told[O], n), 0
		for i := range all {
			all[i] = of(i)
			outcomes = append(outcomes, all[i].outcome)
			size += proto.Size(all[i].outcome) + 8
		}
		if size <= maxPageBytes {
			return outcomes, nil
		}
		outcomes, of = nil, func(i int) told[O] { return all[i] }
	}
	var count [kinds]int32
	var problems, others []O
	found := 0
	for i := range n {
		t := of(i)
		count[t.kind]++
		if t.isPlain {
			continue
		}
		found++
		*t.index = proto.Int32(int32(i))
		switch {
		case t.kind == invalid && len(problems) < maxOutcomes:
			problems = append(problems, t.outcome)
		case t.kind != invalid && len(others) < maxOutcomes:
			others = append(others, t.outcome)
		}
	}
	size := 0
	for _, o := range append(problems, others...) {
		if size += proto.Size(o) + 8; size > maxPageBytes || len(outcomes) == maxOutcomes {
			break
		}
		outcomes = append(outcomes, o)
	}
	counts = &adminv1.ChangeCounts{
		Added:          count[added],
		AlreadyPresent: count[alreadyPresent],
		Removed:        count[removed],
		NotPresent:     count[notPresent],
		Changed:        count[changed],
		Unchanged:      count[unchanged],
		Invalid:        count[invalid],
		LeftOut:        int32(found - len(outcomes)),
	}
	slices.SortFunc(outcomes, func(a, b O) int { return cmp.Compare(a.GetIndex(), b.GetIndex()) })
	return outcomes, counts
}

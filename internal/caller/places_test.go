package caller_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/caller"
	"github.com/omsgateway/omsgateway/internal/reason"
)

func full(limit, whom string) *reason.Error {
	return reason.New(reason.TooManyCalls, "limit", limit, "caller", whom)
}

func TestPlaces(t *testing.T) {
	const enough = 20
	take := func(p *caller.Places, role caller.Role, names ...string) (taken int, last string) {
		for _, name := range names {
			for range enough {
				_, err := p.Take(caller.Caller{Name: name, Role: role})
				if err != nil {
					last = err.Parts["limit"] + " for " + err.Parts["caller"]
					break
				}
				taken++
			}
		}
		return taken, last
	}
	type want struct {
		Taken int
		Last  string
	}
	for name, c := range map[string]struct {
		before func(*caller.Places)
		role   caller.Role
		names  []string
		want
	}{
		"one who may change": {nil, caller.Change, []string{"ann"}, want{4, "4 for ann"}},
		"all who may change": {nil, caller.Change, []string{"ann", "bob", "cy", "di"}, want{12, "12 for all callers together"}},
		"one reader":         {nil, caller.Read, []string{"ann"}, want{4, "4 for ann"}},
		"all readers": {
			nil, caller.Read, []string{"ann", "bob", "cy", "di"}, want{9, "9 for all callers together who may not change"},
		},
		"callers without a role": {nil, caller.None, []string{"ann", "bob"}, want{4, "4 for bob"}},
		"administrators after all readers": {
			func(p *caller.Places) { take(p, caller.Read, "ann", "bob", "cy", "di") },
			caller.Change, []string{"root"}, want{3, "12 for all callers together"},
		},
		"readers after administrators": {
			func(p *caller.Places) { take(p, caller.Change, "root", "bob") },
			caller.Read, []string{"cy"}, want{4, "4 for cy"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := caller.NewPlaces(12, 4, full)
			if c.before != nil {
				c.before(p)
			}
			var got want
			got.Taken, got.Last = take(p, c.role, c.names...)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestPlacesAreGivenBack(t *testing.T) {
	p := caller.NewPlaces(4, 4, full)
	who := caller.Caller{Name: "ann", Role: caller.Read}
	for range 10 {
		var releases []func()
		for range 3 {
			release, err := p.Take(who)
			if err != nil {
				t.Fatal(err)
			}
			releases = append(releases, release)
		}
		if _, err := p.Take(who); err == nil {
			t.Fatal("there is a fourth one")
		}
		for _, release := range releases {
			release()
		}
	}
}

package admission_test

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/internal/admission"
	"github.com/omsgateway/omsgateway/internal/policy"
	"github.com/omsgateway/omsgateway/internal/reason"
)

var (
	ann = netip.MustParseAddr("10.0.0.1")
	bob = netip.MustParseAddr("10.0.0.2")
	cat = netip.MustParseAddr("2001:db8:1:2::3")
)

func limits(change func(*policy.Limits)) policy.Limits {
	l := policy.Limits{MaxConnections: 1000, MaxRequestHeads: 16, MaxHandshakes: 16, HelloTimeout: 10 * time.Second}
	if change != nil {
		change(&l)
	}
	return l
}

// guest is a connection as a test has it.
type guest struct {
	admission.Place
	cause error
	told  int
}

func (g *guest) GiveUp(cause error) { g.cause, g.told = cause, g.told+1 }

var start = time.Now()

// at is a time of a test, in seconds.
func at(seconds float64) time.Time {
	return start.Add(time.Hour + time.Duration(seconds*float64(time.Second)))
}

// come has a connection of a client admitted.
func come(c *admission.Control, from netip.Addr, l policy.Limits) (*guest, error) {
	g := &guest{}
	if err := c.Admit(&g.Place, l); err != nil {
		return g, err
	}
	if err := g.Belongs(from, at(0), l); err != nil {
		g.Release()
		return g, err
	}
	return g, nil
}

// waiting has a connection of a client admitted that is waited for from a time on.
func waiting(t *testing.T, c *admission.Control, in admission.Queue, from netip.Addr, now time.Time, l policy.Limits) *guest {
	t.Helper()
	g, err := come(c, from, l)
	if err == nil {
		err = g.Wait(in, g, now, l)
	}
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestConnections(t *testing.T) {
	const many = 16
	parse := netip.MustParseAddr
	tests := map[string]struct {
		change func(*policy.Limits)
		open   map[netip.Addr]int
		from   netip.Addr
		want   error
	}{
		"nothing is taken":           {from: ann},
		"one client, to the eighth":  {open: map[netip.Addr]int{ann: 13}, from: ann},
		"one client, in the eighth":  {open: map[netip.Addr]int{ann: 14}, from: ann, want: reason.New(reason.ClientConnectionShare, "limit", "8", "client", "10.0.0.1")},
		"another one, in the eighth": {open: map[netip.Addr]int{ann: 14}, from: bob},
		"another one, to the end":    {open: map[netip.Addr]int{ann: 14, bob: 1}, from: bob},
		"all are taken":              {open: map[netip.Addr]int{ann: 14, bob: 2}, from: cat, want: reason.New(reason.TooManyConnections, "limit", "16")},
		"its share, of three":        {open: map[netip.Addr]int{ann: 7, bob: 4, cat: 3}, from: bob, want: reason.New(reason.ClientConnectionShare, "limit", "4", "client", "10.0.0.2")},
		"less than its share":        {open: map[netip.Addr]int{ann: 7, bob: 4, cat: 3}, from: cat},
		"two spellings": {open: map[netip.Addr]int{ann: 14}, from: parse("::ffff:10.0.0.1"),
			want: reason.New(reason.ClientConnectionShare, "limit", "8", "client", "10.0.0.1")},
		"two addresses of a network": {open: map[netip.Addr]int{cat: 14}, from: parse("2001:db8:1:2:ffff::"),
			want: reason.New(reason.ClientConnectionShare, "limit", "8", "client", "2001:db8:1:2::/64")},
		"two networks":        {open: map[netip.Addr]int{cat: 14}, from: parse("2001:db8:1:3::3")},
		"two neighbours":      {open: map[netip.Addr]int{parse("fe80::1%eth0"): 14}, from: parse("fe80::2%eth0")},
		"one neighbour":       {open: map[netip.Addr]int{parse("fe80::1%eth0"): 14}, from: parse("fe80::1%eth0"), want: reason.New(reason.ClientConnectionShare, "limit", "8", "client", "fe80::1%eth0")},
		"a limit of one":      {change: func(l *policy.Limits) { l.MaxConnections = 1 }, from: ann},
		"no connection":       {change: func(l *policy.Limits) { l.MaxConnections = 0 }, from: ann, want: reason.New(reason.TooManyConnections, "limit", "0")},
		"an address each":     {change: perClient(2), open: map[netip.Addr]int{ann: 1}, from: ann},
		"an address has most": {change: perClient(2), open: map[netip.Addr]int{ann: 2}, from: ann, want: reason.New(reason.TooManyClientConnection, "limit", "2", "client", "10.0.0.1")},
		"an IPv6 address has most": {change: perClient(2), open: map[netip.Addr]int{cat: 2}, from: cat,
			want: reason.New(reason.TooManyClientConnection, "limit", "2", "client", cat.String())},
		"another address of the network": {change: perClient(2), open: map[netip.Addr]int{cat: 2}, from: parse("2001:db8:1:2::4")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := admission.New(0)
			l := limits(func(l *policy.Limits) { l.MaxConnections = many })
			var open []*guest
			for from, n := range tt.open {
				for range n {
					g, err := come(c, from, limits(nil))
					if err != nil {
						t.Fatal(err)
					}
					open = append(open, g)
				}
			}
			if tt.change != nil {
				tt.change(&l)
			}
			last, err := come(c, tt.from, l)
			if diff := cmp.Diff(tt.want, err); diff != "" {
				t.Fatal(diff)
			}
			for _, g := range append(open, last) {
				g.Release()
				g.Release()
			}
			if left := c.Taken(); left != (admission.Taken{}) {
				t.Errorf("left: %+v", left)
			}
		})
	}
}

func perClient(n int) func(*policy.Limits) {
	return func(l *policy.Limits) { l.MaxConnectionsPerClient = n }
}

// TestQueues fills a queue of 16 places and has one more come.
func TestQueues(t *testing.T) {
	reasons := map[admission.Queue][2]reason.Reason{
		admission.Heads:      {reason.TooManyClientHeads, reason.TooManyRequestHeads},
		admission.Handshakes: {reason.TooManyClientHandshakes, reason.TooManyHandshakes},
	}
	type one struct {
		from netip.Addr
		n    int
	}
	tests := map[string]struct {
		waiting  []one // in this order, a second after each other
		none     bool  // there are no places
		from     netip.Addr
		share    string // that the client has; "" if that is not why it is refused
		ended    int    // of those that wait, counted from 1; 0 for none
		endedFor string
	}{
		"nobody waits":                {from: ann},
		"one client, to the eighth":   {waiting: []one{{ann, 13}}, from: ann},
		"one client, in the eighth":   {waiting: []one{{ann, 14}}, from: ann, share: "8"},
		"another one, in the eighth":  {waiting: []one{{ann, 14}}, from: bob},
		"another one, to the end":     {waiting: []one{{ann, 14}, {bob, 1}}, from: bob},
		"another one, full":           {waiting: []one{{bob, 2}, {ann, 14}}, from: bob, ended: 3, endedFor: "10.0.0.1"},
		"a third one, full":           {waiting: []one{{bob, 2}, {ann, 14}}, from: cat, ended: 3, endedFor: "10.0.0.1"},
		"the largest is a network":    {waiting: []one{{ann, 2}, {cat, 14}}, from: bob, ended: 3, endedFor: "2001:db8:1:2::/64"},
		"its share, full":             {waiting: []one{{ann, 9}, {bob, 7}}, from: bob, share: "5"},
		"the largest, full":           {waiting: []one{{ann, 9}, {bob, 7}}, from: ann, share: "5"},
		"the largest was another one": {waiting: []one{{ann, 7}, {bob, 8}, {cat, 1}}, from: cat, ended: 8, endedFor: "10.0.0.2"},
		"no places at all":            {none: true, from: ann},
	}
	for _, in := range []admission.Queue{admission.Heads, admission.Handshakes} {
		for name, tt := range tests {
			t.Run([]string{"heads", "handshakes"}[in]+"/"+name, func(t *testing.T) {
				c, l := admission.New(0), limits(nil)
				if tt.none {
					l.MaxRequestHeads, l.MaxHandshakes = 0, 0
				}
				var all []*guest
				free := limits(func(l *policy.Limits) { l.MaxRequestHeads, l.MaxHandshakes = 1000, 1000 })
				for _, o := range tt.waiting {
					for range o.n {
						all = append(all, waiting(t, c, in, o.from, at(float64(len(all))), free))
					}
				}
				last, err := come(c, tt.from, l)
				if err != nil {
					t.Fatal(err)
				}
				var want error
				switch {
				case tt.share != "":
					want = reason.New(reasons[in][0], "limit", tt.share, "client", tt.from.String())
				case tt.none:
					want = reason.New(reasons[in][1], "limit", "0")
				}
				if diff := cmp.Diff(want, last.Wait(in, last, at(100), l)); diff != "" {
					t.Fatal(diff)
				}
				for i, g := range all {
					var want error
					if i+1 == tt.ended {
						want = reason.New(reason.EndedForRoom, "client", tt.endedFor)
					}
					if diff := cmp.Diff(want, g.cause); diff != "" {
						t.Errorf("number %d: %s", i+1, diff)
					}
					if diff := cmp.Diff(want, g.Leave()); diff != "" {
						t.Errorf("number %d: %s", i+1, diff)
					}
				}
				if err := last.Leave(); err != nil {
					t.Error(err)
				}
				if left := c.Taken(); left.Heads != 0 || left.Handshakes != 0 || left.Connections != int64(len(all)+1) {
					t.Errorf("left: %+v", left)
				}
			})
		}
	}
}

// TestLongestWithoutAByte has the one ended that has not been heard for longest, not the one that came first.
func TestLongestWithoutAByte(t *testing.T) {
	c, l := admission.New(0), limits(func(l *policy.Limits) { l.MaxHandshakes = 3 })
	first := waiting(t, c, admission.Handshakes, ann, at(0), l)
	second := waiting(t, c, admission.Handshakes, ann, at(1), l)
	third := waiting(t, c, admission.Handshakes, ann, at(2), l)
	first.Heard(at(3))
	fourth := waiting(t, c, admission.Handshakes, bob, at(4), l)
	fourth.Heard(at(5))
	fifth := waiting(t, c, admission.Handshakes, cat, at(6), l)
	for i, g := range []*guest{first, second, third, fourth, fifth} {
		if ended := g.told > 0; ended != (g == second || g == third) {
			t.Errorf("number %d: told %d times", i+1, g.told)
		}
	}
	second.Heard(at(7)) // it may not know yet
	if err := second.Leave(); reason.Of(err) != reason.EndedForRoom {
		t.Errorf("it leaves with %v", err)
	}
}

func TestEndSilent(t *testing.T) {
	tests := map[string]struct {
		waiting int
		after   float64
		heard   bool
		ended   string // after so many seconds
	}{
		"in time":                      {waiting: 1, after: 9.9},
		"too late":                     {waiting: 1, after: 10.1, ended: "10"},
		"a byte has come":              {waiting: 1, after: 60, heard: true},
		"below seven eighths":          {waiting: 13, after: 9.9},
		"from seven eighths, in time":  {waiting: 14, after: 1.9},
		"from seven eighths, too late": {waiting: 14, after: 2.1, ended: "2"},
		"seven eighths, and a byte":    {waiting: 14, after: 60, heard: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c, l := admission.New(0), limits(nil)
			var all []*guest
			for range tt.waiting {
				all = append(all, waiting(t, c, admission.Handshakes, ann, at(0), l))
			}
			head := waiting(t, c, admission.Heads, ann, at(0), l)
			if tt.heard {
				for _, g := range all {
					g.Heard(at(0.1))
				}
			}
			again := c.EndSilent(at(tt.after), l)
			if again != (tt.ended == "") {
				t.Errorf("again: %t", again)
			}
			var want error
			if tt.ended != "" {
				want = reason.New(reason.TLSHelloTimeout, "seconds", tt.ended)
			}
			for _, g := range all {
				if diff := cmp.Diff(want, g.cause); diff != "" {
					t.Error(diff)
				}
				if diff := cmp.Diff(want, g.Leave()); diff != "" {
					t.Error(diff)
				}
			}
			if head.cause != nil {
				t.Errorf("a request head: %v", head.cause)
			}
		})
	}
}

// TestClientIsKnownLate has connections wait before it is known whose they are.
func TestClientIsKnownLate(t *testing.T) {
	c, l := admission.New(0), limits(nil)
	var all []*guest
	unknown := func(now float64) (*guest, error) {
		g := &guest{}
		if err := c.Admit(&g.Place, l); err != nil {
			t.Fatal(err)
		}
		return g, g.Wait(admission.Heads, g, at(now), l)
	}
	for i := range 14 {
		g, err := unknown(float64(i))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, g)
	}
	more, err := unknown(14)
	if diff := cmp.Diff(reason.New(reason.TooManyClientHeads, "limit", "8", "client", "an unknown client"), err); diff != "" {
		t.Fatal(diff)
	}
	more.Release()
	for i, g := range all[:5] {
		if err := g.Belongs(ann, at(20), l); err != nil {
			t.Fatalf("number %d: %v", i+1, err)
		}
	}
	if err := all[5].Belongs(ann, at(20), l); reason.Of(err) != reason.TooManyClientHeads {
		t.Errorf("one of a client that has its share: %v", err)
	}
	all[5].Release()
	for range 4 { // the last is one too many
		waiting(t, c, admission.Heads, bob, at(30), l)
	}
	for i, g := range all {
		if ended := g.told > 0; ended != (i == 6) {
			t.Errorf("number %d was told %d times", i+1, g.told)
		}
	}
	if err := all[7].Belongs(cat, at(40), l); err != nil {
		t.Error(err)
	}
	for range 2 { // of nobody, and of the first, which have 6 and 5
		waiting(t, c, admission.Heads, netip.MustParseAddr("10.0.0.3"), at(50), l)
	}
	if all[8].told != 1 || all[0].told != 1 {
		t.Errorf("told: one of nobody %d times, one that is known %d times", all[8].told, all[0].told)
	}
	if taken := c.Taken(); taken.Heads != 16 || taken.Connections != 19 {
		t.Errorf("taken: %+v", taken)
	}
}

func TestBytes(t *testing.T) {
	c, l := admission.New(1600), limits(nil)
	of := func(from netip.Addr) *guest {
		g, err := come(c, from, l)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	a, a2, b, d := of(ann), of(ann), of(bob), of(cat)
	take := func(step string, g *guest, n int, want error) {
		t.Helper()
		if diff := cmp.Diff(want, g.Take(n)); diff != "" {
			t.Errorf("%s: %s", step, diff)
		}
	}
	take("one client", a, 700, nil)
	take("to the eighth", a2, 700, nil)
	take("in the eighth", a, 1, reason.New(reason.TLSClientCollectedTooMuch, "limit", "800", "client", "10.0.0.1"))
	take("another one", b, 100, nil)
	take("more than there is", b, 101, reason.New(reason.TLSTooMuchCollected, "limit", "1600"))
	take("to the end", b, 100, nil)
	if taken := c.Taken().Bytes; taken != 1600 {
		t.Errorf("%d are taken", taken)
	}
	a.Give(700)
	take("a third one", d, 400, nil)
	a2.Give(700)
	b.Give(200)
	d.Give(400)
	take("what was given back is there again", a, 1600, nil)
	a.Give(1600)
	if taken := c.Taken().Bytes; taken != 0 {
		t.Errorf("%d are left", taken)
	}
}

// TestNoBytes takes nothing, as a message without a body does. That makes no holder, whom nobody would take back.
func TestNoBytes(t *testing.T) {
	c, l := admission.New(1600), limits(nil)
	var both [2]*guest
	for i, from := range []netip.Addr{ann, bob} {
		g, err := come(c, from, l)
		if err != nil {
			t.Fatal(err)
		}
		both[i] = g
	}
	for range 100 {
		if err := both[0].Take(0); err != nil {
			t.Fatal(err)
		}
		both[0].Give(0)
	}
	for i, n := range []int{1400, 100, 100} { // the second client has less than its share of 533
		if err := both[min(i, 1)].Take(n); err != nil {
			t.Errorf("number %d: %v", i+1, err)
		}
	}
}

// TestQueueAgainstModel compares what is ended, and what is refused, with a queue that looks at every place each time.
func TestQueueAgainstModel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	c, l := admission.New(0), limits(func(l *policy.Limits) { l.MaxConnections = 10_000 })
	type place struct {
		*guest
		from  netip.Addr
		heard float64
	}
	var in []*place
	count := func() map[netip.Addr]int {
		n := make(map[netip.Addr]int)
		for _, p := range in {
			n[p.from]++
		}
		return n
	}
	for step := range 20_000 {
		now := float64(step)
		switch do := random.IntN(4); {
		case do < 2:
			p := &place{from: netip.AddrFrom4([4]byte{10, 0, 0, byte(min(random.IntN(12), random.IntN(12)))}), heard: now}
			g, err := come(c, p.from, l)
			if err != nil {
				t.Fatal(err)
			}
			p.guest = g
			have := count()
			refused := len(in) >= 14 && have[p.from] >= max(16/(len(have)+1), 1)
			most := 0
			for _, n := range have {
				most = max(most, n)
			}
			full := len(in) >= 16 && !refused
			err = g.Wait(admission.Handshakes, g, at(now), l)
			if (err != nil) != refused {
				t.Fatalf("step %d: %v for one of %v, of %v", step, err, p.from, have)
			}
			ended := slices.IndexFunc(in, func(p *place) bool { return p.told > 0 })
			if (ended >= 0) != full {
				t.Fatalf("step %d: number %d was ended of %v", step, ended, have)
			}
			if full {
				for _, other := range in {
					if have[in[ended].from] != most || other.from == in[ended].from && other.heard < in[ended].heard {
						t.Fatalf("step %d: %v, heard %v, was ended, of %v", step, in[ended].from, in[ended].heard, have)
					}
				}
				in[ended].Release()
				in = slices.Delete(in, ended, ended+1)
			}
			if refused {
				g.Release()
			} else {
				in = append(in, p)
			}
		case len(in) == 0:
		case do == 2:
			p := in[random.IntN(len(in))]
			p.heard = now
			p.Heard(at(now))
		default:
			if random.IntN(3) == 0 {
				i := random.IntN(len(in))
				if err := in[i].Leave(); err != nil {
					t.Fatal(err)
				}
				in[i].Release()
				in = slices.Delete(in, i, i+1)
			}
		}
		if taken := c.Taken(); taken.Handshakes != int64(len(in)) || taken.Connections != int64(len(in)) {
			t.Fatalf("step %d: %+v are taken, of %d", step, taken, len(in))
		}
	}
}

// TestUnderLoad has the limits hold, and nothing be left, however many come and go at once.
func TestUnderLoad(t *testing.T) {
	c := admission.New(1000)
	l := limits(func(l *policy.Limits) { l.MaxConnections, l.MaxRequestHeads, l.MaxHandshakes = 6, 3, 3 })
	var working sync.WaitGroup
	for w := range 8 {
		working.Go(func() {
			for i := range 500 {
				g, err := come(c, []netip.Addr{ann, bob, cat}[w%3], l)
				if err != nil {
					continue
				}
				g.Heard(at(float64(i)))
				for in := admission.Heads; in <= admission.Handshakes; in++ {
					if w := (quiet{}); g.Wait(in, w, at(float64(i)), l) == nil {
						g.Heard(at(float64(i + 1)))
						if g.Take(10) == nil {
							g.Give(10)
						}
						_ = g.Leave()
					}
				}
				if now := c.Taken(); now.Connections > 6 || now.Heads > 3 || now.Handshakes > 3 {
					t.Errorf("taken: %+v", now)
				}
				c.EndSilent(at(float64(i)), l)
				g.Release()
			}
		})
	}
	working.Wait()
	if left := c.Taken(); left != (admission.Taken{}) {
		t.Errorf("left: %+v", left)
	}
}

// quiet is told and does nothing.
type quiet struct{}

func (quiet) GiveUp(error) {}

// TestClientsAreForgotten shows that a client that is gone leaves nothing behind, however many there were.
func TestClientsAreForgotten(t *testing.T) {
	c, l := admission.New(0), limits(nil)
	before := heap()
	for i := range 100_000 {
		from := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		waiting(t, c, admission.Heads, from, at(0), l).Release()
	}
	if grown := heap() - before; grown > 1<<20 {
		t.Errorf("%d bytes are left", grown)
	}
	runtime.KeepAlive(c)
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestNoMemoryForAConnection shows that a connection of a client that has another one takes no memory of its own.
func TestNoMemoryForAConnection(t *testing.T) {
	c, l := admission.New(0), limits(nil)
	waiting(t, c, admission.Heads, ann, at(0), l)
	g := &guest{}
	if n := testing.AllocsPerRun(100, func() { comeAndGo(t, c, g, l) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// comeAndGo is all that is done for a tunnel.
func comeAndGo(t testing.TB, c *admission.Control, g *guest, l policy.Limits) {
	g.Place = admission.Place{}
	if err := errors.Join(c.Admit(&g.Place, l), g.Belongs(ann, at(0), l), g.Wait(admission.Handshakes, g, at(0), l)); err != nil {
		t.Error(err)
	}
	g.Heard(at(0))
	g.Heard(at(0))
	if err := g.Leave(); err != nil {
		t.Error(err)
	}
	g.Release()
}

func BenchmarkConnection(b *testing.B) {
	c, l := admission.New(0), limits(func(l *policy.Limits) { l.MaxRequestHeads, l.MaxHandshakes = 2048, 4096 })
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		g := &guest{}
		for pb.Next() {
			comeAndGo(b, c, g, l)
		}
	})
}

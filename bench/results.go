//go:build linux

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Names of experiments.
const (
	shortTunnels   = "short tunnels"
	bulk           = "bulk"
	bulkBesideIdle = "bulk beside idle"
	idleTunnels    = "idle tunnels"
	agents1000     = "1,000 agents"
	agents4000     = "4,000 agents"
	agents9000     = "9,000 agents"
	firstByte      = "first byte"
)

// row is one line of the table of results: a figure of an experiment, and what is expected of it.
type row struct {
	text       string
	experiment string
	figure     string
	unit       string
	scale      float64 // from the figure to the unit
	added      bool    // what counts is the difference to the direct way
	ofPlain    float64 // the goal, as a part of what the plain proxy takes; 0 if there is none
	most       float64 // the goal, in the unit; NaN if there is none
}

var none = math.NaN()

// rows are the table of results.
func rows() []row {
	return []row{
		{"CPU per short tunnel", shortTunnels, cpuEach, "us", 1e6, false, 0.75, none},
		{"CPU per GB, 64 tunnels", bulk, cpuEach, "ms", 1e3, false, 0.67, none},
		{"CPU per GB, 16 tunnels beside 600 idle", bulkBesideIdle, cpuEach, "ms", 1e3, false, 0.54, none},
		{"memory of an idle tunnel", idleTunnels, memoryEach, "KiB", 1.0 / 1024, false, 0, 3},
		{"memory of the kernel for it", idleTunnels, kernelEach, "KiB", 1.0 / 1024, true, 0, none},
		{"descriptors of it", idleTunnels, filesEach, "", 1, false, 0, 2},
		{"descriptors left after it", idleTunnels, left, "", 1, false, 0, 0},
		{"idle tunnels held", idleTunnels, held, "", 1, false, 0, none},
		{"CPU per 200 KiB upload, 1,000 agents", agents1000, cpuEach, "us", 1e6, false, 0.60, none},
		{"99 of 100 uploads within, 1,000 agents", agents1000, slowest1, "ms", 1e3, false, 0, none},
		{"CPU per 200 KiB upload, 4,000 agents", agents4000, cpuEach, "us", 1e6, false, 0.5, none},
		{"share of a core, 4,000 agents", agents4000, core, "%", 100, false, 0, none},
		{"99 of 100 uploads within, 4,000 agents", agents4000, slowest1, "ms", 1e3, false, 0, none},
		{"agents held, of 4,000", agents4000, held, "", 1, false, 0, none},
		{"failed uploads, 4,000 agents", agents4000, failures, "", 1, false, 0, 0},
		{"agents held, of 9,000", agents9000, held, "", 1, false, 0, none},
		{"99 of 100 uploads within, 9,000 agents", agents9000, slowest1, "ms", 1e3, false, 0, none},
		{"failed uploads, 9,000 agents", agents9000, failures, "", 1, false, 0, 0},
		{"added time to the first byte", firstByte, toFirstByte, "us", 1e6, true, 0.8, none},
	}
}

// results have the figures of all rounds, by experiment and way.
type results map[string]map[string][]figures

func (r results) add(experiment, way string, f figures) {
	if r[experiment] == nil {
		r[experiment] = map[string][]figures{}
	}
	r[experiment][way] = append(r[experiment][way], f)
}

// of is the figure of the rounds: the lowest, since whatever else the machine does only adds to it; but of failures the most. It is
// NaN if there is none.
func (r results) of(experiment, way, figure string) float64 {
	best := math.NaN()
	for _, f := range r[experiment][way] {
		value, ok := f[figure]
		switch {
		case !ok:
		case math.IsNaN(best):
			best = value
		case figure == failures || figure == left:
			best = max(best, value)
		default:
			best = min(best, value)
		}
	}
	return best
}

// value is what a row shows for a way, in the row's unit; NaN if it was not measured.
func (r results) value(w row, way string) float64 {
	value := r.of(w.experiment, way, w.figure)
	if w.added {
		value -= r.of(w.experiment, directName, w.figure)
	}
	return value * w.scale
}

// line is a row with what was measured.
type line struct {
	Text   string             `json:"text"`
	Unit   string             `json:"unit,omitempty"`
	Values map[string]float64 `json:"values"`          // by way
	Ratio  *float64           `json:"ratio,omitempty"` // of the gateway to the plain proxy
	Goal   string             `json:"goal,omitempty"`
	Met    *bool              `json:"met,omitempty"`
}

// lines are the rows of which something was measured. Without judge none of them is held to its goal.
func (r results) lines(judge bool) []line {
	var all []line
	for _, w := range rows() {
		l := line{Text: w.text, Unit: w.unit, Values: map[string]float64{}}
		for _, way := range r.ways() {
			if value := r.value(w, way); !math.IsNaN(value) && (!w.added || way != directName) {
				l.Values[way] = value
			}
		}
		if len(l.Values) == 0 {
			continue
		}
		gateway, measured := l.Values[gatewayName]
		if plain, ok := l.Values[plainName]; ok && measured && plain != 0 {
			ratio := gateway / plain
			l.Ratio = &ratio
		}
		met := false
		switch {
		case w.ofPlain != 0:
			l.Goal = fmt.Sprintf("<= %.2f", w.ofPlain)
			met = l.Ratio != nil && *l.Ratio <= w.ofPlain
		case !math.IsNaN(w.most):
			l.Goal = strings.TrimSpace(fmt.Sprintf("<= %g %s", w.most, w.unit))
			met = measured && gateway < w.most+0.01
		}
		if judge && l.Goal != "" {
			l.Met = &met
		}
		all = append(all, l)
	}
	return all
}

// ways lists the ways that were measured: the gateway, the plain proxy, the others.
func (r results) ways() []string {
	var all []string
	for _, measured := range r {
		all = slices.AppendSeq(all, maps.Keys(measured))
	}
	place := func(way string) int { return (slices.Index([]string{gatewayName, plainName}, way) + 3) % 3 }
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a, b)) })
	return slices.Compact(all)
}

// table is the results for people.
func (r results) table(judge bool) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "figure, lowest of the rounds\t")
	for _, way := range r.ways() {
		fmt.Fprint(w, way, "\t")
	}
	fmt.Fprint(w, "unit\tratio\tgoal\t\t\n")
	for _, l := range r.lines(judge) {
		fmt.Fprint(w, l.Text, "\t")
		for _, way := range r.ways() {
			value, ok := l.Values[way]
			fmt.Fprint(w, number(value, ok), "\t")
		}
		fmt.Fprint(w, l.Unit, "\t")
		if l.Ratio != nil {
			fmt.Fprintf(w, "%.2f", *l.Ratio)
		}
		fmt.Fprint(w, "\t", l.Goal, "\t")
		switch {
		case l.Met == nil:
		case *l.Met:
			fmt.Fprint(w, "pass")
		default:
			fmt.Fprint(w, "FAIL")
		}
		fmt.Fprint(w, "\t\n")
	}
	_ = w.Flush()
	return b.String()
}

// number prints three digits that say something.
func number(value float64, ok bool) string {
	switch {
	case !ok:
		return "-"
	case math.Abs(value) >= 100 || value == math.Trunc(value):
		return fmt.Sprintf("%.0f", value)
	case math.Abs(value) >= 10:
		return fmt.Sprintf("%.1f", value)
	default:
		return fmt.Sprintf("%.2f", value)
	}
}

// String is the figures for the log, sorted by name.
func (f figures) String() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(f)) {
		parts = append(parts, fmt.Sprintf("%s %.4g", name, f[name]))
	}
	return strings.Join(parts, ", ")
}

// save writes the table and the figures of every round as JSON.
func (r results) save(file string, m machine, judge bool) error {
	data, err := json.MarshalIndent(struct {
		Machine machine                         `json:"machine"`
		Table   []line                          `json:"table"`
		Rounds  map[string]map[string][]figures `json:"rounds"`
	}{m, r.lines(judge), r}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(data, '\n'), 0o644)
}

// machine is where and with what the results were measured.
type machine struct {
	Date      string `json:"date"`
	Commit    string `json:"commit"`
	Go        string `json:"go"`
	Kernel    string `json:"kernel"`
	Processor string `json:"processor"`
	Cores     int    `json:"cores"`
	Limit     int    `json:"descriptorLimit"`
}

// describeMachine leaves empty what cannot be found out.
func describeMachine(ctx context.Context) machine {
	m := machine{Date: time.Now().UTC().Format(time.RFC3339), Go: runtime.Version(), Cores: runtime.NumCPU()}
	if out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output(); err == nil {
		m.Commit = strings.TrimSpace(string(out))
	}
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(release))
	}
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		_, after, _ := strings.Cut(string(info), "model name")
		name, _, _ := strings.Cut(after, "\n")
		m.Processor = strings.Trim(name, "\t :")
	}
	m.Limit, _ = descriptorLimit()
	return m
}

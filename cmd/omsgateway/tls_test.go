package main_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestClientCertificatePolicies runs every cell of the policy table in docs/tls.md through one gateway, with real clients and
// servers: what the client gets, the events, and the counters. A row without a case, or a case without a row, fails.
func TestClientCertificatePolicies(t *testing.T) {
	t.Parallel()
	table := policyTable(t)
	cases := policyCases(t)
	tested := map[string]bool{}
	for _, c := range cases {
		tested[c.row] = true
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(table.rows)), slices.Sorted(maps.Keys(tested))); diff != "" {
		t.Fatalf("the rows of docs/tls.md are not those that are tested (-page +tests):\n%s", diff)
	}

	g := runTLSGateway(t)
	g.call(t, "AllowedClientCertificateService/AddAllowedClientCertificates", `{"certificates":[{"subject":"agent"}]}`, nil)
	for _, c := range cases {
		for i, policy := range table.columns {
			t.Run(c.row+"/"+c.stack+"/"+policy, func(t *testing.T) {
				g.try(t, c, policy, cellOf(t, table.rows[c.row][i]))
			})
		}
	}
	g.compareCounters(t)
}

// cell is what the page promises: a session passes, and may be counted as one without a visible certificate, or it is refused.
type cell struct {
	passes     bool
	notVisible bool
	event      int
	reason     string
	alert      int
}

var refusedCell = regexp.MustCompile("^(\\d+) `([A-Z0-9_]+)`, alert (\\d+)$")

func cellOf(t *testing.T, text string) cell {
	t.Helper()
	switch text {
	case "passes":
		return cell{passes: true}
	case "passes, not visible":
		return cell{passes: true, notVisible: true}
	}
	parts := refusedCell.FindStringSubmatch(text)
	if parts == nil {
		t.Fatalf("the cell %q of docs/tls.md promises nothing that can be tested", text)
	}
	event, _ := strconv.Atoi(parts[1])
	alert, _ := strconv.Atoi(parts[3])
	return cell{event: event, reason: parts[2], alert: alert}
}

// pageTable is a table of docs/tls.md: the columns behind the first, and these cells of each row by the first.
type pageTable struct {
	columns []string
	rows    map[string][]string
}

func policyTable(t *testing.T) pageTable {
	t.Helper()
	table := readTable(t, "case")
	if diff := cmp.Diff([]string{"Off", "IfShown", "Required"}, table.columns); diff != "" {
		t.Fatalf("the policies of docs/tls.md (-want +page):\n%s", diff)
	}
	return table
}

// readTable reads the one table of docs/tls.md whose first column is called name.
func readTable(t *testing.T, name string) pageTable {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "tls.md"))
	if err != nil {
		t.Fatal(err)
	}
	table := pageTable{rows: map[string][]string{}}
	for line := range strings.Lines(strings.ReplaceAll(string(page), "\r", "")) {
		line, isRow := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "| ")
		cells := strings.Split(strings.TrimSuffix(line, " |"), " | ")
		switch {
		case table.columns == nil && isRow && cells[0] == name:
			table.columns = cells[1:]
		case table.columns == nil || strings.HasPrefix(line, "|---"):
		case !isRow:
			return table
		case len(cells) != len(table.columns)+1 || table.rows[cells[0]] != nil:
			t.Fatalf("docs/tls.md: a row with too many or too few cells, or twice: %s", line)
		default:
			table.rows[cells[0]] = cells[1:]
		}
	}
	t.Fatalf("docs/tls.md has no table %q with something behind it", name)
	return table
}

// tlsGateway is a gateway, and what its counters must say.
type tlsGateway struct {
	*running
	batch *batch
	asked map[string]int // CONNECTs by target; a port may come again

	rejections, notVisible int64
	byReason               map[string]int64
}

func runTLSGateway(t *testing.T) *tlsGateway {
	t.Helper()
	r := runGateway(t, "--set", "AllowLoopbackTargets=On", "--set", "LogLevel=Debug")
	return &tlsGateway{running: r, batch: startBatch(t, r), asked: map[string]int{}, byReason: map[string]int64{}}
}

// call makes one call with params in JSON; result may be nil.
func (g *tlsGateway) call(t *testing.T, method, params string, result any) {
	t.Helper()
	if err := g.batch.call(method, params); err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	answer := struct{ Result any }{result}
	if result != nil {
		if err := json.Unmarshal(g.batch.out.Bytes(), &answer); err != nil {
			t.Fatalf("%s: %v", method, err)
		}
	}
}

// try makes the connections of a case through the gateway under a policy, and judges the last.
func (g *tlsGateway) try(t *testing.T, c policyCase, policy string, want cell) {
	p := c.pair(t)
	target := "localhost:" + p.port()
	g.allow(t, target, "OFF")
	switch c.made {
	case notResumed:
	case pastGateway:
		mustPass(t, p, "")
	case throughGateway:
		mustPass(t, p, g.proxy)
		g.asked[target]++
	}
	g.allow(t, target, map[string]string{"Off": "OFF", "IfShown": "IF_SHOWN", "Required": "REQUIRED"}[policy])

	verified := p.verified()
	got := p.connect(t, g.proxy)
	trace := g.nextTrace(t, target)
	g.judge(t, target, trace, c, want, got)
	switch resumed := c.made != notResumed; {
	case want.passes && got.resumed != resumed:
		t.Errorf("resumed is %v, want %v", got.resumed, resumed)
	case !want.passes && p.verified() != verified:
		t.Error("the server has come to the end of the handshake")
	}
}

// allow allows target with a policy as the API calls it.
func (g *tlsGateway) allow(t *testing.T, target, policy string) {
	t.Helper()
	g.call(t, "AllowedHostService/AddAllowedHosts", fmt.Sprintf(`{"hosts":[{"host":%q}]}`, target), nil)
	g.call(t, "AllowedHostService/SetAllowedHost", fmt.Sprintf(`{"host":%q,"clientCertificatePolicy":%q}`, target, policy), nil)
}

func mustPass(t *testing.T, p pair, proxy string) {
	t.Helper()
	if got := p.connect(t, proxy); !got.passed {
		t.Fatalf("the session that is to be resumed was not made: %+v", got)
	}
}

// judge compares what a client got, and what the gateway says about it, with what the page promises.
func (g *tlsGateway) judge(t *testing.T, target string, trace trace, c policyCase, want cell, got outcome) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Logf("the gateway's log:\n%s", trace.text)
		}
	}()
	if want.notVisible {
		g.notVisible++
	}
	if want.passes {
		if !got.passed || got.alert != 0 {
			t.Errorf("the client got %+v", got)
		}
		if n := trace.count(" DEBUG TlsParser - TLS session is successfully verified\n"); n != 1 {
			t.Errorf("%d events 107", n)
		}
		trace.want(t, `decision=allowed reason=- .* tls="`+regexp.QuoteMeta(c.version)+`" server_name=localhost subject=`+
			regexp.QuoteMeta(logged(c.subject))+` `)
		if n := trace.count(" ERROR "); n != 0 {
			t.Errorf("%d errors", n)
		}
		return
	}
	if got.passed || got.alert != want.alert {
		t.Errorf("the client got %+v, want alert %d", got, want.alert)
	}
	g.judgeRefusal(t, target, trace, want)
	if want.event == 105 && trace.count("Invalid Client certificate: "+c.subject+"\n") != 1 {
		t.Error("the event does not show the subject, and nothing behind it")
	}
	if want.reason == "CLIENT_CERTIFICATE_EARLY_DATA" {
		trace.want(t, ` sent=0 received=0 `)
	}
}

// judgeRefusal looks for a refusal in the log and among the events of the API, which have id and reason, and counts it.
func (g *tlsGateway) judgeRefusal(t *testing.T, target string, trace trace, want cell) {
	t.Helper()
	g.rejections++
	g.byReason[want.reason]++
	line := " ERROR TlsParser - TLS session with " + target + " is refused: "
	if want.event == 105 {
		line = " ERROR TcpConnection - Invalid Client certificate: "
	}
	if all, mine := trace.count(" ERROR "), trace.count(line); all != 1 || mine != 1 {
		t.Errorf("%d errors, and %d that begin with %q, want 1 and 1", all, mine, line)
	}
	if n := trace.count("TLS session is successfully verified"); n != 0 {
		t.Errorf("%d events 107", n)
	}
	trace.want(t, `decision=refused reason=`+want.reason+` .* end=refused$`)
	var list struct {
		Events []struct {
			ID         int
			Reason     string
			Connection string
		}
	}
	g.call(t, "EventService/ListEvents", `{"filter":{"level":"ERROR"},"limit":1}`, &list)
	if len(list.Events) != 1 || list.Events[0].Connection != trace.connection {
		t.Fatalf("the last event of level Error is not of connection %s: %+v", trace.connection, list.Events)
	}
	if e := list.Events[0]; e.ID != want.event || e.Reason != want.reason {
		t.Errorf("event %d %s, want %d %s", e.ID, e.Reason, want.event, want.reason)
	}
}

// logged is a value as the canonical line has it.
func logged(value string) string {
	if value == "" {
		return "-"
	}
	if strings.ContainsAny(value, ` "=`) {
		return strconv.Quote(value)
	}
	return value
}

// trace is what the log says about one client connection.
type trace struct {
	connection string
	text       string
}

// nextTrace waits for the end of the next connection that asked for target, and returns its part of the log.
func (g *tlsGateway) nextTrace(t *testing.T, target string) trace {
	t.Helper()
	g.asked[target]++
	asked := regexp.MustCompile(fmt.Sprintf(`(?s)(?:\[(\d+)\] DEBUG GatewayLogic - Got request from \S+: CONNECT %s .*?){%d}`,
		regexp.QuoteMeta(target), g.asked[target]))
	match, err := g.log.wait(g.ended, asked)
	if err != nil {
		t.Fatalf("the gateway was not asked for %s: %v\n%s", target, err, g.log)
	}
	mine := " [" + match[1] + "] "
	gone := regexp.MustCompile(regexp.QuoteMeta(mine) + `DEBUG TcpConnection - Client socket disconnected\n`)
	if _, err := g.log.wait(g.ended, gone); err != nil {
		t.Fatalf("connection%shas no end: %v\n%s", mine, err, g.log)
	}
	var text strings.Builder
	for line := range strings.Lines(g.log.String()) {
		if strings.Contains(line, mine) {
			text.WriteString(line)
		}
	}
	return trace{connection: match[1], text: text.String()}
}

func (tr trace) count(part string) int { return strings.Count(tr.text, part) }

func (tr trace) want(t *testing.T, pattern string) {
	t.Helper()
	if !regexp.MustCompile(`(?m)` + pattern).MatchString(tr.text) {
		t.Errorf("no line matches %s", pattern)
	}
}

// compareCounters holds the counters that people see against all that was tried.
func (g *tlsGateway) compareCounters(t *testing.T) {
	t.Helper()
	var got struct {
		Rejections                   json.Number
		ClientCertificatesNotVisible json.Number
		OpenTunnels                  json.Number
		RefusalsByReason             map[string]json.Number
	}
	status := []byte(omsgwctl(t, g.running, "status", "--json"))
	if err := json.Unmarshal(status, &got); err != nil {
		t.Fatalf("%v\n%s", err, status)
	}
	want := got
	want.Rejections, want.ClientCertificatesNotVisible, want.OpenTunnels = number(g.rejections), number(g.notVisible), number(0)
	want.RefusalsByReason = map[string]json.Number{}
	for reason, n := range g.byReason {
		want.RefusalsByReason[reason] = number(n)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the counters (-want +got):\n%s", diff)
	}
}

func number(n int64) json.Number { return json.Number(strconv.FormatInt(n, 10)) }

//go:build linux

// Command bench measures what the gateway costs, beside a plain proxy and beside direct connections. See docs/performance.md.
package main

import (
	"context"
	"crypto/x509/pkix"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"

	"github.com/omsgateway/omsgateway/internal/testca"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) == 2 {
		switch os.Args[1] {
		case "origin":
			return runOrigin(ctx)
		case "plain":
			return runPlain(ctx)
		}
	}
	smoke := flag.Bool("smoke", false, "only see that everything works, with little load and no judgement of times")
	only := flag.String("only", "", "run only the experiments whose name `regexp` matches")
	file := flag.String("json", "", "write the results to `file`, too")
	gateway := flag.String("gateway", "", "measure this `binary` instead of one that is built from this tree")
	var beside []string
	flag.Func("beside", "measure another gateway `binary`, too; may be repeated", func(file string) error {
		beside = append(beside, file)
		return nil
	})
	flag.Parse()
	chosen, err := regexp.Compile(*only)
	if err != nil || flag.NArg() > 0 {
		flag.Usage()
		return errors.Join(err, errors.New("wrong usage"))
	}

	dir, err := os.MkdirTemp("", "omsgateway-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b, err := newBench(ctx, dir, *gateway, beside)
	if err != nil {
		return err
	}
	b.scale = full
	if *smoke {
		b.scale = little
	}
	for _, e := range experiments() {
		if !chosen.MatchString(e.name) {
			continue
		}
		if err := b.measure(ctx, e); err != nil {
			return err
		}
	}
	m := describeMachine(ctx)
	fmt.Printf("%s, %d cores, Linux %s, %s, commit %s\n\n%s", m.Processor, m.Cores, m.Kernel, m.Go, m.Commit, b.results.table(!*smoke))
	if *file != "" {
		if err := b.results.save(*file, m, !*smoke); err != nil {
			return err
		}
	}
	return errors.Join(b.faults...)
}

// scale is how much the benchmark does.
type scale struct {
	rounds, longRounds int // of the experiments that take seconds, and of those that take much longer
	clients            int // computers
	shortTunnels       int
	bulkBytes          int64
	idleTunnels        int
	settle             time.Duration // before the memory of idle tunnels is read, and for their end
	fewer              int           // the number of agents is divided by this
	period             time.Duration // between two uploads of an agent
	cycles             int           // uploads of each agent
	firstBytes         int
}

var (
	full = scale{
		rounds: 5, longRounds: 2, clients: 1000, shortTunnels: 3000, bulkBytes: 2e9, idleTunnels: 10_000,
		settle: 3 * time.Second, fewer: 1, period: 6 * time.Second, cycles: 2, firstBytes: 300,
	}
	little = scale{
		rounds: 1, longRounds: 1, clients: 50, shortTunnels: 50, bulkBytes: 50e6, idleTunnels: 100,
		settle: time.Second / 2, fewer: 100, period: time.Second / 2, cycles: 1, firstBytes: 10,
	}
)

// experiments are in the order of the table.
func experiments() []experiment {
	often := func(s scale) int { return s.rounds }
	seldom := func(s scale) int { return s.longRounds }
	once := func(scale) int { return 1 }
	return []experiment{
		{name: shortTunnels, rounds: often, run: runShort},
		{name: bulk, rounds: often, run: runBulk(64, 0)},
		{name: bulkBesideIdle, rounds: often, run: runBulk(16, 600)},
		{name: idleTunnels, rounds: seldom, run: runIdle},
		{name: agents1000, rounds: seldom, run: runAgents(1000)},
		{name: agents4000, rounds: seldom, run: runAgents(4000)},
		{name: agents9000, rounds: once, run: runAgents(9000), ways: []string{gatewayName}},
		{name: firstByte, rounds: often, run: runFirstByte, oneCore: true},
	}
}

// newBench prepares what all experiments share.
func newBench(ctx context.Context, dir, gateway string, beside []string) (*bench, error) {
	if err := raiseDescriptorLimit(); err != nil {
		return nil, err
	}
	programs, err := preparePrograms(ctx, dir, gateway, beside)
	if err != nil {
		return nil, err
	}
	authority, err := testca.New()
	if err != nil {
		return nil, err
	}
	certificate, err := authority.Client(pkix.Name{
		CommonName: "agent", OrganizationalUnit: []string{"Microsoft Monitoring Agent"}, Organization: []string{"Microsoft"},
	})
	if err != nil {
		return nil, err
	}
	return &bench{programs: programs, certificate: certificate, content: newContent(), results: results{}}, nil
}

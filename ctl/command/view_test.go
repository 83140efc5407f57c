package command_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/omsgateway/omsgateway/ctl/command"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

type printed struct {
	Out, Err string
	Failure  error
}

func TestView(t *testing.T) {
	failure := errors.New("a step fails")
	problem := &adminv1.Problem{Reason: "X", Message: "<8080>"}
	everything := command.View{
		Notes:   []string{"5 % left out", "look here"},
		Tables:  []command.Table{{{"HOST", "BY"}, {"a.example.com", "\x1b[31mroot"}}, {{"x", ""}}},
		Text:    "2 % gone\n",
		Failure: failure,
	}
	for name, c := range map[string]struct {
		json    bool
		message any
		view    command.View
		want    printed
	}{
		"nothing": {},
		"everything": {
			view: everything,
			want: printed{
				Out:     "HOST           BY\na.example.com  \\x1b[31mroot\n\nx\n2 % gone\n",
				Err:     "omsgwctl: 5 % left out\nomsgwctl: look here\n",
				Failure: failure,
			},
		},
		"everything as JSON": {
			json: true, message: problem, view: everything,
			want: printed{Out: "{\n  \"reason\": \"X\",\n  \"message\": \"<8080>\",\n  \"metadata\": {}\n}\n", Failure: failure},
		},
		"rows": {view: command.Rows([]string{"a", "b"}), want: printed{Out: "a  b\n"}},
		"text": {view: command.Textf("%d\n", 1), want: printed{Out: "1\n"}},
		"note": {view: command.Notef("%d", 1), want: printed{Err: "omsgwctl: 1\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			p := &command.Program{Out: &out, Err: &errs, JSON: c.json}
			got := printed{Failure: p.Show(c.message, c.view)}
			got.Out, got.Err = out.String(), errs.String()
			same := cmp.Comparer(func(a, b error) bool { return errors.Is(a, b) })
			if diff := cmp.Diff(c.want, got, same); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestMessageWithoutJSON(t *testing.T) {
	if got, err := command.CompactJSON(5); err == nil {
		t.Errorf("got %s", got)
	}
}

// Output that cannot be written is an error: a script must not take half of a list for all of it.
func TestBrokenOutput(t *testing.T) {
	full := errors.New("no space left")
	tables := command.View{Tables: []command.Table{{{"a"}}, {{"b"}}}}
	for name, c := range map[string]struct {
		view  command.View
		json  bool
		after int // writes that go well
	}{
		"a table":             {view: command.Rows([]string{"a"})},
		"between tables":      {view: tables, after: 1},
		"the second of them":  {view: tables, after: 2},
		"text":                {view: command.Textf("a\n")},
		"JSON":                {json: true},
		"text after a table":  {view: command.View{Tables: []command.Table{{{"a"}}}, Text: "b\n"}, after: 1},
		"failure comes later": {view: command.View{Text: "b\n", Failure: errors.New("other")}},
	} {
		t.Run(name, func(t *testing.T) {
			p := &command.Program{Out: &broken{full, c.after}, Err: &bytes.Buffer{}, JSON: c.json}
			if err := p.Show(&adminv1.GetStatusResponse{}, c.view); !errors.Is(err, full) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// broken fails after so many writes.
type broken struct {
	err   error
	after int
}

func (b *broken) Write(text []byte) (int, error) {
	if b.after--; b.after < 0 {
		return 0, b.err
	}
	return len(text), nil
}

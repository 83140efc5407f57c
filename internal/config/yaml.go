package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"go.yaml.in/yaml/v3"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// maxMarks is how many marks a YAML document may have behind which a node can begin, so that its nodes, which take many times its bytes,
// fit into 500 MiB, as was measured. A host takes three of them, and two more for each further field.
const maxMarks = 1_000_000

// origin is where a token of JSON comes from that was made of YAML.
type origin struct {
	offset       int // of its first byte
	line, column int
}

// originOf returns where the token comes from that is at offset.
func originOf(origins []origin, offset int) (line, column int) {
	i, found := slices.BinarySearchFunc(origins, offset, func(o origin, at int) int { return o.offset - at })
	if !found {
		i = max(i-1, 0)
	}
	return origins[i].line, origins[i].column
}

// fromYAML makes JSON of a YAML document (YAML 1.2, but its numbers are decimal), so that one reader knows what is right. The error is
// CONFIG_SYNTAX.
func fromYAML(name string, data []byte) (text []byte, origins []origin, err error) {
	t := transcoder{name: name, data: data}
	if at := unfit(data); at >= 0 {
		return nil, nil, t.syntax(t.position(at), errors.New("there is a control character, or what is not UTF-8"))
	}
	if n := countMarks(data); n > maxMarks {
		return nil, nil, t.syntax("line 1", fmt.Errorf("it has more than %d places where a value could begin; write it as JSON", maxMarks))
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var root, more yaml.Node
	if err := decoder.Decode(&root); err != nil {
		return nil, nil, t.wrong(err)
	}
	switch err := decoder.Decode(&more); {
	case err == nil:
		return nil, nil, t.at(&more, "a second document follows, and only one can be read")
	case !errors.Is(err, io.EOF):
		return nil, nil, t.wrong(err)
	}
	if err := t.node(root.Content[0], 0); err != nil {
		return nil, nil, err
	}
	return t.out, t.origins, nil
}

// countMarks counts what can stand before a node: a line end, an opening bracket or a comma, and the indicators of an element, a key and a
// value, of which the first two need a blank or a line end behind them, and the last one, too, unless it follows a quotation mark or a
// closing bracket (YAML 1.2, section 5.3). YAML 1.1 has line ends that are not ASCII (section 4.1.4), and the parser follows it.
func countMarks(data []byte) int {
	n := 0
	for i, c := range data {
		switch c {
		case '\n', ',', '[', '{':
			n++
		case '-', '?', ':':
			if i+1 == len(data) || data[i+1] >= utf8.RuneSelf || strings.IndexByte(blanks, data[i+1]) >= 0 ||
				c == ':' && i > 0 && strings.IndexByte("\"'}]", data[i-1]) >= 0 {
				n++
			}
		}
	}
	return n
}

// unfit returns where a character begins that YAML does not have (section 5.1), as far as the parser does not say where; -1 for nowhere.
func unfit(data []byte) int {
	for at := 0; at < len(data); {
		r, size := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && size == 1 || unicode.IsControl(r) && r != '\t' && r != '\n' && r != '\r' && r != '\u0085' {
			return at
		}
		at += size
	}
	return -1
}

// transcoder writes nodes as JSON.
type transcoder struct {
	name    string
	data    []byte // the document
	out     []byte
	origins []origin
}

func (t *transcoder) node(n *yaml.Node, depth int) error {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		return t.at(n, "there is an anchor or an alias; write the value itself")
	case n.Style&yaml.TaggedStyle != 0:
		return t.at(n, "there is a tag, and none is known")
	case depth > maxDepth:
		return t.at(n, fmt.Sprintf("it is nested more than %d deep", maxDepth))
	}
	t.origins = append(t.origins, origin{len(t.out), n.Line, n.Column})
	switch n.Kind {
	case yaml.MappingNode:
		return t.mapping(n, depth)
	case yaml.SequenceNode:
		t.out = append(t.out, '[')
		for i, element := range n.Content {
			if i > 0 {
				t.out = append(t.out, ',')
			}
			if err := t.node(element, depth+1); err != nil {
				return err
			}
		}
		t.out = append(t.out, ']')
	default:
		return t.scalar(n)
	}
	return nil
}

func (t *transcoder) mapping(n *yaml.Node, depth int) error {
	t.out = append(t.out, '{')
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch {
		case key.Kind != yaml.ScalarNode || key.Anchor != "" || key.Style&yaml.TaggedStyle != 0:
			return t.at(key, "a key is a plain text")
		case key.ShortTag() == "!!merge":
			return t.at(key, "there is a merge key; write what it stands for")
		}
		if i > 0 {
			t.out = append(t.out, ',')
		}
		t.origins = append(t.origins, origin{len(t.out), key.Line, key.Column})
		if err := t.text(key); err != nil {
			return err
		}
		t.out = append(t.out, ':')
		if err := t.node(n.Content[i+1], depth+1); err != nil {
			return err
		}
	}
	t.out = append(t.out, '}')
	return nil
}

// decimal are the numbers that JSON has, too.
var decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)

// scalar writes a whole number, true, false and null as such where they are plain. All else is a text as it is written, such as 1.2.
func (t *transcoder) scalar(n *yaml.Node) error {
	const quoted = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	switch tag := n.ShortTag(); {
	case n.Style&quoted != 0:
	case tag == "!!null":
		t.out = append(t.out, "null"...)
		return nil
	case tag == "!!bool":
		t.out = append(t.out, strings.ToLower(n.Value)...)
		return nil
	case tag == "!!int" && decimal.MatchString(n.Value):
		t.out = append(t.out, n.Value...)
		return nil
	}
	return t.text(n)
}

func (t *transcoder) text(n *yaml.Node) (err error) {
	if t.out, err = jsontext.AppendQuote(t.out, n.Value); err != nil {
		return t.at(n, "a text is not UTF-8")
	}
	return nil
}

func (t *transcoder) at(n *yaml.Node, problem string) error {
	return t.syntax(fmt.Sprintf("line %d, column %d", n.Line, n.Column), errors.New(problem))
}

// wrong is an error of the parser, which has the line in its text.
func (t *transcoder) wrong(err error) error {
	if errors.Is(err, io.EOF) {
		return t.syntax("line 1", errors.New("it is empty"))
	}
	problem, where := strings.TrimPrefix(err.Error(), "yaml: "), "some line"
	if found := parserLine.FindStringSubmatch(problem); found != nil {
		where, problem = "line "+found[1], found[2]
		line, _ := strconv.Atoi(found[1])
		if at := tabBefore(t.data, line); at >= 0 {
			return t.syntax(t.position(at), errors.New("a tab indents the line; write blanks"))
		}
	}
	if unknown := strings.HasPrefix(problem, "unknown anchor"); unknown {
		problem = "there is an alias; write the value itself"
	}
	return t.syntax(where, errors.New(problem))
}

var parserLine = regexp.MustCompile(`^line ([0-9]+): (.*)$`)

// tabBefore returns where a tab is among the blanks with which a line begins, counted from 1; -1 for nowhere.
func tabBefore(data []byte, line int) int {
	begin := 0
	for range line - 1 {
		end := bytes.IndexByte(data[begin:], '\n')
		if end < 0 {
			return -1
		}
		begin += end + 1
	}
	indent := len(data) - begin - len(bytes.TrimLeft(data[begin:], " \t"))
	if tab := bytes.IndexByte(data[begin:begin+indent], '\t'); tab >= 0 {
		return begin + tab
	}
	return -1
}

func (t *transcoder) position(at int) string {
	line, column := (&reader{data: t.data}).position(at)
	return fmt.Sprintf("line %d, column %d", line, column)
}

func (t *transcoder) syntax(where string, problem error) error {
	return reason.Wrap(problem, reason.ConfigSyntax, "file", t.name, "format", string(YAML), "where", where)
}

// toYAML writes a JSON document as YAML, in the order that it has.
func toYAML(text []byte) []byte {
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		panic(fmt.Sprintf("reading a document as YAML: %v", err)) // JSON of our own is YAML
	}
	plain(&root)
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(&root); err != nil {
		panic(fmt.Sprintf("writing a document as YAML: %v", err)) // the memory takes everything
	}
	return out.Bytes()
}

// plain takes the braces and quotation marks away. What YAML 1.1 would read as something else than a text keeps them.
func plain(n *yaml.Node) {
	if n.Kind != yaml.ScalarNode || !looksOtherwise(n.Value) {
		n.Style = 0
	}
	for _, child := range n.Content {
		plain(child)
	}
}

func looksOtherwise(value string) bool {
	if _, err := strconv.ParseFloat(value, 64); err == nil {
		return false // the encoder knows
	}
	switch strings.ToLower(value) {
	case "on", "off", "yes", "no", "y", "n":
		return true
	}
	return false
}

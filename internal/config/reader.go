package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// maxDepth is how deep objects and arrays may nest; the deepest field of version 1 has 3 around it.
const maxDepth = 16

const blanks = " \t\r\n" // that may stand between the tokens of JSON

// reader reads one JSON document strictly (RFC 8259 in UTF-8, no name twice in an object) and knows where it is.
type reader struct {
	name     string
	data     []byte
	json     *jsontext.Decoder
	start    int      // of the token that was read last
	origins  []origin // where the tokens of data come from, if it was made of YAML
	version  int      // of the file, once it is known
	document bool     // it is no file of the gateway, but a Document
}

func newReader(name string, data []byte) *reader {
	return &reader{name: name, data: data, json: jsontext.NewDecoder(bytes.NewReader(data))}
}

// scan checks the syntax of the whole file and finds its version as it is written, "" if it has none.
func (r *reader) scan() (version string, err error) {
	if err := r.checkStart(); err != nil {
		return "", err
	}
	err = r.object(func(name string) error {
		if name == "version" && r.json.PeekKind() == jsontext.KindNumber {
			version, err = r.number()
			return err
		}
		return r.skip()
	})
	if err != nil {
		return "", err
	}
	if rest := bytes.TrimLeft(r.data[r.json.InputOffset():], blanks); len(rest) > 0 {
		return "", r.syntax(len(r.data)-len(rest), errors.New("something follows after the end of the configuration"))
	}
	return version, nil
}

// checkStart explains what editors are known to put at the start of a file.
func (r *reader) checkStart() error {
	var problem string
	switch {
	case len(bytes.Trim(r.data, blanks)) == 0 && r.document:
		problem = "it is empty"
	case len(bytes.Trim(r.data, blanks)) == 0:
		problem = "the file is empty; remove it to begin with the defaults"
	case bytes.HasPrefix(r.data, []byte("\xef\xbb\xbf")):
		problem = "the file begins with a byte order mark; save it as UTF-8 without BOM"
	case bytes.HasPrefix(r.data, []byte("\xff\xfe")), bytes.HasPrefix(r.data, []byte("\xfe\xff")):
		problem = "the file is UTF-16; save it as UTF-8 without BOM"
	default:
		return nil
	}
	return r.syntax(0, errors.New(problem))
}

// object reads an object; member reads the value of the member whose name was read.
func (r *reader) object(member func(name string) error) error {
	if err := r.begin(jsontext.KindBeginObject, "an object"); err != nil {
		return err
	}
	for {
		t, err := r.token()
		if err != nil || t.Kind() == jsontext.KindEndObject {
			return err
		}
		if err := member(t.String()); err != nil {
			return err
		}
	}
}

// array reads an array; element reads each of its elements.
func (r *reader) array(element func() error) error {
	if err := r.begin(jsontext.KindBeginArray, "an array"); err != nil {
		return err
	}
	for r.json.PeekKind() != jsontext.KindEndArray {
		if err := element(); err != nil {
			return err
		}
	}
	_, err := r.token()
	return err
}

func (r *reader) begin(kind jsontext.Kind, want string) error {
	t, err := r.token()
	if err == nil && t.Kind() != kind {
		err = r.wrong(fmt.Errorf("it must be %s", want))
	}
	return err
}

// text reads a string.
func (r *reader) text() (string, error) {
	t, err := r.token()
	if err != nil {
		return "", err
	}
	if t.Kind() != jsontext.KindString {
		return "", r.wrong(errors.New("it must be a text in quotation marks"))
	}
	return t.String(), nil
}

// number reads a number as it is written.
func (r *reader) number() (string, error) {
	t, err := r.token()
	if err != nil {
		return "", err
	}
	if t.Kind() != jsontext.KindNumber {
		return "", r.wrong(errors.New("it must be a number without quotation marks"))
	}
	return t.String(), nil
}

// skip reads a value of any kind.
func (r *reader) skip() error {
	depth := r.json.StackDepth()
	for {
		if _, err := r.token(); err != nil {
			return err
		}
		if r.json.StackDepth() == depth {
			return nil
		}
	}
}

func (r *reader) token() (jsontext.Token, error) {
	before := int(r.json.InputOffset())
	t, err := r.json.ReadToken()
	if err == nil {
		r.start = len(r.data) - len(bytes.TrimLeft(r.data[before:], blanks+",:"))
		if r.json.StackDepth() > maxDepth {
			err = r.wrong(fmt.Errorf("it is nested more than %d deep", maxDepth))
		}
		return t, err
	}
	offset := int(r.json.InputOffset())
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		offset = int(syntax.ByteOffset)
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return t, r.refuseAt(offset, reason.ConfigDuplicate, fieldOf(syntax.JSONPointer), nil)
		}
		err = withoutText(syntax.Err)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		offset, err = len(r.data), errors.New("the file ends too early")
	}
	return t, r.syntax(offset, err)
}

// withoutText is err without the text that it quotes after a wrong escape sequence, which may be a part of a password.
func withoutText(err error) error {
	for _, problem := range []string{"invalid escape sequence", "invalid surrogate pair"} {
		if strings.HasPrefix(err.Error(), problem) {
			return errors.New(problem + " in a text")
		}
	}
	return err
}

// syntax refuses what stands at offset.
func (r *reader) syntax(offset int, problem error) error {
	line, column := r.position(offset)
	where := fmt.Sprintf("line %d, column %d", line, column)
	format := string(JSON)
	if r.document && !isJSON(r.data) {
		format = "JSON or YAML"
	}
	return reason.Wrap(problem, reason.ConfigSyntax, "file", r.name, "format", format, "where", where)
}

// wrong refuses the field that was read last.
func (r *reader) wrong(problem error) error {
	return r.refuse(reason.ConfigField, fieldOf(r.json.StackPointer()), problem)
}

func (r *reader) refuse(why reason.Reason, field string, problem error) error {
	return r.refuseAt(r.start, why, field, problem)
}

func (r *reader) refuseAt(offset int, why reason.Reason, field string, problem error) error {
	line, column := r.position(offset)
	behind := ""
	if r.document {
		behind = fmt.Sprintf(", column %d", column)
	}
	return reason.Wrap(problem, why, "file", r.name, "line", strconv.Itoa(line), "column", behind, "field", field)
}

// position counts lines, and characters within the line, from 1.
func (r *reader) position(offset int) (line, column int) {
	if r.origins != nil {
		return originOf(r.origins, offset)
	}
	before := r.data[:min(offset, len(r.data))]
	line = bytes.Count(before, []byte("\n")) + 1
	return line, utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
}

// fieldOf writes a JSON pointer as people do: settings.ListenPort, allowedHosts[3].host, counted from 0.
func fieldOf(pointer jsontext.Pointer) string {
	var field strings.Builder
	for token := range pointer.Tokens() {
		if _, err := strconv.Atoi(token); err == nil {
			fmt.Fprintf(&field, "[%s]", token)
			continue
		}
		if field.Len() > 0 {
			field.WriteByte('.')
		}
		if token == "" || strings.ContainsFunc(token, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			token = `"` + token + `"`
		}
		field.WriteString(shown(token))
	}
	if field.Len() == 0 {
		return "the whole file"
	}
	return field.String()
}

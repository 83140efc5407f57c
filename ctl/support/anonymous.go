package support

import (
	"bytes"
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Aliases puts an alias in the place of each name and address: the same one for the same name in the whole of an archive. What it does
// not know to be harmless is a name.
type Aliases struct {
	of    map[string]string
	count map[string]int // by the kind of alias
}

// NewAliases has no alias yet.
func NewAliases() *Aliases { return &Aliases{of: map[string]string{}, count: map[string]int{}} }

// Of returns the alias of a name or an address; of an empty one that is nothing. A port beside an address does not count.
func (a *Aliases) Of(name string) string {
	if name == "" {
		return ""
	}
	kind := "name"
	if address, err := netip.ParseAddrPort(name); err == nil {
		kind, name = "address", address.Addr().String()
	} else if address, err := netip.ParseAddr(name); err == nil {
		kind, name = "address", address.String()
	} else if strings.Contains(name, ".") {
		kind = "host"
	}
	alias, ok := a.of[name]
	if !ok {
		a.count[kind]++
		alias = fmt.Sprintf("%s-%d", kind, a.count[kind])
		a.of[name] = alias
	}
	return alias
}

// harmless are the text fields of the API that tell the same on every computer. All others are names until somebody has thought
// about them.
var harmless = map[protoreflect.FullName]bool{
	"GetStatusResponse.version":                 true,
	"GetStatusResponse.refusals_by_reason":      true, // its keys
	"GetStatusResponse.sessions_by_tls_version": true,
	"Problem.reason":                            true,
	"Setting.key":                               true,
	"Setting.default_value":                     true,
	"Setting.description":                       true,
	"Setting.unit":                              true,
	"Setting.choices":                           true,
	"EffectiveHost.Source.agent":                true,
	"DeniedHost.reason":                         true,
	"DiscoveryPlace.agent":                      true,
	"DiscoveryPlace.version":                    true,
	"LearnedHost.agent":                         true,
	"LearnedClientCertificate.agent":            true,
	"Tunnel.tls_version":                        true,
	"Event.component":                           true,
	"Event.reason":                              true,
	"Event.kind":                                true,
	"Revision.method":                           true,
	"Revision.via":                              true,
	"Revision.role":                             true,
	"RevisionChange.noun":                       true,
	"RevisionCount.noun":                        true,
}

// dropped are sentences in which names stand; what they say is in other fields.
var dropped = map[protoreflect.FullName]bool{"Event.text": true, "Problem.message": true}

// Message returns a copy of m with aliases.
func (a *Aliases) Message(m proto.Message) proto.Message {
	m = proto.Clone(m)
	a.message(m.ProtoReflect())
	return m
}

func (a *Aliases) message(m protoreflect.Message) {
	if setting := m.Descriptor().Name() == "Setting"; setting {
		a.setting(m)
		return
	}
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.IsMap():
			a.mapField(m, field, value.Map())
		case field.IsList():
			a.list(field, value.List())
		case field.Kind() == protoreflect.MessageKind:
			a.message(value.Message())
		case field.Kind() == protoreflect.StringKind:
			m.Set(field, protoreflect.ValueOfString(a.text(field, value.String())))
		}
		return true
	})
}

// setting keeps a value that is a number, one of the setting's choices or its default.
func (a *Aliases) setting(m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	value, unset := fields.ByName("value"), fields.ByName("default_value")
	now := m.Get(value).String()
	kept := number.MatchString(now) || now == m.Get(unset).String()
	choices := m.Get(fields.ByName("choices")).List()
	for i := range choices.Len() {
		kept = kept || choices.Get(i).String() == now
	}
	if !kept {
		m.Set(value, protoreflect.ValueOfString(a.Of(now)))
	}
}

var number = regexp.MustCompile(`^[0-9]{1,10}$`)

func (a *Aliases) list(field protoreflect.FieldDescriptor, list protoreflect.List) {
	for i := range list.Len() {
		switch field.Kind() {
		case protoreflect.MessageKind:
			a.message(list.Get(i).Message())
		case protoreflect.StringKind:
			list.Set(i, protoreflect.ValueOfString(a.text(field, list.Get(i).String())))
		}
	}
}

// mapField keeps the keys of a map of texts, which are names of fields, and those of a harmless map of numbers.
func (a *Aliases) mapField(m protoreflect.Message, field protoreflect.FieldDescriptor, values protoreflect.Map) {
	texts := field.MapValue().Kind() == protoreflect.StringKind
	if !texts && !harmless[short(field)] {
		m.Clear(field)
		return
	}
	values.Range(func(key protoreflect.MapKey, value protoreflect.Value) bool {
		if texts {
			values.Set(key, protoreflect.ValueOfString(a.Of(value.String())))
		}
		return true
	})
}

func (a *Aliases) text(field protoreflect.FieldDescriptor, text string) string {
	switch name := short(field); {
	case harmless[name]:
		return text
	case dropped[name]:
		return ""
	}
	return a.Of(text)
}

// short is the name of a field without that of its package.
func short(field protoreflect.FieldDescriptor) protoreflect.FullName {
	return protoreflect.FullName(strings.TrimPrefix(string(field.FullName()), string(field.ParentFile().Package())+"."))
}

// A line of the log (docs/administration.md), and a value in a canonical line.
var (
	logLine = regexp.MustCompile(`^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[\d+\] (?:ERROR|WARN|INFO|DEBUG) [A-Za-z]{1,40} - )(.*)$`)
	pair    = regexp.MustCompile(`([a-z_]+)=("(?:[^"\\]|\\.)*"|[^ "]*)`)
	plain   = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,40}$`)
)

// What is kept of a canonical line as it is, and what gets an alias; the rest goes.
var (
	keptPairs = map[string]bool{
		"port": true, "decision": true, "reason": true, "tls": true, "sent": true, "received": true, "dial_ms": true, "total_s": true,
		"end": true, "repeats": true,
	}
	aliasedPairs = map[string]bool{"client": true, "host": true, "entry": true, "server_name": true, "subject": true}
)

// Log returns lines of the log with their heads alone, and canonical lines with aliases: an event's text may have any name in it.
func (a *Aliases) Log(log []byte) []byte {
	var lines bytes.Buffer
	for line := range bytes.Lines(log) {
		parts := logLine.FindSubmatch(bytes.TrimRight(line, "\r\n"))
		if parts == nil {
			continue
		}
		lines.Write(parts[1])
		if bytes.HasPrefix(parts[2], []byte("client=")) {
			lines.WriteString(strings.Join(a.pairs(string(parts[2])), " "))
		}
		lines.WriteByte('\n')
	}
	return lines.Bytes()
}

func (a *Aliases) pairs(line string) []string {
	var kept []string
	for _, found := range pair.FindAllStringSubmatch(line, -1) {
		key, value := found[1], found[2]
		switch {
		case value == "-", keptPairs[key] && plain.MatchString(value):
			kept = append(kept, key+"="+value)
		case aliasedPairs[key]:
			kept = append(kept, key+"="+a.Of(strings.Trim(value, `"`)))
		}
	}
	return kept
}

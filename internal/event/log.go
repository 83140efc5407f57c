package event

import (
	"context"
	"log/slog"
	"strings"
)

// Logger lets a library log as events of component: its errors as 400, warnings and information as 100, the rest as 200.
// Attributes follow the text as key=value.
func Logger(h *Hub, component Component) *slog.Logger {
	return slog.New(&handler{hub: h, component: component})
}

type handler struct {
	hub       *Hub
	component Component
	attrs     string // " key=value" each
	group     string // "name." each
}

func (h *handler) Enabled(_ context.Context, l slog.Level) bool {
	level, _ := kindOf(l)
	return h.hub.Enabled(level)
}

func (h *handler) Handle(_ context.Context, r slog.Record) error {
	level, id := kindOf(r.Level)
	var b strings.Builder
	b.WriteString(r.Message)
	b.WriteString(h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		appendAttr(&b, h.group, a)
		return true
	})
	h.hub.Emit(Event{Time: r.Time, Kind: "LIBRARY", ID: id, Level: level, Component: h.component, Text: b.String()})
	return nil
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	var b strings.Builder
	for _, a := range attrs {
		appendAttr(&b, h.group, a)
	}
	with := *h
	with.attrs += b.String()
	return &with
}

func (h *handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	with := *h
	with.group += name + "."
	return &with
}

// kindOf keeps the level that an id has: there is no id for warnings in general, so they are information.
func kindOf(l slog.Level) (Level, ID) {
	switch {
	case l >= slog.LevelError:
		return Error, Fault
	case l >= slog.LevelInfo:
		return Info, Information
	}
	return Debug, Detail
}

func appendAttr(b *strings.Builder, group string, a slog.Attr) {
	value := a.Value.Resolve()
	switch {
	case a.Equal(slog.Attr{}):
	case value.Kind() == slog.KindGroup:
		if a.Key != "" {
			group += a.Key + "."
		}
		for _, inner := range value.Group() {
			appendAttr(b, group, inner)
		}
	default:
		b.WriteString(" " + group + a.Key + "=")
		b.Write(appendValue(nil, value.String()))
	}
}

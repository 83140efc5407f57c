package ctl_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/omsgateway/omsgateway/ctl"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// What a change would do is found out without making it.
func TestListChangeValidateOnly(t *testing.T) {
	g := startGateway(t)
	g.hosts = []string{"b.example.com"}
	got, err := ctl.WouldAdd(t.Context(), g.address, "", "a.example.com", "b.example.com")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"host":"a.example.com","outcome":"ADDED"`, `"host":"b.example.com","outcome":"ALREADY_PRESENT"`} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in %s", want, got)
		}
	}

	var many []string
	for i := range 2500 {
		many = append(many, fmt.Sprintf("h%d.example.com", i))
	}
	got, err = ctl.WouldAdd(t.Context(), g.address, g.etag(), many...)
	if err != nil || !strings.Contains(got, `"added":2500,`) {
		t.Errorf("%s, %v", got, err)
	}

	_, err = ctl.WouldAdd(t.Context(), g.address, "", "a.example.com", "https://x")
	if reason.Of(err) != reason.ChangeRefused {
		t.Errorf("an invalid host: %v", err)
	}
	_, err = ctl.WouldAdd(t.Context(), g.address, "etag-of-old", "a.example.com")
	if err == nil || !strings.Contains(err.Error(), "etag-of-old") {
		t.Errorf("another etag: %v", err)
	}
	for _, call := range g.called() {
		if strings.HasPrefix(call, "add ") && !strings.Contains(call, "validate=true") {
			t.Errorf("a change was asked for: %s", call)
		}
	}
	if stored := g.stored(); len(stored) != 1 {
		t.Errorf("%d hosts are there afterwards", len(stored))
	}
}

package ctl_test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAllowedHostReview(t *testing.T) {
	g := startGateway(t)
	got := g.run(t, "", "allowed-host", "review")
	if got.Out != "" || got.Code != 0 || !strings.Contains(got.Err, "there is nothing to tidy") {
		t.Errorf("got %+v", got)
	}
	g.run(t, "", "allowed-host", "add", "*.example.com", "--ticket", "=HYPERLINK(1)", "--note", `<script src="https://evil.example">&`)
	want := `HOST           FINDING        USED  LAST USED            TIDY WITH
*.example.com  wide           7     TIME  omsgwctl one
                                                         omsgwctl two
               without owner                             omsgwctl three
`
	if got := g.run(t, "", "allowed-host", "review"); atTime(got.Out) != want || got.Code != 0 {
		t.Errorf("got %+v", got)
	}

	got = g.run(t, "", "allowed-host", "review", "--csv")
	rows, err := csv.NewReader(strings.NewReader(got.Out)).ReadAll()
	if err != nil || len(rows) != 3 {
		t.Fatalf("%d rows, %v: %s", len(rows), err, got.Out)
	}
	wantRow := []string{
		"*.example.com", "REVIEW_WIDE", "*.example.com allows every name below example.com, and clients asked for 1 of them in the last 7 days",
		"omsgwctl one; omsgwctl two", "7", "2020-02-28T13:19:05Z", "", "", "", "'=HYPERLINK(1)", "", `<script src="https://evil.example">&`,
	}
	if diff := cmp.Diff(wantRow, rows[1]); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}

	file := filepath.Join(t.TempDir(), "review.html")
	if got := g.run(t, "", "allowed-host", "review", "--html", file); got.Out != file+"\n" || got.Code != 0 {
		t.Errorf("got %+v", got)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	for _, part := range []string{
		"<td>wide</td><td>1</td>", "<code>omsgwctl two</code>", "<td>*.example.com has no owner</td>",
		"&lt;script src=&#34;https://evil.example&#34;&gt;&amp;", "etag etag-1", "listens on 127.0.0.1:8080",
	} {
		if !strings.Contains(page, part) {
			t.Errorf("the page has no %s:\n%s", part, page)
		}
	}
	if loads := regexp.MustCompile(`<(script|img|link|iframe|object)\b|\b(src|href)=["a-z]|url\(|@import`).FindString(page); loads != "" {
		t.Errorf("the page has %s", loads)
	}
	if got := g.run(t, "", "allowed-host", "review", "--html", file); got.Code != 1 || !strings.Contains(got.Err, "exists") {
		t.Errorf("a file that is there: %+v", got)
	}
	for _, two := range [][]string{{"--csv", "--json"}, {"--csv", "--html", "x"}, {"--html", "x", "--json"}} {
		if got := g.run(t, "", append([]string{"allowed-host", "review"}, two...)...); got.Code != 2 {
			t.Errorf("%v: %+v", two, got)
		}
	}
}

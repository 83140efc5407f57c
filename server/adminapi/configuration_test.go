package adminapi_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/reason"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

// A large configuration comes in parts, which are one document; one that changes meanwhile is begun anew.
func TestExportInParts(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	service, hosts := adminv1.NewConfigurationServiceClient(a.conn), adminv1.NewAllowedHostServiceClient(a.conn)
	if _, err := hosts.AddAllowedHosts(ctx, &adminv1.AddAllowedHostsRequest{Hosts: manyHosts(30_000)}); err != nil {
		t.Fatal(err)
	}
	for format, written := range map[adminv1.ExportConfigurationRequest_Format]config.Format{
		adminv1.ExportConfigurationRequest_UNSPECIFIED: config.JSON,
		adminv1.ExportConfigurationRequest_JSON:        config.JSON,
		adminv1.ExportConfigurationRequest_YAML:        config.YAML,
	} {
		var text []byte
		request := &adminv1.ExportConfigurationRequest{Format: format}
		parts := 0
		for {
			part, err := service.ExportConfiguration(ctx, request)
			if err != nil {
				t.Fatal(err)
			}
			parts++
			text = append(text, part.GetDocument()...)
			if int64(len(text)) == part.GetSize() {
				break
			}
			request.Offset, request.Etag = int64(len(text)), part.GetEtag()
		}
		if want := a.Store.Current().Config.Document(written); parts < 2 || !bytes.Equal(text, want) {
			t.Errorf("%v: %d parts with %d bytes, want %d", format, parts, len(text), len(want))
		}
		for _, offset := range []int64{-1, int64(len(text)), int64(len(text)) + 1, 1 << 62} {
			part, err := service.ExportConfiguration(ctx, &adminv1.ExportConfigurationRequest{Format: format, Offset: offset})
			if err != nil || offset > 0 && len(part.GetDocument()) > 0 {
				t.Errorf("at %d: %d bytes, %v", offset, len(part.GetDocument()), err)
			}
		}
	}

	before := a.Store.Current().Etag
	one := []*adminv1.AllowedHost{{Host: "new.example.com"}}
	if _, err := hosts.AddAllowedHosts(ctx, &adminv1.AddAllowedHostsRequest{Hosts: one}); err != nil {
		t.Fatal(err)
	}
	_, err := service.ExportConfiguration(ctx, &adminv1.ExportConfigurationRequest{Offset: 1, Etag: before})
	check(t, err, codes.Aborted, reason.EtagMismatch)
}

func TestApplyConfiguration(t *testing.T) {
	a := start(t)
	ctx := t.Context()
	service := adminv1.NewConfigurationServiceClient(a.conn)
	document := []byte("version: 4\nsettings:\n  DrainSeconds: 5\nallowedHosts:\n  - host: a.example.com\n")

	tried, err := service.ApplyConfiguration(ctx, &adminv1.ApplyConfigurationRequest{Document: document, ValidateOnly: true})
	present := len(a.Store.Current().Config.AllowedHosts)
	if err != nil || !tried.GetChanged() || len(tried.GetChanges()) != 2 || tried.GetPreview() == nil || present > 0 {
		t.Errorf("tried: %v, %v", tried, err)
	}
	made, err := service.ApplyConfiguration(ctx, &adminv1.ApplyConfigurationRequest{Document: document, Etag: tried.GetPreview().GetEtag()})
	if err != nil || !made.GetChanged() || len(made.GetChanges()) != 2 || made.GetEtag() != a.Store.Current().Etag {
		t.Errorf("made: %v, %v", made, err)
	}
	if h := a.Store.Current().Config.AllowedHosts; len(h) != 1 || h[0].AddedBy == "" || h[0].AddedAt.IsZero() {
		t.Errorf("hosts %v", h)
	}
	again, err := service.ApplyConfiguration(ctx, &adminv1.ApplyConfigurationRequest{Document: document})
	if err != nil || again.GetChanged() || len(again.GetChanges()) != 0 || again.GetEtag() != made.GetEtag() {
		t.Errorf("again: %v, %v", again, err)
	}

	before := a.Store.Current()
	for name, test := range map[string]struct {
		request *adminv1.ApplyConfigurationRequest
		code    codes.Code
		why     reason.Reason
		text    string
	}{
		"syntax":  {&adminv1.ApplyConfigurationRequest{Document: []byte("{"), Name: "x.json"}, codes.InvalidArgument, reason.ConfigSyntax, "x.json is"},
		"no name": {&adminv1.ApplyConfigurationRequest{}, codes.InvalidArgument, reason.ConfigSyntax, "the document is not"},
		"name": {
			&adminv1.ApplyConfigurationRequest{Name: strings.Repeat("n\x1b", 1000)}, codes.InvalidArgument, reason.ConfigSyntax, "n?n?",
		},
		"field": {
			&adminv1.ApplyConfigurationRequest{Document: []byte(`{"version": 4, "settings": {"Port": 1}}`)},
			codes.InvalidArgument, reason.ConfigField, "line 1, column 29",
		},
		"newer": {&adminv1.ApplyConfigurationRequest{Document: []byte("version: 99")}, codes.FailedPrecondition, reason.ConfigTooNew, "99"},
		"large": {
			&adminv1.ApplyConfigurationRequest{Document: append([]byte("version: 4\n#"), make([]byte, config.MaxFileSize)...)},
			codes.ResourceExhausted, reason.ConfigTooLarge, "16777216",
		},
		"etag": {&adminv1.ApplyConfigurationRequest{Document: []byte("version: 4"), Etag: "x"}, codes.Aborted, reason.EtagMismatch, ""},
		"all of it or nothing": {
			&adminv1.ApplyConfigurationRequest{Document: []byte("version: 4\nsettings: {DrainSeconds: 9}\n" +
				"relayProxy: {address: 'http://p.example.com:3128', username: u}")},
			codes.FailedPrecondition, reason.RelayPasswordMissing, "p.example.com",
		},
	} {
		_, err := service.ApplyConfiguration(ctx, test.request)
		check(t, err, test.code, test.why)
		if !strings.Contains(fmt.Sprint(err), test.text) || len(fmt.Sprint(err)) > 2000 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if a.Store.Current() != before {
		t.Error("what was refused has changed something")
	}

	for _, test := range []struct{ document, why string }{
		{"version: 4\nallowedClientCertificates: [{subject: CN=a}]", "CLIENT_CERTIFICATES_JUDGED"},
		{"version: 4\nallowedClientCertificates: [{subject: CN=a}, {subject: CN=b}]", ""},
		{"version: 4", "CLIENT_CERTIFICATES_NOT_JUDGED"},
		{"version: 4\nsettings: {ClientCertificatePolicy: Required}", ""},
		{"version: 4\nallowedHosts: [{host: a.example.com}]", ""},
	} {
		made, err := service.ApplyConfiguration(ctx, &adminv1.ApplyConfigurationRequest{Document: []byte(test.document), Prune: true})
		var got []string
		for _, w := range made.GetWarnings() {
			if strings.HasPrefix(w.GetReason(), "CLIENT_") {
				got = append(got, w.GetReason())
			}
		}
		if err != nil || strings.Join(got, " ") != test.why {
			t.Errorf("%s: the warnings are %q, %v", test.document, got, err)
		}
	}

	password := "hunter2"
	request := &adminv1.ApplyConfigurationRequest{
		Document: []byte("version: 4\nrelayProxy: {address: 'http://p.example.com:3128', username: u}"), Prune: true, Password: &password,
	}
	pruned, err := service.ApplyConfiguration(ctx, request)
	now := a.Store.Current().Config
	if err != nil || len(now.AllowedHosts) > 0 || now.Settings.IsSet("DrainSeconds") || !now.RelayProxy.IsSet() {
		t.Errorf("pruned: %v, %v", pruned, err)
	}
	if opened, err := now.RelayProxy.Password.Open(); err != nil || opened != password || strings.Contains(fmt.Sprint(pruned), password) {
		t.Errorf("the password: %v, %v", err, pruned)
	}
	request.Password = nil
	if same, err := service.ApplyConfiguration(ctx, request); err != nil || same.GetChanged() {
		t.Errorf("with the password that is there: %v, %v", same, err)
	}
}

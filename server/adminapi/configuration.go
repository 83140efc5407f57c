package adminapi

import (
	"context"
	"strings"
	"sync"

	"github.com/omsgateway/omsgateway/internal/config"
	"github.com/omsgateway/omsgateway/internal/printable"
	"github.com/omsgateway/omsgateway/internal/reason"
	"github.com/omsgateway/omsgateway/internal/settings"
	adminv1 "github.com/omsgateway/omsgateway/proto/omsgateway/admin/v1"
)

// maxDocumentName bounds what errors call a document, in bytes.
const maxDocumentName = 256

type configurationService struct {
	adminv1.UnimplementedConfigurationServiceServer
	gateway Gateway

	mu   sync.Mutex
	last exported
}

// exported is a document that has more parts than one, so that it is made once for all of them.
type exported struct {
	etag   string
	format config.Format
	text   []byte
}

func (s *configurationService) ExportConfiguration(
	_ context.Context, req *adminv1.ExportConfigurationRequest,
) (*adminv1.ExportConfigurationResponse, error) {
	now := s.gateway.Store.Current()
	if req.GetEtag() != "" && req.GetEtag() != now.Etag {
		return nil, reason.New(reason.EtagMismatch, "etag", req.GetEtag(), "current", now.Etag)
	}
	text := s.document(now, documentFormats[req.GetFormat()])
	size := int64(len(text))
	start := min(max(req.GetOffset(), 0), size)
	return &adminv1.ExportConfigurationResponse{
		Document: text[start:min(start+maxPageBytes, size)], Size: size, Etag: now.Etag,
	}, nil
}

func (s *configurationService) document(now *settings.Snapshot, format config.Format) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last.etag == now.Etag && s.last.format == format {
		return s.last.text
	}
	text := now.Config.Document(format)
	s.last = exported{}
	if len(text) > maxPageBytes {
		s.last = exported{now.Etag, format, text}
	}
	return text
}

func (s *configurationService) ApplyConfiguration(
	ctx context.Context, req *adminv1.ApplyConfigurationRequest,
) (*adminv1.ApplyConfigurationResponse, error) {
	document, err := config.DecodeDocument(documentName(req.GetName()), req.GetDocument())
	if err != nil {
		return nil, err
	}
	who, _ := callerFrom(ctx)
	change := s.gateway.Store.Applied(document, req.GetPrune(), who.Name, req.Password)
	before, after, err := s.gateway.updateAll(ctx, req, adminv1.ConfigurationService_ApplyConfiguration_FullMethodName, change)
	if err != nil {
		return nil, err
	}
	resp := &adminv1.ApplyConfigurationResponse{
		Changed: before != after, Etag: after.Etag,
		Preview: s.gateway.preview(req, before, after), OnTrial: s.gateway.onTrial(),
	}
	if !before.Settings.Equal(after.Settings) {
		resp.Warnings = s.gateway.warnings(after)
	}
	if before.Settings.ClientCertificatePolicy == after.Settings.ClientCertificatePolicy { // else the document says so
		judged := judgedWarnings(before.Policy.TLS().ClientCertificate, after.Policy.TLS().ClientCertificate)
		resp.Warnings = append(resp.Warnings, judged...)
	}
	resp.Changes, resp.Counts = differenceOf(before.Config, after.Config)
	return resp, nil
}

// updateAll makes a change that may be about every setting: for each that it would change it is asked what that setting needs.
func (g Gateway) updateAll(
	ctx context.Context, req changing, method string, change func(*config.Config) error,
) (before, after *settings.Snapshot, err error) {
	how, err := g.changeFor(ctx, req)
	if err != nil {
		return nil, nil, err
	}
	return g.Store.Update(ctx, how, func(c *config.Config) error {
		present := c.Settings
		if err := change(c); err != nil {
			return err
		}
		for _, row := range config.Table() {
			if present.Get(row.Key) == c.Settings.Get(row.Key) && present.IsSet(row.Key) == c.Settings.IsSet(row.Key) {
				continue
			}
			if err := authorize(ctx, g.Events, method, needsOf(row)); err != nil {
				return err
			}
		}
		return nil
	})
}

// documentName is what errors call a document of this name.
func documentName(name string) string {
	if name = printable.Typed(strings.TrimSpace(name), maxDocumentName); name != "" {
		return name
	}
	return "the document"
}

var documentFormats = map[adminv1.ExportConfigurationRequest_Format]config.Format{
	adminv1.ExportConfigurationRequest_UNSPECIFIED: config.JSON,
	adminv1.ExportConfigurationRequest_JSON:        config.JSON,
	adminv1.ExportConfigurationRequest_YAML:        config.YAML,
}

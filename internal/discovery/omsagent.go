package discovery

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// parseOnboarding learns from the file omsadmin.conf of a workspace: lines KEY=VALUE, of which the first with a key counts. Keys
// may be missing, and the file may be blank.
func parseOnboarding(place, workspace string, data []byte) (*finding, error) {
	f := &finding{place: place}
	data = bytes.TrimPrefix(data, byteOrderMark)
	if !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
		return nil, errors.New("it is no text in UTF-8")
	}
	values := map[string]string{}
	for line := range bytes.Lines(data) {
		key, value, found := strings.Cut(string(line), "=")
		key = strings.TrimSpace(key)
		if _, before := values[key]; found && !before {
			values[key] = strings.TrimSpace(value)
		}
	}
	if given := values["WORKSPACE_ID"]; given != "" {
		if id, ok := workspaceID(given); !ok || id != workspace {
			f.ignore(reason.New(reason.LearnedWorkspaceInvalid, "place", place, "value", shown(given)))
			return f, nil
		}
	}
	for _, key := range []string{"OMS_ENDPOINT", "DSC_ENDPOINT"} {
		if values[key] != "" {
			f.learnURL(values[key], workspace)
		}
	}
	if domain := values["URL_TLD"]; domain != "" {
		f.learnWorkspace(workspace, domain)
	}
	return f, nil
}

// parseCertificate learns from the file oms.crt of a workspace, which is an agent's client certificate.
func parseCertificate(place, workspace string, data []byte) (*finding, error) {
	f := &finding{place: place}
	if len(bytes.TrimSpace(data)) > 0 {
		f.learnSubject(data, workspace)
	}
	return f, nil
}

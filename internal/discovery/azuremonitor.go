package discovery

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/omsgateway/omsgateway/internal/reason"
)

// chunk is what is read of a configuration chunk of the Azure Monitor Agent. One of kind AgentSettings has no channels.
type chunk struct {
	Channels []jsontext.Value `json:"channels"`
}

// channel is a way on which the agent sends.
type channel struct {
	Protocol            string `json:"protocol"`
	Endpoint            string `json:"endpoint"`            // of ods and me
	EndpointURITemplate string `json:"endpointUriTemplate"` // of gig; its path has placeholders
	TokenEndpointURI    string `json:"tokenEndpointUri"`    // of ods and gig
}

var byteOrderMark = []byte("\ufeff")

// parseChunk learns from a configuration chunk: the hosts of each channel, and those that the cloud of these hosts needs besides.
// A channel that cannot be read is ignored, as is a channel of another protocol; the error is about the whole file.
func parseChunk(place string, data []byte) (*finding, error) {
	f := &finding{place: place}
	var c chunk
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, errors.New("it is blank")
	}
	if err := json.Unmarshal(bytes.TrimPrefix(data, byteOrderMark), &c); err != nil {
		return nil, plain(err)
	}
	me := false
	for i, raw := range c.Channels {
		var ch channel
		if err := json.Unmarshal(raw, &ch); err != nil {
			f.ignore(reason.Wrap(plain(err), reason.LearnedChannelInvalid, "place", place, "channel", strconv.Itoa(i+1)))
			continue
		}
		switch ch.Protocol {
		case "ods":
			f.learnIngestion(ch.Endpoint)
			f.learnURL(ch.TokenEndpointURI, "")
		case "gig":
			f.learnURL(ch.EndpointURITemplate, "")
			f.learnURL(ch.TokenEndpointURI, "")
		case "me":
			_, ok := f.learnURL(ch.Endpoint, "")
			me = me || ok
		}
	}
	f.learnClouds(me)
	return f, nil
}

// learnIngestion learns the endpoint that takes the data of a workspace, whose id is the first label.
func (f *finding) learnIngestion(url string) {
	workspace := ""
	if host, err := hostOf(url); err == nil {
		workspace, _, _ = strings.Cut(host.Name(), ".")
	}
	f.learnURL(url, workspace)
}

// learnClouds learns what the agent needs in each cloud of which it has hosts.
func (f *finding) learnClouds(me bool) {
	found := f.clouds
	for where, names := range domainsOf {
		if !found[where] {
			continue
		}
		f.learnName("global."+names.handler, "")
		for _, name := range names.metrics {
			f.learnName(name, "")
		}
		for _, name := range names.me {
			if me {
				f.learnName(name, "")
			}
		}
	}
}

// defaultChunk is for an agent whose configuration names no host, since it could not fetch one yet: what it needs in the public
// cloud to fetch it.
func defaultChunk(place string) *finding {
	f := &finding{place: place}
	f.clouds[public] = true
	f.learnClouds(false)
	return f
}

// plain is an error of the JSON package for a person: without the names of Go types, and without what stands in the file.
func plain(err error) error {
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return errors.New("it has one name twice")
	}
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return fmt.Errorf("it is not valid JSON at byte %d", e.ByteOffset)
	}
	if e, ok := errors.AsType[*json.SemanticError](err); ok {
		return fmt.Errorf("%q has a value of another kind than is known", shown(string(e.JSONPointer)))
	}
	return err
}

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
	Channels once[[]jsontext.Value] `json:"channels"`
}

// channel is a way on which the agent sends.
type channel struct {
	Protocol            once[string] `json:"protocol"`
	Endpoint            once[string] `json:"endpoint"`            // of ods and me
	EndpointURITemplate once[string] `json:"endpointUriTemplate"` // of gig; its path has placeholders
	TokenEndpointURI    once[string] `json:"tokenEndpointUri"`    // of ods and gig
}

// once is a value that an object has at most once, also where readChunk lets other names come twice: which of two is meant, nobody
// knows (RFC 8259, section 4).
type once[T any] struct {
	value T
	read  bool
}

func (o *once[T]) UnmarshalJSONFrom(from *jsontext.Decoder) error {
	if o.read {
		return jsontext.ErrDuplicateName
	}
	o.read = true
	return json.UnmarshalDecode(from, &o.value)
}

// readChunk reads JSON of a chunk into what. Names twice and what is not UTF-8, also a lone surrogate, do no harm in parts that are
// not read; in one that is read the latter becomes U+FFFD, which no host has.
func readChunk(data []byte, what any) error {
	return json.Unmarshal(data, what, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

var byteOrderMark = []byte("\ufeff")

// parseChunk learns from a configuration chunk: the hosts of each channel, and those that the cloud of these hosts needs besides.
// A channel that cannot be read is ignored, as is a channel of another protocol; the error is about the whole file, which is refused,
// too, if it has a name twice that is read.
func parseChunk(place string, data []byte) (*finding, error) {
	f := &finding{place: place}
	var c chunk
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, errors.New("it is blank")
	}
	if err := readChunk(bytes.TrimPrefix(data, byteOrderMark), &c); err != nil {
		return nil, plain(err)
	}
	me := false
	for i, raw := range c.Channels.value {
		var ch channel
		if err := readChunk(raw, &ch); errors.Is(err, jsontext.ErrDuplicateName) {
			return nil, plain(err)
		} else if err != nil {
			f.ignore(reason.Wrap(plain(err), reason.LearnedChannelInvalid, "place", place, "channel", strconv.Itoa(i+1)))
			continue
		}
		switch ch.Protocol.value {
		case "ods":
			f.learnIngestion(ch.Endpoint.value)
			f.learnURL(ch.TokenEndpointURI.value, "")
		case "gig":
			f.learnURL(ch.EndpointURITemplate.value, "")
			f.learnURL(ch.TokenEndpointURI.value, "")
		case "me":
			_, ok := f.learnURL(ch.Endpoint.value, "")
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

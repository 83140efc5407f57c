package ctl

import (
	"errors"

	"google.golang.org/protobuf/proto"
)

// page is one answer of a list. Those of the configuration have its etag, too.
type page interface {
	proto.Message
	GetNextPageToken() string
}

// allPages reads every page of a list and returns them as one. A list that is changed in between is read again.
func allPages[P page](read func(token string) (P, error)) (all P, err error) {
	const attempts = 5
attempt:
	for range attempts {
		if all, err = read(""); err != nil {
			return all, err
		}
		for token := all.GetNextPageToken(); token != ""; {
			more, err := read(token)
			if err != nil {
				return all, err
			}
			if etagOf(more) != etagOf(all) {
				continue attempt
			}
			token = more.GetNextPageToken()
			proto.Merge(all, more)
		}
		m := all.ProtoReflect()
		m.Clear(m.Descriptor().Fields().ByName("next_page_token"))
		return all, nil
	}
	return all, errors.New("the configuration changed each time while the list was read; try again")
}

func etagOf(message proto.Message) string {
	if configured, ok := message.(interface{ GetEtag() string }); ok {
		return configured.GetEtag()
	}
	return ""
}

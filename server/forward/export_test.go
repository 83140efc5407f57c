package forward

import "github.com/omsgateway/omsgateway/internal/admission"

// ParseHead reads a request head from data that came in pieces, the way the server does. The rest is what came behind it; done is
// false while the head is not complete.
func ParseHead(data []byte, pieces ...int) (method, target string, rest []byte, done bool, err error) {
	checked := 0
	for _, filled := range append(pieces, len(data)) {
		end, err := scanHead(data[:filled], checked)
		if err != nil {
			return "", "", nil, true, err
		}
		if end > 0 {
			h, err := parseHead(data[:end])
			return h.method, h.target, data[end:], true, err
		}
		checked = filled
	}
	return "", "", nil, false, nil
}

// Left is what a server holds for connections.
type Left struct {
	admission.Taken
	Waiting  int // connections without a tunnel
	Arriving int // and those that the engine has
}

// Left is what the server holds now.
func (s *Server) Left() Left {
	l := s.lifecycle
	l.mu.Lock()
	defer l.mu.Unlock()
	return Left{s.admission.Taken(), len(l.waiting), l.arriving + l.refused}
}

// Refusal is the whole answer to a request that is refused for err.
func Refusal(err error) string { return refusal(err) }

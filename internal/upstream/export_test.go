package upstream

import "omsgateway/internal/reason"

// ParseAnswers reads what a relay proxy has sent so far: rest is what comes behind its answer once that is complete.
func ParseAnswers(b []byte, credentialsSent bool) (why reason.Reason, parts []string, rest []byte, complete bool, err error) {
	a, complete, err := parseAnswers(b)
	if complete {
		why, parts = a.refusal(credentialsSent)
	}
	return why, parts, a.rest, complete, err
}

// InvalidAnswer is the error of ParseAnswers.
type InvalidAnswer = invalidAnswer

// Explain gives an error of the standard library its reason.
var Explain = explain

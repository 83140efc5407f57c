// Package secret keeps a password in a form that may stand in the configuration file.
//
// On Windows it is sealed by the Data Protection API for this computer (machine scope, so that the service and an administrator who
// stands in for it both can open it): who takes the file to another computer has nothing. Elsewhere the mode of the file, 0600,
// protects it, and it stands there as it is, behind some random text, so that a hash of the file, which the etag is, tells nothing
// about it.
package secret

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxText bounds the written form, in bytes.
const maxText = 8 << 10

// Sealed is a secret as it is kept. The zero value is no secret. Two are equal (==) if they were sealed at the same time; formatted
// they show nothing.
type Sealed struct{ text string }

// Seal keeps a secret of at most 4 KiB, in UTF-8. An empty one gives the zero value.
func Seal(secret string) (Sealed, error) {
	if secret == "" {
		return Sealed{}, nil
	}
	text, err := protect(secret)
	if err != nil {
		return Sealed{}, fmt.Errorf("sealing a password: %w", err)
	}
	return Parse(text)
}

// Parse reads what Text wrote, on any operating system; whether it can be opened here, Open says. Errors repeat nothing of text.
func Parse(text string) (Sealed, error) {
	switch scheme, rest, found := strings.Cut(text, ":"); {
	case text == "":
		return Sealed{}, nil
	case len(text) > maxText:
		return Sealed{}, fmt.Errorf("it has more than %d bytes", maxText)
	case !utf8.ValidString(text):
		return Sealed{}, errors.New("it is not UTF-8")
	case found && scheme == schemePlain && strings.Contains(rest, ":"),
		found && scheme == schemeDPAPI && rest != "":
		return Sealed{text}, nil
	}
	return Sealed{}, errors.New("it is not a password as this program writes it")
}

// Open is the secret. The error is that of a secret that was sealed on another computer, or was damaged.
func (s Sealed) Open() (string, error) {
	scheme, rest, _ := strings.Cut(s.text, ":")
	switch scheme {
	case "":
		return "", nil
	case schemePlain:
		_, secret, _ := strings.Cut(rest, ":")
		return secret, nil
	}
	blob, err := base64.StdEncoding.DecodeString(rest)
	if err != nil {
		return "", errors.New("opening a password: it is damaged")
	}
	secret, err := unprotect(blob)
	if err != nil {
		return "", fmt.Errorf("opening a password: %w", err)
	}
	return secret, nil
}

// Text is what the file holds; Parse reads it back.
func (s Sealed) Text() string { return s.text }

// String hides the secret, as GoString does, from logs and errors.
func (s Sealed) String() string {
	if s.text == "" {
		return "none"
	}
	return "***"
}

// GoString implements fmt.GoStringer.
func (s Sealed) GoString() string { return s.String() }

// The forms in which a secret is kept.
const (
	schemePlain = "plain" // plain:RANDOM:SECRET
	schemeDPAPI = "dpapi" // dpapi:BASE64
)

// What each operating system has a file for:
//
//	protect(secret string) (text string, err error)   the form in which this system keeps it
//	unprotect(blob []byte) (secret string, err error) the secret that Windows has sealed

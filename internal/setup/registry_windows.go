package setup

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/windows/registry"

	"github.com/omsgateway/omsgateway/internal/osdefaults"
)

// maxValue is the longest value that is read, in bytes; the longest with a meaning has seven.
const maxValue = 100

// Registry reads the values at osdefaults.OriginalKey. That there are none is no error. A value is a text or a number there.
func Registry() (Values, error) {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, osdefaults.OriginalKey, registry.QUERY_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return Values{}, nil
	}
	if err != nil {
		return Values{}, fmt.Errorf(`opening HKLM\%s: %w`, osdefaults.OriginalKey, err)
	}
	defer key.Close()
	port, portErr := value(key, "ListenPort")
	level, levelErr := value(key, "LogLevel")
	return Values{ListenPort: port, LogLevel: level}, errors.Join(portErr, levelErr)
}

func value(key registry.Key, name string) (string, error) {
	text, _, err := key.GetStringValue(name)
	if errors.Is(err, registry.ErrUnexpectedType) {
		var number uint64
		if number, _, err = key.GetIntegerValue(name); err == nil {
			text = strconv.FormatUint(number, 10)
		}
	}
	switch {
	case errors.Is(err, registry.ErrNotExist):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("reading %s: %w", name, err)
	case len(text) > maxValue:
		return "", fmt.Errorf("%s has more than %d bytes", name, maxValue)
	}
	return strings.TrimSpace(text), nil
}

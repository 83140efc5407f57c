package config

import (
	"errors"
	"io/fs"
	"strconv"

	"github.com/omsgateway/omsgateway/internal/folder"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// Read decodes the file at path. The errors are CONFIG_UNREADABLE, which is fs.ErrNotExist if there is no file, and those of
// Decode.
func Read(path string) (Config, error) {
	data, err := folder.ReadFile(path, MaxFileSize+1)
	if err != nil {
		if perr, ok := errors.AsType[*fs.PathError](err); ok {
			err = perr.Err // the reason's text has the path
		}
		return Config{}, reason.Wrap(err, reason.ConfigUnreadable, "file", path)
	}
	return Decode(path, data)
}

// Decode reads a file of any version up to Version; name is what errors call it. It is strict: a field that is unknown, twice,
// of a wrong type or value, a second document, a file larger than MaxFileSize are errors, which tell the field or the line and
// column. Hosts may stand in any order and spelling. The errors are those of FileVersion, CONFIG_FIELD and CONFIG_DUPLICATE.
func Decode(name string, data []byte) (Config, error) {
	version, err := FileVersion(name, data)
	if err != nil {
		return Config{}, err
	}
	r := newReader(name, data)
	r.version = version
	return r.file()
}

// FileVersion is the version of a file, from 1 to Version. The file is then one JSON object that is not too large and not
// nested too deeply. The errors are CONFIG_TOO_LARGE, CONFIG_SYNTAX, CONFIG_DUPLICATE, CONFIG_FIELD, CONFIG_VERSION and
// CONFIG_TOO_NEW.
func FileVersion(name string, data []byte) (int, error) {
	if err := checkSize(name, data); err != nil {
		return 0, err
	}
	return newReader(name, data).fileVersion()
}

func checkSize(name string, data []byte) error {
	if len(data) > MaxFileSize {
		return reason.New(reason.ConfigTooLarge, "file", name, "limit", strconv.Itoa(MaxFileSize))
	}
	return nil
}

// fileVersion reads the whole document, and finds its version.
func (r *reader) fileVersion() (int, error) {
	written, err := r.scan()
	if err != nil {
		return 0, err
	}
	supported := strconv.Itoa(Version)
	version, err := strconv.Atoi(written)
	if tooLong := errors.Is(err, strconv.ErrRange) && written[0] != '-'; tooLong || err == nil && version > Version {
		return 0, reason.New(reason.ConfigTooNew, "file", r.name, "version", shown(written), "supported", supported)
	}
	if err != nil || version < 1 {
		return 0, reason.New(reason.ConfigVersion, "file", r.name, "supported", supported)
	}
	return version, nil
}

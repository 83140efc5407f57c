package discovery

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/omsgateway/omsgateway/internal/osdefaults"
	"github.com/omsgateway/omsgateway/internal/reason"
)

// search is one reading under way. It goes through folders by os.Root, so that nothing leads out of an agent's folder, and looks at
// each element before it opens it, so that no link is followed.
type search struct {
	reader *Reader
	now    time.Time
	watch  func(folder, name string)

	places  []Place
	kept    map[string]kept
	ignored []error
	own     []string // folders of Azure Monitor Agents that are there
	looked  int      // files read, folders searched
	total   int64    // bytes read
	over    bool     // a limit on all files together is reached
}

// parser makes a finding of a file. Workspace is the one that the path has, if the agent's paths have one.
type parser func(place, workspace string, data []byte) (*finding, error)

// descent is the way down to the files of one agent.
type descent struct {
	*search
	agent   string
	pattern osdefaults.AgentFiles
	parse   parser
	root    *os.Root
	present bool
}

// files reads all files that fit a pattern.
func (s *search) files(agent string, pattern osdefaults.AgentFiles, parse parser) {
	d := &descent{search: s, agent: agent, pattern: pattern, parse: parse}
	root, err := os.OpenRoot(pattern.Base)
	for isMissing(err) && s.await(pattern.Base) {
		root, err = os.OpenRoot(pattern.Base)
	}
	switch {
	case isMissing(err):
	case err != nil:
		d.fail(pattern.Base, err)
		d.present = true
	default:
		defer root.Close()
		d.root = root
		d.folder(".", strings.Split(pattern.Path, "/"), "")
	}
	own, _, _ := strings.Cut(pattern.Path, "/")
	place := filepath.Join(pattern.Base, own)
	switch {
	case !d.present:
		s.add(Place{Agent: agent, Path: place, State: Missing})
	case !slices.ContainsFunc(s.places, func(p Place) bool { return p.Agent == agent && p.State != Missing }):
		s.add(Place{Agent: agent, Path: place, State: Empty})
	}
	if d.present && agent == AzureMonitorAgent {
		s.own = append(s.own, place)
	}
}

// add adds a place once.
func (s *search) add(p Place) {
	if !slices.ContainsFunc(s.places, func(other Place) bool { return other.Agent == p.Agent && other.Path == p.Path }) {
		s.places = append(s.places, p)
	}
}

// defaultChunks is for Azure Monitor Agents whose configuration can be read, and names no host.
func (s *search) defaultChunks() {
	failed := func(p Place) bool { return p.Agent == AzureMonitorAgent && p.State == Failed }
	if slices.ContainsFunc(s.places, failed) {
		return
	}
	for _, k := range s.kept {
		if k.agent == AzureMonitorAgent && k.finding.clouds != (clouds{}) {
			return
		}
	}
	for _, place := range s.own {
		s.keep(AzureMonitorAgent, defaultChunk(place))
	}
}

// await watches the nearest folder above a missing one. It reports whether what is missing below it has come before that would have
// been noticed; where nothing can be watched, it does not matter.
func (s *search) await(folder string) (came bool) {
	for {
		parent := filepath.Dir(folder)
		if parent == folder {
			return false
		}
		if isFolder(parent) {
			s.watch(parent, filepath.Base(folder))
			return isFolder(folder)
		}
		folder = parent
	}
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// folder goes into a folder of d.root and looks for the first of elements in it.
func (d *descent) folder(dir string, elements []string, workspace string) {
	if d.spent(dir) {
		return
	}
	element := elements[0]
	names := []string{element}
	if !strings.Contains(element, "*") {
		d.watch(d.path(dir), element)
	} else {
		d.watch(d.path(dir), "")
		listed, err := d.list(dir, element)
		if err != nil {
			d.fail(d.path(dir), err)
			return
		}
		names = listed
	}
	for _, name := range names {
		below := path.Join(dir, name)
		info, err := d.root.Lstat(below)
		switch {
		case isMissing(err):
		case err != nil:
			d.present = true
			d.fail(d.path(below), err)
		case len(elements) == 1:
			d.file(below, workspace)
		case !info.IsDir():
			if element == name { // other things may well stand between folders
				d.fail(d.path(below), reason.New(reason.LearnedPlaceNotPlain, "place", d.path(below)))
			}
		default:
			d.present = true
			d.enter(below, name, elements, workspace)
		}
	}
}

// enter goes on below a folder whose name fits the first of elements.
func (d *descent) enter(dir, name string, elements []string, workspace string) {
	if elements[0] == "*" { // a workspace, or another folder of the agent such as scom and LAD
		id, ok := workspaceID(name)
		if !ok {
			return
		}
		workspace = id
	}
	d.folder(dir, elements[1:], workspace)
}

// list is the names in a folder that fit a pattern, sorted.
func (d *descent) list(dir, pattern string) ([]string, error) {
	folder, err := d.root.Open(dir)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	entries, err := folder.ReadDir(maxFiles + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(entries) > maxFiles {
		d.ignore(tooManyFiles(d.path(dir)))
		entries = entries[:maxFiles]
	}
	var names []string
	for _, e := range entries {
		if fits, err := path.Match(pattern, e.Name()); err == nil && fits && isUsual(e.Name()) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// isUsual reports whether an agent may have given something this name. Names go into commands that administrators are told to run, so
// that they may have nothing that a shell takes for more than a name: PowerShell even takes typographic quotes for quotes.
func isUsual(name string) bool {
	const usual = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ._-"
	return len(name) <= maxName && strings.Trim(name, usual) == ""
}

// file reads a file of d.root.
func (d *descent) file(name, workspace string) {
	place := d.path(name)
	if d.spent(name) {
		return
	}
	data, err := d.content(name)
	if isMissing(err) {
		return
	}
	if err != nil {
		d.fail(place, err)
		return
	}
	f, err := d.parse(place, workspace, data)
	if err != nil {
		d.fail(place, reason.Wrap(err, reason.LearnedFileInvalid, "place", place, "agent", d.agent))
		return
	}
	d.keep(d.agent, f)
	d.add(Place{Agent: d.agent, Path: place, State: Read, ReadAt: d.now})
}

// content is what a plain file has.
func (d *descent) content(name string) ([]byte, error) {
	file, err := d.open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, reason.New(reason.LearnedFileTooLarge, "place", d.path(name), "limit", strconv.Itoa(maxFile))
	}
	d.total += int64(len(data))
	return data, nil
}

// open opens a file that was seen to be a plain one. Agents replace their files, so that it may be another one when it is opened;
// then it is looked at again.
func (d *descent) open(name string) (*os.File, error) {
	for range 3 {
		seen, err := d.root.Lstat(name)
		if err != nil {
			return nil, err
		}
		if !seen.Mode().IsRegular() {
			return nil, reason.New(reason.LearnedPlaceNotPlain, "place", d.path(name))
		}
		file, err := d.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe in its place is not waited for
		if err != nil {
			return nil, err
		}
		if opened, err := file.Stat(); err == nil && os.SameFile(seen, opened) {
			return file, nil
		}
		file.Close()
	}
	return nil, errors.New("it is replaced again and again")
}

// spent counts one more file or folder, and reports whether the limits on all of them are reached.
func (d *descent) spent(name string) bool {
	switch {
	case d.over:
		return true
	case d.looked == maxFiles:
		d.over = true
		d.ignore(tooManyFiles(d.path(name)))
	case d.total > maxTotal:
		d.over = true
		d.ignore(reason.New(reason.LearnedTooMuch, "place", d.path(name), "limit", strconv.Itoa(maxTotal)))
	}
	d.looked++
	return d.over
}

func tooManyFiles(place string) error {
	return reason.New(reason.LearnedTooManyFiles, "place", place, "limit", strconv.Itoa(maxFiles))
}

func (s *search) ignore(err error) { s.ignored = append(s.ignored, err) }

// keep puts a good finding in the place of the one before.
func (s *search) keep(agent string, f *finding) {
	s.kept[f.place] = kept{agent: agent, finding: f, readAt: s.now}
}

// fail notes a place that could not be read. What was found in it or below it before stays.
func (d *descent) fail(place string, err error) {
	switch {
	case errors.Is(err, fs.ErrPermission):
		err = d.denied(place)
	case reason.Of(err) == "":
		err = reason.Wrap(err, reason.LearnedPlaceUnreadable, "place", place)
	}
	for path, k := range d.reader.kept {
		if k.agent == d.agent && (path == place || strings.HasPrefix(path, place+string(filepath.Separator))) {
			d.kept[path] = k
		}
	}
	d.add(Place{Agent: d.agent, Path: place, State: Failed, ReadAt: d.kept[place].readAt, Err: err})
}

func (d *descent) denied(place string) error {
	account := accountName()
	return reason.New(reason.LearnedPlaceDenied, "place", place, "account", account,
		"command", grantCommand(account, place, d.pattern))
}

// path is the whole path of something in d.root.
func (d *descent) path(name string) string {
	return filepath.Join(d.pattern.Base, filepath.FromSlash(name))
}

// isMissing reports whether something is not there, or has something in its place that is no folder.
func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// connectors reads the registry of the Microsoft Monitoring Agent.
func (s *search) connectors(agent string, files osdefaults.AgentFiles) {
	key := files.Base
	place := `HKLM\` + key
	list, err := readConnectors(key)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.add(Place{Agent: agent, Path: place, State: Missing})
		return
	case errors.Is(err, fs.ErrPermission):
		account := accountName()
		err = reason.New(reason.LearnedPlaceDenied, "place", place, "account", account, "command", grantKeyCommand(account, key))
		fallthrough
	case err != nil:
		d := &descent{search: s, agent: agent}
		d.fail(place, err)
		return
	}
	s.learnConnectors(agent, place, monitoringAgentVersion(), list)
}

// learnConnectors learns from what the registry has.
func (s *search) learnConnectors(agent, place, version string, list []connector) {
	slices.SortFunc(list, func(a, b connector) int { return cmp.Compare(a.name, b.name) })
	if len(list) == 0 {
		s.add(Place{Agent: agent, Path: place, State: Empty, Version: version})
	}
	for i, c := range list {
		f := parseConnector(fmt.Sprintf(`%s\%s`, place, shown(c.name)), c)
		if i == 0 && isOlder(version, neededMonitoringAgent) {
			f.ignore(reason.New(reason.AgentTooOld, "agent", agent, "version", version, "needed", neededMonitoringAgent))
		}
		s.keep(agent, f)
		s.add(Place{Agent: agent, Path: f.place, State: Read, ReadAt: s.now, Version: version})
	}
}

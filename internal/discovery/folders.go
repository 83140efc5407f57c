package discovery

import (
	"context"
	"path/filepath"
	"strings"
	"sync"

	"github.com/fsnotify/fsnotify"
)

// maxFolders bounds the folders that are watched. Others are read every few minutes all the same, as is what cannot be watched.
const maxFolders = 256

// folders is the folders that are watched for changes. Each reading says anew which these are, before it looks into them, so that
// no change is missed.
type folders struct {
	watcher *fsnotify.Watcher // nil if nothing can be watched

	mu     sync.Mutex                 // for follow, which reads what the others write
	wanted map[string]map[string]bool // by folder: the names that matter in it, "" if all do
	moved  bool                       // a watched folder has gone; what is watched below its path may be somewhere else now
}

func watchFolders() (*folders, error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		watcher = nil
	}
	return &folders{watcher: watcher, wanted: map[string]map[string]bool{}}, err
}

func (f *folders) close() {
	if f.watcher != nil {
		_ = f.watcher.Close()
	}
}

// begin, watch and end belong to the goroutine that reads. None of them holds the lock while it waits for the watcher, which may
// itself wait for follow.

// begin forgets what is wanted.
func (f *folders) begin() {
	f.mu.Lock()
	moved := f.moved
	f.moved = false
	f.wanted = map[string]map[string]bool{}
	f.mu.Unlock()
	if moved {
		f.end()
	}
}

// watch watches a folder for changes of one of its elements, or of all ("").
func (f *folders) watch(folder, name string) {
	names := f.wanted[folder]
	if names == nil && (f.watcher == nil || len(f.wanted) == maxFolders || f.watcher.Add(folder) != nil) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if names == nil {
		names = map[string]bool{}
		f.wanted[folder] = names
	}
	names[strings.ToLower(name)] = true
}

// end stops watching what is not wanted any more.
func (f *folders) end() {
	if f.watcher == nil {
		return
	}
	for _, folder := range f.watcher.WatchList() {
		if f.wanted[folder] == nil {
			_ = f.watcher.Remove(folder)
		}
	}
}

// follow calls changed after each change that matters, until ctx is done.
func (f *folders) follow(ctx context.Context, changed func()) {
	if f.watcher == nil {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-f.watcher.Events:
			if f.matters(e) {
				changed()
			}
		case err := <-f.watcher.Errors:
			if err != nil { // changes may have been lost
				changed()
			}
		}
	}
}

func (f *folders) matters(e fsnotify.Event) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.wanted[e.Name] != nil { // the folder itself
		f.moved = f.moved || e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename)
		return true
	}
	names := f.wanted[filepath.Dir(e.Name)]
	return names[""] || names[strings.ToLower(filepath.Base(e.Name))]
}

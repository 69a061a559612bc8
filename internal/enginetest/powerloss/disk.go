//go:build !race

package powerloss

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/ncruces/go-sqlite3/vfs"
)

// Sector is what a disk writes as a whole or not at all.
const Sector = 512

// Disk is a file system for SQLite, to be registered with vfs.Register. Files are there and gone as soon as
// they are made and removed; only their contents can be lost.
type Disk struct {
	system vfs.VFSFilename

	mu       sync.Mutex
	contents map[string]*content // by path
	cuts     []*cut
}

// cut is a cut that is to come.
type cut struct {
	after int // so many operations
	take  func(Image)
}

// content is a file.
type content struct {
	synced []byte
	since  []change
}

// change is a write, or where data is nil the file's end.
type change struct {
	at   int64
	data []byte
}

// NewDisk gives a disk that keeps its files in those of the operating system.
func NewDisk() *Disk {
	return &Disk{system: vfs.Find("os").(vfs.VFSFilename), contents: map[string]*content{}}
}

// Cut has take called when so many more writes, syncs and truncations were done, before the next one, with what is on
// the disk then. Nothing happens on the disk before take returns. Work on it then goes on: several cuts may be ahead.
func (d *Disk) Cut(after int, take func(Image)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cuts = append(d.cuts, &cut{after: after, take: take})
}

// Settle syncs all files.
func (d *Disk) Settle() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.contents {
		c.sync()
	}
}

// step is before an operation; mu is held.
func (d *Disk) step() {
	d.cuts = slices.DeleteFunc(d.cuts, func(c *cut) bool {
		if c.after--; c.after >= 0 {
			return false
		}
		image := Image{}
		for path, c := range d.contents {
			// A sync replaces what was changed since, and changes what was synced.
			image[path] = content{synced: bytes.Clone(c.synced), since: slices.Clip(c.since)}
		}
		c.take(image)
		return true
	})
}

func (c *content) sync() {
	for _, w := range c.since {
		c.synced = w.apply(c.synced)
	}
	c.since = nil
}

// apply makes the change. What is written behind the end leaves zeros between.
func (w change) apply(to []byte) []byte {
	end := w.at + int64(len(w.data))
	if w.data == nil && end < int64(len(to)) {
		return to[:end]
	}
	if grow := end - int64(len(to)); grow > 0 {
		to = append(to, make([]byte, grow)...)
	}
	copy(to[w.at:], w.data)
	return to
}

// sectors parts a write.
func (w change) sectors() (parts []change) {
	if w.data == nil {
		return []change{w}
	}
	for at, rest := w.at, w.data; len(rest) > 0; {
		n := min(int64(len(rest)), Sector-at%Sector)
		parts = append(parts, change{at: at, data: rest[:n]})
		at, rest = at+n, rest[n:]
	}
	return parts
}

// Image is what is on a disk when its power is cut.
type Image map[string]content

// Unsynced is how many sectors may be lost.
func (i Image) Unsynced() (n int) {
	for _, c := range i {
		for _, w := range c.since {
			n += len(w.sectors())
		}
	}
	return n
}

// Write makes files in a folder of what may be left: of the sectors that were not synced each is kept with the
// chance given.
func (i Image) Write(folder string, keep float64, random *rand.Rand) error {
	paths := make([]string, 0, len(i))
	for path := range i {
		paths = append(paths, path)
	}
	slices.Sort(paths) // so that the same random numbers keep the same
	for _, path := range paths {
		left := bytes.Clone(i[path].synced)
		for _, w := range i[path].since {
			for _, part := range w.sectors() {
				if random.Float64() < keep {
					left = part.apply(left)
				}
			}
		}
		if err := os.WriteFile(filepath.Join(folder, filepath.Base(path)), left, 0o600); err != nil {
			return err
		}
	}
	return nil
}

var _ vfs.VFSFilename = (*Disk)(nil)

// Open implements vfs.VFS.
func (d *Disk) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	return d.system.Open(name, flags)
}

// OpenFilename implements vfs.VFSFilename.
func (d *Disk) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f, flags, err := d.system.OpenFilename(name, flags)
	if err != nil || name.String() == "" || flags&vfs.OPEN_DELETEONCLOSE != 0 {
		return f, flags, err
	}
	c := d.contents[name.String()]
	if c == nil {
		c = &content{}
		d.contents[name.String()] = c
	}
	return &file{File: f, disk: d, content: c}, flags, nil
}

// Delete implements vfs.VFS.
func (d *Disk) Delete(name string, syncDir bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.step()
	err := d.system.Delete(name, false)
	if err == nil {
		delete(d.contents, name)
	}
	return err
}

// Access implements vfs.VFS.
func (d *Disk) Access(name string, flags vfs.AccessFlag) (bool, error) {
	return d.system.Access(name, flags)
}

// FullPathname implements vfs.VFS.
func (d *Disk) FullPathname(name string) (string, error) { return d.system.FullPathname(name) }

// file is an open file. What it is asked beyond vfs.File is about shared memory, which no power cut leaves.
type file struct {
	vfs.File
	disk    *Disk
	content *content
}

// SharedMemory implements vfs.FileSharedMemory.
func (f *file) SharedMemory() vfs.SharedMemory {
	if shared, ok := f.File.(vfs.FileSharedMemory); ok {
		return shared.SharedMemory()
	}
	return nil
}

// DeviceCharacteristics leaves what else the file system underneath can do, such as several pages as a whole.
func (f *file) DeviceCharacteristics() vfs.DeviceCharacteristic {
	return f.File.DeviceCharacteristics() & vfs.IOCAP_POWERSAFE_OVERWRITE
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.disk.step()
	n, err := f.File.WriteAt(p, off)
	if n > 0 {
		f.content.since = append(f.content.since, change{at: off, data: bytes.Clone(p[:n])})
	}
	return n, err
}

func (f *file) Truncate(size int64) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.disk.step()
	err := f.File.Truncate(size)
	if err == nil {
		f.content.since = append(f.content.since, change{at: size})
	}
	return err
}

// Sync need not wait for the disk underneath.
func (f *file) Sync(vfs.SyncFlag) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.disk.step()
	f.content.sync()
	return nil
}

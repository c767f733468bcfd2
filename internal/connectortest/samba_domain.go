package connectortest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	templateIP = "127.0.0.5"
	// templateAge is how long a provisioned domain is used again; after 42 days its
	// passwords would expire.
	templateAge = 14 * 24 * time.Hour
)

// layDomain puts a fresh domain into dir. Provisioning takes seconds and its
// result is the same each time, so it is kept in the user's cache and copied
// (0.1 s); only smb.conf names the folder and the address.
func layDomain(ctx context.Context, dir, ip string) error {
	template, err := domainTemplate(ctx)
	if err != nil {
		return err
	}
	if err := os.CopyFS(dir, os.DirFS(template)); err != nil {
		return fmt.Errorf("copy the domain: %w", err)
	}
	conf := filepath.Join(dir, "etc", "smb.conf")
	text, err := os.ReadFile(conf)
	if err != nil {
		return err
	}
	// Several may run at once, each with its pid and its pipes in its own folder.
	own := fmt.Sprintf("[global]\n\tpid directory = %s\n\tncalrpc dir = %s\n", dir, filepath.Join(dir, "ncalrpc"))
	filled := strings.Replace(strings.NewReplacer("@DIR@", dir, templateIP, ip).Replace(string(text)), "[global]\n", own, 1)
	if err := os.WriteFile(conf, []byte(filled), 0o600); err != nil {
		return err
	}
	// Samba refuses folders that are open to others, and a copy keeps no modes.
	return filepath.WalkDir(template, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		below, err := filepath.Rel(template, path)
		if err != nil {
			return err
		}
		return os.Chmod(filepath.Join(dir, below), info.Mode().Perm())
	})
}

// domainTemplate gives the folder of a provisioned domain, made at most once per
// version of Samba. Another test process may do the same at the same time, so the
// finished folder is renamed into place.
func domainTemplate(ctx context.Context) (string, error) {
	version, err := exec.CommandContext(ctx, find("samba"), "--version").Output()
	if err != nil {
		return "", fmt.Errorf("ask Samba for its version: %w", err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(string(version) + strings.Join(provisionArgs("@DIR@"), " ")))
	dir := filepath.Join(cache, "joinery-test", "samba-"+hex.EncodeToString(sum[:6]))
	if info, err := os.Stat(filepath.Join(dir, "etc", "smb.conf")); err == nil && time.Since(info.ModTime()) < templateAge {
		return dir, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return "", err
	}
	building, err := os.MkdirTemp(filepath.Dir(dir), "building-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(building) }()
	if err := provision(ctx, building); err != nil {
		return "", err
	}
	old := building + "-old"
	_ = os.Rename(dir, old) // one that is too old; nothing else can be in the way
	defer func() { _ = os.RemoveAll(old) }()
	if err := os.Rename(building, dir); err != nil {
		if _, statErr := os.Stat(filepath.Join(dir, "etc", "smb.conf")); statErr != nil {
			return "", err
		}
	}
	return dir, nil
}

func provision(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, find("samba-tool"), provisionArgs(dir)...).CombinedOutput(); err != nil {
		return fmt.Errorf("provision a domain: %w: %s", err, out)
	}
	conf := filepath.Join(dir, "etc", "smb.conf")
	text, err := os.ReadFile(conf)
	if err != nil {
		return err
	}
	return os.WriteFile(conf, []byte(strings.ReplaceAll(string(text), dir, "@DIR@")), 0o600)
}

func provisionArgs(dir string) []string {
	args := []string{"domain", "provision", "--targetdir=" + dir, "--realm=AD.JOINERY.TEST", "--domain=JOINERY", "--server-role=dc", "--dns-backend=SAMBA_INTERNAL",
		"--adminpass=" + sambaPass, "--host-name=dc1", "--host-ip=" + templateIP}
	for _, o := range []string{"interfaces=" + templateIP + "/8", "bind interfaces only=yes", "vfs objects=", "ldb:nosync=true", "server services=ldap cldap kdc rpc",
		"log file=" + filepath.Join(dir, "log.%m"), "tls certfile=" + filepath.Join(dir, "cert.pem"), "tls keyfile=" + filepath.Join(dir, "key.pem"), "tls cafile=" + filepath.Join(dir, "cert.pem")} {
		args = append(args, "--option="+o)
	}
	return args
}

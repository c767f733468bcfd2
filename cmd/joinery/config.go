package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"joinery/internal/fault"
	"joinery/internal/pgserver"
	"joinery/internal/postgres"
	"joinery/internal/secret"
)

// config is the environment, read and checked.
type config struct {
	DatabaseURL    string
	DataDir        string
	Addr           string
	BaseURL        string
	MasterKey      string
	MasterKeyFile  string
	AdminEmail     string
	AdminPassword  string
	TrustedProxies []netip.Prefix
	AllowHosts     []string
	SMTPURL        string
	OTLP           string
	// Credentials is where systemd puts secrets; it guards that folder itself.
	Credentials string
	Drain       time.Duration
	// Author is the language model that the environment names.
	Author postgres.AuthorDefaults
	Log    *slog.Logger
}

func (t *tool) config() (config, error) {
	c := config{DataDir: t.env("JOINERY_DATA_DIR"), Addr: t.env("JOINERY_ADDR"), BaseURL: strings.TrimRight(t.env("JOINERY_BASE_URL"), "/"),
		MasterKey: t.env("JOINERY_MASTER_KEY"), MasterKeyFile: t.env("JOINERY_MASTER_KEY_FILE"), AdminEmail: t.env("JOINERY_ADMIN_EMAIL"), AdminPassword: t.env("JOINERY_ADMIN_PASSWORD"),
		SMTPURL: t.env("JOINERY_SMTP_URL"), OTLP: t.env("OTEL_EXPORTER_OTLP_ENDPOINT"), Credentials: t.env("CREDENTIALS_DIRECTORY")}
	var err error
	if c.DatabaseURL, err = t.databaseURL(); err != nil {
		return c, err
	}
	if c.DataDir == "" {
		c.DataDir = pgserver.DefaultDir("./.joinery")
	}
	if c.Addr == "" {
		c.Addr = "127.0.0.1:8080"
	}
	host, port, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return c, fault.New(fault.Invalid, "JOINERY_ADDR must be host:port, such as 127.0.0.1:8080.")
	}
	if c.BaseURL == "" {
		if host == "" || host == "0.0.0.0" || host == "::" || host == "127.0.0.1" {
			host = "localhost"
		}
		c.BaseURL = "http://" + net.JoinHostPort(host, port)
	}
	if u, err := url.Parse(c.BaseURL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return c, fault.New(fault.Invalid, "JOINERY_BASE_URL must be the address that browsers use, such as https://joinery.example.com.")
	}
	if (c.AdminEmail == "") != (c.AdminPassword == "") {
		return c, fault.New(fault.Invalid, "JOINERY_ADMIN_EMAIL and JOINERY_ADMIN_PASSWORD go together.")
	}
	for _, p := range split(t.env("JOINERY_TRUSTED_PROXIES")) {
		prefix, err := netip.ParsePrefix(p)
		if err != nil {
			a, err2 := netip.ParseAddr(p)
			if err2 != nil {
				return c, fault.New(fault.Invalid, "JOINERY_TRUSTED_PROXIES holds %q, which is neither an address nor a range.", p)
			}
			prefix = netip.PrefixFrom(a, a.BitLen())
		}
		c.TrustedProxies = append(c.TrustedProxies, prefix)
	}
	if text := t.env("JOINERY_DRAIN"); text != "" {
		if c.Drain, err = time.ParseDuration(text); err != nil || c.Drain < 0 || c.Drain > 10*time.Second {
			return c, fault.New(fault.Invalid, "JOINERY_DRAIN is how long to go on answering after the signal to stop, at most 10s, such as 5s.")
		}
	}
	c.Author = postgres.AuthorDefaults{BaseURL: strings.TrimRight(t.env("OPENAI_BASE_URL"), "/"), Model: t.env("OPENAI_MODEL"), Key: secret.New(t.env("OPENAI_API_KEY"))}
	c.AllowHosts = split(t.env("JOINERY_ALLOW_HOSTS"))
	c.Log, err = t.logger()
	return c, err
}

// databaseURL gives the database's address: from the environment or from a file,
// because it holds a password.
func (t *tool) databaseURL() (string, error) {
	direct, file := t.env("DATABASE_URL"), t.env("DATABASE_URL_FILE")
	if file == "" {
		return direct, nil
	}
	if direct != "" {
		return "", fault.New(fault.Invalid, "Set DATABASE_URL or DATABASE_URL_FILE, not both.")
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", fault.Wrap(fault.Invalid, err, "The file %s of DATABASE_URL_FILE cannot be read.", file)
	}
	if direct = strings.TrimSpace(string(raw)); direct == "" {
		return "", fault.New(fault.Invalid, "The file %s of DATABASE_URL_FILE is empty.", file)
	}
	return direct, nil
}

func split(text string) []string {
	var out []string
	for p := range strings.SplitSeq(text, ",") {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}

func (t *tool) logger() (*slog.Logger, error) {
	var level slog.Level
	if text := t.env("JOINERY_LOG_LEVEL"); text != "" {
		if err := level.UnmarshalText([]byte(text)); err != nil {
			return nil, fault.New(fault.Invalid, "JOINERY_LOG_LEVEL is debug, info, warn or error.")
		}
	}
	opts := &slog.HandlerOptions{Level: level}
	switch t.env("JOINERY_LOG") {
	case "", "text":
		return slog.New(slog.NewTextHandler(t.errs, opts)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(t.errs, opts)), nil
	}
	return nil, fault.New(fault.Invalid, "JOINERY_LOG is text or json.")
}

// masterKey gives the key that seals credentials: from the environment, from a
// file, or, with the private PostgreSQL only, one made at the first start.
func (c config) masterKey() ([]byte, error) {
	switch {
	case c.MasterKey != "" && c.MasterKeyFile != "":
		return nil, fault.New(fault.Invalid, "Set JOINERY_MASTER_KEY or JOINERY_MASTER_KEY_FILE, not both.")
	case c.MasterKey != "":
		return secret.ParseKey(c.MasterKey)
	case c.MasterKeyFile != "":
		return readKey(c.MasterKeyFile, c.Credentials)
	case c.DatabaseURL != "":
		return nil, fault.New(fault.Invalid, "With your own database, set JOINERY_MASTER_KEY (base64 of 32 bytes) or JOINERY_MASTER_KEY_FILE: it seals the credentials, and losing it loses them. Make one with: openssl rand -base64 32.")
	}
	path := filepath.Join(c.DataDir, "master.key")
	key, err := readKey(path, "")
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	key = make([]byte, secret.KeySize)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.DataDir, 0o755); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "The data folder %s cannot be made.", c.DataDir)
	}
	// O_EXCL: two first starts at once must not each believe in a key of their own.
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return readKey(path, "")
	}
	if err != nil {
		return nil, fmt.Errorf("write master key: %w", err)
	}
	if _, err := f.WriteString(base64.StdEncoding.EncodeToString(key) + "\n"); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("write master key: %w", err)
	}
	return key, errors.Join(f.Sync(), f.Close())
}

// readKey reads a key that nobody else may read. In systemd's folder of
// credentials the mode shows the group as a reader although only this service is one.
func readKey(path, credentials string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read master key: %w", err)
	}
	others := fs.FileMode(0o077)
	if credentials != "" && filepath.Dir(filepath.Clean(path)) == filepath.Clean(credentials) {
		others = 0o007
	}
	if info.Mode().Perm()&others != 0 {
		return nil, fault.New(fault.Invalid, "The master key file %s can be read by others. Run: chmod 600 %s.", path, path)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read master key: %w", err)
	}
	return secret.ParseKey(string(raw))
}

#!/usr/bin/env bash
# Installs what the tests need and is not there yet: PostgreSQL, OpenLDAP, Chromium, an SMTP server,
# Node.js with npm; and where it is possible an Active Directory (Samba) and an HR system (Tryton). Debian and
# Ubuntu through apt-get, macOS through Homebrew. Installs nothing that is present.
set -euo pipefail

have() { command -v "$1" >/dev/null 2>&1; }
postgres_found() {
  [ -n "${JOINERY_PG_BIN:-}" ] || have postgres || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null ||
    compgen -G '/opt/homebrew/opt/postgresql@*/bin/postgres' >/dev/null || compgen -G '/usr/local/opt/postgresql@*/bin/postgres' >/dev/null
}
slapd_found() { [ -x /usr/sbin/slapd ] || have slapd || [ -x /opt/homebrew/opt/openldap/libexec/slapd ] || [ -x /usr/local/opt/openldap/libexec/slapd ]; }
chromium_found() { have chromium-headless-shell || have chromium || have chromium-browser || have google-chrome || [ -d "/Applications/Chromium.app" ] || [ -d "/Applications/Google Chrome.app" ]; }
# A domain controller needs Linux and ports 389 and 636, so root; an HR system only its packages.
samba_found() { { [ -x /usr/sbin/samba ] || have samba; } && have samba-tool && compgen -G '/usr/lib/*/samba/ldb/samba_dsdb.so' >/dev/null && compgen -G '/usr/share/samba/setup/*' >/dev/null; }
samba_wanted() { [ "$(uname)" = Linux ] && [ "$(id -u)" -eq 0 ] && have apt-get && ! samba_found; }
tryton_found() { have trytond && have trytond-admin && [ -d /usr/lib/python3/dist-packages/trytond/modules/company ] && /usr/bin/python3 -c 'import psycopg2, pytz, passlib' 2>/dev/null; }
tryton_wanted() { have apt-get && ! tryton_found; }
# Chromium without the parts that show a window takes half the work or less, where there is such a package.
shell_wanted() { have apt-get && chromium_found && ! have chromium-headless-shell && apt-cache show chromium-headless-shell >/dev/null 2>&1; }
smtp_found() { python_with_smtp >/dev/null; }
python_with_smtp() { for p in /usr/bin/python3 python3; do if have "$p" && "$p" -c 'import aiosmtpd' 2>/dev/null; then echo "$p"; return 0; fi; done; return 1; }

# What cannot be tried on this machine is said before and after the tests: go test does not show that tests were skipped.
unproven() {
  local why=""
  if [ "$(uname)" != Linux ]; then why="Samba's domain controller runs on Linux only"
  elif ! samba_found; then why="samba-ad-dc, samba-ad-provision or samba-dsdb-modules is not installed"
  elif [ "$(id -u)" -ne 0 ]; then why="a domain controller listens on ports 389 and 636, which needs root"; fi
  [ -z "$why" ] || echo "NOT PROVEN on this machine: Active Directory. Its tests are skipped: $why." >&2
  why=""
  if [ "$(uname)" != Linux ]; then why="Tryton is installed from Debian packages"
  elif ! tryton_found; then why="tryton-server, its modules or python3-psycopg2 is not installed"; fi
  [ -z "$why" ] || echo "NOT PROVEN on this machine: Tryton, a real HR system. Its tests are skipped: $why." >&2
}

# What pages are built of, and axe-core, which judges them in the browser tests; anew when the list of packages is newer.
assets() { { [ -f "$root/static/node_modules/axe-core/axe.min.js" ] && ! [ "$root/static/package-lock.json" -nt "$root/static/node_modules/.package-lock.json" ]; } || (cd "$root/static" && npm ci --ignore-scripts --no-audit --no-fund --silent); }
root="$(cd "$(dirname "$0")/.." && pwd)"

if [ "${1:-}" = unproven ]; then unproven; exit 0; fi

want=()
postgres_found || want+=(postgres)
slapd_found || want+=(slapd)
[ -d /usr/lib/ldap ] && ls /usr/lib/ldap/ppolicy* >/dev/null 2>&1 || want+=(slapd)
chromium_found || want+=(chromium)
smtp_found || want+=(smtp)
have npm || want+=(npm)
have cc || have gcc || want+=(cc)
extra=()
samba_wanted && extra+=(samba)
tryton_wanted && extra+=(tryton)
shell_wanted && extra+=(shell)
if [ ${#want[@]} -eq 0 ] && [ ${#extra[@]} -eq 0 ]; then assets; unproven; exit 0; fi

echo "Installing for the tests: $(printf '%s\n' ${want[@]+"${want[@]}"} ${extra[@]+"${extra[@]}"} | sort -u | tr '\n' ' ')"
if have apt-get; then
  sudo=""; [ "$(id -u)" -eq 0 ] || sudo="sudo"
  packages=()
  for w in $(printf '%s\n' ${want[@]+"${want[@]}"} | sort -u); do
    case "$w" in
      postgres) packages+=(postgresql) ;;
      slapd) packages+=(slapd slapd-contrib ldap-utils) ;;
      chromium) packages+=(chromium-headless-shell) ;;
      smtp) packages+=(python3-aiosmtpd) ;;
      npm) packages+=(nodejs npm) ;;
      cc) packages+=(gcc libc6-dev) ;;
    esac
  done
  # The packages must not start servers of their own: the tests start theirs, on free loopback ports.
  policy=/usr/sbin/policy-rc.d
  made=""
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" >/dev/null
    $sudo chmod +x "$policy"
    made=1
  fi
  trap '[ -z "$made" ] || $sudo rm -f "$policy"' EXIT
  $sudo apt-get -o DPkg::Lock::Timeout=300 update -qq
  apt-cache show chromium-headless-shell >/dev/null 2>&1 || packages=("${packages[@]/%chromium-headless-shell/chromium}")
  install() { $sudo env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "$@" >/dev/null; }
  [ ${#packages[@]} -eq 0 ] || install "${packages[@]}"
  # What not every release has: its tests are skipped, and say so.
  for w in ${extra[@]+"${extra[@]}"}; do
    case "$w" in
      shell) names=(chromium-headless-shell) ;;
      samba) names=(samba-ad-dc samba-ad-provision samba-dsdb-modules samba-vfs-modules python3-samba winbind) ;;
      tryton) names=(tryton-server tryton-modules-company tryton-modules-party tryton-modules-user-role tryton-modules-company-work-time
        python3-psycopg2 python3-tz python3-passlib python3-argon2 python3-bcrypt python3-werkzeug) ;;
    esac
    have_names=()
    for n in "${names[@]}"; do if apt-cache show "$n" >/dev/null 2>&1; then have_names+=("$n"); fi; done
    { [ ${#have_names[@]} -gt 0 ] && install "${have_names[@]}"; } || [ "$w" = shell ] || echo "NOT INSTALLED: $w. Its tests will be skipped on this machine." >&2
  done
elif have brew; then
  for w in $(printf '%s\n' "${want[@]}" | sort -u); do
    case "$w" in
      postgres) brew install --quiet postgresql@17 ;;
      slapd) brew install --quiet openldap ;;
      chromium) brew install --quiet --cask chromium ;;
      smtp) python3 -m pip install --user --quiet aiosmtpd ;;
      npm) brew install --quiet node ;;
      cc) xcode-select --install || true ;;
    esac
  done
else
  echo "Neither apt-get nor brew is here. Install these by hand and run again: ${want[*]}" >&2
  exit 1
fi
assets
unproven

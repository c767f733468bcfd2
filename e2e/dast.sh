#!/usr/bin/env bash
# Attacks a console of its own with public scanners: wapiti (signed in), ffuf and sqlmap. It starts the
# demo on loopback ports in a temporary folder, calls nothing but 127.0.0.1, ends within 15 minutes, and
# fails when a scanner finds something of medium level or above that e2e/dast_allow.txt does not explain.
set -euo pipefail
cd "$(dirname "$0")/.."

have() { command -v "$1" >/dev/null 2>&1; }
want=()
for tool in wapiti ffuf sqlmap curl python3; do have "$tool" || want+=("$tool"); done
if [ ${#want[@]} -gt 0 ]; then
  have apt-get || { echo "Install these by hand and run again: ${want[*]}" >&2; exit 1; }
  echo "Installing: ${want[*]}"
  sudo=""; [ "$(id -u)" -eq 0 ] || sudo="sudo"
  $sudo apt-get -o DPkg::Lock::Timeout=300 update -qq
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "${want[@]}" >/dev/null
fi

began=$(date +%s)
dir=$(mktemp -d "${TMPDIR:-/tmp}/joinery-dast-XXXXXX"); chmod 711 "$dir"
server=""
finish() {
  [ -z "$server" ] || { kill -TERM "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; }
  [ -n "${KEEP:-}" ] || rm -rf "$dir"
}
trap finish EXIT
step() { echo "== $* ($(( $(date +%s) - began )) s)"; }

port=$(python3 - <<'PY'
import random, socket
while True:
    first = random.randrange(20000, 30000, 10)
    held = []
    try:
        for n in range(4):
            s = socket.socket(); held.append(s); s.bind(("127.0.0.1", first + n))
    except OSError:
        continue
    finally:
        for s in held: s.close()
    print(first); break
PY
)
base="http://127.0.0.1:$port"
email="scanner@example.com" password="otters-$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')"
step "the console at $base"
go build -o "$dir/joinery" ./cmd/joinery
env -u DATABASE_URL JOINERY_DATA_DIR="$dir/data" JOINERY_ADDR="127.0.0.1:$port" JOINERY_BASE_URL="$base" JOINERY_ADMIN_EMAIL="$email" JOINERY_ADMIN_PASSWORD="$password" \
  JOINERY_LOG=json JOINERY_LOG_LEVEL=warn "$dir/joinery" serve --demo >"$dir/out.log" 2>"$dir/err.log" &
server=$!
for _ in $(seq 150); do curl -fsS "$base/readyz" >/dev/null 2>&1 && break; kill -0 "$server" 2>/dev/null || { cat "$dir/err.log" >&2; exit 1; }; sleep 0.2; done
curl -fsS "$base/readyz" >/dev/null

# Something to find: two joiners and their runs.
for name in Ada Bo; do
  curl -fsS -o /dev/null -H "Origin: http://127.0.0.1:$((port + 1))" "http://127.0.0.1:$((port + 1))/people" --data-urlencode "first_name=$name" -d "last_name=Okafor&department=Engineering&title=Engineer&location=Berlin&manager_id=1001&start_date=$(date +%F)&worker_type=employee&personal_email=new@example.com"
done
sign_in() {
  rm -f "$dir/cookies"
  curl -fsS -o /dev/null -c "$dir/cookies" -H "Sec-Fetch-Site: same-origin" --data-urlencode "email=$email" --data-urlencode "password=$password" "$base/sign-in"
  cookie="joinery=$(awk '$6 == "joinery" {print $7}' "$dir/cookies")"
  [ "$(curl -s -o /dev/null -w '%{http_code}' -H "Cookie: $cookie" "$base/account")" = 200 ] || { echo "Signing in failed." >&2; exit 1; }
}
sign_in

step "wapiti, signed in"
# Kept away from what ends the session itself. Modules that call hosts of their makers are left out.
kept=(-x "$base/sign-out" -x "$base/account/password" -x "$base/users/u_*" -x "$base/static/*")
# shellcheck disable=SC2046  # wapiti says with which interpreter it was installed
timeout -k 10 600 $(head -n 1 "$(command -v wapiti)" | sed "s/^#!//") e2e/dast_wapiti.py -u "$base/" --scope folder -H "Cookie: $cookie" -H "Accept-Encoding: gzip" --flush-session --store-session "$dir/wapiti" --store-config "$dir/wapiti-config" --no-bugreport -v 1 \
  "${kept[@]}" \
  -m "backup,blindsql,cookieflags,crlf,csp,csrf,exec,file,htaccess,http_headers,methods,permanentxss,redirect,shellshock,sql,xss" \
  -d 4 --max-links-per-page 60 --max-files-per-dir 90 --max-scan-time 100 --max-attack-time 30 -t 6 -S normal -f json -o "$dir/wapiti.json" >"$dir/wapiti.log" 2>&1 || echo "wapiti ended with $?"
[ -s "$dir/wapiti.json" ] || { tail -20 "$dir/wapiti.log" >&2; echo "wapiti left no report." >&2; exit 1; }

step "ffuf: what else answers"
sign_in
{
  awk '{print $2}' web/testdata/routes.txt | tr '/' '\n' | grep -v '^:' | sort -u
  awk '{print $2}' web/testdata/routes.txt | grep -v ':' | sed 's|^/||'
  tr ' ' '\n' <<'WORDS'
admin administrator api api/v1 api/v2 api/internal actuator actuator/env actuator/health app archive assets auth backup backup.sql backup.zip bin config config.json config.yaml console cgi-bin/ data db debug debug/pprof debug/pprof/ debug/vars debug/requests demo dev docs dump dump.sql .env .env.local .git .git/config .git/HEAD .svn .htaccess .well-known/security.txt error export favicon.ico files graphql health heapdump hooks import index.html index.php info internal job jolokia keys log login logout logs manager metrics migrations monitor openapi.json phpinfo.php phpmyadmin ping private proxy public register reset robots.txt root rpc secrets server-status session settings setup shell sitemap.xml sql src static static/ static/src static/../go.mod status swagger swagger.json swagger-ui system test tmp token trace upload uploads user v1 v2 vendor version web.config wp-admin wp-login.php xmlrpc.php
WORDS
} | sort -u >"$dir/words.txt"
scan() { timeout -k 5 90 ffuf -s -u "$base/FUZZ" -w "$dir/words.txt" -mc all -fc 404,405 -t 10 -timeout 10 -maxtime 60 -of json -o "$1" "${@:2}" >/dev/null; }
scan "$dir/ffuf-nobody.json"
scan "$dir/ffuf-signed-in.json" -H "Cookie: $cookie"

step "sqlmap on the lists"
for list in 'runs?q=a&flow=b&state=failed&since=2026-01-01' 'joiners?q=a' 'events?q=a&connection=b&state=dead&type=c' 'audit?actor=a&action=b&kind=c&id=d&since=2026-01-01&before=9' 'credentials?connection=a' 'reviews?state=open&before=rv_x' 'users?q=a&role=admin' 'flows?q=a' 'api/v1/runs?q=a&flow=b&joiner=c&limit=5' 'api/v1/events?q=a&connection=b'; do
  echo "$base/$list"
done >"$dir/lists.txt"
timeout -k 10 240 sqlmap -m "$dir/lists.txt" --cookie "$cookie" --batch --level 1 --risk 1 --technique BEUST --dbms postgresql --time-sec 2 --timeout 10 --retries 0 --threads 2 --flush-session --disable-coloring --output-dir "$dir/sqlmap" >"$dir/sqlmap.log" 2>&1 || echo "sqlmap ended with $?"

step "what they found"
[ "$(curl -s -o /dev/null -w '%{http_code}' -H "Cookie: $cookie" "$base/account")" = 200 ] || { echo "The session ended meanwhile, so the scan was not signed in to its end." >&2; exit 1; }
kill -0 "$server" || { echo "The console did not survive." >&2; exit 1; }
python3 e2e/dast_report.py "$dir" "$base"
step "done"

"""Judges what the scanners of dast.sh found; ends with 1 when something is not explained."""
import json
import re
import sys
from pathlib import Path

folder, base = Path(sys.argv[1]), sys.argv[2]
allow = []
for line in Path("e2e/dast_allow.txt").read_text().splitlines():
    if line.strip() and not line.startswith("#"):
        category, address, why = line.split("|", 2)
        allow.append((category, re.compile(address), why))

found, explained, looked = [], 0, {}


def add(category, address, what):
    global explained
    if any(c == category and a.search(address) for c, a, _ in allow):
        explained += 1
    else:
        found.append(f"{category}: {address}: {what}")


# wapiti: levels are 1 low, 2 medium, 3 high. An answer of 5xx counts as medium.
report = json.loads((folder / "wapiti.json").read_text())
low = 0
for kind in ("vulnerabilities", "anomalies"):
    for category, items in report.get(kind, {}).items():
        for item in items:
            if int(item.get("level", 1)) >= 2 or category == "Internal Server Error":
                add(category, item.get("path", ""), f"{item.get('method')} {item.get('parameter') or ''} {item.get('info', '')}"[:300])
            else:
                low += 1
m = re.search(r"found (\d+) URLs and forms", (folder / "wapiti.log").read_text(errors="replace"))
crawled = int(m[1]) if m else 0
looked["wapiti"] = f"{crawled} addresses and forms, {low} findings of low level"
if crawled < 50:
    found.append(f"wapiti crawled {crawled} addresses and forms only: see its log")

# ffuf: who has not signed in sees public addresses only; who has, only what is on the map.
routes = [line.split() for line in Path("web/testdata/routes.txt").read_text().splitlines()]
patterns = [re.compile("^" + re.sub(r":[a-z]+", "[^/]+", path) + "$") for _, path, *_ in routes]
public = [re.compile("^" + re.sub(r":[a-z]+", "[^/]+", path) + "$") for method, path, needs, *_ in routes if needs == "public"]
for name, known in (("ffuf-nobody", public), ("ffuf-signed-in", patterns)):
    data = json.loads((folder / f"{name}.json").read_text())
    for r in data["results"]:
        path, status = "/" + r["input"]["FUZZ"], r["status"]
        away = status in (302, 303) and "/sign-in" in r.get("redirectlocation", "")
        if status in (400, 401, 403, 415, 422) or away or any(p.match(path) for p in known):
            continue
        # Metrics are for this machine, and the scan runs on it.
        if name == "ffuf-nobody" and path == "/metrics":
            continue
        add("Content discovery", path, f"answers {status} to {name.removeprefix('ffuf-')}")
    looked[name] = f"{len(data['results'])} answers other than 404 and 405"

text = (folder / "sqlmap.log").read_text(errors="replace")
tested = len(re.findall(r"testing URL", text))
# Only what sqlmap confirmed is listed under "identified the following injection points"; its suspicions are not.
for m in re.finditer(r"^Parameter: .+", text, re.M):
    add("SQL injection", base, m[0][:300])
looked["sqlmap"] = f"{tested} lists"
if tested < 3:
    found.append(f"sqlmap looked at {tested} lists only: see its log")

for tool, what in looked.items():
    print(f"  {tool}: {what}")
print(f"  explained by e2e/dast_allow.txt: {explained}")
for f in found:
    print("  FOUND " + f)
sys.exit(1 if found else 0)

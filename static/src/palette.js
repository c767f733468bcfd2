// The command palette: a dialog with a combobox over what GET /palette?q= answers.
let seq = 0;
let timer;

export function openPalette() {
  const dialog = document.querySelector("dialog[data-palette]");
  if (!dialog || dialog.open) return;
  const input = dialog.querySelector("input");
  const list = dialog.querySelector("ul");
  if (!dialog.dataset.ready) {
    dialog.dataset.ready = "yes";
    input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => load(dialog), 120); });
    input.addEventListener("keydown", (event) => key(event, list));
    list.addEventListener("click", (event) => follow(event.target.closest("li")));
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  }
  input.value = "";
  dialog.showModal();
  input.focus();
  load(dialog);
}

async function load(dialog) {
  const mine = ++seq;
  const input = dialog.querySelector("input");
  const list = dialog.querySelector("ul");
  const none = dialog.querySelector("p");
  let items = [];
  let text = "Nothing found.";
  try {
    const answer = await fetch("/palette?q=" + encodeURIComponent(input.value), { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    items = (await answer.json()).items;
  } catch {
    text = "The list cannot be loaded. Reload the page and try again.";
  }
  if (mine !== seq) return;
  const sprite = document.querySelector("use").getAttribute("href").replace(/#.*/, "");
  list.replaceChildren(...items.map((item, index) => {
    const row = document.createElement("li");
    row.id = "palette-" + index;
    row.role = "option";
    row.dataset.url = item.url;
    row.ariaSelected = String(index === 0);
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("class", "icon");
    svg.setAttribute("aria-hidden", "true");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    use.setAttribute("href", sprite + "#" + item.icon);
    svg.append(use);
    const title = document.createElement("span");
    title.textContent = item.title;
    const kind = document.createElement("span");
    kind.className = "muted";
    kind.textContent = item.kind;
    row.append(svg, title, kind);
    return row;
  }));
  none.hidden = items.length > 0;
  none.textContent = text;
  list.hidden = items.length === 0;
  input.setAttribute("aria-activedescendant", items.length > 0 ? "palette-0" : "");
}

function key(event, list) {
  const rows = [...list.children];
  const at = rows.findIndex((row) => row.ariaSelected === "true");
  if (event.key === "Enter") { event.preventDefault(); follow(rows[at]); return; }
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || rows.length === 0) return;
  event.preventDefault();
  const next = (at + step + rows.length) % rows.length;
  rows.forEach((row, index) => { row.ariaSelected = String(index === next); });
  rows[next].scrollIntoView({ block: "nearest" });
  event.target.setAttribute("aria-activedescendant", rows[next].id);
}

function follow(row) {
  if (row?.dataset.url) location.assign(row.dataset.url);
}

// Tables to type in. The server renders inputs and buttons that work alone; here the buttons act at once, cells take
// what a spreadsheet copies, and keys move through the grid. Rows are found by their place in the page, and the names of
// their inputs carry an id that only has to be unique.
import { announce } from "./say.js";

export const cellOf = (element) => element.closest?.(".cell[data-col]");
const rowOf = (element) => element.closest?.("[data-row]");
export const inputOf = (cell) => cell?.querySelector("textarea, select, input:not([type=hidden])");
export const rowsOf = (sheet) => [...sheet.querySelector("[data-rows]").children];
export const sheetOf = (element) => element.closest?.("[data-sheet]");

// undo holds what takes back the last changes of each table.
const undo = new WeakMap();
let fresh = 0;

export function remember(sheet, back) {
  const all = undo.get(sheet) ?? [];
  all.push(back);
  if (all.length > 100) all.shift();
  undo.set(sheet, all);
  sheet.dataset.typed = "";
  sheet.querySelector("[data-undo]").disabled = false;
}

function takeBack(sheet) {
  const back = undo.get(sheet)?.pop();
  if (!back) return;
  const at = placeOf(sheet, document.activeElement);
  const focus = back();
  changed(sheet, "Undone");
  focus?.focus();
  const button = sheet.querySelector("[data-undo]");
  const spent = undo.get(sheet).length === 0;
  if (document.activeElement === document.body || (spent && document.activeElement === button)) stay(sheet, at);
  button.disabled = spent;
}

// placeOf says where in the table an element is, and stay puts the focus there again, or as near as what is left allows.
const placeOf = (sheet, element) => ({ row: rowsOf(sheet).indexOf(rowOf(element)), column: cellOf(element)?.dataset.col });

function stay(sheet, { row, column }) {
  const rows = rowsOf(sheet);
  const near = rows[row] ?? rows.at(-1);
  (inputOf(near?.querySelector(column ? `[data-col="${column}"]` : "[data-col]")) ?? sheet.querySelector("[data-tool=add]"))?.focus();
}

// A cell with data-ref names a row of another table of the form by its id. These rows go where that row goes.
const referring = (row) => {
  const sheet = sheetOf(row);
  const cells = sheet.closest("form")?.querySelectorAll(`.cell[data-ref="${sheet.dataset.sheet}"]`) ?? [];
  return [...cells].filter((cell) => inputOf(cell).value === row.dataset.row).map(rowOf);
};

// named are the rows that such a cell can name, by id: what their first cells say.
function named(form, of) {
  const sheet = form?.querySelector(`[data-sheet="${of}"]`);
  return new Map(sheet ? rowsOf(sheet).map((row, i) => [row.dataset.row, inputOf(row.querySelector("[data-col]")).value.trim() || `Row ${i + 1}`]) : []);
}

// offer fills the choice of such a cell when it is asked for: in each of hundreds of rows it would be most of the page.
function offer(select) {
  const all = [...named(select.closest("form"), cellOf(select).dataset.ref)], value = select.value;
  if (!all.some(([id]) => id === value)) all.unshift([value, value ? select.selectedOptions[0].text : "—"]);
  if (all.length === select.options.length && all.every(([id, text], i) => select.options[i].value === id && select.options[i].text === text)) return;
  select.replaceChildren(...all.map(([id, text]) => new Option(text, id, false, id === value)));
}

// meant is the id of the row that a pasted text names.
function meant(sheet, input, text) {
  const of = cellOf(input)?.dataset.ref, wanted = text.trim().toLowerCase();
  for (const [id, name] of of ? named(sheet.closest("form"), of) : []) if (name.toLowerCase() === wanted) return id;
  return text;
}

const offering = (event) => { const select = event.target.closest?.(".cell[data-ref] select"); if (select) offer(select); };

// refer gives what those cells show the names that the rows have now.
function refer(form) {
  const names = new Map();
  for (const cell of form?.querySelectorAll(".cell[data-ref]") ?? []) {
    const of = cell.dataset.ref, chosen = inputOf(cell).selectedOptions[0];
    if (!names.has(of)) names.set(of, named(form, of));
    const text = chosen && names.get(of).get(chosen.value);
    if (text && chosen.text !== text) chosen.text = text;
  }
}

// changed numbers the rows anew and tells the page that the form is another one now.
export function changed(sheet, said) {
  const rows = rowsOf(sheet);
  rows.forEach((row, i) => {
    const number = row.querySelector("[data-number]");
    const text = String(i + 1);
    if (number.textContent === text) return;
    number.textContent = text;
    row.querySelector("[data-drop]")?.setAttribute("aria-label", `Remove row ${text}`);
    row.querySelector("[data-condition]")?.setAttribute("aria-label", `Build the condition of row ${text}`);
  });
  sheet.querySelector("[data-count]").textContent = rows.length === 1 ? "1 row" : `${rows.length} rows`;
  const none = sheet.querySelector("[data-none]");
  if (none) none.hidden = rows.length > 0;
  refer(sheet.closest("form"));
  sheet.closest("form")?.dispatchEvent(new CustomEvent("joinery:changed", { bubbles: true, detail: { sheet: sheet.dataset.sheet } }));
  if (said) announce(said);
}

function blankRow(sheet) {
  const id = `j${Date.now().toString(36)}${(fresh++).toString(36)}`.slice(-15);
  const holder = document.createElement("div");
  holder.innerHTML = sheet.querySelector("template[data-blank]").innerHTML.replaceAll("BLANK", id);
  const row = holder.firstElementChild;
  row.classList.add("sheet-new");
  return row;
}

function insert(sheet, rows, before) {
  const body = sheet.querySelector("[data-rows]");
  for (const row of rows) body.insertBefore(row, before);
}

// chosen are the selected rows, or the one where somebody was last.
function chosen(sheet) {
  const picked = rowsOf(sheet).filter((row) => row.querySelector(".pick input")?.checked);
  if (picked.length > 0) return picked;
  const last = sheet.querySelector(`[data-row="${sheet.dataset.last || ""}"]`);
  return last ? [last] : [];
}

function add(sheet, after, focusColumn) {
  const row = blankRow(sheet);
  for (const cell of row.querySelectorAll("[data-ref]")) {
    const above = after && inputOf(after.querySelector(`[data-col="${cell.dataset.col}"]`)); // most often the next one is about the same
    if (above?.value) setValue(inputOf(cell), above.value);
  }
  insert(sheet, [row], after ? after.nextSibling : null);
  remember(sheet, () => { row.remove(); return null; });
  changed(sheet, "Row added");
  const cell = focusColumn ? row.querySelector(`[data-col="${focusColumn}"]`) : row.querySelector("[data-col]");
  inputOf(cell)?.focus();
  row.scrollIntoView({ block: "nearest" });
  return row;
}

function remove(sheet, rows) {
  if (rows.length === 0) return announce("Select the rows first");
  const also = rows.flatMap(referring), others = new Set(also.map(sheetOf));
  const places = [...rows, ...also].map((row) => [row, row.parentNode, row.nextSibling]);
  const at = placeOf(sheet, rows.includes(rowOf(document.activeElement)) ? document.activeElement : rows[0]);
  for (const [row] of places) row.remove();
  for (const other of others) changed(other);
  remember(sheet, () => {
    for (const [row, body, before] of places.toReversed()) body.insertBefore(row, before);
    for (const other of others) changed(other);
    return inputOf(places[0][0].querySelector("[data-col]"));
  });
  changed(sheet, rows.length === 1 ? "Row removed" : `${rows.length} rows removed`);
  stay(sheet, at);
}

function setValue(input, value) {
  if (input.type === "checkbox") {
    input.checked = /^(true|yes|1|on|x)$/i.test(value.trim());
    return;
  }
  if (input.tagName === "SELECT") {
    if (cellOf(input)?.dataset.ref && input.isConnected) offer(input);
    const wanted = value.trim().toLowerCase();
    let option = [...input.options].find((o) => o.value.toLowerCase() === wanted || o.text.trim().toLowerCase() === wanted);
    if (!option) input.add(option = new Option(`${value.trim()} (is not there)`, value.trim()));
    input.value = option.value;
    return;
  }
  input.value = value;
}

const valueOf = (input) => (input.type === "checkbox" ? String(input.checked) : input.value);

function duplicate(sheet, rows) {
  if (rows.length === 0) return announce("Select the rows first");
  const twinOf = (of, row) => {
    const twin = blankRow(of);
    for (const cell of row.querySelectorAll("[data-col]")) setValue(inputOf(twin.querySelector(`[data-col="${cell.dataset.col}"]`)), valueOf(inputOf(cell)));
    suit(twin);
    return twin;
  };
  const twins = rows.map((row) => twinOf(sheet, row)), also = [];
  insert(sheet, twins, rows.at(-1).nextSibling);
  rows.forEach((row, i) => {
    for (const one of referring(row)) {
      const other = sheetOf(one), twin = twinOf(other, one);
      for (const cell of twin.querySelectorAll(`[data-ref="${sheet.dataset.sheet}"]`)) setValue(inputOf(cell), twins[i].dataset.row);
      insert(other, [twin], null);
      also.push([twin, other]);
    }
  });
  const others = new Set(also.map(([, other]) => other));
  for (const other of others) changed(other);
  remember(sheet, () => {
    for (const twin of [...twins, ...also.map(([twin]) => twin)]) twin.remove();
    for (const other of others) changed(other);
    return inputOf(rows[0].querySelector("[data-col]"));
  });
  changed(sheet, twins.length === 1 ? "Row duplicated" : `${twins.length} rows duplicated`);
  inputOf(twins[0].querySelector("[data-col]"))?.focus();
}

function move(sheet, rows, way) {
  if (rows.length === 0) return announce("Select the rows first");
  const order = rowsOf(sheet);
  const picked = new Set(rows);
  const next = [...order];
  if (way === "up") {
    for (let i = 1; i < next.length; i++) if (picked.has(next[i]) && !picked.has(next[i - 1])) [next[i - 1], next[i]] = [next[i], next[i - 1]];
  } else {
    for (let i = next.length - 2; i >= 0; i--) if (picked.has(next[i]) && !picked.has(next[i + 1])) [next[i + 1], next[i]] = [next[i], next[i + 1]];
  }
  reorder(sheet, order, next, `Moved to row ${next.indexOf(rows[0]) + 1} of ${next.length}`);
}

function reorder(sheet, order, next, said) {
  if (next.every((row, i) => row === order[i])) return;
  const active = document.activeElement;
  const arrange = (all) => {
    const body = sheet.querySelector("[data-rows]");
    all.forEach((row, i) => { if (body.children[i] !== row) body.insertBefore(row, body.children[i] ?? null); });
  };
  arrange(next);
  remember(sheet, () => { arrange(order); return null; });
  changed(sheet, said);
  if (active && sheet.contains(active)) active.focus();
  rowOf(active)?.scrollIntoView({ block: "nearest" });
}

// Spreadsheets copy cells separated by tabs; files have commas or semicolons. A cell that holds one stands in quotes.
export function grid(text) {
  text = text.replace(/\r\n?/g, "\n").replace(/\n$/, "");
  if (text.includes("\t")) return split(text, "\t");
  for (const by of [";", ","]) {
    const rows = split(text, by);
    if (rows.length > 1 && rows.every((r) => r.length > 1 && r.length === rows[0].length)) return rows;
  }
  return split(text, "\t");
}

function split(text, by) {
  const rows = [];
  let row = [], cell = "", quoted = false, began = false;
  const end = () => { row.push(cell); cell = ""; began = false; };
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quoted && c === '"' && text[i + 1] === '"') { cell += c; i++; }
    else if (c === '"' && (quoted || !began)) { quoted = !quoted; began = true; }
    else if (c === by && !quoted) end();
    else if (c === "\n" && !quoted) { end(); rows.push(row); row = []; }
    else { cell += c; began = true; }
  }
  end();
  rows.push(row);
  return rows;
}

function columnsOf(sheet) {
  return [...sheet.querySelectorAll("[role=columnheader][id]")].map((h) => ({ key: h.id.slice(sheet.dataset.sheet.length + 3), label: h.firstChild.textContent.trim() }));
}

// paste fills the grid from a cell on; rows are added as needed. A first row with headings says which column is which.
function paste(sheet, cells, at) {
  const columns = columnsOf(sheet);
  let keys = columns.map((c) => c.key).slice(at ? columns.findIndex((c) => c.key === at.column) : 0);
  const named = cells[0].map((name) => columns.find((c) => [c.label.toLowerCase(), c.key.toLowerCase()].includes(name.trim().toLowerCase()))?.key);
  const found = named.filter(Boolean).length;
  if (cells.length > 1 && found > 0 && found * 2 >= cells[0].length) {
    keys = named;
    cells = cells.slice(1);
  }
  const before = [], added = [];
  const body = sheet.querySelector("[data-rows]");
  let row = at?.row ?? null;
  const holder = document.createDocumentFragment();
  for (const line of cells) {
    if (!row) {
      row = blankRow(sheet);
      added.push(row);
      holder.append(row);
    }
    line.forEach((text, i) => {
      const input = keys[i] && inputOf(row.querySelector(`[data-col="${keys[i]}"]`));
      if (!input) return;
      before.push([input, valueOf(input)]);
      setValue(input, meant(sheet, input, text).trim());
    });
    row = row.isConnected ? row.nextElementSibling : null;
  }
  body.append(holder);
  remember(sheet, () => {
    for (const one of added) one.remove();
    for (const [input, value] of before) if (input.isConnected) setValue(input, value);
    return at ? inputOf(at.row.querySelector(`[data-col="${at.column}"]`)) : null;
  });
  changed(sheet, `${cells.length} ${cells.length === 1 ? "row" : "rows"} pasted`);
}

function go(sheet, input, step) {
  const row = rowOf(input);
  const column = cellOf(input).dataset.col;
  const next = step > 0 ? row.nextElementSibling : row.previousElementSibling;
  const target = inputOf(next?.querySelector(`[data-col="${column}"]`));
  if (!target) return false;
  target.focus();
  if (target.select && target.type !== "checkbox") target.select();
  return true;
}

function sideways(input, step) {
  const cells = [...rowOf(input).querySelectorAll("[data-col]")];
  const target = inputOf(cells[cells.indexOf(cellOf(input)) + step]);
  target?.focus();
  if (target?.setSelectionRange && target.type !== "checkbox") {
    const end = step > 0 ? 0 : target.value.length;
    target.setSelectionRange(end, end);
  }
  return Boolean(target);
}

// Arrows leave a cell only where they would do nothing in it.
function atEdge(input, key) {
  if (input.tagName === "SELECT") return false;
  if (input.type === "checkbox") return true;
  const { selectionStart: from, selectionEnd: to, value } = input;
  if (from !== to) return false;
  const oneLine = !value.includes("\n") && input.scrollHeight < 2 * parseFloat(getComputedStyle(input).lineHeight) + 16;
  switch (key) {
    case "ArrowUp": return oneLine || from === 0;
    case "ArrowDown": return oneLine || to === value.length;
    case "ArrowLeft": return from === 0;
    case "ArrowRight": return to === value.length;
  }
  return false;
}

function onKey(event) {
  const input = event.target;
  const sheet = sheetOf(input);
  if (!sheet || !cellOf(input) || !sheet.querySelector("template[data-blank]") || event.isComposing) return;
  const row = rowOf(input);
  const done = (yes) => { if (yes !== false) event.preventDefault(); };
  const plain = !event.ctrlKey && !event.metaKey;
  if (event.key === "Enter" && plain && !event.altKey) {
    if (input.matches("button")) return;
    if (!go(sheet, input, event.shiftKey ? -1 : 1) && !event.shiftKey) add(sheet, row, cellOf(input).dataset.col);
    return done();
  }
  if (event.key === "Enter" && event.altKey && input.tagName === "TEXTAREA") {
    input.setRangeText("\n", input.selectionStart, input.selectionEnd, "end");
    input.dispatchEvent(new Event("input", { bubbles: true }));
    return done();
  }
  if (event.altKey && plain && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
    if (event.shiftKey) duplicate(sheet, [row]);
    else move(sheet, [row], event.key === "ArrowUp" ? "up" : "down");
    return done();
  }
  if (event.altKey && plain && (event.key === "Delete" || event.key === "Backspace")) { remove(sheet, [row]); return done(); }
  if (!plain && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "z" && !sheet.dataset.typed && undo.get(sheet)?.length) { takeBack(sheet); return done(); }
  if (!plain || event.altKey || event.shiftKey || !event.key.startsWith("Arrow") || !atEdge(input, event.key)) return;
  const vertical = event.key === "ArrowUp" || event.key === "ArrowDown";
  done(vertical ? go(sheet, input, event.key === "ArrowDown" ? 1 : -1) : sideways(input, event.key === "ArrowRight" ? 1 : -1));
}

function onClick(event) {
  const button = event.target.closest?.("[data-sheet] button");
  if (!button) return;
  const sheet = sheetOf(button);
  const tool = button.dataset.tool;
  if ("undo" in button.dataset) takeBack(sheet);
  else if ("drop" in button.dataset) remove(sheet, [rowOf(button)]);
  else if (tool === "add") add(sheet, chosen(sheet).at(-1));
  else if (tool === "dup") duplicate(sheet, chosen(sheet));
  else if (tool === "remove") remove(sheet, chosen(sheet));
  else if (tool === "up" || tool === "down") move(sheet, chosen(sheet), tool);
  else if (button.value?.startsWith("paste:")) {
    const box = sheet.querySelector("[data-paste-box]");
    if (box.value.trim() === "") { box.focus(); return void event.preventDefault(); }
    paste(sheet, grid(box.value));
    box.value = "";
  } else return;
  event.preventDefault();
}

function onPaste(event) {
  const cell = event.target instanceof Element ? cellOf(event.target) : null;
  const sheet = cell && sheetOf(cell);
  if (!sheet?.querySelector("template[data-blank]")) return;
  const text = event.clipboardData?.getData("text/plain") ?? "";
  const cells = grid(text);
  if (cells.length === 1 && cells[0].length === 1) return;
  event.preventDefault();
  paste(sheet, cells, { row: rowOf(cell), column: cell.dataset.col });
}

// Dragging by the handle. Keys and buttons do the same, so nobody has to.
function onDrag(event) {
  const handle = event.target.closest?.("[data-handle]");
  if (!handle || event.button > 0) return;
  event.preventDefault();
  const sheet = sheetOf(handle);
  const row = rowOf(handle);
  const order = rowsOf(sheet);
  const picked = chosen(sheet).includes(row) && row.querySelector(".pick input").checked ? chosen(sheet) : [row];
  let over = null, after = false;
  document.documentElement.classList.add("dragging");
  for (const one of picked) one.classList.add("row-dragged");
  const clear = () => over?.classList.remove("row-over", "row-over-end");
  const box = sheet.querySelector(".sheet");
  const onMove = (e) => {
    const frame = box.getBoundingClientRect();
    if (e.clientY < frame.top + 50) box.scrollTop -= 14;
    if (e.clientY > frame.bottom - 30) box.scrollTop += 14;
    const under = document.elementFromPoint(Math.min(Math.max(e.clientX, frame.left + 4), frame.right - 4), e.clientY)?.closest("[data-row]");
    if (!under || !sheet.contains(under)) return;
    clear();
    const place = under.getBoundingClientRect();
    over = under;
    after = e.clientY > place.top + place.height / 2;
    over.classList.add(after ? "row-over-end" : "row-over");
  };
  const onUp = (e) => {
    document.removeEventListener("pointermove", onMove);
    document.removeEventListener("pointerup", onUp);
    document.removeEventListener("pointercancel", onUp);
    document.documentElement.classList.remove("dragging");
    for (const one of picked) one.classList.remove("row-dragged");
    clear();
    if (e.type === "pointercancel" || !over || picked.includes(over)) return;
    const rest = order.filter((one) => !picked.includes(one));
    const next = [...rest];
    next.splice(rest.indexOf(over) + (after ? 1 : 0), 0, ...picked);
    reorder(sheet, order, next, `Moved to row ${next.indexOf(row) + 1} of ${next.length}`);
  };
  document.addEventListener("pointermove", onMove);
  document.addEventListener("pointerup", onUp);
  document.addEventListener("pointercancel", onUp);
}

// suit dims the cells that do not count with what another cell of the row says.
function suit(row) {
  for (const cell of row.querySelectorAll("[data-show-col]")) {
    const input = inputOf(row.querySelector(`[data-col="${cell.dataset.showCol}"]`));
    if (input) cell.classList.toggle("cell-off", !cell.dataset.showIn.split(" ").includes(input.value));
  }
}

let listening = false;

// startSheets begins where a table is, or comes with a part of the page.
export function startSheets() {
  document.addEventListener("joinery:fragment", listen);
  listen();
}

function listen() {
  if (listening || !document.querySelector("[data-sheet]")) return;
  listening = true;
  document.addEventListener("keydown", onKey);
  document.addEventListener("click", onClick);
  document.addEventListener("paste", onPaste);
  document.addEventListener("pointerdown", onDrag);
  document.addEventListener("pointerdown", offering);
  document.addEventListener("focusin", offering);
  document.addEventListener("focusin", (event) => {
    const sheet = sheetOf(event.target);
    const row = sheet && rowOf(event.target);
    if (row) sheet.dataset.last = row.dataset.row;
  });
  document.addEventListener("change", (event) => {
    const row = event.target.matches?.("select") && cellOf(event.target) && rowOf(event.target);
    if (row) suit(row);
  });
  document.addEventListener("input", (event) => {
    const sheet = cellOf(event.target) && sheetOf(event.target);
    if (!sheet) return;
    sheet.dataset.typed = "yes";
    refer(sheet.closest("form"));
  });
}

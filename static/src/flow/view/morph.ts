// Puts new HTML in place of old and keeps what the reader has: focus, caret, and what they type in.

/** mark tells what an element is among its siblings: what it is called, or which input it holds. */
function mark(e: Element): string {
  const name = e.id || e.getAttribute("name") || (e.matches("[data-line]") ? "" : e.querySelector("[name]")?.getAttribute("name") ?? "");
  return [e.tagName, name, e.getAttribute("type"), e.classList[0]].join("|");
}

export function morph(place: Element, html: string): void {
  const parsed = new DOMParser().parseFromString(html, "text/html");
  children(place, parsed.body);
}

function children(old: Element, now: Element): void {
  const wanted = [...now.childNodes], marks = wanted.map((w) => (w instanceof Element ? mark(w) : ""));
  let at: ChildNode | null = old.firstChild;
  wanted.forEach((want, i) => {
    if (want instanceof Element) {
      const found = next(at, marks[i]);
      // What stands before it goes, unless it is wanted further down: then this one is new.
      const keep = found && between(at, found).some((e) => e instanceof Element && marks.indexOf(mark(e), i + 1) >= 0);
      if (found && !keep) {
        for (const gone of between(at, found)) gone.remove();
        element(found, want);
        at = found.nextSibling;
        return;
      }
    } else if (at && at.nodeType === want.nodeType) {
      if (at.textContent !== want.textContent) at.textContent = want.textContent;
      at = at.nextSibling;
      return;
    }
    old.insertBefore(document.importNode(want, true), at);
  });
  while (at) { const gone: ChildNode = at; at = at.nextSibling; gone.remove(); }
}

/** next is the nearest sibling from here on with this mark. */
function next(at: ChildNode | null, wanted: string): Element | undefined {
  for (let s = at; s; s = s.nextSibling) if (s instanceof Element && mark(s) === wanted) return s;
  return undefined;
}

function between(from: ChildNode | null, to: Element): ChildNode[] {
  const out: ChildNode[] = [];
  for (let s = from; s && s !== to; s = s.nextSibling) out.push(s);
  return out;
}

function element(old: Element, now: Element): void {
  const active = old === document.activeElement;
  for (const a of [...old.attributes]) {
    if (!now.hasAttribute(a.name) && !(a.name === "open" && old.tagName === "DETAILS") && !a.name.startsWith("data-live-")) old.removeAttribute(a.name);
  }
  for (const a of [...now.attributes]) if (old.getAttribute(a.name) !== a.value && !(a.name === "open" && old.tagName === "DETAILS")) old.setAttribute(a.name, a.value);
  if (old instanceof HTMLTextAreaElement && now instanceof HTMLTextAreaElement) { if (!active && old.value !== now.value) old.value = now.value; return; }
  if (old.tagName.includes("-")) return; // an element with a life of its own
  children(old, now);
  if (old instanceof HTMLInputElement && now instanceof HTMLInputElement && !active) {
    if (old.value !== now.value) old.value = now.value;
    old.checked = now.checked;
  }
  if (old instanceof HTMLSelectElement && now instanceof HTMLSelectElement && !active) old.value = now.value;
}

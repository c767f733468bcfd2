import { announce } from "./say.js";

// Live parts: an element with data-live="URL" shows the newest fragment that the stream at URL sends. The stream sends
// events "fragment" (HTML) and at last "done"; EventSource connects again by itself.
export function startLive() {
  for (const element of document.querySelectorAll("[data-live]")) connect(element);
}

// After a broken connection the browser tries again by itself; after an answer that is no stream (a server that is just
// starting) it gives up, so that is tried again here, ever less often.
const longest = 60_000;

function connect(element, wait = 2000) {
  const source = new EventSource(element.dataset.live);
  let over = false;
  source.addEventListener("open", () => { wait = 2000; });
  source.addEventListener("error", () => {
    if (over || source.readyState !== EventSource.CLOSED || !element.isConnected) return;
    over = true;
    setTimeout(() => connect(element, Math.min(wait * 2, longest)), wait);
  });
  source.addEventListener("fragment", (event) => replace(element, event.data));
  source.addEventListener("delta", (event) => grow(element, JSON.parse(event.data)));
  const end = () => { over = true; source.close(); };
  source.addEventListener("done", end);
  window.addEventListener("pagehide", end);
  window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
}

// Text that is arriving grows where it stands; data-at says how much of it is here, so a piece that was drawn with the part
// is not written twice. What does not follow comes with the next fragment.
function grow(element, piece) {
  const text = element.querySelector(`[data-stream="${CSS.escape(piece.stream)}"]`);
  if (!text || Number(text.dataset.at) !== piece.from) return;
  const following = text.scrollHeight - text.scrollTop - text.clientHeight < 40;
  text.append(piece.text);
  text.dataset.at = piece.to;
  if (following) text.scrollTop = text.scrollHeight;
}

// What the reader has open, typed or focused in the old part stays so in the new one; ids say what is the same.
function replace(element, html) {
  const parsed = new DOMParser().parseFromString(html, "text/html");
  if (alike(parsed.body) === alike(element)) return;
  const active = document.activeElement;
  if (active && element.contains(active) && active.matches("input:not([type=hidden]), textarea, select")) return;
  const focused = active && element.contains(active) ? active.id : "";
  const open = new Set([...element.querySelectorAll("details[open][id]")].map((d) => d.id));
  const shut = new Set([...element.querySelectorAll("details:not([open])[id]")].map((d) => d.id));
  const before = element.querySelector("[data-said]")?.textContent;
  const scrolled = new Map([...element.querySelectorAll("[id]")].filter((e) => e.scrollTop > 0).map((e) => [e.id, e.scrollTop]));
  element.replaceChildren(...parsed.body.childNodes);
  for (const d of element.querySelectorAll("details[id]")) {
    if (open.has(d.id)) d.open = true;
    if (shut.has(d.id)) d.open = false;
  }
  for (const [id, top] of scrolled) document.getElementById(id)?.scrollTo({ top });
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  const said = element.querySelector("[data-said]")?.textContent;
  if (said && said !== before) announce(said);
  element.dispatchEvent(new CustomEvent("joinery:fragment", { bubbles: true }));
}

// A part that says the same stays: the first fragment is what the page already shows, and replacing it would lose a click
// that is under way. Form tokens are masked anew each time and say nothing.
function alike(element) {
  return element.innerHTML.replace(/(name="_csrf" value=")[^"]*/g, "$1");
}

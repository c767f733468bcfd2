// The editor page of a function: the form that the server made, with the code editor in place of the text, judged and saved
// while somebody types. Every act is also a button of the form, so nothing here decides anything.
import { read } from "../answer";
import { CodeEditor, Found, Survivor } from "./editor";
import { Answer, Fields, Keeper, Kept } from "./keep";
import { Func, Library } from "./library";

interface Judged {
  problems: { field: string; detail: string }[]; diagnostics: Found[]; inputs: string[]; parts: Record<string, string>;
  cases?: Record<string, { badge: string; more: string; passed: boolean }>; lines?: number[]; missed?: number[]; survivors?: Survivor[]; tested?: boolean; trouble?: string;
}

const form = document.querySelector<HTMLFormElement>("form[data-function]");
if (form) void start(form);

async function start(form: HTMLFormElement): Promise<void> {
  const key = form.dataset.function!, readOnly = "readOnly" in form.dataset;
  const one = <T extends HTMLElement = HTMLElement>(selector: string) => form.querySelector<T>(selector)!;
  const source = one<HTMLTextAreaElement>("textarea[name=source]");
  const announce = (text: string) => { const r = document.querySelector("[data-announce]"); if (r) { r.textContent = ""; requestAnimationFrame(() => { r.textContent = text; }); } };
  const state = (text: string) => { one("[data-state]").textContent = text; };
  const put = (selector: string, html: string | undefined) => { if (html !== undefined) one(selector).innerHTML = html; };

  const answer = await fetch(form.dataset.library!, { headers: { Accept: "application/json" } }).then((r) => r.json()).catch(() => ({ functions: [] })) as { functions: Func[] };
  const grants = () => [...[...form.querySelectorAll<HTMLInputElement>("input[name=grant]:checked")].map((e) => e.value), ...one<HTMLTextAreaElement>("[name=grants]").value.split("\n").map((l) => l.trim()).filter(Boolean)];
  const library = new Library(answer.functions, grants);

  // The form as pairs. Files and buttons are not among them.
  const pairs = (): Fields => [...new FormData(form)].map(([k, v]) => [k, String(v)] as [string, string]);
  const fields = (): Fields => pairs().filter(([k]) => k !== "_csrf" && k !== "base" && k !== "newest");
  const post = async (url: string, more: Record<string, string>, signal?: AbortSignal, alive = false): Promise<Answer> => {
    const body = new URLSearchParams(pairs());
    for (const [k, v] of Object.entries(more)) body.set(k, v);
    const r = await fetch(url, { method: "POST", body, signal, keepalive: alive, credentials: "same-origin", headers: { Accept: "application/json" } });
    return { status: r.status, body: await read(r) };
  };

  // The code editor in place of the text, which keeps its value for the form.
  const host = document.createElement("div");
  host.className = "code-host";
  source.hidden = true;
  source.after(host);
  const keys = "Lua code. Tab indents; Escape, then Tab leaves.";
  const editor = new CodeEditor(host, source.value.replaceAll("\r\n", "\n"), keys, readOnly, library, {
    changed: (text) => { source.value = text; changed(true); },
    say: announce,
    explain: (html) => {
      const box = one("[data-help]");
      box.hidden = false;
      box.replaceChildren(html ?? "The library knows nothing of that name. Put the cursor on one such as text.slug.");
      announce(box.textContent ?? "");
    },
    save: () => void keeper.now({ op: "save" }),
    test: () => void act("test"),
    run: () => void act("run"),
  });
  form.querySelector(`label[for="${source.id}"]`)?.addEventListener("click", () => editor.view.focus());

  const store = {
    get: (k: string) => { try { return localStorage.getItem(k); } catch { return null; } },
    set: (k: string, v: string) => { try { localStorage.setItem(k, v); } catch { /* full or forbidden: the server is still asked to save */ } },
    drop: (k: string) => { try { localStorage.removeItem(k); } catch { /* as above */ } },
  };
  const base = one<HTMLInputElement>("input[name=base]");
  const keeper = new Keeper({
    key: `joinery:function:${key}`, base: () => base.value, fields, store, now: () => Date.now(),
    send: (more) => post(form.dataset.save!, more),
    saved: (revision) => { base.value = String(revision); put("[data-conflict]", ""); },
    say: state, problems: (list) => mark(list, true),
    conflict: (html) => { put("[data-conflict]", html); one("[data-conflict]").scrollIntoView({ block: "nearest" }); },
    after: (ms, f) => { const t = setTimeout(f, ms); return () => clearTimeout(t); },
  });

  const kept = readOnly || "changed" in form.dataset ? undefined : keeper.left();
  if (kept && JSON.stringify(kept.fields) !== JSON.stringify(fields())) {
    const next = await again(form, kept);
    if (!next) return state("What you typed before is kept in this browser, and Joinery does not answer. Reload to have it back.");
    form.replaceWith(next);
    announce("What was not saved is back.");
    return start(next);
  }
  if (kept) keeper.drop();

  // Judging.
  let waiting: AbortController | undefined, timer = 0;
  const changed = (content: boolean) => {
    if (content && !readOnly) keeper.changed();
    clearTimeout(timer);
    timer = window.setTimeout(() => void judge(""), 400);
  };
  async function judge(op: string): Promise<void> {
    if (readOnly) return;
    waiting?.abort();
    const mine = waiting = new AbortController();
    let got: Judged;
    try {
      const { status, body } = await post(form!.dataset.draft!, { op }, mine.signal);
      if (status !== 200) { if (op) state((body as { detail?: string }).detail ?? "The server did not take it."); return; }
      got = body as unknown as Judged;
    } catch (err) {
      if ((err as Error).name !== "AbortError" && op) state("Joinery does not answer. What you typed is still here.");
      return;
    }
    library.inputs = got.inputs;
    editor.judge(got.diagnostics);
    mark(got.problems, false);
    put("[data-findings]", got.parts.findings);
    put("[data-grant-notes]", got.parts.grants);
    put("[data-results]", got.parts.results ?? (got.trouble && /^(test|mutants)/.test(op) ? "" : undefined));
    if (got.trouble && op && op !== "run") { one("[data-results]").textContent = got.trouble; announce(got.trouble); }
    put("[data-outcome]", got.parts.outcome);
    put("[data-compared]", got.parts.compared);
    if (got.parts.coverage !== undefined) {
      put("[data-coverage]", got.parts.coverage);
      editor.covered(got.lines ?? [], got.missed ?? [], got.survivors ?? []);
    }
    put("[data-case-list]", got.parts.cases);
    if (got.parts.sample !== undefined && !one("[data-sample-form]").contains(document.activeElement)) put("[data-sample-form]", got.parts.sample);
    if (got.parts.tests !== undefined && !one("[data-tests]").contains(document.activeElement)) put("[data-tests]", got.parts.tests);
    for (const [id, r] of Object.entries(got.cases ?? {})) {
      const box = form!.querySelector<HTMLDetailsElement>(`[data-case="${CSS.escape(id)}"]`);
      if (!box) continue;
      box.querySelector("[data-case-result]")!.innerHTML = r.badge;
      box.querySelector("[data-case-more]")!.innerHTML = r.more;
      if (!r.passed && op.startsWith("test:")) box.open = true;
    }
    if (op === "compare") document.getElementById("compared")?.scrollIntoView({ block: "nearest" });
  }
  async function act(op: string): Promise<void> {
    clearTimeout(timer);
    const buttons = [...form!.querySelectorAll<HTMLButtonElement>(`button[data-op="${CSS.escape(op)}"]`)];
    for (const b of buttons) b.setAttribute("aria-busy", "true");
    if (op === "mutants") one("[data-results]").textContent = "Trying small changes…";
    await judge(op);
    for (const b of buttons) b.removeAttribute("aria-busy");
  }

  // What is wrong is told at its field. Fields that nobody has filled yet are told when it is submitted.
  function mark(list: { field: string; detail: string }[], onlyAdd: boolean): void {
    const at = new Map(list.map((p) => [p.field, p.detail]));
    for (const e of form!.querySelectorAll<HTMLElement>("[data-table-error]")) { e.textContent = at.get(e.closest<HTMLElement>("[data-sheet]")!.dataset.sheet!) ?? ""; e.hidden = e.textContent === ""; }
    for (const e of form!.querySelectorAll<HTMLInputElement>("[data-case-list] [name], [data-schemas] [name], [data-tests] [name], .function-side [name], [data-sample] [name]")) {
      const holder = e.closest(".field, .cell"), detail = at.get(e.name);
      if (!holder || e.type === "hidden") continue;
      let error = holder.querySelector<HTMLElement>(":scope > .error");
      if (!detail) { if (error && !onlyAdd) { error.remove(); e.removeAttribute("aria-invalid"); } continue; }
      if (!error) { error = document.createElement("p"); error.className = "error"; error.id = e.id ? `${e.id}-error` : `e-${e.name.replaceAll(".", "-")}`; holder.append(error); }
      if (error.textContent !== detail) error.textContent = detail;
      e.setAttribute("aria-invalid", "true");
      e.setAttribute("aria-describedby", error.id);
    }
  }

  function addCase(id: string): HTMLDetailsElement {
    const holder = document.createElement("div");
    holder.innerHTML = form!.querySelector<HTMLTemplateElement>("template[data-case-blank]")!.innerHTML.replaceAll("BLANK", id);
    const box = holder.firstElementChild as HTMLDetailsElement;
    one("[data-case-list]").append(box);
    form!.querySelector("[data-no-cases]")?.remove();
    return box;
  }

  form.addEventListener("input", (event) => {
    const e = event.target as HTMLInputElement;
    if ((event.target as Element) === source || !e.name) return;
    if (/^case\..*\.name$/.test(e.name)) e.closest("[data-case]")!.querySelector("[data-case-name]")!.textContent = e.value || "New test";
    if (!/^(s|paste)\./.test(e.name)) changed(!/^(sample\.|t\.sample\.|compare$|message$)/.test(e.name));
  });
  form.addEventListener("joinery:changed", (event) => changed((event as CustomEvent<{ sheet?: string }>).detail?.sheet !== "sample")); // rows came, went or moved
  form.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLElement>("button, a");
    if (!button) return;
    const data = button.dataset;
    if (data.op) void act(data.op);
    else if ("caseAdd" in data) { const box = addCase(`j${Date.now().toString(36)}`.slice(0, 15)); box.querySelector<HTMLInputElement>("input:not([type=hidden])")!.focus(); announce("Test added"); changed(true); }
    else if ("caseDrop" in data) { button.closest("[data-case]")!.remove(); one("[data-case-add]").focus(); announce("Test removed"); changed(true); }
    else if ("overwrite" in data) void keeper.now({ op: "overwrite", newest: one<HTMLInputElement>("input[name=newest]").value });
    else if ("takeTheirs" in data) { keeper.drop(); return; }
    else return;
    event.preventDefault();
  });
  form.addEventListener("keydown", (event) => {
    const mod = event.ctrlKey || event.metaKey;
    if (event.defaultPrevented) return;
    if (mod && event.key === "s") { event.preventDefault(); void keeper.now({ op: "save" }); }
    else if (mod && event.key === "Enter") { event.preventDefault(); void act(event.shiftKey ? "run" : "test"); }
    else if (event.key === "Enter" && (event.target as Element).matches("input:not([type=checkbox])")) { event.preventDefault(); void judge(""); }
  });
  form.addEventListener("submit", () => keeper.drop()); // the server answers with the form as it is
  window.addEventListener("pagehide", () => { if (keeper.dirty) void post(form.dataset.save!, {}, undefined, true).catch(() => undefined); });
  // The button that submits a revision must not take an older one than what is on the screen.
  for (const other of document.querySelectorAll<HTMLFormElement>(`form[action="/functions/${CSS.escape(key)}/reviews"]`)) {
    other.addEventListener("submit", (event) => {
      const revision = other.querySelector<HTMLInputElement>("input[name=revision]")!;
      if (!keeper.dirty) { revision.value = base.value; return; }
      event.preventDefault();
      void keeper.now().then(() => { revision.value = base.value; if (!keeper.dirty) other.requestSubmit(); });
    });
  }

  if ("changed" in form.dataset) {
    history.replaceState(null, "", `/functions/${key}`); // a reload asks for the page, and sends nothing again
    changed(true);
  }
  form.dataset.ready = "yes";
  void judge("");
}

/** again is the form with fields that an earlier page could not save, as the server shows it: which tables and tests there are follows from them. */
async function again(form: HTMLFormElement, kept: Kept): Promise<HTMLFormElement | null> {
  const body = new URLSearchParams(kept.fields.filter(([k]) => k !== "op"));
  body.set("_csrf", form.querySelector<HTMLInputElement>("input[name=_csrf]")!.value);
  body.set("base", kept.base);
  body.set("op", "restore");
  const page = await fetch(form.action, { method: "POST", body, credentials: "same-origin" }).then((r) => (r.ok ? r.text() : "")).catch(() => "");
  return new DOMParser().parseFromString(page, "text/html").querySelector<HTMLFormElement>("form[data-function]");
}

// What the page says beside the drawing, made by the server: the steps of a run, or what differs between two revisions. What
// it says of a node is painted on the drawing; who chooses a node there is shown what is said of it, and the other way round.
import { findNode } from "./core/graph";
import type { Session, Step } from "./session";

export class Aside {
  private chosen = "";

  constructor(private readonly place: HTMLElement, private readonly session: Session) {
    session.enter = () => this.enter();
    this.read();
    place.addEventListener("joinery:fragment", () => { this.read(); this.mark(false); });
    place.addEventListener("click", (e) => this.click(e));
    place.addEventListener("change", (e) => { if (e.target instanceof HTMLInputElement && e.target.matches("[data-show-moved]")) session.show({ moved: e.target.checked }); });
    session.editor.subscribe(() => this.follow());
    const named = () => {
      const at = /^#(?:step|change)-(.+)$/.exec(location.hash)?.[1];
      if (at && findNode(session.editor.content, at)) { session.editor.select([at]); session.center?.(at); }
    };
    named();
    addEventListener("hashchange", named);
  }

  /** enter puts the focus on what is said of the chosen node. */
  enter(): boolean {
    const said = this.of(this.chosen);
    const to = said?.querySelector<HTMLElement>("a, summary, button");
    to?.focus();
    return !!to;
  }

  private of(id: string): HTMLElement | null { return id ? this.place.querySelector(`[data-node="${CSS.escape(id)}"]`) : null; }

  /** read paints what the steps say. */
  private read(): void {
    const steps: Record<string, Step> = {};
    for (const e of this.place.querySelectorAll<HTMLElement>("[data-node][data-state]")) {
      const { node, state, port, word, tone } = e.dataset;
      steps[node!] = { state: state!, port, word, tone };
    }
    if (Object.keys(steps).length > 0) this.session.paint(steps);
  }

  private follow(): void {
    const { editor } = this.session;
    const now = editor.one?.id ?? "";
    if (now === this.chosen) return;
    this.chosen = now;
    this.mark(true);
    if (now && !this.of(now)) editor.say(this.session.mode === "diff" ? "Nothing changed at this node." : "Nothing is said of this node.");
  }

  /** mark shows which part speaks of the chosen node, and opens it. */
  private mark(go: boolean): void {
    for (const e of this.place.querySelectorAll("[data-node][aria-current]")) e.removeAttribute("aria-current");
    const said = this.of(this.chosen);
    if (!said) return;
    said.setAttribute("aria-current", "true");
    if (!go) return;
    for (const d of said.querySelectorAll("details")) d.open = true;
    const top = said.getBoundingClientRect().top - this.place.getBoundingClientRect().top, room = this.place.clientHeight;
    if (top < 0 || top + Math.min(said.offsetHeight, room) > room) this.place.scrollTo({ top: this.place.scrollTop + top - 12, behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  }

  private click(e: MouseEvent): void {
    const target = e.target as Element;
    const said = target.closest<HTMLElement>("[data-node]"), link = target.closest("a");
    if (!said || link && !link.matches("[href^='#']") || target.closest("button, input, textarea, select, summary, pre, form") || !(getSelection()?.isCollapsed ?? true)) return;
    const id = said.dataset.node!;
    if (!findNode(this.session.editor.content, id)) return;
    if (link) e.preventDefault();
    this.session.editor.select([id]);
    this.session.center?.(id);
  }
}

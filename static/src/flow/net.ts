// The wire to the server.
import { read } from "../answer";
export class Net {
  constructor(readonly flow: string, private csrf = "") {}

  at(path: string): string { return `/flows/${encodeURIComponent(this.flow)}/${path}`; }

  use(csrf: string): void { this.csrf = csrf; }

  get<T>(path: string): Promise<T> { return this.read<T>(this.at(path)); }

  async read<T>(url: string): Promise<T> {
    const r = await fetch(url, { headers: { Accept: "application/json" }, credentials: "same-origin" });
    if (!r.ok) throw new Error((await r.json().catch(() => ({}))).detail || `The server answered ${r.status}.`);
    return r.json() as Promise<T>;
  }

  async send(method: string, path: string, body: unknown, alive = false): Promise<{ status: number; body: any }> {
    const r = await fetch(this.at(path), { method, headers: { Accept: "application/json", "Content-Type": "application/json", "X-CSRF-Token": this.csrf }, credentials: "same-origin", body: JSON.stringify(body), keepalive: alive });
    return { status: r.status, body: await read(r) };
  }
}

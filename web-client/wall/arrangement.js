// How a wall is arranged, and who keeps that: the server for each key, or where it needs none, the browser.
//
// The panel to change it is arrange.js.

import { api } from "./words.js";

/** Where the browser keeps it. */
const KEPT = "pi-wall";
/** The lists of which it consists, but for the groups. */
const LISTS = ["order", "hidden", "servers"];

const texts = (list) => (Array.isArray(list) ? list.filter((entry) => typeof entry === "string") : []);

/** How the server keeps it: the status of its answer, and what it keeps. */
async function keptByServer(asked) {
  const answer = await (asked ?? fetch(api("wall"), { cache: "no-store" }));
  if (![200, 204].includes(answer.status)) throw new Error((await answer.text?.())?.trim() || `HTTP ${answer.status ?? 0}`);
  return { status: answer.status, said: answer.status === 200 ? await answer.json() : null };
}

/** What a wall's user wants: cameras that come first, those that are not shown, addresses of other servers, and groups of cameras,
 * each with a name. `fail` hears why the server does not say. */
export class Arrangement {
  order = [];
  hidden = [];
  servers = [];
  groups = [];
  /** Who keeps it, "server" or "browser"; null while the server has not said. */
  #keeper = null;
  /** Why it has not. */
  #unread = "";
  /** How often it was changed here, the request that has the server keep it, and whether that failed. */
  #changes = 0;
  #sending = null;
  #unkept = false;
  /** The lists that were changed here and are not kept yet. */
  #touched = new Set();
  #fail;

  constructor(fail) {
    this.#fail = fail;
  }

  /** Asks the server, or takes what it was asked for: it may have been arranged elsewhere. Whether it is another arrangement. */
  async read(asked) {
    if (this.#keeper === "browser" || this.#sending) return false;
    const changes = this.#changes;
    try {
      const kept = await keptByServer(asked);
      if (changes !== this.#changes || this.#sending) return false;
      // What was changed here counts until it is kept; the rest may have been arranged elsewhere meanwhile.
      const mine = [...this.#touched].map((name) => [name, this[name]]);
      const isOther = this.#take(kept);
      if (!this.#unkept) return isOther;
      this.#unkept = false;
      if (this.#keeper === "server") this.change(Object.fromEntries(mine)).catch(() => {});
      return true;
    } catch ({ message }) {
      // Who keeps it is not known, so that nobody does.
      if (this.#unread !== message) this.#fail(message);
      this.#unread = message;
      return false;
    }
  }

  /** Arranges it as it was kept. Whether that is otherwise than now. */
  #take({ status, said }) {
    this.#keeper = status === 204 ? "browser" : "server";
    this.#unread = "";
    try {
      if (status === 204) said = JSON.parse(localStorage.getItem(KEPT));
      // What is kept for a key is for nobody else at this browser.
      else localStorage.removeItem(KEPT);
    } catch {}
    const before = JSON.stringify(this);
    for (const name of LISTS) this[name] = texts(said?.[name]);
    const groups = Array.isArray(said?.groups) ? said.groups : [];
    this.groups = groups.filter((group) => group?.name).map(({ name, cameras }) => ({ name: String(name), cameras: texts(cameras) }));
    return JSON.stringify(this) !== before;
  }

  /** Has it otherwise from now on. Rejected where that cannot be kept. */
  change(lists) {
    Object.assign(this, lists);
    for (const name of Object.keys(lists)) this.#touched.add(name);
    this.#changes += 1;
    // One request at a time, so that the newest is kept last.
    return (this.#sending ??= this.#send().finally(() => (this.#sending = null)));
  }

  async #send() {
    // After all changes that are made together.
    await null;
    if (!this.#keeper) throw new Error(this.#unread);
    if (this.#keeper === "browser") return localStorage.setItem(KEPT, JSON.stringify(this));
    this.#unkept = true;
    for (let changes = null; changes !== this.#changes; ) {
      changes = this.#changes;
      const answer = await fetch(api("wall"), { method: "PUT", body: JSON.stringify(this) });
      if (answer.status === 429) {
        changes = null;
        await new Promise((later) => setTimeout(later, 1000 * (parseInt(answer.headers.get("retry-after")) || 5)));
      } else if (!answer.ok) {
        // What is refused once is refused always: what is kept counts again.
        this.#unkept = answer.status >= 500;
        if (!this.#unkept) this.#touched.clear();
        throw new Error((await answer.text()).trim(), { cause: answer.headers.get("pistreamer-cause") });
      }
    }
    this.#unkept = false;
    this.#touched.clear();
  }
}

// <pi-wall>: the cameras of one or several servers on one page, each live on a tile, and one of them in full.
//
// Loaded by boot.js and embed.js. Each tile is a <pi-camera>, which knows its own connection, state and size; what is here
// decides which there are, where they stand, and which one is looked at.

import { Arrangement } from "./wall/arrangement.js";
import { layout, rate } from "./wall/layout.js";
import { Server, placeOf } from "./wall/servers.js";
import { Tile } from "./wall/tile.js";
import { make, words } from "./wall/words.js";

/** ms from one look at how it is arranged to the next, and for which the first one may keep the cameras from being shown. */
const [LOOK, PATIENCE] = [5000, 1000];
/** ms without input until what lies over the pictures hides. */
const IDLE = 3500;
/** In kiosk mode, ms from one small move of the whole to the next, so that nothing burns in, and how far, in pixels. */
const [MOVE, FAR] = [60_000, 4];
/** Pixels between tiles. */
const GAP = 4;
/** Pixels that a finger moves for the next camera. */
const SWIPE = 60;
/** Attributes that each tile has from the wall. */
const SHARED = ["fit", "mirror", "wire", "size", "stale-after", "pinned", "lang"];

const icon = (paths) => `<svg viewBox="0 0 24 24" aria-hidden="true">${paths}</svg>`;

const STYLE = new URL("wall.css", import.meta.url).href;
const style = fetch(STYLE).then((answer) => (answer.ok ? answer.text() : Promise.reject(new Error(`wall.css: ${answer.status}`))));
style.catch(() => {});

/** Browsers without constructable style sheets get a file, which the server's own content policy lets them have. */
function addStyle(shadow, rules) {
  try {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(rules);
    shadow.adoptedStyleSheets = [sheet];
  } catch {
    shadow.prepend(make("link", { rel: "stylesheet", href: STYLE }));
  }
}

/** The class, once <pi-camera> is there. */
async function define() {
  await customElements.whenDefined("pi-camera");
  const rules = await style;
  if (customElements.get("pi-wall")) return;
  const { put, speak } = customElements.get("pi-camera").texts;

  class PiWall extends HTMLElement {
    static observedAttributes = ["src", "kiosk", "max-fps", ...SHARED];
    #tiles = [];
    #grid = make("div", { id: "grid" });
    #groups = make("div", { id: "groups", hidden: true });
    /** The group that is shown alone, by its name, and the names that are offered. */
    #group = null;
    #offered = "";
    #root = make("div", { id: "root" });
    #bar;
    #open = null;
    /** By their places. The first one is the wall's own. */
    #servers = new Map();
    /** What its user wants. */
    arrangement = new Arrangement((message) => this.#fail(message));
    /** Every camera that is known, also hidden ones. */
    known = [];
    /** While it is in a document. */
    #running = null;
    #resized;
    #timer;
    #idle;
    #moved = 0;
    /** What lets the screen sleep again. */
    #awake = null;
    /** Whether the browser is on its way back to all of them. */
    #closing = false;

    constructor() {
      super();
      const root = this.attachShadow({ mode: "open" });
      this.#grid.setAttribute("role", "list");
      const button = (name, label, paths) => {
        const node = make("button", { type: "button", id: name, innerHTML: icon(paths) });
        put(node, "aria-label", label);
        put(node, "title", label);
        node.setAttribute("part", `button ${name}`);
        return node;
      };
      this.#bar = make(
        "div",
        { id: "bar" },
        button("back", words("All cameras"), '<path d="M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z"/>'),
        button("previous", words("Previous camera"), '<path d="M15 5l-7 7 7 7"/>'),
        button("next", words("Next camera"), '<path d="M9 5l7 7-7 7"/>'),
        button("arrange", words("Arrange the cameras"), '<path d="M4 7h10M18 7h2M4 17h2M10 17h10"/><circle cx="16" cy="7" r="2"/><circle cx="8" cy="17" r="2"/>'),
        button("full", words("Full screen"), '<path d="M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5"/>'),
      );
      this.empty = make("p", { id: "empty", hidden: true });
      this.#groups.setAttribute("role", "group");
      put(this.#groups, "aria-label", words("Groups"));
      this.#root.append(this.#grid, this.empty, this.#groups, this.#bar);
      this.#root.setAttribute("role", "group");
      put(this.#root, "aria-label", words("Cameras"));
      root.append(this.#root);
      addStyle(root, rules);
      this.#bar.addEventListener("click", ({ target }) => {
        const { id } = target.closest("button") ?? {};
        if (id === "back") this.close();
        // Where the browser lets it fill no screen, or a file is not to be had, all is as before.
        else if (id === "full") (document.fullscreenElement ? document.exitFullscreen() : this.requestFullscreen()).catch(() => {});
        else if (id === "arrange") import("./wall/arrange.js").then(({ default: arrange }) => arrange(this, put, speak), ({ message }) => this.#fail(message));
        else if (id) this.step(id === "next" ? 1 : -1);
      });
      this.#groups.addEventListener("click", ({ target }) => {
        const button = target.closest("button");
        if (!button) return;
        this.#group = button.value || null;
        if (this.hasAttribute("linked")) history.replaceState(history.state, "", this.#home);
        this.#arrange();
      });
      this.#grid.addEventListener("click", ({ target }) => {
        const tile = this.#tiles.find(({ button }) => button === target.closest("button"));
        if (tile) this.open(tile);
      });
      root.addEventListener("keydown", (event) => this.#roam(event));
      let from = null;
      const begin = (event) => {
        const onPicture = event.composedPath().some(({ id }) => id === "stage");
        from = onPicture && event.touches.length === 1 ? event.touches[0] : null;
      };
      root.addEventListener("touchstart", begin, { passive: true });
      root.addEventListener("touchend", ({ changedTouches: [to] }) => from && this.#swiped(to.clientX - from.clientX, to.clientY - from.clientY));
    }

    connectedCallback() {
      const running = (this.#running = new AbortController());
      const { signal } = running;
      this.#resized = new ResizeObserver(() => this.#lay());
      this.#resized.observe(this);
      addEventListener("keydown", (event) => this.#key(event), { signal, capture: true });
      for (const name of ["pointermove", "pointerdown", "keydown", "focusin"]) this.addEventListener(name, () => this.#wake(), { signal });
      for (const name of ["popstate", "hashchange"])
        addEventListener(name, () => {
          this.#closing = false;
          this.#arrange();
        }, { signal });
      const seen = () => {
        for (const server of this.#servers.values()) server.ask();
        this.#look();
      };
      document.addEventListener("visibilitychange", seen, { signal });
      speak(this.shadowRoot);
      this.#wake();
      this.#keep(signal);
      this.#root.querySelector("#arrange").hidden = !this.hasAttribute("linked");
      this.#root.querySelector("#full").hidden = !document.fullscreenEnabled;
      this.#begin(running);
    }

    /** Shows what the page has asked for already, as it is arranged. */
    async #begin(running) {
      const { first, kept } = this;
      this.first = this.kept = null;
      const arranged = this.#arranged(kept);
      await Promise.race([arranged, new Promise((later) => setTimeout(later, PATIENCE))]);
      if (this.#running !== running) return;
      this.#follow(first);
      arranged.then((isOther) => isOther && this.#running === running && this.#follow());
      this.#timer = setInterval(() => this.#look(), LOOK);
    }

    /** Whether it is arranged otherwise than it was. */
    async #arranged(asked) {
      return this.hasAttribute("linked") && this.arrangement.read(asked);
    }

    /** Asks how it is arranged by now. */
    async #look() {
      const running = this.#running;
      if (!document.hidden && (await this.#arranged()) && this.#running === running) this.#follow();
    }

    #fail(message) {
      this.dispatchEvent(new CustomEvent("error", { detail: { message } }));
    }

    disconnectedCallback() {
      this.#running?.abort();
      this.#running = null;
      this.#resized.disconnect();
      clearInterval(this.#timer);
      clearTimeout(this.#idle);
      this.#open = null;
      this.#closing = false;
      for (const server of this.#servers.values()) server.end();
      this.#servers.clear();
      this.#show([]);
    }

    attributeChangedCallback(name) {
      if (!this.#running) return;
      if (name === "lang") speak(this.shadowRoot);
      if (name === "kiosk") this.#stayOn();
      this.#follow();
    }

    /** The servers' addresses. The wall's own is empty where nothing else is said. */
    get servers() {
      const named = (this.getAttribute("src") ?? "").split(/\s+/).filter(Boolean);
      return [...(named.length ? named : [""]), ...this.arrangement.servers];
    }

    get cameras() { return this.#tiles.map(({ camera }) => camera); }
    /** The camera that is shown in full, or null. */
    get opened() { return this.#open?.camera ?? null; }

    /** Arranges it otherwise from now on. Rejected where that cannot be kept. */
    change(lists) {
      const kept = this.arrangement.change(lists);
      this.#follow();
      return kept;
    }

    /** Has the servers that are wanted, one for each place. Of the first one it may be known which cameras it has. */
    #follow(first) {
      const wanted = new Map();
      for (const src of this.servers) {
        const place = placeOf(src);
        if (wanted.has(place)) continue;
        const known = this.#servers.get(place);
        // Of another one, its tiles say it.
        const refuse = () => place === this.#servers.keys().next().value && this.#fail("a key is needed");
        const server = known?.src === src ? known : new Server(src, () => this.#arrange(), refuse);
        wanted.set(place, server);
        if (server === known) continue;
        known?.end();
        if (first && wanted.size === 1 && server.take(first)) server.later();
        else server.ask();
      }
      for (const [place, server] of this.#servers) if (!wanted.has(place)) server.end();
      this.#servers = wanted;
      for (const tile of this.#tiles) this.#share(tile);
      this.#arrange();
    }

    /** Has the tiles that are wanted, and keeps those that are there. */
    #arrange() {
      const servers = [...this.#servers.values()];
      const wanted = servers.flatMap(({ src, place, cameras, isMissed, isOdd }) => {
        // Where a server does not tell, its first camera stands for all, and says why.
        const told = cameras ?? (isMissed ? [{ id: null }] : []);
        const host = place === servers[0].place ? "" : place;
        return told.map((camera) => ({ src, camera, host, isOdd, key: place ? `${place} ${camera.id ?? ""}` : (camera.id ?? "") }));
      });
      const { order, hidden, groups } = this.arrangement;
      const rank = ({ key }) => (order.includes(key) ? order.indexOf(key) : order.length);
      wanted.sort((one, other) => rank(one) - rank(other));
      this.known = wanted.map(({ camera, key }) => ({ key, name: camera.name || key, hidden: hidden.includes(key) }));
      const seen = wanted.filter(({ key }) => !hidden.includes(key));
      const chosen = this.#choose(groups.filter(({ cameras }) => seen.some(({ key }) => cameras.includes(key))), seen);
      const tiles = seen.filter(({ key }) => chosen?.cameras.includes(key) ?? true).map(({ src, camera, host, isOdd, key }) => {
        const known = this.#tiles.find((tile) => tile.key === key && tile.src === src);
        const tile = known ?? new Tile({ key, src, id: camera.id, host }, put, () => this.hasAttribute("kiosk"), (tile) => this.#told(tile));
        if (!known) this.#share(tile);
        return Object.assign(tile, { aspect: camera.aspect ?? 0, listed: camera.name ?? "", isOdd });
      });
      this.#show(tiles);
      this.empty.hidden = !!tiles.length || !servers.some(({ cameras }) => cameras);
      const nothing = words("No camera is there. Cameras that are added to the server appear here.");
      if (!this.empty.hidden) put(this.empty, "", wanted.length ? words("All cameras are hidden.") : nothing);
    }

    /** Offers the groups that have something to show, and gives the one that is shown alone, if any. */
    #choose(groups, seen) {
      const [, what, said] = /^#(camera|group)=(.*)/.exec(this.hasAttribute("linked") ? location.hash : "") ?? [];
      const named = groups.find(({ name }) => encodeURIComponent(name) === said);
      if (what !== "camera" && this.hasAttribute("linked")) this.#group = named?.name ?? null;
      let chosen = groups.find(({ name }) => name === this.#group);
      // A link to a camera leads to it, whatever is shown alone.
      const isLinked = ({ key }) => encodeURIComponent(key) === said && !chosen?.cameras.includes(key);
      if (what === "camera" && seen.some(isLinked)) chosen = this.#group = null;
      const names = groups.map(({ name }) => name);
      if (this.#offered !== JSON.stringify(names)) {
        this.#offered = JSON.stringify(names);
        const all = make("button", { type: "button" });
        put(all, "", words("All"));
        const each = names.map((textContent) => make("button", { type: "button", textContent, translate: false, value: textContent }));
        this.#groups.replaceChildren(all, ...each);
        speak(this.shadowRoot);
      }
      this.#groups.hidden = !names.length;
      for (const button of this.#groups.children) button.setAttribute("aria-pressed", button.value === (chosen?.name ?? ""));
      return chosen;
    }

    /** The address of all that is shown when no camera is in full. */
    get #home() {
      return this.#group ? `#group=${encodeURIComponent(this.#group)}` : location.pathname + location.search;
    }

    #share(tile) {
      for (const name of SHARED) {
        const value = this.getAttribute(name);
        value === null ? tile.camera.removeAttribute(name) : tile.camera.setAttribute(name, value);
      }
    }

    #show(tiles) {
      for (const tile of this.#tiles) if (!tiles.includes(tile)) tile.end();
      const grid = this.#grid;
      // One that stands where it should is left alone: it would connect anew.
      tiles.forEach((tile, at) => {
        if (grid.children[at] !== tile.box) grid.insertBefore(tile.box, grid.children[at] ?? null);
      });
      this.#tiles = tiles;
      for (const tile of tiles) tile.describe();
      if (this.#open && !tiles.includes(this.#open)) this.open(null, "replaceState");
      this.#mark();
      this.#followAddress();
      this.#lay();
      this.#stayOn();
    }

    /** A tile's camera says something new. */
    #told(tile) {
      if (tile === this.#open) this.#entitle();
      this.#stayOn();
    }

    #entitle() {
      const name = this.#open?.camera.name ?? "";
      this.dispatchEvent(new CustomEvent("namechange", { detail: { name } }));
    }

    #lay() {
      const [style, count] = [this.#grid.style, this.#tiles.length];
      if (!count) return;
      const shapes = this.#tiles.map(({ aspect }) => aspect || 16 / 9).sort((one, other) => one - other);
      const aspect = shapes[count >> 1];
      const { columns, width } = layout(count, this.clientWidth, this.clientHeight, aspect, GAP);
      style.setProperty("--columns", columns);
      style.setProperty("--width", `${width}px`);
      style.setProperty("--aspect", aspect);
      this.columns = columns;
      const fps = this.getAttribute("max-fps");
      for (const tile of this.#tiles) tile.camera.maxFps = fps ?? (tile === this.#open ? null : rate(count));
    }

    /** Shows one camera in full. */
    open(tile, how = "pushState") {
      if (tile === this.#open) return;
      const before = this.#open;
      this.#open = tile;
      const address = tile ? `#camera=${encodeURIComponent(tile.key)}` : "";
      if (how && this.hasAttribute("linked")) {
        const state = how === "pushState" ? { wall: true } : history.state;
        history[how](state, "", address || this.#home);
      }
      this.#mark();
      this.#lay();
      this.#entitle();
      this.#wake();
      if (tile) {
        tile.camera.focus({ preventScroll: true });
        // Its buttons show themselves for a while, as when a pointer comes.
        tile.camera.dispatchEvent(new Event("pointermove"));
      } else if (before) before.button.focus({ preventScroll: true, focusVisible: false });
    }

    /** One in full, or all of them. What cannot be seen pauses by itself. */
    #mark() {
      const shown = this.#open;
      this.#root.classList.toggle("one", !!shown);
      for (const tile of this.#tiles) {
        const full = tile === shown;
        tile.box.classList.toggle("full", full);
        tile.camera.inert = !full;
        tile.box.hidden = !!shown && !full;
      }
    }

    /** Shows all of them again. */
    close() {
      if (!this.#open || this.#closing) return;
      // Back to where it was opened from, so that the button back doesn't come here again. That takes a while.
      if (this.hasAttribute("linked") && history.state?.wall) {
        this.#closing = true;
        history.back();
      } else this.open(null, "replaceState");
    }

    /** Shows the next one, or the one before. */
    step(by) {
      if (this.#closing) return;
      const count = this.#tiles.length;
      const at = this.#tiles.indexOf(this.#open);
      this.open(this.#tiles[(at + by + count) % count], "replaceState");
    }

    #followAddress() {
      if (!this.hasAttribute("linked")) return;
      const key = /^#camera=(.*)/.exec(location.hash)?.[1];
      const tile = this.#tiles.find((tile) => encodeURIComponent(tile.key) === key) ?? null;
      if (tile || !key) this.open(tile, "");
    }

    /** Whether something in the camera takes keys or fingers first. */
    #busy(more = "") {
      const { camera } = this.#open;
      return camera.hasAttribute("data-filled") || camera === this.shadowRoot.fullscreenElement || !!camera.shadowRoot?.querySelector(`:is(#menu, #adjust):not([hidden]), dialog[open]${more}`);
    }

    /** Whether it is all that is in the window: keys that are meant for nothing else are meant for it. */
    #fills() {
      const { width, height } = this.getBoundingClientRect();
      const { clientWidth, clientHeight } = document.documentElement;
      return width + 1 >= clientWidth && height + 1 >= clientHeight;
    }

    #key(event) {
      if (!this.#open || event.ctrlKey || event.metaKey || event.altKey || this.#busy()) return;
      const path = event.composedPath();
      const focused = document.activeElement;
      const isElsewhere = focused && focused !== document.body;
      if (!path.includes(this) && (isElsewhere || !this.#fills())) return;
      // Arrow keys go along a toolbar that has the focus, and move what is in a field.
      if (path.some((node) => node.matches?.('[role="toolbar"], input, select, textarea'))) return;
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (by) this.step(by);
      else if (event.key === "Escape" && !document.fullscreenElement) this.close();
      else return;
      event.preventDefault();
      event.stopPropagation();
    }

    /** Arrow keys go from tile to tile. */
    #roam(event) {
      const at = this.#tiles.findIndex(({ button }) => button === event.target);
      const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns }[event.key];
      const next = by && at >= 0 && this.#tiles[at + by];
      if (!next || this.#open) return;
      event.preventDefault();
      next.button.focus();
    }

    #swiped(x, y) {
      if (this.#open && !this.#busy(", .zoomed") && Math.abs(x) > SWIPE && Math.abs(x) > 2 * Math.abs(y)) this.step(x < 0 ? 1 : -1);
    }

    #wake() {
      const { classList } = this.#root;
      classList.remove("idle");
      clearTimeout(this.#idle);
      this.#idle = setTimeout(() => classList.add("idle"), IDLE);
    }

    /** A wall that nobody attends to: no line of it burns in. */
    #keep(signal) {
      const move = () => {
        if (!this.hasAttribute("kiosk")) return;
        const at = (this.#moved += 1) % 4;
        this.#root.style.translate = `${at % 3 ? FAR : 0}px ${at > 1 ? FAR : 0}px`;
      };
      const timer = setInterval(move, MOVE);
      signal.addEventListener("abort", () => clearInterval(timer));
      document.addEventListener("visibilitychange", () => this.#stayOn(), { signal });
    }

    /** The screen stays on while a picture is live: of a kiosk, and of a phone or tablet that shows nothing else. */
    #stayOn() {
      const watched = this.hasAttribute("kiosk") || (matchMedia("(pointer: coarse)").matches && this.#fills());
      const wanted = !!this.#running && !document.hidden && watched && this.cameras.some(({ state }) => state === "live");
      if (wanted === !!this.#awake) return;
      this.#awake?.abort();
      const { signal } = (this.#awake = wanted ? new AbortController() : null) ?? {};
      // Where it cannot be loaded, the screen does as it does.
      if (signal) import("./panels.js").then(({ stayOn }) => signal.aborted || stayOn(this.shadowRoot, signal)).catch(() => {});
    }
  }
  customElements.define("pi-wall", PiWall);
}

await define();

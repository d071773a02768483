// <pi-wall>: the cameras of one or several servers on one page, each live on a tile, and one of them in full.
//
// Loaded by boot.js and embed.js. Each tile is a <pi-camera>, which knows its own connection, state and size; what is here
// decides which there are, where they stand, and which one is looked at.

/** Marks a text that is said in the element's language. Values take the places of what is in braces: those called text are
 * such texts themselves, those called number are numbers. */
const words = (text, ...values) => text.replace(/\{\w+\}/g, () => values.shift());

/** ms from one look at which cameras there are to the next. */
const LOOK = 5000;
/** ms without input until what lies over the pictures hides. */
const IDLE = 3500;
/** In kiosk mode, ms from one small move of the whole to the next, so that nothing burns in, and how far, in pixels. */
const [MOVE, FAR] = [60_000, 4];
/** In kiosk mode, ms until a camera whose program has failed is started again. */
const AGAIN = 30_000;
/** A tile is no narrower than that while it can be scrolled to, in CSS pixels. */
const NARROWEST = 160;
/** Pixels that a finger moves for the next camera. */
const SWIPE = 60;
/** Attributes that each tile has from the wall. */
const SHARED = ["fit", "mirror", "wire", "size", "stale-after", "pinned", "lang"];
/** The states of <pi-camera> as its badge has them. */
const STATES = {
  connecting: "Connecting", starting: "Starting", live: "Live", stale: "Stale", "no-signal": "No signal", paused: "Paused",
  hidden: "Hidden", lost: "Server lost", refused: "Refused", failed: words("The viewer has failed"),
};

/** How many columns are best for so many tiles of that shape in so much room, and how wide each is. */
export function layout(count, width, height, aspect, gap = 0) {
  const most = width < height ? 2 : count;
  let best = null;
  for (let columns = 1; columns <= Math.min(most, count); columns++) {
    const rows = Math.ceil(count / columns);
    const [room, line] = [(width - (columns - 1) * gap) / columns, (height - (rows - 1) * gap) / rows];
    const one = { columns, width: Math.floor(Math.min(room, line * aspect)), empty: columns * rows - count };
    if (!best || one.width > best.width || (one.width === best.width && one.empty < best.empty)) best = one;
  }
  if (!best || best.width >= NARROWEST) return best ?? { columns: 1, width };
  // They don't fit: as many in a row as are wide enough, and the rest is scrolled to.
  const columns = Math.max(1, Math.min(most, count, Math.floor((width + gap) / (NARROWEST + gap))));
  return { columns, width: Math.floor((width - (columns - 1) * gap) / columns) };
}

/** Where the browser keeps how its wall is arranged, if the server does not. */
const KEPT = "pi-wall";

/** Frames a second that a tile has use for on a wall of so many. */
const rate = (count) => (count > 9 ? 5 : count > 4 ? 10 : null);

const make = (name, properties, ...children) => {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
};
const icon = (paths) => `<svg viewBox="0 0 24 24" aria-hidden="true">${paths}</svg>`;

/** The address of a server's list of cameras, found as src/browser.js finds the WebSocket's. */
function listAddress(src) {
  const url = new URL(src.replace(/^ws(?=s?:)/i, "http"), import.meta.url);
  let key = url.password || /^#key=(.*)/.exec(url.hash)?.[1];
  try {
    key = decodeURIComponent(key ?? "");
  } catch {}
  if (key && !url.searchParams.has("key")) url.searchParams.set("key", key);
  url.username = url.password = url.hash = "";
  url.pathname = url.pathname.replace(/\/(ws|embed|stream|snapshot|webcam|[^/]*\.[^/]*)?$/, "") + "/api/v1/cameras";
  return url;
}

/** A server's place among the tiles' names: nothing for the wall's own. */
const hostOf = (src) => {
  try {
    return src && !src.startsWith("?") ? new URL(src.replace(/^ws(?=s?:)/i, "http"), import.meta.url).host : "";
  } catch {
    return src;
  }
};

/** One camera on the wall. */
class Tile {
  constructor(wall, key, src, id) {
    Object.assign(this, { key, src, id, aspect: 0, name: "" });
    this.camera = document.createElement("pi-camera");
    if (src) this.camera.setAttribute("src", src);
    if (id !== null) this.camera.setAttribute("camera", id);
    this.camera.setAttribute("controls", "");
    this.camera.tabIndex = 0;
    this.camera.inert = true;
    this.label = make("span", { className: "name", translate: false });
    this.state = make("span", { className: "state" });
    this.caption = make("div", { className: "caption" }, make("i", {}), this.label, this.state);
    this.caption.setAttribute("aria-hidden", "true");
    this.button = make("button", { type: "button", className: "open" });
    this.box = make("div", { className: "tile" }, this.camera, this.caption, this.button);
    for (const [node, part] of [[this.box, "tile"], [this.camera, "camera"], [this.caption, "caption"], [this.label, "name"]])
      node.setAttribute("part", part);
    this.box.setAttribute("role", "listitem");
    this.tell = () => wall.describe(this);
    for (const event of ["statechange", "namechange"]) this.camera.addEventListener(event, this.tell);
  }
}

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
    static observedAttributes = ["src", "kiosk", ...SHARED];
    #tiles = [];
    #grid = make("div", { id: "grid" });
    #root = make("div", { id: "root" });
    #bar;
    #open = null;
    /** What the servers told last: address → cameras. */
    #told = new Map();
    /** Servers that have not told of any cameras, though they were asked. */
    #missed = new Set();
    /** Whether the server keeps how it is arranged. */
    #isKept = false;
    /** What its user wants: cameras that come first, those that are not shown, and addresses of other servers. */
    arrangement = { order: [], hidden: [], servers: [] };
    /** Every camera that is known, also hidden ones. */
    known = [];
    #running = null;
    #moved = 0;

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
      this.#root.append(this.#grid, this.empty, this.#bar);
      this.#root.setAttribute("role", "group");
      put(this.#root, "aria-label", words("Cameras"));
      root.append(this.#root);
      addStyle(root, rules);
      this.#bar.addEventListener("click", ({ target }) => {
        const { id } = target.closest("button") ?? {};
        if (id === "back") this.close();
        else if (id === "full") document.fullscreenElement ? document.exitFullscreen() : this.requestFullscreen();
        else if (id === "arrange") import(new URL("arrange.js", import.meta.url).href).then(({ default: arrange }) => arrange(this, put, speak));
        else if (id) this.step(id === "next" ? 1 : -1);
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
      for (const name of ["popstate", "hashchange"]) addEventListener(name, () => this.#followAddress(), { signal });
      document.addEventListener("visibilitychange", () => document.hidden || this.#look(), { signal });
      speak(this.shadowRoot);
      this.#wake();
      this.#keep(signal);
      this.#root.querySelector("#arrange").hidden = !this.hasAttribute("linked");
      this.#root.querySelector("#full").hidden = !document.fullscreenEnabled;
      this.#recall().then(() => this.#running === running && this.#follow());
    }

    disconnectedCallback() {
      this.#running?.abort();
      this.#running = null;
      this.#resized.disconnect();
      clearTimeout(this.#timer);
      clearTimeout(this.#idle);
      this.#open = null;
      this.#show([]);
    }

    attributeChangedCallback() {
      if (this.#running) this.#follow();
    }

    #resized;
    /** Whether nothing has to be asked for the first time. */
    #fresh = false;
    #timer;
    #idle;

    /** The servers' addresses. The wall's own is empty where nothing else is said. */
    get servers() {
      const named = (this.getAttribute("src") ?? "").split(/\s+/).filter(Boolean);
      return [...new Set([...(named.length ? named : [""]), ...this.arrangement.servers])];
    }

    /** What the page has asked for already, and how the wall was arranged before. */
    async #recall() {
      const { first, kept } = this;
      this.first = this.kept = null;
      this.#fresh = !!first;
      if (first) this.#told.set(this.servers[0], first);
      if (!this.hasAttribute("linked")) return;
      let before = await kept;
      this.#isKept = !!before;
      try {
        before ??= JSON.parse(localStorage.getItem(KEPT));
      } catch {}
      Object.assign(this.arrangement, before);
    }

    /** Arranges it otherwise from now on. Rejected where that cannot be kept. */
    async change(arrangement) {
      Object.assign(this.arrangement, arrangement);
      this.#fresh = false;
      this.#follow();
      const body = JSON.stringify(this.arrangement);
      if (!this.#isKept) return localStorage.setItem(KEPT, body);
      const answer = await fetch("api/v1/wall" + location.search, { method: "PUT", body });
      if (!answer.ok) throw new Error((await answer.text()).trim());
    }

    get cameras() { return this.#tiles.map(({ camera }) => camera); }
    /** The camera that is shown in full, or null. */
    get opened() { return this.#open?.camera ?? null; }

    #follow() {
      const servers = this.servers;
      for (const src of this.#told.keys()) if (!servers.includes(src)) this.#told.delete(src);
      for (const tile of this.#tiles) this.#share(tile);
      this.#arrange();
      this.#look();
    }

    /** Asks each server for its cameras, now and from time to time. */
    async #look() {
      clearTimeout(this.#timer);
      const running = this.#running;
      if (!running) return;
      if (this.#fresh) this.#fresh = false;
      else if (!document.hidden) await Promise.all(this.servers.map((src) => this.#ask(src)));
      if (this.#running !== running) return;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#look(), LOOK);
    }

    async #ask(src) {
      try {
        const signal = AbortSignal.timeout?.(LOOK * 2);
        const answer = await fetch(listAddress(src), { cache: "no-store", signal });
        if (answer.status === 401) this.dispatchEvent(new CustomEvent("error", { detail: { message: "a key is needed" } }));
        if (!answer.ok) throw answer;
        const { cameras } = await answer.json();
        this.#told.set(src, cameras);
      } catch {
        // Its tiles say why.
        this.#missed.add(src);
      }
      if (this.#running && this.servers.includes(src)) this.#arrange();
    }

    /** Has the tiles that are wanted, and keeps those that are there. */
    #arrange() {
      const wanted = this.servers.flatMap((src) => {
        const host = hostOf(src);
        // Where a server does not tell, its first camera stands for all, and says why.
        const cameras = this.#told.get(src) ?? (this.#missed.has(src) ? [{ id: null }] : []);
        return cameras.map((camera) => ({ src, camera, key: [host, camera.id].filter((part) => part || part === 0).join(" ") }));
      });
      const { order, hidden } = this.arrangement;
      const place = ({ key }) => (order.includes(key) ? order.indexOf(key) : order.length);
      wanted.sort((one, other) => place(one) - place(other));
      this.known = wanted.map(({ camera, key }) => ({ key, name: camera.name || key, hidden: hidden.includes(key) }));
      const tiles = wanted.filter(({ key }) => !hidden.includes(key)).map(({ src, camera, key }) => {
        const known = this.#tiles.find((tile) => tile.key === key && tile.src === src);
        const tile = known ?? new Tile(this, key, src, camera.id);
        if (!known) this.#share(tile);
        tile.aspect = camera.width && camera.height ? camera.width / camera.height : 0;
        tile.name = camera.name ?? "";
        return tile;
      });
      this.#show(tiles);
      this.empty.hidden = !!tiles.length || !this.#told.size;
      const nothing = words("No camera is there. Cameras that are added to the server appear here.");
      if (!this.empty.hidden) put(this.empty, "", wanted.length ? words("All cameras are hidden.") : nothing);
    }

    #share(tile) {
      for (const name of SHARED) {
        const value = this.getAttribute(name);
        value === null ? tile.camera.removeAttribute(name) : tile.camera.setAttribute(name, value);
      }
    }

    #show(tiles) {
      for (const tile of this.#tiles) if (!tiles.includes(tile)) tile.box.remove();
      const grid = this.#grid;
      // One that stands where it should is left alone: moved, it would connect anew.
      tiles.forEach((tile, at) => {
        if (grid.children[at] !== tile.box) grid.insertBefore(tile.box, grid.children[at] ?? null);
      });
      this.#tiles = tiles;
      tiles.forEach((tile) => this.describe(tile));
      if (this.#open && !tiles.includes(this.#open)) this.open(null, "replaceState");
      this.#mark();
      this.#followAddress();
      this.#lay();
    }

    /** Says what a tile shows. */
    describe(tile) {
      const name = tile.camera.name || tile.name || tile.id || hostOf(tile.src);
      const state = tile.camera.state || "connecting";
      tile.box.dataset.state = state;
      put(tile.label, "", name, true);
      put(tile.state, "", state === "live" ? "" : STATES[state]);
      put(tile.button, "aria-label", words("{camera}, {text}", name, STATES[state]));
      if (tile === this.#open) this.#entitle();
      if (state === "failed" && this.hasAttribute("kiosk"))
        setTimeout(() => tile.camera.state === "failed" && tile.camera.restart().catch(() => {}), AGAIN);
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
      const { columns, width } = layout(count, this.clientWidth, this.clientHeight, aspect, 4);
      style.setProperty("--columns", columns);
      style.setProperty("--width", `${width}px`);
      style.setProperty("--aspect", aspect);
      this.columns = columns;
      const fps = rate(count);
      for (const tile of this.#tiles) tile.camera.maxFps = tile === this.#open ? null : fps;
    }

    /** Shows one camera in full. */
    open(tile, how = "pushState") {
      if (tile === this.#open) return;
      const before = this.#open;
      this.#open = tile;
      const address = tile ? `#camera=${encodeURIComponent(tile.key)}` : "";
      if (how && this.hasAttribute("linked")) {
        const state = how === "pushState" ? { wall: true } : history.state;
        history[how](state, "", address || location.pathname + location.search);
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
      if (!this.#open) return;
      // Back to where it was opened from, so that the button back doesn't come here again.
      if (this.hasAttribute("linked") && history.state?.wall) history.back();
      else this.open(null, "replaceState");
    }

    /** Shows the next one, or the one before. */
    step(by) {
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

    #key(event) {
      if (!this.#open || event.ctrlKey || event.metaKey || event.altKey || this.#busy()) return;
      const path = event.composedPath();
      const focused = document.activeElement;
      if (!path.includes(this) && focused && focused !== document.body) return;
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

    /** A wall that nobody attends to: the screen stays on, and no line of it burns in. */
    #keep(signal) {
      const move = () => {
        if (!this.hasAttribute("kiosk")) return;
        const at = (this.#moved += 1) % 4;
        this.#root.style.translate = `${at % 3 ? FAR : 0}px ${at > 1 ? FAR : 0}px`;
      };
      const timer = setInterval(move, MOVE);
      signal.addEventListener("abort", () => clearInterval(timer));
      const stayOn = () => {
        if (this.hasAttribute("kiosk") && !document.hidden) navigator.wakeLock?.request("screen").catch(() => {});
      };
      document.addEventListener("visibilitychange", stayOn, { signal });
      stayOn();
    }
  }
  customElements.define("pi-wall", PiWall);
}

await define();

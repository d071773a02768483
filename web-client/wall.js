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
/** In kiosk mode, ms until a camera that has failed is started again; each time it fails again, twice as long, up to that. One
 * that ran for CALM ms in between begins anew. */
const [AGAIN, RARELY, CALM] = [30_000, 30 * 60_000, 10 * 60_000];
/** Cameras of one server that are shown, and bytes of its list. */
const [MOST, LARGEST] = [128, 1 << 20];
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

/** ms that a wall waits for how it is arranged, before it shows its cameras as they come. */
const PATIENCE = 1000;

/** How the server keeps it: the status of its answer, and what it keeps. */
async function keptByServer(asked) {
  const answer = await (asked ?? fetch("api/v1/wall" + location.search, { cache: "no-store" }));
  if (![200, 204].includes(answer.status)) throw new Error((await answer.text()).trim() || `HTTP ${answer.status}`);
  return { status: answer.status, said: answer.status === 200 ? await answer.json() : null };
}

/** Frames a second that a tile has use for on a wall of so many. */
const rate = (count) => (count > 9 ? 5 : count > 4 ? 10 : null);

const make = (name, properties, ...children) => {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
};
const icon = (paths) => `<svg viewBox="0 0 24 24" aria-hidden="true">${paths}</svg>`;

/** A server's address, without what is beside the stream and names no folder. */
function addressOf(src) {
  const url = new URL(src.replace(/^ws(?=s?:)/i, "http"), import.meta.url);
  url.pathname = url.pathname.replace(/\/(ws|embed|stream|snapshot|webcam|[^/]*\.[^/]*)?$/, "");
  return url;
}

/** The address of a server's list of cameras, found as src/browser.js finds the WebSocket's. */
function listAddress(src) {
  const url = addressOf(src);
  let key = url.password || /^#key=(.*)/.exec(url.hash)?.[1];
  try {
    key = decodeURIComponent(key ?? "");
  } catch {}
  if (key && !url.searchParams.has("key")) url.searchParams.set("key", key);
  url.username = url.password = url.hash = "";
  url.pathname = url.pathname.replace(/\/$/, "") + "/api/v1/cameras";
  return url;
}

/** A server's place among the tiles' names, its host and folder: nothing for the wall's own. */
const placeOf = (src) => {
  try {
    if (!src || src.startsWith("?")) return "";
    const { host, pathname } = addressOf(src);
    return host + pathname.replace(/\/$/, "");
  } catch {
    return src;
  }
};

/** A server's cameras, if that is a list of them. Another server may answer anything. */
function checked(cameras) {
  if (!Array.isArray(cameras) || cameras.length > MOST) throw new TypeError("no list of cameras");
  const ids = new Set();
  return cameras.map((camera) => {
    const { id, name, width, height } = camera ?? {};
    if (typeof id !== "string" || ids.has(id)) throw new TypeError("no list of cameras");
    ids.add(id);
    return { id, name: typeof name === "string" ? name : "", aspect: width > 0 && height > 0 ? width / height : 0 };
  });
}

/** The text of an answer, if it is not too long. */
async function textOf(answer) {
  const [reader, decoder] = [answer.body.getReader(), new TextDecoder()];
  let text = "";
  for (let size = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    size += value.length;
    if (size > LARGEST) {
      reader.cancel().catch(() => {});
      throw new RangeError("too long a list");
    }
    text += decoder.decode(value, { stream: true });
  }
}

/** One camera on the wall. */
class Tile {
  constructor(wall, key, src, id) {
    Object.assign(this, { key, src, id, aspect: 0, name: "", isOdd: false, again: null, wait: 0, began: -Infinity });
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
    static observedAttributes = ["src", "kiosk", "max-fps", ...SHARED];
    /** For the panel. */
    static placeOf = placeOf;
    #tiles = [];
    #grid = make("div", { id: "grid" });
    #root = make("div", { id: "root" });
    #bar;
    #open = null;
    /** What the servers told last: address → cameras. */
    #told = new Map();
    /** Servers that have not told of any cameras, though they were asked. */
    #missed = new Set();
    /** Servers whose last answer was no list of cameras. */
    #odd = new Set();
    /** Who keeps how it is arranged, "server" or "browser"; null while the server has not said. */
    #keeper = null;
    /** Why it has not. */
    #unread = "";
    /** How often it was arranged otherwise here, the request that has the server keep it, and whether that failed. */
    #changes = 0;
    #sending = null;
    #unkept = false;
    /** What its user wants: cameras that come first, those that are not shown, and addresses of other servers. */
    arrangement = { order: [], hidden: [], servers: [] };
    /** Every camera that is known, also hidden ones. */
    known = [];
    #running = null;
    #moved = 0;
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
      for (const name of ["popstate", "hashchange"])
        addEventListener(name, () => {
          this.#closing = false;
          this.#followAddress();
        }, { signal });
      document.addEventListener("visibilitychange", () => document.hidden || this.#look(), { signal });
      speak(this.shadowRoot);
      this.#wake();
      this.#keep(signal);
      this.#root.querySelector("#arrange").hidden = !this.hasAttribute("linked");
      this.#root.querySelector("#full").hidden = !document.fullscreenEnabled;
      this.#recall().then(() => this.#running === running && this.#follow());
    }

    #fail(message) {
      this.dispatchEvent(new CustomEvent("error", { detail: { message } }));
    }

    disconnectedCallback() {
      this.#running?.abort();
      this.#running = null;
      this.#resized.disconnect();
      clearTimeout(this.#timer);
      clearTimeout(this.#idle);
      this.#open = null;
      this.#closing = false;
      this.#show([]);
    }

    attributeChangedCallback() {
      if (this.#running) this.#follow();
    }

    #resized;
    /** Whether the first server has just told its cameras. */
    #fresh = false;
    /** Whether nothing has been asked for yet. */
    #isFirst = true;
    #timer;
    #idle;

    /** The servers' addresses, one for each place. The wall's own is empty where nothing else is said. */
    get servers() {
      const named = (this.getAttribute("src") ?? "").split(/\s+/).filter(Boolean);
      const places = new Map();
      for (const src of [...(named.length ? named : [""]), ...this.arrangement.servers])
        if (!places.has(placeOf(src))) places.set(placeOf(src), src);
      return [...places.values()];
    }

    /** What the page has asked for already, and how the wall was arranged before. */
    async #recall() {
      const { first, kept } = this;
      this.first = this.kept = null;
      const known = this.#reread(kept);
      let late = false;
      known.then((isOther) => late && isOther && this.#running && this.#follow());
      await Promise.race([known, new Promise((then) => setTimeout(then, PATIENCE))]);
      late = true;
      try {
        if (first) this.#told.set(this.servers[0], checked(first));
        this.#fresh = !!first;
      } catch {}
    }

    /** Asks the server how it is arranged: it may have been arranged elsewhere. Whether it is another arrangement. */
    async #reread(asked) {
      // What is changed here counts until it is kept.
      if (!this.hasAttribute("linked") || this.#keeper === "browser" || this.#sending || this.#unkept) return false;
      const changes = this.#changes;
      try {
        const kept = await keptByServer(asked);
        return changes === this.#changes && this.#take(kept);
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
      const before = JSON.stringify(this.arrangement);
      for (const name of Object.keys(this.arrangement)) {
        const list = said?.[name];
        this.arrangement[name] = Array.isArray(list) ? list.filter((entry) => typeof entry === "string") : [];
      }
      return JSON.stringify(this.arrangement) !== before;
    }

    /** Arranges it otherwise from now on. Rejected where that cannot be kept. */
    change(arrangement) {
      Object.assign(this.arrangement, arrangement);
      this.#changes += 1;
      this.#fresh = false;
      // One request at a time, so that the newest is kept last.
      this.#sending ??= this.#send().finally(() => (this.#sending = null));
      this.#follow();
      return this.#sending;
    }

    async #send() {
      // After all changes that are made together.
      await null;
      if (!this.#keeper) throw new Error(this.#unread);
      if (this.#keeper === "browser") return localStorage.setItem(KEPT, JSON.stringify(this.arrangement));
      this.#unkept = true;
      for (let changes = null; changes !== this.#changes; ) {
        changes = this.#changes;
        const answer = await fetch("api/v1/wall" + location.search, { method: "PUT", body: JSON.stringify(this.arrangement) });
        if (answer.status === 429) {
          changes = null;
          await new Promise((later) => setTimeout(later, 1000 * (parseInt(answer.headers.get("retry-after")) || 5)));
        } else if (!answer.ok) throw new Error((await answer.text()).trim());
      }
      this.#unkept = false;
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
      const servers = this.#fresh ? this.servers.slice(1) : this.servers;
      const isFirst = this.#isFirst;
      this.#fresh = this.#isFirst = false;
      if (!document.hidden) {
        const [isOther] = await Promise.allSettled([!isFirst && this.#reread(), ...servers.map((src) => this.#ask(src))]);
        if (this.#running === running && isOther.value) this.#follow();
      }
      if (this.#running !== running) return;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#look(), LOOK);
    }

    async #ask(src) {
      try {
        const signal = AbortSignal.timeout?.(LOOK * 2);
        const answer = await fetch(listAddress(src), { cache: "no-store", signal });
        if (answer.status === 401) this.#fail("a key is needed");
        if (!answer.ok) throw answer;
        const text = await textOf(answer);
        this.#odd.add(src);
        this.#told.set(src, checked(JSON.parse(text)?.cameras));
        this.#odd.delete(src);
      } catch (error) {
        if (error instanceof RangeError) this.#odd.add(src);
        // Its tiles say why.
        this.#missed.add(src);
      }
      if (this.#running && this.servers.includes(src)) this.#arrange();
    }

    /** Has the tiles that are wanted, and keeps those that are there. */
    #arrange() {
      const wanted = this.servers.flatMap((src) => {
        const place = placeOf(src);
        // Where a server does not tell, its first camera stands for all, and says why.
        const cameras = this.#told.get(src) ?? (this.#missed.has(src) ? [{ id: null }] : []);
        return cameras.map((camera) => ({ src, camera, key: [place, camera.id].filter(Boolean).join(" ") }));
      });
      const { order, hidden } = this.arrangement;
      const place = ({ key }) => (order.includes(key) ? order.indexOf(key) : order.length);
      wanted.sort((one, other) => place(one) - place(other));
      this.known = wanted.map(({ camera, key }) => ({ key, name: camera.name || key, hidden: hidden.includes(key) }));
      const tiles = wanted.filter(({ key }) => !hidden.includes(key)).map(({ src, camera, key }) => {
        const known = this.#tiles.find((tile) => tile.key === key && tile.src === src);
        const tile = known ?? new Tile(this, key, src, camera.id);
        if (!known) this.#share(tile);
        tile.aspect = camera.aspect ?? 0;
        tile.name = camera.name ?? "";
        tile.isOdd = this.#odd.has(src);
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
      for (const tile of this.#tiles)
        if (!tiles.includes(tile)) {
          tile.box.remove();
          clearTimeout(tile.again);
        }
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
      const name = tile.camera.name || tile.name || tile.id || placeOf(tile.src);
      const state = tile.camera.state || "connecting";
      tile.box.dataset.state = state;
      put(tile.label, "", name, true);
      const live = tile.isOdd ? words("Its server tells no list of cameras") : "";
      put(tile.state, "", state === "live" ? live : STATES[state]);
      put(tile.button, "aria-label", words("{camera}, {text}", name, STATES[state]));
      if (tile === this.#open) this.#entitle();
      this.#startAgain(tile, state === "failed" && this.hasAttribute("kiosk"));
    }

    /** Where nobody does it, a camera that has failed is started again: by one timer, and less often the more often it fails. */
    #startAgain(tile, isWanted) {
      if (!isWanted) {
        clearTimeout(tile.again);
        tile.again = null;
      }
      if (!isWanted || tile.again) return;
      tile.wait = performance.now() - tile.began > CALM ? AGAIN : Math.min(2 * tile.wait, RARELY);
      tile.again = setTimeout(() => {
        tile.again = null;
        tile.began = performance.now();
        tile.camera.restart().catch(() => {});
      }, tile.wait);
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

// What lies over the picture once it is asked for: menu, statistics, list of keys, recordings and the small window.
//
// Loaded by src/chrome/panels.rs when one of them is first wanted, so that it costs the first picture nothing. It shows what
// it is told; what the buttons do, by their data-do, is decided in the program.

/** Marks a text that is said in the element's language, as is what stands in the HTML below. Values take the places of what is in braces: those called text are
 * such texts themselves, those called number are numbers. */
const words = (text, ...values) => text.replace(/\{\w+\}/g, () => values.shift());

const icon = (paths) => `<svg viewBox="0 0 24 24">${paths}</svg>`;
const button = (intent, part, key, text, paths, more = "") =>
  `<button data-do="${intent}" part="button ${part}" aria-keyshortcuts="${key}" ${more}>${icon(paths)}<span>${text}</span><kbd aria-hidden="true">${key}</kbd></button>`;
const choice = (intent, text) =>
  `<button role="radio" data-do="${intent}" aria-checked="false" part="button choice">${text}</button>`;
const pressed = 'aria-pressed="false"';

const MENU = `<div id="menu" part="menu" role="group" aria-label="More controls" hidden>
${button("rotate", "rotate", "T", words("Rotate"), '<path d="M20 12a8 8 0 1 1-2.4-5.7L20 8.7"/><path d="M20 4v4.7h-4.7"/>')}
${button("mirror", "mirror", "M", words("Mirror"), '<path d="M12 3v18" stroke-dasharray="2.5 3"/><path d="M9 7 3.5 17H9zM15 7l5.5 10H15z"/>', pressed)}
${button("fit", "fill", "C", words("Fill the window"), '<rect x="3" y="5" width="18" height="14" rx="2"/><path d="M8 9.5v5M16 9.5v5M8 12h8"/>', pressed)}
${button("overlay", "statistics", "O", words("Statistics"), '<path d="M4 20v-9M10 20V4M16 20v-7M21 20H3"/>', pressed)}
${button("adjust", "adjust", "A", words("Adjust the camera"), '<path d="M4 7h9M19 7h1M4 17h1M11 17h9"/><circle cx="16" cy="7" r="2.6"/><circle cx="8" cy="17" r="2.6"/>', "hidden")}
<button id="b-still" part="button still" aria-keyshortcuts="I" hidden>${icon('<path d="M4 9V5.5A1.5 1.5 0 0 1 5.5 4H9M15 4h3.5A1.5 1.5 0 0 1 20 5.5V9M20 15v3.5a1.5 1.5 0 0 1-1.5 1.5H15M9 20H5.5A1.5 1.5 0 0 1 4 18.5V15"/><circle cx="12" cy="12" r="3.6"/>')}<span>${words("Photo in full resolution")}</span><kbd aria-hidden="true">I</kbd></button>
<button id="b-drive" part="button drive" hidden>${icon('<circle cx="12" cy="12" r="9"/><circle cx="12" cy="12" r="2.4"/><path d="M3.5 10.5 9.8 11.4M20.5 10.5l-6.3.9M12 14.4V21"/>')}<span>${words("Drive")}</span></button>
<button id="b-recordings" part="button recordings" hidden>${icon('<circle cx="12" cy="12" r="9"/><path d="M12 7v5l-3.5 2.5M4 12H2"/>')}<span>${words("Recordings")}</span></button>
<button id="b-wall" part="button wall" hidden>${icon('<path d="M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z"/>')}<span>${words("All cameras")}</span></button>
<button id="b-settings" part="button settings" hidden>${icon('<circle cx="12" cy="12" r="3.2"/><path d="M12 3v3M12 18v3M3 12h3M18 12h3M5.6 5.6l2.1 2.1M16.3 16.3l2.1 2.1M18.4 5.6l-2.1 2.1M7.7 16.3l-2.1 2.1"/>')}<span>${words("Settings")}</span></button>
${button("pip", "picture-in-picture", "P", words("Picture in picture"), '<rect x="3" y="5" width="18" height="14" rx="2"/><rect class="solid" x="12" y="11.5" width="6.5" height="5" rx="1"/>')}
${button("help", "shortcuts", "?", words("Keyboard shortcuts"), '<circle cx="12" cy="12" r="9"/><path d="M9.5 9.5a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.1 1-1.1 1.8M12 16.8v.2"/>')}
<div class="choices" role="radiogroup" aria-label="Picture size"><span><span>Picture size</span> <kbd aria-hidden="true">Q</kbd></span>
${choice("size-auto", words("Automatic"))}${choice("size-full", words("Full"))}${choice("size-half", words("Half"))}${choice("size-quarter", words("Quarter"))}</div>
<div id="wires" class="choices" role="radiogroup" aria-label="Wire format" hidden><span>Wire format</span>
${choice("wire-gzip", "gzip + base64")}${choice("wire-jpeg", "JPEG")}</div>
</div>`;

const FIGURES = [
  ["fps", words("Frames")], ["age", words("Age")], ["p95", words("Age, 95 %")], ["rate", words("Data")], ["rtt", words("Round trip")], ["took", words("Drawing")],
  ["skipped", words("Skipped")], ["size", words("Picture")], ["why", words("Size")], ["wire", words("Wire")], ["seq", words("Frame")],
];
const OVERLAY = `<dl id="overlay" part="overlay" hidden>${FIGURES.map(([id, text]) => `<div><dt>${text}</dt><dd id="o-${id}"></dd></div>`).join("")}</dl>`;

const KEYS = [
  [words("Pause or play"), words("Space")], [words("Save a snapshot"), "S"], [words("Photo in full resolution"), "I"], [words("Record a clip"), "R"], [words("Rotate, mirror, fill"), "T", "M", "C"],
  [words("Zoom in, out, reset"), "+", "−", "0"], [words("Statistics"), "O"], [words("Picture size"), "Q"], [words("Full screen"), "F"],
  [words("Picture in picture"), "P"], [words("Adjust the camera"), "A"], [words("This list"), "?"],
];
// What these do, which not every browser can.
const ABLE = { R: ' data-do="record"', P: ' data-do="pip"', A: ' data-do="adjust" hidden', I: ' id="k-still" hidden' };
const HELP = `<dialog id="help" part="help" aria-labelledby="help-title">
<h2 id="help-title">Keyboard shortcuts</h2>
<dl>${KEYS.map(([text, ...keys]) => `<div${ABLE[keys[0]] ?? ""}><dt>${text}</dt><dd>${keys.map((key) => `<kbd>${key}</kbd>`).join("")}</dd></div>`).join("")}</dl>
<p>Zoom also with the wheel, with two fingers, or with a double tap; drag to move.</p>
<form method="dialog"><button part="button close">Close</button></form>
</dialog>`;

const CROSS = icon('<path d="M6 6l12 12M18 6 6 18"/>');
const PROBLEM = `<div id="problem" part="problem" role="alert" hidden><span></span>
<button data-do="dismiss" part="button dismiss" aria-label="Dismiss">${CROSS}</button></div>`;

/** Whether the server records the camera, where that is worth a word. */
const RECORDINGS = {
  recording: words("REC"), slow: words("REC, with gaps"), "no-disk": words("Not recording: no disk"),
  "disk-full": words("Not recording: disk full"), error: words("Not recording"),
};

const STYLE = "panels.css";
/** A style sheet beside this script: what puts it into a shadow root. Browsers without constructable ones get a file, which the
 * server's own content policy lets them have. */
async function styled(file) {
  const href = new URL(file, import.meta.url).href;
  const answer = await fetch(href);
  if (!answer.ok) throw new Error(`${file}: ${answer.status}`);
  const rules = await answer.text();
  let sheet;
  return (shadow) => {
    try {
      if (!sheet) (sheet = new CSSStyleSheet()).replaceSync(rules);
      shadow.adoptedStyleSheets = [...shadow.adoptedStyleSheets, sheet];
    } catch {
      shadow.prepend(Object.assign(document.createElement("link"), { rel: "stylesheet", href }));
    }
  };
}
const addStyle = await styled(STYLE);

/** One digit after the point. */
const tenths = (value) => Math.max(value, 0).toFixed(1);
/** Clocks that disagree can make it negative. */
const ms = (value) =>
  value === undefined ? "–" : value >= 10_000 ? `${tenths(value / 1000)} s` : `${Math.round(value)} ms`;
/** Thin spaces between groups of three digits. */
const count = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, "\u202f");

/** Arrow keys go from button to button, which are one stop for Tab. The focus enters a choice where it is made, and makes it. */
function rove(box, focused) {
  const all = [...box.querySelectorAll("button")];
  const keepStop = (only) => {
    for (const button of all) button.tabIndex = !only || button === only ? 0 : -1;
  };
  if (box.contains(focused)) keepStop(focused);
  box.addEventListener("focusin", ({ target, relatedTarget }) => {
    const made = !box.contains(relatedTarget) && target.matches(":focus-visible") && box.querySelector('[aria-checked="true"]');
    if (made && made !== target) made.focus();
    else keepStop(target);
  });
  box.addEventListener("focusout", ({ relatedTarget }) => box.contains(relatedTarget) || keepStop(null));
  box.addEventListener("keydown", (event) => {
    const there = all.filter((button) => button.offsetWidth && !button.disabled);
    const at = there.indexOf(event.target);
    const [left, right] = [at - 1, (at + 1) % there.length];
    const to = { ArrowLeft: left, ArrowUp: left, ArrowRight: right, ArrowDown: right, Home: 0, End: -1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = there.at(to);
    next.focus();
    if (next.getAttribute("role") === "radio") next.click();
  });
}

/** A WebM with its duration, without which players can't seek. Browsers write it before they know, as 0 or not at all. */
async function withDuration(file, ms) {
  const bytes = new Uint8Array(await file.slice(0, 1000).arrayBuffer());
  const find = (id, from, to) => bytes.findIndex((_, at) => at >= from && at < to && id.every((byte, i) => byte === bytes[at + i]));
  /** An EBML number (RFC 8794 §4) and where it ends. */
  const number = (at) => {
    const length = Math.clz32(bytes[at]) - 23;
    return [bytes.slice(at, at + length).reduce((sum, byte) => sum * 256 + byte, 0) - 2 ** (7 * length), at + length];
  };
  const info = find([0x15, 0x49, 0xa9, 0x66], 0, bytes.length);
  if (info < 0) return file;
  const [size, inside] = number(info + 4);
  const end = inside + size;
  if (end > bytes.length) return file;
  const scale = find([0x2a, 0xd7, 0xb1, 0x83], inside, end);
  const unit = scale < 0 ? 1 : ((bytes[scale + 4] << 16) | (bytes[scale + 5] << 8) | bytes[scale + 6]) / 1e6;
  const duration = new Uint8Array([0x44, 0x89, 0x88, 0, 0, 0, 0, 0, 0, 0, 0]);
  new DataView(duration.buffer).setFloat64(3, ms / unit);
  const old = find([0x44, 0x89], inside, end);
  const rest = old < 0 ? end : number(old + 2).reduce((length, at) => at + length);
  const before = bytes.slice(inside, old < 0 ? end : old);
  // The size of what is inside, as a number of four bytes.
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, 0x10000000 + before.length + duration.length + end - rest);
  return new Blob([bytes.slice(0, info + 4), length, before, duration, bytes.slice(rest, end), file.slice(end)], { type: file.type });
}

/** A lock on the screen's sleep, which browsers grant to encrypted pages. Both of these give what ends it. */
async function lock() {
  const lock = await navigator.wakeLock.request("screen");
  return () => lock.release();
}
/** What keeps the screen on elsewhere, but in WebKit: a video, of one picture that stays. WebKit's would have to have sound, and
 * take the place of the music that is played. */
async function still(shadow) {
  const canvas = Object.assign(document.createElement("canvas"), { width: 2, height: 2 });
  const context = canvas.getContext("2d");
  const srcObject = canvas.captureStream();
  context.fillRect(0, 0, 2, 2);
  const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true, srcObject });
  const end = () => {
    for (const track of srcObject.getTracks()) track.stop();
    video.remove();
  };
  shadow.append(video);
  await video.play().catch((error) => {
    end();
    throw error;
  });
  return end;
}

/** Keeps the screen on, by a picture in that shadow root where the browser has no other way, until the signal is aborted. */
export async function stayOn(shadow, signal) {
  const ask = async () => {
    const letGo = navigator.wakeLock ? await lock() : await still(shadow);
    if (signal.aborted) letGo();
    else signal.addEventListener("abort", letGo);
  };
  // WebKit grants it to a tap.
  const again = () => ask().catch(() => {});
  await ask().catch(() => signal.aborted || addEventListener("click", again, { once: true, signal }));
}

/** What fills the window over each element, by its name: a script and a style sheet of that name. */
const sheets = new WeakMap();

/** What fills the window over an element, loaded when it is first wanted. */
export async function sheet(host, name) {
  const shadow = host.shadowRoot;
  const all = sheets.get(shadow) ?? {};
  sheets.set(shadow, all);
  if (!all[name]) {
    const [{ default: Sheet }, style] = await Promise.all([import(`./${name}.js`), styled(`${name}.css`)]);
    if (!all[name]) style(shadow);
    const { put, speak } = host.constructor.texts;
    all[name] ??= new Sheet(shadow, put, speak);
  }
  return all[name];
}

const fragment = (html) => document.createRange().createContextualFragment(html);

/** The newest clip of each element: what becomes of one before is no news. */
const clips = new WeakMap();

/** Offers a clip to be shared. It cannot be taken once more as a snapshot can: so it is kept until it is shared, the user
 * throws it away, or there is another one. */
async function shareClip(shadow, files, speak) {
  const share = () => navigator.share({ files });
  clips.set(shadow, files);
  shadow.getElementById("clip")?.remove();
  // A long one takes much memory.
  const forget = () => clips.get(shadow) === files && clips.delete(shadow);
  if (await share().then(() => (forget(), true), () => clips.get(shadow) !== files)) return;
  const html = `<div id="clip" part="clip" role="alert"><span>${words("The clip is not saved yet")}</span>
<button part="button save-clip">${words("Save the clip")}</button><button part="button discard" aria-label="${words("Discard the clip")}">${CROSS}</button></div>`;
  shadow.getElementById("top").append(fragment(html));
  speak(shadow);
  const clip = shadow.getElementById("clip");
  const [save, discard] = clip.querySelectorAll("button");
  const end = () => {
    forget();
    clip.remove();
  };
  save.addEventListener("click", () => share().then(end, () => {}));
  discard.addEventListener("click", end);
}

/** Offers a file to be shared, and otherwise shows it. In an app on iOS's home screen, a download has no way back. */
export async function handOver(shadow, file, name, speak) {
  const files = [new File([file], name, { type: file.type })];
  const able = navigator.canShare?.({ files });
  if (able && file.type.startsWith("video/")) {
    await shareClip(shadow, files, speak);
    return false;
  }
  const share = () => navigator.share({ files });
  if (able) {
    const error = await share().then(() => null, (error) => error);
    // The user has decided otherwise where it is an AbortError. The tap may have been too long ago, or another sheet is open.
    if (!error || error.name === "AbortError") return false;
  }
  const url = URL.createObjectURL(file);
  const shown = file.type.startsWith("image/") ? `<img src="${url}" alt="${words("The snapshot")}">` : `<video src="${url}" controls muted playsinline></video>`;
  const button = able ? `<button type="button" part="button share">${words("Share")}</button>` : `<p>${words("Press and hold the picture to save it.")}</p>`;
  const html = `<dialog id="file" part="file" aria-label="${able ? words("Share") : words("Save")}">${shown}<form method="dialog">${button}<button part="button close">${words("Close")}</button></form></dialog>`;
  // Another one may be open.
  const dialog = fragment(html).firstElementChild;
  shadow.getElementById("root").append(dialog);
  speak(shadow);
  dialog.querySelector("[type=button]")?.addEventListener("click", () => share().then(() => dialog.close(), () => {}));
  dialog.addEventListener("close", () => {
    URL.revokeObjectURL(url);
    dialog.remove();
  });
  dialog.showModal();
  return false;
}

/** The parts of one element. */
export default class Panels {
  #shadow;
  #part;
  /** Writes a text in the element's language. */
  #put;
  /** The canvas of which the browser makes a video. */
  #context = null;
  #stream = null;
  /** The encoder, what it has delivered, and since when it runs. */
  #recording = null;
  #video = null;
  /** Ends what keeps the screen on. */
  #awake = null;
  /** Has texts said in the element's language. */
  #speak;
  /** Says something to the server. */
  #say = () => {};
  /** What adjusts the camera, once it is loaded; whether it is shown, and what it shows. */
  #adjust = null;
  #adjusting = false;
  #controls = [[], null];
  /** The server's API, and the camera in it; null on pages of other origins. */
  #api = null;
  #camera = "";
  /** Where a photo in full resolution is had, null on pages of other origins; whether this user may; whether one is being taken. */
  #still = null;
  #operates = false;
  /** Over once the server has said who they are. */
  #known = null;
  #taking = false;
  #toasting = 0;

  constructor(shadow, put, speak) {
    this.#shadow = shadow;
    this.#put = put;
    this.#speak = speak;
    this.#part = (id) => shadow.getElementById(id);
    addStyle(shadow);
    this.#part("notice").after(fragment(OVERLAY));
    this.#part("toolbar").after(fragment(MENU));
    this.#part("root").append(fragment(HELP));
    this.#part("top").append(fragment('<div id="recorded" role="status"></div>' + PROBLEM));
    speak(shadow);
    // Whatever this browser lacks is no choice here, either.
    for (const hidden of shadow.querySelectorAll("#toolbar [hidden]"))
      for (const same of shadow.querySelectorAll(`:is(#menu, #help) [data-do="${hidden.dataset.do}"]`)) same.hidden = true;
    for (const box of shadow.querySelectorAll('#toolbar, [role="radiogroup"]')) rove(box, shadow.activeElement);
    const { host } = shadow;
    const offer = () => (this.#part("b-drive").hidden = !host.operating?.may);
    host.addEventListener("operating", offer);
    offer();
    for (const name of ["settings", "recordings", "drive"]) this.#part(`b-${name}`).addEventListener("click", () => this.#openSheet(name));
    this.#part("b-still").addEventListener("click", () => {
      this.#part("b-more").click();
      this.#takeStill();
    });
    this.#part("b-wall").addEventListener("click", () => {
      const query = new URLSearchParams(location.search);
      query.delete("camera");
      query.set("wall", "");
      location.assign(`?${query}`);
    });
  }

  /** Shows or hides the menu; with the keyboard, the focus goes there and back. */
  show_menu(shown) {
    const [menu, more] = [this.#part("menu"), this.#part("b-more")];
    if (menu.hidden !== shown) return;
    const focused = menu.contains(this.#shadow.activeElement);
    menu.hidden = !shown;
    if (shown) this.#offerStill();
    more.setAttribute("aria-expanded", shown);
    if (shown && more.matches(":focus-visible")) menu.querySelector("button:not([hidden])").focus();
    if (focused) more.focus();
  }

  menu_shown() {
    return !this.#part("menu").hidden;
  }

  show_help() {
    const help = this.#part("help");
    if (!help.open) help.showModal();
    this.#offerStill();
  }

  close_help() {
    this.#part("help").close();
  }

  help_shown() {
    return this.#part("help").open;
  }

  /** What says something to the server. */
  operate(say) {
    this.#say = say;
  }

  /** What the server says of the camera's controls: a list of all, and whether the camera is recorded, or values of those that change by
   * themselves. */
  controls({ type, values, controls: told, recording }, socket, camera) {
    if (type === "controls") return this.#adjust?.readings(values);
    const recorded = this.#part("recorded");
    recorded.className = recording;
    this.#put(recorded, "", RECORDINGS[recording] ?? "");
    const api = new URL(socket.replace(/^ws/, "http"));
    api.pathname = api.pathname.replace(/ws$/, "api/v1/");
    for (const name of ["camera", "wire", "width"]) api.searchParams.delete(name);
    // Pages of other origins may only look at it.
    this.#known = this.#administer(api.origin === origin ? api.href : null, camera);
    api.pathname += `cameras/${camera}`;
    this.#controls = [told, api.origin === origin && camera ? api.href : null];
    this.#part("b-recordings").hidden = !recording || !this.#controls[1];
    const still = new URL(socket.replace(/^ws/, "http"));
    still.pathname = still.pathname.replace(/(api\/v1\/)?ws$/, "still.jpg");
    still.searchParams.set("camera", camera);
    this.#still = this.#controls[1] && still.href;
    for (const part of this.#shadow.querySelectorAll(':is(#menu, #help) [data-do="adjust"]')) part.hidden = !told.length;
    this.#adjust?.controls(...this.#controls);
  }

  /** Offers settings to administrators, of whom the server says who they are, and on its own page, all cameras. */
  async #administer(api, camera) {
    this.#camera = camera;
    if (api === this.#api) return this.#known;
    this.#api = api;
    const [settings, wall] = [this.#part("b-settings"), this.#part("b-wall")];
    settings.hidden = wall.hidden = true;
    if (!api) return;
    const url = new URL(api);
    const isOwnPage = url.pathname === new URL("api/v1/", location).pathname && this.#shadow.host.getRootNode() === document;
    url.pathname += "session";
    const told = await fetch(url, { cache: "no-store" }).then((answer) => answer.json(), () => null).catch(() => null);
    if (told && this.#api === api) {
      settings.hidden = told.role !== "admin";
      wall.hidden = !isOwnPage || /\/embed\/?$/.test(location.pathname) || url.searchParams.has("ticket");
      this.#operates = ["operate", "admin"].includes(told.role);
    } else if (this.#api === api) this.#api = null;
  }

  /** Offers a photo in full resolution where the camera takes larger ones than it streams, and this user may have it do so. */
  async #offerStill() {
    await this.#known;
    const url = this.#still;
    const offers = ({ ok, headers }) => ok && headers.get("pistreamer-still") === "full";
    const able = url && this.#operates && (await fetch(url, { method: "HEAD", cache: "no-store" }).then(offers, () => false));
    if (url !== this.#still) return;
    for (const id of ["b-still", "k-still"]) this.#part(id).hidden = !able;
    if (able) document.addEventListener("keydown", this.#keyed);
  }

  #keyed = (event) => {
    const { key, ctrlKey, metaKey, altKey, repeat, defaultPrevented } = event;
    if (key.toLowerCase() !== "i" || ctrlKey || metaKey || altKey || repeat || defaultPrevented) return;
    const [path, { host }] = [event.composedPath(), this.#shadow];
    const fills = host.clientWidth >= innerWidth && host.clientHeight >= innerHeight;
    const meant = path.includes(host) || (document.activeElement === document.body && fills);
    if (meant && !this.#part("b-still").hidden && !this.help_shown() && !path[0].matches?.("input, select, textarea")) this.#takeStill();
  };

  async #takeStill() {
    if (this.#taking) return;
    this.#taking = true;
    this.#toast(words("Taking the photo…"), 45_000);
    try {
      // No page of another site can send that.
      const headers = { "X-Requested-With": "fetch" };
      const answer = await fetch(this.#still, { cache: "no-store", headers });
      if (!answer.ok) throw new Error((await answer.text()).trim());
      const at = new Date((answer.headers.get("x-timestamp") ?? Date.now() / 1000) * 1000);
      const name = `${this.#camera}-${at.toISOString().slice(0, 19).replace(/:/g, "")}Z.jpg`;
      const file = await answer.blob();
      if (navigator.standalone === true && !(await handOver(this.#shadow, file, name, this.#speak))) return this.#toast("");
      if (navigator.standalone !== true) {
        const href = URL.createObjectURL(file);
        Object.assign(document.createElement("a"), { href, download: name }).click();
        setTimeout(() => URL.revokeObjectURL(href), 60_000);
      }
      this.#toast(words("Saved {file}", name));
    } catch (error) {
      this.#toast(words("No photo: {text}", error.message));
    } finally {
      this.#taking = false;
    }
  }

  /** Says something for a while; nothing takes it away. */
  #toast(text, ms = 5000) {
    const toast = this.#part("toast");
    clearTimeout(this.#toasting);
    this.#put(toast, "", text);
    toast.hidden = !text;
    this.#toasting = setTimeout(() => (toast.hidden = true), ms);
  }

  /** Opens what is a module of its own, with a look of its own. */
  async #openSheet(name) {
    this.#part("b-more").click();
    try {
      (await sheet(this.#shadow.host, name)).open(this.#api, this.#camera);
    } catch {
      this.#toast(words("This cannot be loaded: the server does not answer. Try again"));
    }
  }

  /** Shows or hides what adjusts the camera. */
  async show_adjust(shown) {
    this.#adjusting = shown;
    if (shown && !this.#adjust) {
      const { default: Adjust } = await import("./adjust.js");
      const send = (name, value, confirmed) => this.#say(JSON.stringify({ type: "control", name, value, confirmed }));
      this.#adjust ??= new Adjust(this.#shadow, this.#put, this.#speak, send);
      this.#adjust.controls(...this.#controls);
    }
    this.#adjust?.open(this.#adjusting);
  }

  show_overlay(shown) {
    this.#part("overlay").hidden = !shown;
    // For those who look at figures.
    this.#part("wires").hidden = !shown;
  }

  /** Keeps the screen on, or lets it sleep. */
  async keep_awake(on) {
    this.#awake?.abort();
    this.#awake = on ? new AbortController() : null;
    if (on) await stayOn(this.#shadow, this.#awake.signal);
  }

  /** Shows what is wrong with the server's configuration; undefined takes it away. */
  show_problem(problem) {
    const part = this.#part("problem");
    part.hidden = !problem;
    this.#put(part.firstElementChild, "", problem ? words("The configuration file has an error and is not applied: {problem}", problem) : "");
  }

  /** Shows the statistics. Times are in ms, undefined where they aren't known. */
  write_figures(fps, age, p95, mbit, rtt, took, skippedServer, skippedHere, corrupt, width, height, why, wire, seq) {
    const left = count(skippedServer + skippedHere);
    const figures = {
      fps: words("{number} per s", tenths(fps)), age: ms(age), p95: ms(p95), rate: words("{number} Mbit/s", tenths(mbit)), rtt: ms(rtt), took: ms(took),
      skipped: corrupt ? words("{count} + {broken} broken", left, count(corrupt)) : left, size: `${width} × ${height}`, why, wire: wire ?? "–",
      seq: seq === undefined ? "–" : count(seq),
    };
    for (const [id, text] of Object.entries(figures)) {
      this.#put(this.#part(`o-${id}`), "", text);
    }
  }

  /** A canvas of fixed size, because encoders want one, for pictures to record or to show in the small window. */
  open_stage(width, height) {
    if (this.#context) return;
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    this.#context = canvas.getContext("2d");
    this.#stream = canvas.captureStream();
  }

  close_stage() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#context = this.#stream = null;
  }

  /** Shows nothing on it. */
  clear_stage() {
    const { width, height } = this.#context.canvas;
    this.#context.resetTransform();
    this.#context.fillStyle = "#000";
    this.#context.fillRect(0, 0, width, height);
  }

  /** Draws a picture on it. */
  draw(bitmap, a, b, c, d, e, f) {
    this.clear_stage();
    this.#context.setTransform(a, b, c, d, e, f);
    this.#context.drawImage(bitmap, 0, 0);
  }

  /** Begins to record, in the first of these types that the browser has. `tell` hears true at so many bytes, and false where
   * nothing comes of it. */
  start_recording(types, most, tell) {
    const { width, height } = this.#context.canvas;
    const mimeType = types.split(" ").find((type) => MediaRecorder.isTypeSupported(type));
    // About 0.2 bits per pixel at 30 frames per second: 5.5 Mbit/s at 1280x720.
    const videoBitsPerSecond = Math.min(Math.max(width * height * 6, 1e6), 16e6);
    const recorder = new MediaRecorder(this.#stream, { mimeType, videoBitsPerSecond });
    const pieces = [];
    let bytes = 0;
    recorder.ondataavailable = ({ data }) => {
      if (!data.size) return;
      pieces.push(data);
      bytes += data.size;
      if (bytes >= most) tell(true);
    };
    recorder.start(1000);
    const began = performance.now();
    this.#recording = { recorder, pieces, began };
    // A busy device's first piece takes its time.
    setTimeout(() => this.#recording?.recorder === recorder && !bytes && tell(false), 4000);
  }

  /** Ends the recording: a promise of the file. */
  async end_recording() {
    const { recorder, pieces, began } = this.#recording;
    this.#recording = null;
    const lasted = performance.now() - began;
    // An encoder that failed has stopped already.
    if (recorder.state !== "inactive") {
      const stopped = new Promise((resolve) => (recorder.onstop = resolve));
      recorder.stop();
      await stopped;
    }
    if (!pieces.length) throw new Error(words("nothing was recorded"));
    const file = new Blob(pieces, { type: recorder.mimeType });
    return file.type.startsWith("video/webm") ? withDuration(file, lasted) : file;
  }

  /** Opens the small window; refused above all without a click or a key before. `left` is called when the user closes it. */
  async float(left) {
    const video = document.createElement("video");
    this.#video = Object.assign(video, { muted: true, playsInline: true, srcObject: this.#stream });
    video.addEventListener("leavepictureinpicture", left);
    this.#shadow.append(video);
    try {
      await video.play();
      await video.requestPictureInPicture();
    } catch (error) {
      this.unfloat();
      throw error;
    }
  }

  unfloat() {
    const video = this.#video;
    this.#video = null;
    if (!video) return;
    // Where the user has closed it meanwhile, the refusal is no news.
    if (document.pictureInPictureElement) document.exitPictureInPicture().catch(() => {});
    video.srcObject = null;
    video.remove();
  }

  /** The element leaves its document, or its program has failed: nothing goes on. */
  close() {
    if (this.#recording?.recorder.state === "recording") this.#recording.recorder.stop();
    this.#recording = null;
    document.removeEventListener("keydown", this.#keyed);
    this.unfloat();
    this.close_stage();
    this.keep_awake(false);
  }
}

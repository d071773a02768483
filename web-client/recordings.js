// Plays what the server has recorded: a strip of time below the picture, which is drawn to where one wants to look.
//
// Loaded by panels.js when it is first opened. The position is a clock, which never waits for the network: what is shown is the frame of
// that moment, and a slow link shows fewer of them.

/** Marks a text that is said in the element's language. Values take the places of what is in braces: those called text are
 * such texts themselves, those called number are numbers. */
export const words = (text, ...values) => text.replace(/\{\w+\}/g, () => values.shift());

export const [SECOND, MINUTE, HOUR] = [1000, 60_000, 3_600_000];
/** What the strip shows at a time, and the step in seconds in which that is asked for. */
const SPANS = [
  [10 * MINUTE, 10, words("10 minutes")], [HOUR, 10, words("1 hour")], [6 * HOUR, 60, words("6 hours")],
  [24 * HOUR, 300, words("1 day")], [7 * 24 * HOUR, 3600, words("1 week")],
];
const SPEEDS = [-64, -16, -4, -1, 0.25, 0.5, 1, 2, 4, 16, 64];
/** Events that are asked for at a time, in the list and around the position. */
const [LISTED, AROUND] = [30, 500];
/** What is played before an event. */
const BEFORE = 2 * SECOND;
/** Pauses between two questions for a frame, for the range, and after one that failed. */
const [NEXT, RANGE, AGAIN] = [40, 5 * SECOND, SECOND];
/** Distances between two lines of the strip. */
const TICKS = [MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 24 * HOUR];

export const make = (name, properties = {}, ...children) => {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in node) node[key] = value;
    else node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
};
const icon = (paths) => {
  const holder = document.createElement("template");
  holder.innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true">${paths}</svg>`;
  return holder.content;
};
const button = (id, label, paths) => make("button", { type: "button", id, part: "button", title: label, "aria-label": label }, icon(paths));
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
export const clock = (ms, more = {}) => new Date(ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", ...more });
export const day = (ms) => {
  const year = new Date(ms).getFullYear() === new Date().getFullYear() ? undefined : "numeric";
  return new Date(ms).toLocaleDateString([], { weekday: "short", day: "numeric", month: "short", year });
};
/** As an input has it: the time of this place. */
const typed = (ms) => new Date(ms - new Date(ms).getTimezoneOffset() * MINUTE).toISOString().slice(0, 19);

const PLAY = '<path class="solid" d="M8 5v14l11-7z"/>';
const PAUSE = '<path d="M9 5v14M15 5v14" stroke-width="3"/>';

/** The player of one element. */
export default class Recordings {
  #shadow;
  #put;
  /** Has what was added said in the element's language, and what the server has said. */
  #speak;
  #dialog;
  #img = make("img", { id: "r-picture", alt: "", hidden: true });
  #note = make("p", { id: "r-note", role: "status" });
  #strip = make("canvas", { id: "r-strip", tabIndex: 0, role: "slider", "aria-label": words("Time") });
  #api = "";
  #camera = "";
  /** ms of the position when it was last set, and when that was; the speed, which is 0 in a pause, and the one to go on with. */
  #at = 0;
  #since = 0;
  #speed = 0;
  #chosen = 1;
  /** ms of the first and the last frame; null where there is none. */
  #range = null;
  /** Of the frame that is shown: its time, its tag and its file. */
  #shown = null;
  #span = HOUR;
  /** Where the next frame is further away, nothing was recorded in between: ms. */
  #gap = 15 * SECOND;
  /** Frames that are still to be stepped over; null where none is looked for. */
  #steps = null;
  /** What there is of the time around the position. */
  #cover = null;
  #marks = [null, null];
  /** What the server can make of a clip; whether what is shown is what a link is for, and nothing else. */
  #offers = {};
  #isLink = false;
  #list = make("ul", { id: "r-list", hidden: true });
  /** Over when it is closed. */
  #open = null;
  /** Called when the position has changed. */
  #wake = () => {};
  /** Changes with each choice of the user's: what was asked for before it is not shown. */
  #turn = 0;

  constructor(shadow, put, speak) {
    [this.#shadow, this.#put] = [shadow, put];
    this.#speak = (said) => speak(shadow, said);
    const select = (id, label, options, value) => {
      const all = options.map(([value, textContent]) => make("option", { value, textContent }));
      const made = make("select", { id, "aria-label": label }, ...all);
      made.value = value;
      return made;
    };
    const speed = select("r-speed", words("Speed"), SPEEDS.map((it) => [it, `${it}×`.replace("-", "−")]), 1);
    speed.translate = false;
    const span = select("r-span", words("Shown time"), SPANS.map(([ms, , text]) => [ms, text]), HOUR);
    const when = make("input", { id: "r-when", type: "datetime-local", step: 1, "aria-label": words("Go to") });
    const close = make("form", { method: "dialog" }, make("button", { id: "r-live", part: "button close", textContent: words("Back to live") }));
    const events = make("button", { type: "button", id: "r-events", part: "button", textContent: words("Events"), "aria-expanded": false });
    const badge = make("p", { id: "r-badge" }, make("strong", { textContent: words("Recording") }), make("time", { id: "r-time", translate: false }));
    const bar = make(
      "div", { id: "r-bar", role: "group", "aria-label": words("Playing") },
      button("r-back", words("10 seconds back"), '<path d="M11 6 5 12l6 6M18 6l-6 6 6 6"/>'),
      button("r-before", words("Frame before"), '<path d="M17 5v14L7 12zM5 5v14"/>'),
      button("r-play", words("Play back"), PLAY),
      button("r-after", words("Frame after"), '<path d="M7 5v14l10-7zM19 5v14"/>'),
      button("r-on", words("10 seconds on"), '<path d="m6 6 6 6-6 6M13 6l6 6-6 6"/>'),
      speed, span, when,
    );
    const clip = make(
      "div", { id: "r-clip", role: "group", "aria-label": words("A clip") },
      make("button", { type: "button", id: "r-from", part: "button", textContent: words("From here") }),
      make("button", { type: "button", id: "r-to", part: "button", textContent: words("To here") }),
      make("button", { type: "button", id: "r-share", part: "button", disabled: true, textContent: words("Share or save") }),
      make("button", { type: "button", id: "r-photo", part: "button", textContent: words("Save this picture") }),
      make("span", { id: "r-marks", role: "status" }),
    );
    const stage = make("div", { id: "r-stage" }, this.#img, this.#note, this.#list);
    this.#dialog = make("dialog", { id: "recordings", part: "recordings", "aria-label": words("Recordings") }, make("header", {}, badge, events, close), stage, this.#strip, bar, clip);
    this.#part("root").append(this.#dialog);
    speak(shadow);
    const clicks = {
      "r-back": () => this.#seek(this.#now() - 10 * SECOND), "r-on": () => this.#seek(this.#now() + 10 * SECOND),
      "r-before": () => this.#step(-1), "r-after": () => this.#step(1), "r-play": () => this.#play(this.#speed ? 0 : this.#chosen),
      "r-from": () => this.#mark(0), "r-to": () => this.#mark(1), "r-share": () => this.#share(), "r-photo": () => this.#savePhoto(),
      "r-events": () => this.#listEvents(this.#list.hidden),
    };
    for (const [id, act] of Object.entries(clicks)) this.#part(id).addEventListener("click", act);
    speed.addEventListener("change", () => this.#play(Number(speed.value)));
    span.addEventListener("change", () => {
      this.#span = Number(span.value);
      this.#draw();
    });
    when.addEventListener("change", () => when.value && this.#seek(new Date(when.value).getTime()));
    // What is pressed here is no key of the viewer's.
    this.#dialog.addEventListener("keydown", (event) => {
      event.stopPropagation();
      this.#key(event);
    });
    this.#dialog.addEventListener("cancel", (event) => this.#isLink && event.target === this.#dialog && event.preventDefault());
    this.#dialog.addEventListener("close", (event) => {
      if (event.target !== this.#dialog) return;
      this.#open?.abort();
      this.#wake();
    });
    this.#drag();
    new ResizeObserver(() => this.#draw()).observe(this.#strip);
  }

  #part(id) {
    return this.#dialog?.querySelector(`#${id}`) ?? this.#shadow.getElementById(id);
  }

  /** Opens it at the newest recording of a camera, of the server with that API; with a link's key, at the first one. */
  open(api, camera, isLink = false) {
    [this.#api, this.#camera, this.#isLink] = [api, camera, isLink];
    this.#dialog.classList.toggle("link", isLink);
    this.#open?.abort();
    this.#open = new AbortController();
    [this.#range, this.#shown, this.#cover, this.#marks] = [null, null, null, [null, null]];
    this.#img.hidden = true;
    this.#play(0);
    this.#marked();
    this.#listEvents(false);
    this.#say(words("Looking for recordings …"));
    this.#told();
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#strip.focus();
    const { signal } = this.#open;
    this.#followRange(signal);
    this.#followFrames(signal);
  }

  #url(path, query, what = "recordings") {
    const url = new URL(this.#api);
    url.pathname += `${what}${path}`;
    for (const [name, value] of Object.entries({ camera: this.#camera, ...query })) url.searchParams.set(name, value);
    return url;
  }

  #say(text) {
    this.#put(this.#note, "", text);
    this.#note.hidden = !text;
  }

  /** The position, in ms: a clock, within what there is. */
  #now() {
    const at = this.#at + this.#speed * (performance.now() - this.#since);
    return this.#range ? Math.min(Math.max(at, this.#range[0]), this.#range[1]) : at;
  }

  #seek(ms) {
    this.#turn++;
    this.#go(ms);
  }

  #go(ms) {
    [this.#at, this.#since] = [ms, performance.now()];
    this.#at = this.#now();
    this.#told();
    this.#wake();
  }

  #play(speed) {
    this.#seek(this.#now());
    this.#speed = speed;
    if (speed) this.#chosen = speed;
    this.#part("r-speed").value = this.#chosen;
    const play = this.#part("r-play");
    const label = speed ? words("Pause") : words("Play back");
    play.replaceChildren(icon(speed ? PAUSE : PLAY));
    for (const name of ["title", "aria-label"]) this.#put(play, name, label);
    this.#wake();
  }

  /** The frame before the one that is shown, or behind it. A key that is held asks for the next one once this is there. */
  async #step(by) {
    if (this.#speed) this.#play(0);
    if (this.#steps !== null) return void (this.#steps = by);
    this.#steps = by;
    while (this.#steps) {
      [by, this.#steps] = [this.#steps, 0];
      const [turn, { signal }] = [this.#turn, this.#open];
      const found = await this.#ask((this.#shown?.at ?? this.#now()) + by, by > 0 ? "after" : "before").catch(() => null);
      // Another place was chosen meanwhile.
      if (!found?.file || signal.aborted || turn !== this.#turn) break;
      await this.#show(found, signal);
      this.#seek(found.at);
    }
    this.#steps = null;
  }

  /** Follows of which time there are recordings. */
  async #followRange(signal) {
    let failed = false;
    while (!signal.aborted) {
      try {
        const first = !this.#range;
        await this.#readRange(signal);
        // What failed is tried again.
        if (failed) this.#wake();
        failed = false;
        if (!this.#range) this.#say(words("There are no recordings yet"));
        else if (first && this.#isLink) this.#whole();
        else if (first) this.#seek(Math.max(this.#range[1] - 10 * SECOND, this.#range[0]));
      } catch (error) {
        failed = true;
        if (!signal.aborted) this.#say(words("Recordings cannot be loaded: {reason}", error.message));
      }
      this.#draw();
      await pause(RANGE);
    }
  }

  async #readRange(signal) {
    const answer = await fetch(this.#url("", {}), { cache: "no-store", signal });
    if (!answer.ok) throw new Error((await answer.text()).trim());
    const { cameras, ...offers } = await answer.json();
    this.#offers = offers;
    const own = cameras.find(({ id }) => id === this.#camera);
    if (own?.reason) throw new Error(own.reason);
    if (own) this.#gap = own.gap_us / 1000;
    this.#range = own?.to_us ? [own.from_us / 1000, own.to_us / 1000] : null;
  }

  /** Asks for the frame of a time: its time, tag and file; no file where it is shown already, and nothing where there is none. */
  async #ask(ms, near, signal = this.#open.signal) {
    const headers = this.#shown && near === "before" ? { "If-None-Match": this.#shown.tag } : {};
    const url = this.#url("/frame.jpg", { at_us: Math.round(ms * 1000), near });
    const answer = await fetch(url, { cache: "no-store", headers, signal });
    if (answer.status === 404) return null;
    if (answer.status !== 304 && !answer.ok) throw new Error((await answer.text()).trim());
    const at = Math.round(answer.headers.get("x-timestamp") * 1000);
    return { at, tag: answer.headers.get("etag"), file: answer.status === 304 ? null : await answer.blob() };
  }

  /** Shows the frame of the position, as long as it is open. */
  async #followFrames(signal) {
    while (!signal.aborted) {
      const changed = new Promise((done) => (this.#wake = done));
      try {
        if (this.#range) await this.#look(this.#now(), signal);
        this.#told();
        await (this.#speed ? pause(NEXT) : changed);
      } catch (error) {
        if (signal.aborted) return;
        this.#say(words("Recordings cannot be loaded: {reason}", error.message));
        await pause(AGAIN);
      }
    }
  }

  async #look(ms, signal) {
    const turn = this.#turn;
    const isOver = () => signal.aborted || turn !== this.#turn || !this.#range;
    let found = await this.#ask(ms, "before", signal);
    if (isOver()) return;
    if (!found || ms - found.at > this.#gap) {
      const other = this.#speed < 0 ? found : await this.#ask(ms, "after", signal);
      if (isOver()) return;
      // Nothing was recorded of this time: playing goes on behind it, and a pause says so.
      if (this.#speed && other) {
        this.#go(other.at);
        found = other;
      } else if (!this.#speed) return this.#show(null);
    }
    if (found?.file) await this.#show(found, signal);
    else if (found) this.#say("");
    if (isOver()) return;
    const [first, last] = this.#range;
    if (this.#speed < 0 && ms <= first) return this.#play(0);
    if (this.#speed <= 0 || ms < last) return;
    // More may have been recorded meanwhile: it is written once a second.
    this.#go(last);
    for (let times = 0; times < 3; times++) {
      await this.#readRange(signal);
      if (isOver() || this.#range[1] > last) return;
      await pause(SECOND / 2);
      if (isOver()) return;
      this.#go(last);
    }
    if (this.#speed > 0) this.#play(0);
  }

  async #show(found, signal) {
    this.#say(found ? "" : words("Nothing was recorded at this time"));
    if (!found) {
      [this.#shown, this.#img.hidden] = [null, true];
      return;
    }
    const before = this.#img.src;
    this.#img.src = URL.createObjectURL(found.file);
    await this.#img.decode().catch(() => this.#say(words("This picture is damaged")));
    if (before) URL.revokeObjectURL(before);
    if (signal.aborted) return;
    [this.#shown, this.#img.hidden] = [found, false];
    this.#dialog.dataset.shown = found.at;
  }

  /** Says where it is. */
  #told() {
    // What is shown, and not where the clock is by now.
    const at = this.#shown?.at ?? this.#now();
    const time = this.#part("r-time");
    const text = this.#range ? `${day(at)}, ${clock(at)}` : "";
    if (time.textContent !== text) {
      time.textContent = text;
      this.#strip.setAttribute("aria-valuetext", text);
      this.#strip.setAttribute("aria-valuenow", Math.round(at / SECOND));
      if (this.#range) for (const [n, name] of ["min", "max"].entries()) this.#strip.setAttribute(`aria-value${name}`, Math.round(this.#range[n] / SECOND));
      const when = this.#part("r-when");
      if (this.#range && this.#shadow.activeElement !== when) when.value = typed(at);
    }
    this.#draw();
  }

  /** Has what there is of the time around the position at hand. */
  async #covered() {
    const [, step] = SPANS.find(([ms]) => ms === this.#span);
    const [now, cover] = [this.#now(), this.#cover];
    const fits = cover && cover.span === this.#span && now - this.#span / 2 >= cover.from && now + this.#span / 2 <= cover.to;
    // What is being recorded grows.
    if (cover?.pending || (fits && (cover.to < this.#range[1] || performance.now() - cover.since < RANGE))) return;
    const from = Math.floor((now - this.#span) / (step * SECOND)) * step * SECOND;
    const to = from + 2 * this.#span;
    this.#cover = { ...cover, pending: true };
    try {
      const answer = await fetch(this.#url("/timeline", { from_us: Math.max(from, 0) * 1000, to_us: to * 1000, step_s: step }), { cache: "no-store", signal: this.#open.signal });
      if (!answer.ok) throw new Error(answer.status);
      const { have, peak = [] } = await answer.json();
      const bytes = Uint8Array.from(atob(have), (letter) => letter.charCodeAt(0));
      // A link tells of none.
      const events = this.#isLink ? [] : await this.#allEvents({ from_us: Math.max(from, 0) * 1000, before_us: to * 1000 });
      this.#cover = { from, to, step: step * SECOND, span: this.#span, bytes, peak, events, since: performance.now() };
      this.#draw();
    } catch {
      // It is asked for again with the next position.
      const failed = this.#cover;
      setTimeout(() => this.#cover === failed && (this.#cover = null), 5 * AGAIN);
    }
  }

  /** Draws the strip: the position is in its middle. */
  #draw() {
    const { clientWidth: width, clientHeight: height } = this.#strip;
    if (!this.#range || !width || this.#open?.signal.aborted) return;
    this.#covered();
    const scale = devicePixelRatio || 1;
    if (this.#strip.width !== Math.round(width * scale)) [this.#strip.width, this.#strip.height] = [width * scale, height * scale].map(Math.round);
    const pen = this.#strip.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    const [now, span] = [this.#now(), this.#span];
    const x = (ms) => ((ms - now) / span + 0.5) * width;
    pen.fillStyle = "#14181d";
    pen.fillRect(0, 0, width, height);
    const { from, step, bytes, peak, events } = this.#cover ?? {};
    if (bytes) {
      for (let n = 0; n < bytes.length * 4; n++) {
        const have = (bytes[n >> 2] >> (2 * (n & 3))) & 3;
        if (!have) continue;
        pen.fillStyle = have === 2 ? "#e0a13a" : "#6b5630";
        const left = x(from + n * step);
        const high = have === 2 ? height - 26 : 6;
        const wide = Math.max(x(from + (n + 1) * step) - left, 1) + 0.5;
        pen.fillRect(left, height - 4 - high, wide, high);
        // How much moved.
        pen.fillStyle = "#ff5a36";
        const moved = Math.ceil(((peak[n] ?? 0) / 255) * (height - 26));
        pen.fillRect(left, height - 4 - moved, wide, moved);
      }
      pen.fillStyle = "#ff8a70";
      for (const { start_us, end_us } of events) {
        const [left, right] = [x(start_us / 1000), x((end_us ?? Date.now() * 1000) / 1000)];
        pen.fillRect(left, height - 4, Math.max(right - left, 2), 4);
        pen.beginPath();
        for (const [dx, y] of [[-5, 19], [5, 19], [0, 26]]) pen.lineTo(left + dx, y);
        pen.fill();
      }
    }
    const [first, second] = this.#marks;
    if (first !== null && second !== null) {
      pen.fillStyle = "rgb(77 163 255 / .4)";
      pen.fillRect(x(Math.min(first, second)), 0, Math.abs(x(second) - x(first)), height);
    }
    pen.fillStyle = "#4da3ff";
    for (const mark of this.#marks) if (mark !== null) pen.fillRect(x(mark) - 1, 0, 2, height);
    const tick = TICKS.find((it) => (it / span) * width > 70) ?? TICKS.at(-1);
    const shift = new Date(now).getTimezoneOffset() * MINUTE;
    pen.fillStyle = "#c9d3de";
    pen.font = "12px system-ui, sans-serif";
    for (let at = Math.ceil((now - span / 2 - shift) / tick) * tick + shift; at < now + span / 2; at += tick) {
      pen.fillRect(x(at), 19, 1, height - 19);
      const text = tick >= 24 * HOUR ? day(at) : clock(at, { second: undefined });
      pen.fillText(text, x(at) + 3, 15);
    }
    pen.fillStyle = "#fff";
    pen.fillRect(width / 2 - 1, 0, 2, height);
  }

  /** The events of a time, the newest first, and before which time to go on. A server may search for a while until there are some. */
  async #events(query) {
    const { signal } = this.#open;
    for (;;) {
      const answer = await fetch(this.#url("", query, "events"), { cache: "no-store", signal });
      if (!answer.ok) throw new Error((await answer.text()).trim());
      const { events, next_us: next } = await answer.json();
      if (events.length || !next) return [events, next];
      query = { ...query, before_us: next };
    }
  }

  /** All events of a time, the newest first. */
  async #allEvents(query) {
    const all = [];
    for (;;) {
      const [events, next] = await this.#events({ ...query, limit: AROUND });
      all.push(...events);
      if (!next) return all;
      query = { ...query, before_us: next };
    }
  }

  /** Goes to the next event, or to the one before. */
  async #toEvent(by) {
    const now = Math.round(this.#now() * 1000);
    // One that begins within what is shown now is not gone to again.
    const after = { from_us: now + (BEFORE + SECOND) * 1000 };
    try {
      const [event] = by > 0 ? (await this.#allEvents(after)).slice(-1) : (await this.#events({ before_us: now, limit: 1 }))[0];
      if (event) this.#goToEvent(event);
    } catch {
      // What cannot be loaded is said by the strip.
    }
  }

  /** Plays all that a link is for. */
  #whole() {
    const [from, to] = (this.#marks = this.#range);
    this.#span = (SPANS.find(([ms]) => ms > to - from) ?? SPANS.at(-1))[0];
    this.#part("r-span").value = this.#span;
    this.#marked();
    this.#seek(from);
    this.#play(1);
  }

  #goToEvent({ start_us, end_us }) {
    this.#listEvents(false);
    // What is to be shared of it, unless something else is chosen.
    this.#marks = [start_us / 1000 - BEFORE, end_us ? end_us / 1000 : this.#range[1]];
    this.#marked();
    // What had the focus may be gone, and keys would be the viewer's.
    this.#strip.focus();
    this.#seek(start_us / 1000 - BEFORE);
  }

  /** Shows the list of events instead of the picture, or the picture again. */
  async #listEvents(shows) {
    this.#list.hidden = !shows;
    this.#part("r-events")?.setAttribute("aria-expanded", shows);
    this.#list.replaceChildren();
    if (!shows) return;
    this.#play(0);
    await this.#moreEvents({});
    this.#list.querySelector("button")?.focus();
  }

  async #moreEvents(query) {
    const { signal } = this.#open;
    let events, next;
    try {
      [events, next] = await this.#events({ ...query, limit: LISTED });
    } catch (error) {
      if (!signal.aborted) this.#list.append(this.#item(words("Recordings cannot be loaded: {reason}", error.message)));
      return;
    }
    if (signal.aborted || this.#list.hidden) return;
    for (const event of events) {
      const [start, peak] = [event.start_us / 1000, event.peak_us || event.start_us];
      const src = this.#url("/frame.jpg", { at_us: peak, near: "nearest" }).href;
      const names = { motion: words("Motion"), tamper: words("Camera covered or turned"), api: words("Told by a program") };
      const what = make("span");
      if (event.label || event.zones.length) what.textContent = [event.label, ...event.zones].filter(Boolean).join(", ");
      else this.#put(what, "", names[event.source] ?? words("Event"));
      const time = make("time", { textContent: `${day(start)}, ${clock(start)}`, translate: false });
      const open = make("button", { type: "button" }, make("img", { src, alt: "", loading: "lazy" }), time, what);
      open.addEventListener("click", () => {
        this.#goToEvent(event);
        this.#play(1);
      });
      this.#list.append(make("li", {}, open));
    }
    if (!this.#list.children.length) this.#list.append(this.#item(words("Nothing has happened yet")));
    if (!next) return;
    const more = make("button", { type: "button" });
    this.#put(more, "", words("Earlier events"));
    const item = make("li", {}, more);
    more.addEventListener("click", async () => {
      await this.#moreEvents({ before_us: next });
      item.nextElementSibling?.querySelector("button")?.focus();
      item.remove();
    });
    this.#list.append(item);
  }

  #item(text) {
    const item = make("li");
    this.#put(item, "", text);
    return item;
  }

  /** A strip that is drawn along shows another time; a tap goes to the place that was tapped. */
  #drag() {
    let [pressed, held, moved, went] = [0, null, 0, false];
    this.#strip.addEventListener("pointerdown", (event) => {
      if (!event.isPrimary || event.button) return;
      this.#strip.setPointerCapture(event.pointerId);
      [pressed, held, moved, went] = [event.clientX, event.clientX, 0, this.#speed !== 0];
    });
    this.#strip.addEventListener("pointermove", (event) => {
      if (held === null || !event.isPrimary || !this.#range) return;
      const by = event.clientX - held;
      // A hand that shakes draws nothing along.
      moved = Math.max(moved, Math.abs(event.clientX - pressed));
      if (moved < 5) return;
      if (this.#speed) this.#play(0);
      held = event.clientX;
      this.#seek(this.#now() - (by / this.#strip.clientWidth) * this.#span);
    });
    const end = (event) => {
      if (!event.isPrimary) return;
      if (held !== null && moved < 5 && event.type === "pointerup" && this.#range) {
        const place = event.clientX - this.#strip.getBoundingClientRect().left;
        this.#seek(this.#now() + (place / this.#strip.clientWidth - 0.5) * this.#span);
      } else if (held !== null && went && moved >= 5) this.#play(this.#chosen);
      held = null;
    };
    for (const name of ["pointerup", "pointercancel"]) this.#strip.addEventListener(name, end);
    this.#strip.addEventListener("wheel", (event) => {
      event.preventDefault();
      const at = SPANS.findIndex(([ms]) => ms === this.#span) + Math.sign(event.deltaY);
      if (!SPANS[at]) return;
      this.#span = SPANS[at][0];
      this.#part("r-span").value = this.#span;
      this.#draw();
    }, { passive: false });
  }

  #key(event) {
    const { key, ctrlKey, metaKey, altKey, target } = event;
    if (ctrlKey || metaKey || altKey || target.matches("select, input") || !this.#range) return;
    if (key === " " && target.matches("button")) return;
    const faster = (sign) => {
      const all = SPEEDS.filter((it) => it * sign > 0).sort((a, b) => Math.abs(a) - Math.abs(b));
      const at = all.indexOf(this.#speed);
      this.#play(at < 0 ? sign : all[Math.min(at + 1, all.length - 1)]);
    };
    const acts = {
      ArrowLeft: () => this.#seek(this.#now() - 5 * SECOND), ArrowRight: () => this.#seek(this.#now() + 5 * SECOND),
      ",": () => this.#step(-1), ".": () => this.#step(1), " ": () => this.#play(this.#speed ? 0 : this.#chosen), k: () => this.#play(this.#speed ? 0 : this.#chosen),
      j: () => faster(-1), l: () => faster(1), "[": () => this.#mark(0), "]": () => this.#mark(1),
      Home: () => this.#seek(this.#range[0]), End: () => this.#seek(this.#range[1]),
    };
    acts.e = () => this.#toEvent(event.shiftKey ? -1 : 1);
    const act = acts[key.length === 1 ? key.toLowerCase() : key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  #mark(which) {
    this.#marks[which] = this.#shown?.at ?? this.#now();
    this.#marked();
    this.#draw();
  }

  #marked() {
    const [from, to] = this.#marks;
    const both = from !== null && to !== null;
    this.#part("r-share").disabled = !both || from === to;
    const text = (ms) => (ms === null ? "…" : clock(ms));
    this.#part("r-marks").textContent = from ?? to ? `${text(from)} – ${text(to)}` : "";
  }

  /** Shares the clip, or saves it. */
  async #share() {
    const [from, to] = [Math.min(...this.#marks), Math.max(...this.#marks)];
    this.#play(0);
    const url = (path, query) => this.#url(path, query);
    try {
      const { default: share } = await import("./share.js");
      share({ root: this.#dialog, put: this.#put, speak: this.#speak, url, span: [from, to], camera: this.#camera, offers: this.#offers });
    } catch {
      this.#put(this.#part("r-marks"), "", words("This cannot be loaded: the server does not answer. Try again"));
    }
  }

  #savePhoto() {
    if (!this.#shown?.file) return;
    const href = URL.createObjectURL(this.#shown.file);
    const at = new Date(this.#shown.at).toISOString().slice(0, 19).replace(/:/g, "");
    make("a", { href, download: `${this.#camera}-${at}Z.jpg` }).click();
    setTimeout(() => URL.revokeObjectURL(href), MINUTE);
  }
}

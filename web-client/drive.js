// The cockpit: drives the machine below the camera by keyboard, touch or gamepad, and shows why it stands.
//
// Loaded by panels.js from the menu, or by boot.js with ?drive. When the machine moves is decided by the server: what is said here
// is a lease, made in one tick of the page's drawing and never repeated by itself. A page that is hidden or hangs says nothing.

import { stayOn } from "./panels.js";

/** Marks a text that is said in the element's language. Values take the places of what is in braces: those called text are
 * such texts themselves, those called number are numbers. */
const words = (text, ...values) => text.replace(/\{\w+\}/g, () => values.shift());

/** Why the machine stands. */
const WHY = {
  free: words("Nobody drives"), command: words("The connection is too slow or was interrupted"), picture: words("The picture is too old"),
  camera: words("The camera has no signal"), hidden: words("The page was hidden"), focus: words("The page lost the focus"),
  input: words("The gamepad or the finger is gone"), asked: words("Stopped by you"), taken: words("Another one took over"),
  left: words("The driver left"), sink: words("The machine takes no commands"), stopping: words("The server is stopping"),
  "slow-link": words("The connection is too slow to drive"), rest: words("Let go of all controls to start"),
};
/** Keys by their places, on every layout: the axis, and its end. */
const KEYS = {
  KeyA: [0, -1], ArrowLeft: [0, -1], KeyD: [0, 1], ArrowRight: [0, 1], KeyW: [1, 1], ArrowUp: [1, 1], KeyS: [1, -1], ArrowDown: [1, -1],
};
/** ms from rest to the end, and back, of what is driven by keys. */
const [UP, DOWN] = [350, 90];
/** What of a stick's way is rest. */
const DEAD = 0.08;
/** Commands ahead of what the server has seen, at most; ms between two of them, at least. */
const [CREDIT, INTERVAL] = [8, 15];
/** ms without a word of the server, which tells the driver something every 50 ms. */
const SILENCE = 700;
const KEPT = "pi-camera drive";

const make = (name, properties = {}, ...children) => {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in node) node[key] = value;
    else node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
};
const button = (id, textContent) => make("button", { type: "button", id, part: "button", textContent });
const clamp = (value) => Math.max(-1, Math.min(1, value));
const live = (value) => (Math.abs(value) < DEAD ? 0 : clamp((value - Math.sign(value) * DEAD) / (1 - DEAD)));

/** The cockpit of one element. */
export default class Drive {
  #host;
  #put;
  #parts = {};
  #dialog;
  /** What the server told last. */
  #told = {};
  #seq = 0;
  /** The number before the first command of this seat, and the newest frame that is seen. */
  #base = 0;
  #n = null;
  #sent = 0;
  /** When the server told something last. */
  #heard = 0;
  /** Why it stood last, and when. */
  #last = ["", 0];
  /** Keys that are held, and where they have the axes by now. */
  #held = new Set();
  #ramps = [0, 0];
  #ticked = 0;
  /** Where each touched stick is, and what takes it from its finger. */
  #touch = [0, 0];
  #releases = [];
  #pushed = new Set();
  /** The gamepad that was used. */
  #pad = null;
  #padStop = false;
  #padPushed = [];
  #choices = { limit: 50, expo: 40, trim: 0, reverse: [false, false] };
  #open = null;

  constructor(shadow, put, speak) {
    [this.#host, this.#put] = [shadow.host, put];
    try {
      const kept = JSON.parse(localStorage.getItem(KEPT));
      if (Array.isArray(kept?.reverse)) Object.assign(this.#choices, kept);
    } catch {}
    const part = (name, ...rest) => (this.#parts[name] = make(...rest));
    const status = make(
      "div", { id: "d-status", role: "status" },
      part("state", "strong", { id: "d-state" }), part("why", "span", { id: "d-why" }), part("waits", "span", { id: "d-waits" }), part("problem", "span", { id: "d-problem", translate: false }),
    );
    const figures = part("figures", "div", { id: "d-figures" }, ...["picture", "command", "slack"].map((name) => part(name, "span", { id: `d-${name}` })), part("telemetry", "span", { id: "d-telemetry", translate: false }));
    const seat = part(
      "seat", "div", { id: "d-seat" }, part("who", "span", { id: "d-who" }),
      ...[["take", words("Drive")], ["ask", words("Ask to drive")], ["force", words("Take over")], ["yes", words("Hand over")], ["no", words("Keep driving")]].map(
        ([want, text]) => (this.#parts[want] = button(`d-${want}`, text)),
      ),
    );
    const stick = (axis, label) => {
      const area = make("div", { id: `d-stick${axis}`, className: "stick", "aria-label": label, role: "img" }, make("i"));
      this.#follow(area, axis);
      return area;
    };
    const stop = (this.#parts.stop = button("d-stop", words("STOP")));
    const buttons = part("buttons", "div", { id: "d-buttons" });
    const choice = (id, label, input) => make("label", {}, make("span", { textContent: label }), Object.assign(input, { id }));
    const range = (min, max, value) => make("input", { type: "range", min, max, step: 5, value });
    const tick = (checked) => make("input", { type: "checkbox", checked });
    const { limit, expo, trim, reverse } = this.#choices;
    const choices = make(
      "details", { id: "d-choices" }, make("summary", { textContent: words("Settings") }),
      choice("d-limit", words("Most throttle in %"), range(10, 100, limit)), choice("d-expo", words("Softer in the middle in %"), range(0, 90, expo)),
      choice("d-trim", words("Straight ahead"), range(-30, 30, trim)),
      choice("d-reverse0", words("Steering reversed"), tick(reverse[0])), choice("d-reverse1", words("Throttle reversed"), tick(reverse[1])),
      make("p", { textContent: words("W A S D or arrow keys, a gamepad, or two thumbs. Space stops.") }),
    );
    const leave = make("form", { method: "dialog" }, make("button", { id: "d-leave", part: "button close", textContent: words("Leave") }));
    this.#dialog = make(
      "dialog", { id: "drive", part: "drive", tabIndex: -1, "aria-label": words("Drive") },
      make("header", {}, status, figures, choices, leave), seat, buttons, make("footer", {}, stick(0, words("Steering")), stop, stick(1, words("Throttle"))),
    );
    shadow.getElementById("root").append(this.#dialog);
    for (const want of ["take", "ask", "force", "yes", "no"]) this.#parts[want].addEventListener("click", () => this.#want(want));
    // With another finger down there is no click.
    for (const type of ["pointerdown", "click"]) stop.addEventListener(type, () => this.#stop("asked"));
    choices.addEventListener("input", () => this.#choose());
    // Not the focus of a button that Space would press.
    this.#dialog.addEventListener("close", () => this.#dialog.open || this.#close());
    for (const type of ["pointerdown", "wheel", "dblclick", "contextmenu"]) this.#dialog.addEventListener(type, (event) => event.stopPropagation());
    // A menu of the browser's would take the end of a key.
    this.#dialog.addEventListener("contextmenu", (event) => event.preventDefault());
    speak(shadow);
  }

  /** Shows it. The seat is taken by a button, or from a menu that was one. */
  open() {
    if (this.#open) return;
    this.#open = new AbortController();
    const { signal } = this.#open;
    this.#dialog.showModal();
    const on = (target, type, act) => target.addEventListener(type, act, { signal, capture: true });
    on(this.#host, "operating", ({ detail }) => this.#hear(detail));
    on(this.#host, "frame", ({ detail }) => (this.#n = this.#told.seat === "you" ? detail.seq : null));
    on(window, "keydown", (event) => this.#key(event, true));
    on(window, "keyup", (event) => this.#key(event, false));
    on(window, "blur", () => this.#stop("focus"));
    on(window, "pagehide", () => this.#stop("hidden"));
    on(document, "freeze", () => this.#stop("hidden"));
    on(document, "visibilitychange", () => document.hidden && this.#stop("hidden"));
    on(window, "gamepaddisconnected", ({ gamepad }) => gamepad.index === this.#pad && this.#stop("input"));
    // What came into full screen lies above it.
    on(document, "fullscreenchange", () => {
      if (!this.#dialog.open) return;
      this.#dialog.close();
      this.#dialog.showModal();
      this.#dialog.focus();
    });
    stayOn(this.#host.shadowRoot, signal);
    this.#hear(this.#host.operating ?? {});
    requestAnimationFrame(this.#tick);
  }

  #close() {
    this.#stop("asked");
    if (this.#told.may) this.#want("give");
    this.#open?.abort();
    this.#open = null;
    if (document.fullscreenElement === this.#host) document.exitFullscreen().catch(() => {});
  }

  #say(message) {
    this.#host.operate(message);
  }

  #want(want) {
    this.#say({ type: "seat", want });
    if (!["take", "ask", "force"].includes(want)) return;
    // A button that keeps the focus would be pressed by the key that stops.
    this.#dialog.focus();
    if (!matchMedia("(pointer: coarse)").matches) return;
    // What phones can and desktops cannot. The page works without.
    this.#host.requestFullscreen?.().then(() => screen.orientation.lock("landscape")).catch(() => {});
  }

  /** Lets go of everything: what is still held counts only when it is pressed or touched anew. */
  #letGo() {
    this.#held.clear();
    this.#pushed.clear();
    this.#ramps = [0, 0];
    for (const release of this.#releases) release();
  }

  /** Stops at once. */
  #stop(reason) {
    this.#letGo();
    if (this.#told.seat === "you") this.#say({ type: "operate", seq: (this.#seq += 1), arm: this.#told.arm, stop: reason });
    navigator.vibrate?.(60);
  }

  #key(event, down) {
    const { code, repeat } = event;
    const [from, drives] = [event.composedPath()[0], this.#told.seat === "you"];
    const place = /^Digit([1-9])$/.exec(code)?.[1];
    // They are none of the viewer's, and those that move the page do not.
    event.stopImmediatePropagation();
    // Whatever else is pressed by then.
    if (!down) this.#held.delete(code);
    if (!down && place) this.#push(place - 1, false);
    if (down && !repeat && code === "Space" && drives) this.#stop("asked");
    // While these are held, some systems do not tell that others are let go.
    const modified = event.ctrlKey || event.metaKey || event.altKey;
    if (modified) {
      this.#held.clear();
      this.#pushed.clear();
    }
    const types = from.matches?.("input") && !(drives && KEYS[code]);
    const presses = from.matches?.("button, summary") && (code === "Enter" || (code === "Space" && !drives));
    if (modified || types || presses || code === "Escape" || code === "Tab") return;
    event.preventDefault();
    if (repeat || !down) return;
    if (place) this.#push(place - 1, true);
    else if (KEYS[code]) this.#held.add(code);
  }

  #push(place, down) {
    const name = this.#told.buttons?.[place];
    if (down && name) this.#pushed.add(name);
    else this.#pushed.delete(name);
  }

  /** A thumb on a stick. */
  #follow(area, axis) {
    const knob = area.firstChild;
    let finger = null;
    const show = (value) => {
      this.#touch[axis] = live(value);
      const way = `${clamp(value) * 42 * (axis ? -1 : 1)}px`;
      knob.style.translate = axis ? `0 ${way}` : `${way} 0`;
    };
    const move = (event) => {
      const box = area.getBoundingClientRect();
      const [x, y] = [event.clientX - box.x - box.width / 2, event.clientY - box.y - box.height / 2];
      show(axis ? -y / (box.height / 2.6) : x / (box.width / 2.6));
    };
    const release = () => {
      finger = null;
      show(0);
    };
    this.#releases.push(release);
    area.addEventListener("pointerdown", (event) => {
      if (finger !== null) return;
      event.preventDefault();
      area.setPointerCapture(event.pointerId);
      finger = event.pointerId;
      move(event);
    });
    area.addEventListener("pointermove", (event) => event.pointerId === finger && move(event));
    area.addEventListener("pointerup", (event) => event.pointerId === finger && release());
    // The browser took the finger: nobody let go.
    const lose = (event) => event.pointerId === finger && this.#stop("input");
    area.addEventListener("pointercancel", lose);
    area.addEventListener("lostpointercapture", lose);
  }

  /** Where the keys have the first two axes, now. */
  #byKeys(now) {
    const passed = Math.min(100, now - this.#ticked);
    for (const axis of [0, 1]) {
      let target = 0;
      for (const code of this.#held) if (KEYS[code][0] === axis) target += KEYS[code][1];
      const from = this.#ramps[axis];
      const outwards = target !== 0 && Math.sign(target) === Math.sign(from || target);
      const step = passed / (outwards ? UP : DOWN);
      this.#ramps[axis] = from < target ? Math.min(target, from + step) : Math.max(target, from - step);
    }
    return this.#ramps;
  }

  /** Where the gamepad has the axes; null where there is none. */
  #byPad() {
    // Of others nobody knows which axis is which, and where it rests.
    const pads = [...(navigator.getGamepads?.() ?? [])].filter((pad) => pad?.connected && pad.mapping === "standard");
    const used = ({ axes, buttons }) => axes.some(live) || buttons.some(({ value }) => value > DEAD);
    const pad = pads.find(used) ?? pads.find(({ index }) => index === this.#pad) ?? pads[0];
    this.#padPushed = [];
    if (!pad) return null;
    this.#pad = pad.index;
    const [left, up, right, forward] = [0, 1, 2, 3].map((axis) => live(pad.axes[axis] ?? 0));
    const pressed = (place) => pad.buttons[place]?.value ?? 0;
    const trigger = live(pressed(7) - pressed(6));
    this.#padPushed = (this.#told.buttons ?? []).filter((_, place) => place < 6 && pad.buttons[place]?.pressed);
    // Whichever is used: the stop of the one in the hand counts.
    const stops = pads.some(({ buttons }) => buttons[9]?.value > 0);
    if (stops && !this.#padStop) this.#stop("asked");
    this.#padStop = stops;
    return [left, trigger || -forward || 0, right, -up || 0];
  }

  /** Where the axes are now: by who moves them, with the user's choices. */
  #values(now) {
    const [keys, pad] = [this.#byKeys(now), this.#byPad()];
    const moves = (all) => all?.some((value) => value !== 0);
    const all = moves(this.#touch) ? this.#touch : moves(keys) ? keys : (pad ?? [0, 0]);
    const { limit, expo, trim, reverse } = this.#choices;
    const soft = (value) => value * (1 - expo / 100) + value ** 3 * (expo / 100);
    // A trim is for what moves: at rest everything is 0.
    const steer = all[0] || all[1] ? clamp(soft(all[0]) + trim / 100) : 0;
    const shaped = [steer, (all[1] * limit) / 100, all[2] ?? 0, all[3] ?? 0];
    const axes = {};
    const names = this.#told.axes ?? [];
    names.slice(0, 4).forEach((name, place) => {
      // One axis alone is a throttle.
      const axis = names.length === 1 ? 1 : place;
      const value = shaped[axis] * (reverse[axis] ? -1 : 1);
      axes[name] = Math.round(value * 1000) / 1000 || 0;
    });
    return axes;
  }

  #tick = (now) => {
    if (!this.#open) return;
    // Taken out of its page.
    if (!this.#dialog.isConnected) return this.#close();
    requestAnimationFrame(this.#tick);
    const { seat, arm, beat, seen } = this.#told;
    // The server is not heard any more, and has stopped the machine.
    if (beat !== undefined && now - this.#heard > SILENCE) this.#hear({ ...this.#told, state: "stopped", why: "command", waits: undefined, beat: undefined });
    // A window that is seen and not in front has gamepads too, and drives nothing.
    if (now - this.#sent < INTERVAL || document.hidden || !document.hasFocus()) return;
    const axes = this.#values(now);
    this.#ticked = now;
    if (seat !== "you" || beat === undefined || this.#seq - Math.max(this.#base, seen ?? 0) >= CREDIT) return;
    this.#sent = now;
    this.#say({ type: "operate", seq: (this.#seq += 1), arm, beat, n: this.#n ?? undefined, axes, buttons: [...new Set([...this.#pushed, ...this.#padPushed])] });
  };

  #hear(told) {
    const before = this.#told;
    this.#told = told;
    this.#heard = performance.now();
    if (told.seat === "you" && before.seat !== "you") [this.#base, this.#n] = [this.#seq, null];
    const { state, why, waits, telemetry = {}, buttons = [] } = told;
    const [drives, parts, put] = [told.seat === "you", this.#parts, this.#put];
    const text = (name, said) => put(parts[name], "", said);
    this.#dialog.dataset.state = drives ? state : "watching";
    text("state", state === "armed" ? words("Driving") : words("Stopped"));
    // Whoever has just taken it knows that.
    if (state !== "armed") this.#last = [drives && why === "taken" ? "" : why, this.#heard];
    // One that is over at once is told for a while.
    const [last, at] = this.#last;
    text("why", state !== "armed" || this.#heard - at < 4000 ? WHY[last] ?? "" : "");
    const waitsFor = document.hasFocus() ? waits : "focus";
    text("waits", drives && state !== "armed" && waitsFor !== why ? WHY[waitsFor] ?? "" : "");
    if (drives && state === "stopped" && before.state === "armed") this.#letGo();
    parts.problem.textContent = told.problem ?? "";
    const ms = (name, format, value) => text(name, value === undefined ? "" : format(Math.round(value)));
    ms("picture", (value) => words("Picture {number} ms", value), told.picture_ms);
    ms("command", (value) => words("Command {number} ms", value), told.command_ms);
    ms("slack", (value) => words("Reserve {number} ms", value), told.slack_ms);
    parts.telemetry.textContent = Object.entries(telemetry).map(([name, [value, unit]]) => `${name} ${Math.round(value * 100) / 100} ${unit}`).join("  ");
    const asks = drives && told.asks;
    text("who", asks ? words("{who} asks to drive", told.asks) : !drives && told.who ? words("{who} drives", told.who) : "");
    const shown = {
      take: told.may && told.seat === "free", ask: told.may && told.seat === "other", force: told.force && told.seat === "other", yes: asks, no: asks,
    };
    for (const [name, is] of Object.entries(shown)) parts[name].hidden = !is;
    parts.seat.hidden = !parts.who.textContent && !Object.values(shown).some(Boolean);
    if (drives && state === "stopped" && before.state === "armed") navigator.vibrate?.([80, 60, 80]);
    if (String(buttons) === parts.buttons.dataset.names) return;
    parts.buttons.dataset.names = buttons;
    this.#pushed.clear();
    parts.buttons.replaceChildren(...buttons.map((name, place) => {
      const made = Object.assign(button(`d-button${place}`, name), { translate: false });
      made.addEventListener("pointerdown", () => this.#push(place, true));
      for (const type of ["pointerup", "pointercancel", "pointerleave"]) made.addEventListener(type, () => this.#push(place, false));
      return made;
    }));
  }

  #choose() {
    const input = (name) => this.#dialog.querySelector(`#d-${name}`);
    const number = (name) => Number(input(name).value);
    this.#choices = { limit: number("limit"), expo: number("expo"), trim: number("trim"), reverse: [input("reverse0").checked, input("reverse1").checked] };
    try {
      // Full or forbidden storage only means that it isn't remembered.
      localStorage.setItem(KEPT, JSON.stringify(this.#choices));
    } catch {}
  }
}

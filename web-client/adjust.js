// What adjusts the camera: its controls and presets, in a sheet beside the picture.
//
// Loaded by panels.js when the sheet is first opened. It shows what the server says that holds, and sends what the user asks for;
// while something is dragged, the newest value of it, at most 30 times a second.

/** Marks a text that is said in the element's language. Values take the places of what is in braces: those called text are
 * such texts themselves. */
const words = (text, ...values) => text.replace(/\{\w+\}/g, () => values.shift());

/** ms between two messages: 30 a second at most. */
const PACE = 34;
/** ms for which a value that was asked for is shown before what holds is shown again: until then, the camera answers. */
const ANSWERS = 1500;
/** ms after which it is said that it has not. */
const LATE = 700;
/** Steps of a slider that has none of its own. */
const STEPS = 1000;
/** The strongest zoom, and the part of the picture's width that is focused on. */
const [MOST_ZOOM, FOCUS] = [8, 0.2];

/** What common controls are called; others are called as the camera's driver calls them. */
const LABELS = {
  AeEnable: words("Automatic exposure"), AutoExposure: words("Automatic exposure"), ExposureValue: words("Brightness of the exposure"),
  ExposureTime: words("Exposure time"), ExposureTimeAbsolute: words("Exposure time"), AnalogueGain: words("Gain"), Gain: words("Gain"),
  Brightness: words("Brightness"), Contrast: words("Contrast"), Saturation: words("Saturation"), Hue: words("Hue"), Gamma: words("Gamma"),
  Sharpness: words("Sharpness"), AwbEnable: words("Automatic white balance"), WhiteBalanceAutomatic: words("Automatic white balance"),
  AwbMode: words("White balance"), WhiteBalanceTemperature: words("Colour temperature"), ColourTemperature: words("Colour temperature"),
  AfMode: words("Focus mode"), AfTrigger: words("Focus now"), LensPosition: words("Focus"), FocusAbsolute: words("Focus"),
  FocusAutomaticContinuous: words("Automatic focus"), ScalerCrop: words("Zoom"), ZoomAbsolute: words("Zoom"), Lux: words("Light"),
  SensorTemperature: words("Temperature of the sensor"), FocusFoM: words("Measure of focus"), PowerLineFrequency: words("Mains frequency"),
  BacklightCompensation: words("Backlight compensation"), NoiseReductionMode: words("Noise reduction"), HdrMode: words("High dynamic range"),
};
const GROUPS = [
  ["exposure", words("Exposure")], ["colour", words("Colour")], ["focus", words("Focus")], ["image", words("Image")], ["other", words("Other")],
];

const CROSS = '<svg viewBox="0 0 24 24"><path d="M6 6l12 12M18 6 6 18"/></svg>';
const SHEET = `<div id="adjust" part="adjust" role="group" aria-labelledby="adjust-title" hidden>
<h2 id="adjust-title">${words("Adjust the camera")}</h2><button data-do="adjust" part="button close" aria-label="${words("Close")}">${CROSS}</button>
<div id="adjust-body"></div>
<p id="adjust-error" role="alert" hidden></p>
</div>`;

const make = (name, properties = {}, ...children) => {
  const { translate = true, ...rest } = properties;
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(rest)) {
    if (key in node) node[key] = value;
    else node.setAttribute(key, value);
  }
  if (!translate) node.translate = false;
  node.append(...children);
  return node;
};

/** JSON, or nothing where it is none. */
const reading = (text) => {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
};

const clamp = (value, least, most) => Math.min(Math.max(value, least), most);
/** As many digits as say something. */
const short = (value) => String(Number(value.toPrecision(Math.abs(value) >= 1000 ? 6 : 4)));

/** Where a range's values lie on its slider, from 0 to 1, and the way back. */
function scale({ min, max, step, scale, usual_max: usual }) {
  const most = usual ?? max;
  const isLog = scale === "log" && min > 0;
  const onto = (place) => (isLog ? min * (most / min) ** place : min + (most - min) * place);
  const stepped = (value) => (step ? clamp(min + Math.round((value - min) / step) * step, min, max) : value);
  return {
    place: (value) => clamp(most > min ? (isLog ? Math.log(value / min) / Math.log(most / min) : (value - min) / (most - min)) : 0, 0, 1),
    // Steps have no more digits than they need, and neither have values without.
    value: (place) => Number(stepped(onto(place)).toPrecision(step ? 12 : 4)),
    steps: step && !isLog ? clamp(Math.round((most - min) / step), 1, 1e5) : STEPS,
  };
}

/** One control: what is shown of it, and what the user does to it. */
class Row {
  constructor(control, sheet) {
    this.sheet = sheet;
    this.control = control;
    /** Held while the user has it in hand: what the server says then is shown afterwards. */
    this.held = false;
    const { name, kind = "range", choices = [], readonly } = control;
    const id = `c-${name}`;
    this.text = LABELS[name] ?? (control.label || name);
    this.label = make("label", { htmlFor: id, translate: name in LABELS });
    sheet.put(this.label, "", this.text, !(name in LABELS));
    this.hint = make("p", { className: "hint", id: `${id}-hint`, hidden: true });
    this.node = make("div", { className: `control ${readonly ? "reading" : kind}`, "data-control": name }, this.label);
    if (readonly) this.reads();
    else if (kind === "bool") this.switches(id);
    else if (kind === "choice") this.chooses(id, choices);
    else if (kind === "button") this.presses(id);
    else if (kind === "rect") this.frames(id);
    else this.slides(id);
    this.node.append(this.hint);
    for (const input of this.node.querySelectorAll("input, select, button")) input.setAttribute("aria-describedby", this.hint.id);
    this.follow(control);
  }

  reads() {
    this.output = make("output", { translate: false });
    this.node.append(this.output);
    this.show = (value) => (this.output.textContent = `${short(value)} ${this.control.unit ?? ""}`);
  }

  switches(id) {
    const input = make("input", { id, type: "checkbox", role: "switch" });
    input.addEventListener("change", () => this.asks(Number(input.checked)));
    this.node.append(input);
    this.show = (value) => (input.checked = value === 1);
  }

  chooses(id, choices) {
    const input = make("select", { id, translate: false }, ...choices.map((text, value) => make("option", { value, textContent: text })));
    input.addEventListener("change", () => this.asks(Number(input.value)));
    this.node.append(input);
    this.show = (value) => (input.value = value);
  }

  presses(id) {
    const button = make("button", { id, type: "button", part: "button press" });
    this.label.remove();
    this.sheet.put(button, "", this.text, !(this.control.name in LABELS));
    button.addEventListener("click", () => this.sheet.send(this.control.name, 1));
    this.node.append(button);
    this.show = () => {};
  }

  /** A part of the picture: the zoom is one, and where to focus, which is tapped at. */
  frames(id) {
    if (this.control.name !== "ScalerCrop") {
      this.label.remove();
      this.show = () => {};
      const taps = this.control.name === "AfWindow";
      this.node.className = "hint";
      this.node.hidden = !taps;
      if (taps) this.node.append(make("p", { textContent: words("Tap the picture to focus there.") }));
      return;
    }
    const rect = () => this.control.rect ?? [0, 0, 1, 1];
    const zoom = { name: this.control.name, min: 1, max: MOST_ZOOM, scale: "log", unit: "×" };
    this.slides(id, zoom, (value) => {
      const [x, y, width, height] = rect();
      const middle = (at, size) => clamp(at + size / 2 - 0.5 / value, 0, 1 - 1 / value);
      return [middle(x, width), middle(y, height), 1 / value, 1 / value];
    });
    const { show } = this;
    this.show = () => show(1 / Math.max(rect()[2], 1 / MOST_ZOOM));
  }

  slides(id, range, asked = (value) => value) {
    const slider = make("input", { id: `${id}-slider`, type: "range", min: 0, translate: false });
    const number = make("input", { id, type: "number", step: "any", translate: false, inputMode: "decimal" });
    const unit = make("span", { className: "unit", translate: false });
    this.node.append(make("span", { className: "number" }, number, unit), slider);
    this.sheet.put(slider, "aria-label", this.text, !(this.control.name in LABELS));
    const of = () => range ?? this.control;
    const write = (value, except) => {
      const { place, steps } = scale(of());
      slider.max = steps;
      if (except !== slider) slider.value = Math.round(place(value) * steps);
      if (except !== number) number.value = short(value);
      slider.setAttribute("aria-valuetext", `${short(value)} ${of().unit ?? ""}`.trim());
      this.tellSlow(value);
    };
    slider.addEventListener("input", () => {
      const { value, steps } = scale(of());
      const now = value(slider.value / steps);
      this.held = true;
      this.sure?.remove();
      write(now, slider);
      this.sheet.send(this.control.name, asked(now));
    });
    const letGo = () => this.held && this.awaits();
    slider.addEventListener("change", letGo);
    slider.addEventListener("pointercancel", letGo);
    number.addEventListener("focus", () => (this.held = true));
    number.addEventListener("change", () => {
      const { min, max } = of();
      const typed = number.valueAsNumber;
      if (Number.isNaN(typed)) return;
      const now = clamp(typed, min, max);
      write(now);
      if (now > this.control.confirm_above) return this.confirms(now);
      this.sheet.send(this.control.name, asked(now));
      this.awaits();
    });
    number.addEventListener("blur", () => this.waiting || this.settle());
    this.limit = () => {
      const { min, max, unit: counted = "" } = of();
      Object.assign(number, { min, max });
      unit.textContent = counted;
    };
    this.show = write;
  }

  /** What takes the picture away for long is asked for twice. */
  confirms(value) {
    this.sure?.remove();
    this.sure = make("button", { type: "button", part: "button sure" });
    this.sheet.put(this.sure, "", words("Go without a picture for {number} s", String(Math.ceil(value / 1e6))));
    this.sure.addEventListener("click", () => {
      this.sure.remove();
      this.asks(value, true);
    });
    this.node.append(this.sure);
  }

  /** The user asks for a value. */
  asks(value, confirmed) {
    this.held = true;
    this.sheet.send(this.control.name, value, confirmed);
    this.awaits();
  }

  /** What the user has let go of stays as it was asked for until the camera has answered. */
  awaits() {
    clearTimeout(this.waiting);
    this.before = JSON.stringify([this.control.value, this.control.rect]);
    this.waiting = setTimeout(() => this.settle(), ANSWERS);
  }

  settle() {
    clearTimeout(this.waiting);
    [this.held, this.waiting] = [false, null];
    this.show(this.control.value);
  }

  /** What the server says that holds. */
  follow(control) {
    this.control = control;
    const { value, rect, inactive, pending } = control;
    this.limit?.();
    for (const input of this.node.querySelectorAll("input, select, button")) input.disabled = Boolean(inactive);
    this.node.classList.toggle("inactive", Boolean(inactive));
    const answered = this.waiting && !pending && JSON.stringify([value, rect]) !== this.before;
    if (answered || inactive) this.settle();
    else if (!this.held) this.show(value);
    if (pending) {
      this.late ??= setTimeout(() => this.tell(words("The camera has not answered yet")), LATE);
    } else {
      clearTimeout(this.late);
      this.late = null;
      this.explain();
    }
  }

  explain() {
    const { inactive, owner } = this.control;
    this.tell(inactive ? (owner ? words("{text} decides this", LABELS[owner] ?? owner) : words("This cannot be set now")) : this.slow);
  }

  reading(value) {
    this.control = { ...this.control, value };
    if (!this.held) this.show(value);
  }

  tellSlow(value) {
    const { slows_above: above, inactive } = this.control;
    this.slow = above !== undefined && value > above ? words("This makes the camera slower") : "";
    if (!inactive) this.tell(this.slow);
  }

  tell(text = "") {
    this.hint.hidden = !text;
    this.sheet.put(this.hint, "", text);
  }
}

/** The sheet of one element. */
export default class Adjust {
  #shadow;
  #speak;
  #part;
  /** Tells the server: a name and a value. */
  #say;
  #rows = new Map();
  /** Of which controls the rows are. */
  #shape = "";
  /** What is to be sent: name → value. */
  #due = new Map();
  #timer = null;
  /** The camera in the server's API; null where that is not to be had. */
  #api = null;
  #presets = null;
  #focus = null;

  constructor(shadow, put, speak, say) {
    this.#shadow = shadow;
    this.put = put;
    this.#speak = speak;
    this.#say = say;
    this.#part = (id) => shadow.getElementById(id);
    this.#part("root").append(document.createRange().createContextualFragment(SHEET));
    // What is typed here is no key of the viewer's.
    this.#part("adjust").addEventListener("keydown", (event) => event.key === "Escape" || event.stopPropagation());
    this.#part("stage").addEventListener("click", (event) => this.#focusAt(event));
    speak(shadow);
  }

  /** Shows or hides it; with the keyboard, the focus goes there and back. */
  open(shown) {
    const sheet = this.#part("adjust");
    if (sheet.hidden !== shown) return;
    const focused = sheet.contains(this.#shadow.activeElement);
    sheet.hidden = !shown;
    if (shown) {
      sheet.querySelector("[data-do]").focus({ preventScroll: true });
      this.#loadPresets();
    } else if (focused) this.#part("b-more").focus();
  }

  /** What the server says that can be set, and where its API is. */
  controls(list, api) {
    if (api !== this.#api) [this.#api, this.#presets] = [api, null];
    const shape = JSON.stringify(list.map(({ name, kind, group, place, choices, readonly, label }) => [name, kind, group, place, choices, readonly, label]));
    if (shape !== this.#shape) this.#lay(list);
    else for (const control of list) this.#rows.get(control.name).follow(control);
    this.#shape = shape;
    this.#focus = list.find(({ name, kind, inactive }) => name === "AfWindow" && kind === "rect" && !inactive) ?? null;
  }

  /** Values that change by themselves: name → value. */
  readings(values) {
    for (const [name, value] of Object.entries(values)) this.#rows.get(name)?.reading(value);
  }

  /** Sends a value, or a newer one in its place. */
  send(name, ...value) {
    this.#due.delete(name);
    this.#due.set(name, value);
    if (!this.#timer) this.#next();
  }

  #next() {
    const [due] = this.#due;
    this.#timer = due ? setTimeout(() => this.#next(), PACE) : null;
    if (!due) return;
    this.#due.delete(due[0]);
    this.#say(due[0], ...due[1]);
  }

  #lay(list) {
    this.#rows = new Map(list.map((control) => [control.name, new Row(control, this)]));
    const isKnown = (group) => GROUPS.some(([name]) => name === group);
    const groups = (place) =>
      GROUPS.flatMap(([name, title]) => {
        const inside = list.filter((control) => (isKnown(control.group) ? control.group : "other") === name && (control.place ?? "main") === place);
        const rows = inside.map((control) => this.#rows.get(control.name).node);
        return rows.length ? [make("fieldset", {}, make("legend", { textContent: title }), ...rows)] : [];
      });
    const more = groups("more");
    const body = [make("div", { id: "presets" }), ...groups("main")];
    const titles = new Set(list.map(({ group }) => group));
    // What has all in one needs no title.
    if (titles.size === 1) for (const { firstElementChild: title } of body.slice(1)) title.hidden = true;
    if (more.length) body.push(make("details", {}, make("summary", { textContent: words("More controls") }), ...more));
    this.#part("adjust-body").replaceChildren(...body, make("div", { id: "keep" }));
    this.#layPresets();
    this.#speak(this.#shadow);
  }

  /** The camera focuses where the picture is tapped. */
  #focusAt(event) {
    if (!this.#focus || this.#part("adjust").hidden) return;
    const picture = this.#part("picture");
    const stage = this.#part("stage").getBoundingClientRect();
    const { a, b, c, d, e, f } = new DOMMatrix(getComputedStyle(picture).transform);
    const [x, y, area] = [event.clientX - stage.left - e, event.clientY - stage.top - f, a * d - b * c];
    const [across, down] = [(d * x - c * y) / area / picture.offsetWidth, (a * y - b * x) / area / picture.offsetHeight];
    if (!(across >= 0 && across <= 1 && down >= 0 && down <= 1)) return;
    const begin = (at) => Number(clamp(at - FOCUS / 2, 0, 1 - FOCUS).toFixed(4));
    this.send("AfWindow", [begin(across), begin(down), FOCUS, FOCUS]);
    const mark = make("i", { className: "focus" });
    Object.assign(mark.style, { left: `${event.clientX - stage.left}px`, top: `${event.clientY - stage.top}px` });
    this.#part("stage").append(mark);
    setTimeout(() => mark.remove(), 900);
  }

  /** Asks the API; shows what it says where it refuses. */
  async #ask(method, path) {
    const error = this.#part("adjust-error");
    try {
      const url = new URL(this.#api);
      url.pathname += path;
      const answer = await fetch(url, { method, cache: "no-store" });
      const said = await answer.text();
      const refused = Object.values(reading(said)?.refused ?? {});
      if (refused.length || !answer.ok) {
        const reason = refused.join("; ") || said.trim();
        this.#speak(this.#shadow, { ...reading(answer.headers.get("pistreamer-cause")), reason });
        throw new Error(reason);
      }
      error.hidden = true;
      return { told: reading(said) };
    } catch ({ message }) {
      error.hidden = false;
      this.put(error, "", words("This was not done: {reason}", message), false);
      return null;
    }
  }

  async #loadPresets() {
    if (!this.#api || this.#presets) return;
    const answer = await this.#ask("GET", "/controls");
    this.#presets = answer?.told?.presets ?? null;
    this.#layPresets();
  }

  #layPresets() {
    const [box, keep] = [this.#part("presets"), this.#part("keep")];
    if (!box || !this.#presets) return;
    const act = (method, path, then) => async () => (await this.#ask(method, path)) && then?.();
    const at = (name) => `/presets/${encodeURIComponent(name)}`;
    const again = () => {
      this.#presets = null;
      this.#loadPresets();
    };
    const chip = (name) => {
      const apply = make("button", { type: "button", part: "button preset", textContent: name, translate: false });
      const remove = make("button", { type: "button", part: "button remove", innerHTML: CROSS });
      this.put(remove, "aria-label", words("Delete the preset {name}", name));
      apply.addEventListener("click", act("POST", at(name)));
      remove.addEventListener("click", act("DELETE", at(name), again));
      return make("span", { className: "chip" }, apply, remove);
    };
    const input = make("input", { type: "text", maxLength: 64, required: true, translate: false, autocomplete: "off" });
    this.put(input, "aria-label", words("Name of the preset"));
    this.put(input, "placeholder", words("Name of the preset"));
    const form = make("form", {}, input, make("button", { part: "button save", textContent: words("Save") }));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const name = input.value.trim();
      if (name) act("PUT", at(name), again)();
    });
    const reset = make("button", { type: "button", part: "button reset", textContent: words("Reset all") });
    reset.addEventListener("click", act("DELETE", "/controls"));
    const focused = [box, keep].some((part) => part.contains(this.#shadow.activeElement));
    box.replaceChildren(...this.#presets.map(chip));
    keep.replaceChildren(form, reset);
    if (focused) input.focus();
    this.#speak(this.#shadow);
  }
}

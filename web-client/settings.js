// What administrators see and set: the cameras' settings, the access keys, the devices that are signed in, and who looks.
//
// Loaded by panels.js when it is first opened. It decides nothing: what can be set, and who may, the server's API says.

/** Marks a text that is said in the element's language. Values take the places of what is in braces: those called text are
 * such texts themselves, those called number are numbers. */
const words = (text, ...values) => text.replace(/\{\w+\}/g, () => values.shift());

/** ms between two looks at who looks, and for which a button that ends something waits to be pressed once more. */
const [AGAIN, SURE] = [2000, 6000];
const DAY = 86400;

const ROLES = { view: words("Look"), operate: words("Look and operate the camera"), publish: words("Look and push pictures"), admin: words("Everything") };
const LIVES = [["", words("For ever")], [DAY, words("One day")], [7 * DAY, words("One week")], [30 * DAY, words("30 days")]];
const LABELS = {
  name: words("Name"), size: words("Picture size"), fps: words("Frames per second"), quality: words("JPEG quality"),
  hflip: words("Mirror left to right"), vflip: words("Mirror top to bottom"), rotate: words("Turn clockwise"),
};
const TABS = { camera: words("Camera"), keys: words("Keys"), devices: words("Devices"), viewers: words("Viewers") };

const make = (name, properties = {}, ...children) => {
  const { translate = true, ...rest } = properties;
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(rest)) {
    if (key in node && key !== "list") node[key] = value;
    else node.setAttribute(key, value);
  }
  if (!translate) node.translate = false;
  node.append(...children.filter(Boolean));
  return node;
};
const button = (text, part, more = {}) => make("button", { type: "button", part: `button ${part}`, textContent: text, ...more });
/** A text of the server's or of people's. */
const own = (name, textContent, more = {}) => make(name, { textContent, translate: false, ...more });
const option = (value, textContent, translate = true) => make("option", { value, textContent, translate });
/** As the browser's address has it, for links. */
const page = () => new URL(".", location.href).href.split(/[?#]/)[0];

/** The dialog of one element. */
export default class Settings {
  #put;
  #speak;
  #shadow;
  #dialog;
  #body;
  #status;
  #error;
  #api = "";
  #camera = "";
  #shown = "camera";
  #timer = null;
  /** Stands for what is shown of a tab: what comes late for another showing is not laid over it. */
  #showing = null;

  constructor(shadow, put, speak) {
    [this.#shadow, this.#put, this.#speak] = [shadow, put, speak];
    this.#body = make("div", { id: "settings-body", role: "tabpanel", tabIndex: -1 });
    this.#status = make("p", { id: "settings-status", role: "status" });
    this.#error = make("p", { id: "settings-error", role: "alert", hidden: true });
    const close = make("form", { method: "dialog" }, make("button", { part: "button close", textContent: words("Close") }));
    const tabs = make("div", { role: "tablist", id: "settings-tabs", "aria-labelledby": "settings-title" });
    for (const [name, text] of Object.entries(TABS)) {
      const tab = button(text, "tab", { id: `tab-${name}`, role: "tab", "aria-controls": "settings-body" });
      tab.addEventListener("click", () => this.#show(name));
      tabs.append(tab);
    }
    tabs.addEventListener("keydown", (event) => {
      const all = Object.keys(TABS);
      const [at, last] = [all.indexOf(this.#shown), all.length - 1];
      const to = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at ? at - 1 : last, Home: 0, End: last }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      this.#show(all[to]);
      this.#part(`tab-${all[to]}`).focus();
    });
    const title = make("h2", { id: "settings-title", textContent: words("Settings") });
    const parts = [make("header", {}, title, close), tabs, this.#error, this.#body, this.#status];
    this.#dialog = make("dialog", { id: "settings", part: "settings", "aria-labelledby": "settings-title" }, ...parts);
    // What is typed here is no key of the viewer's.
    this.#dialog.addEventListener("keydown", (event) => event.stopPropagation());
    this.#dialog.addEventListener("close", () => clearTimeout(this.#timer));
    this.#part("root").append(this.#dialog);
  }

  #part(id) {
    return this.#shadow.getElementById(id);
  }

  /** Opens it, for the server with that API, at that camera. */
  open(api, camera) {
    [this.#api, this.#camera] = [api, camera];
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#show(this.#shown);
    this.#part(`tab-${this.#shown}`).focus();
  }

  /** Asks the API. Gives what it answers, or null where it refuses, and then says why, unless that status was expected. */
  async #ask(method, path, body, expected) {
    try {
      const url = new URL(this.#api);
      url.pathname += path;
      const answer = await fetch(url, { method, cache: "no-store", body: body && JSON.stringify(body) });
      const text = await answer.text();
      if (answer.status === expected) return null;
      if (!answer.ok) {
        const reason = text.trim() || String(answer.status);
        this.#speak(this.#shadow, { ...JSON.parse(answer.headers.get("pistreamer-cause")), reason });
        throw new Error(reason);
      }
      this.#blame("");
      return text ? JSON.parse(text) : {};
    } catch ({ message }) {
      this.#say("");
      this.#blame(words("This was not done: {reason}", message));
      return null;
    }
  }

  /** Says what was done. */
  #say(text) {
    this.#put(this.#status, "", text);
    this.#blame("");
  }

  #blame(error) {
    this.#error.hidden = !error;
    this.#put(this.#error, "", error);
  }

  /** Shows a tab. */
  async #show(name) {
    clearTimeout(this.#timer);
    const showing = {};
    [this.#shown, this.#showing] = [name, showing];
    this.#say("");
    for (const tab of this.#dialog.querySelectorAll('[role="tab"]')) {
      const isShown = tab.id === `tab-${name}`;
      tab.setAttribute("aria-selected", isShown);
      tab.tabIndex = isShown ? 0 : -1;
    }
    this.#body.setAttribute("aria-labelledby", `tab-${name}`);
    this.#lay();
    const parts = await { camera: () => this.#settings(), keys: () => this.#keys(), devices: () => this.#devices(), viewers: () => this.#viewers() }[name]();
    // Another tab may be shown by now, or this one again, with the focus in it.
    if (parts && this.#showing === showing) this.#lay(...parts);
  }

  /** Shows what a tab has again, after a change; the focus stays near. */
  async #again(text) {
    await this.#show(this.#shown);
    this.#say(text);
    if (!this.#dialog.contains(this.#shadow.activeElement)) this.#body.focus();
  }

  #lay(...parts) {
    this.#body.replaceChildren(...parts);
    this.#speak(this.#shadow);
  }

  #time(us) {
    return new Date(us / 1000).toLocaleString(this.#part("root").lang || "en", { dateStyle: "medium", timeStyle: "short" });
  }

  /** A line of a text with values. */
  #line(text) {
    const line = make("span", { className: "hint", translate: false });
    this.#put(line, "", text);
    return line;
  }

  /** A button that ends something, where it is pressed twice. */
  #ending(text, sure, act) {
    const end = button(text, "end");
    end.addEventListener("click", () => {
      if (end.dataset.sure) return act();
      end.dataset.sure = "1";
      this.#put(end, "", sure);
      setTimeout(() => {
        delete end.dataset.sure;
        this.#put(end, "", text);
      }, SURE);
    });
    return end;
  }

  async #cameras() {
    return (await this.#ask("GET", "cameras"))?.cameras ?? [];
  }

  async #settings() {
    const cameras = await this.#cameras();
    if (!cameras.length) return;
    const camera = cameras.find(({ id }) => id === this.#camera) ?? cameras[0];
    const told = await this.#ask("GET", `cameras/${encodeURIComponent(camera.id)}/settings`);
    if (!told) return;
    const choose = make("select", { id: "s-camera", translate: false }, ...cameras.map(({ id, name }) => option(id, name, false)));
    choose.value = camera.id;
    choose.addEventListener("change", () => {
      this.#camera = choose.value;
      this.#again("").then(() => this.#part("s-camera")?.focus());
    });
    const chosen = make("div", { className: "row" }, make("label", { htmlFor: "s-camera", textContent: TABS.camera }), choose);
    // What the user changes while an answer is on its way stays, and the focus with it.
    const set = async (change) => {
      this.#say("");
      const said = await this.#ask("PATCH", `cameras/${encodeURIComponent(camera.id)}/settings`, change);
      if (!said) return;
      for (const [at, row] of rows.entries()) row.tell(said.settings[at], change[row.name]);
      this.#speak(this.#shadow);
      this.#say(words("Saved"));
      for (const { id, name } of "name" in change ? await this.#cameras() : []) {
        const known = [...choose.options].find((choice) => choice.value === id);
        if (known) known.textContent = name;
        if (id === camera.id) form.querySelector("#s-name").placeholder = name;
      }
    };
    const rows = told.settings.map((setting) => this.#row(setting, camera, set));
    const save = make("button", { part: "button save", className: "save", textContent: words("Save") });
    const form = make("form", {}, cameras.length > 1 && chosen, ...rows.map(({ node }) => node), save);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const changed = rows.filter(({ value }) => value() !== undefined);
      const change = Object.fromEntries(changed.map(({ name, value }) => [name, value()]));
      if (changed.length) set(change);
      else this.#say(words("Nothing has changed"));
    });
    return [form];
  }

  /** One setting: what is shown of it, its value where the user has changed it, and what becomes of it when the server tells
   * another one. */
  #row(setting, camera, set) {
    const { name, takes } = setting;
    const id = `s-${name}`;
    const shown = (value) => (name === "rotate" ? `${value}°` : typeof value === "boolean" ? (value ? words("on") : words("off")) : value);
    const isChosen = name === "size" || name === "rotate";
    let input;
    if (isChosen) input = make("select", { translate: false }, ...(takes.choices ?? takes.usual).map((choice) => option(choice, shown(choice), false)));
    else if (typeof setting.value === "boolean") input = make("input", { type: "checkbox", role: "switch" });
    else if (name === "name") input = make("input", { type: "text", maxLength: takes.longest, placeholder: camera.name, autocomplete: "off", translate: false });
    else input = make("input", { type: "number", min: takes.min, max: takes.max, step: name === "fps" ? "any" : 1, required: true, translate: false });
    const read = () => {
      if (input.type === "checkbox") return input.checked;
      if (name === "name") return input.value.trim() || null;
      return name === "size" ? input.value : Number(input.value);
    };
    const write = (value) => {
      if (isChosen && ![...input.options].some((choice) => choice.value === String(value))) input.prepend(option(value, shown(value), false));
      if (input.type === "checkbox") input.checked = value;
      else input.value = value ?? "";
    };
    const hint = make("p", { className: "hint", id: `${id}-hint`, translate: false });
    const reset = button(words("Reset"), "reset");
    this.#put(reset, "aria-label", words("Reset: {text}", LABELS[name]));
    reset.addEventListener("click", () => set({ [name]: null }));
    let known;
    /** `sent` is what it was set to with that. */
    const tell = ({ value, otherwise, is_set: isSet, fixed, by }, sent) => {
      if (known === undefined || read() === known || sent === null || read() === sent) write(value);
      known = value;
      input.disabled = Boolean(fixed);
      hint.hidden = !fixed && !isSet;
      if (by) this.#put(hint, "", words("Fixed by {place}", by));
      else if (fixed) this.#put(hint, "", words("The camera's source decides this"));
      else if (otherwise === null) this.#put(hint, "", words("Otherwise the source's own name"));
      else this.#put(hint, "", words("Otherwise {text}", shown(otherwise)));
      const hadFocus = this.#shadow.activeElement === reset;
      reset.hidden = !isSet || Boolean(fixed);
      if (hadFocus && reset.hidden) input.focus();
    };
    input.id = id;
    input.setAttribute("aria-describedby", hint.id);
    tell(setting);
    const node = make("div", { className: "row" }, make("label", { htmlFor: id, textContent: LABELS[name] }), input, hint, reset);
    return { name, node, tell, value: () => (input.disabled || read() === known ? undefined : read()) };
  }

  async #keys() {
    const [told, cameras] = await Promise.all([this.#ask("GET", "keys", undefined, 409), this.#cameras()]);
    if (!told) return this.#error.hidden ? [make("p", { textContent: words("This server lets everybody in, and has no keys.") })] : null;
    const list = make("ul", {}, ...told.keys.map((key) => this.#key(key, cameras)));
    const shared = await this.#ask("GET", "recordings/links", undefined, 409);
    const links = shared?.links.length
      ? [make("h3", { textContent: words("Links to recordings") }), make("ul", { id: "links" }, ...shared.links.map((link) => this.#link(link, cameras)))]
      : [];
    return [make("div", { id: "made", tabIndex: -1 }), list, this.#form(cameras), ...links];
  }

  /** A link to a recording, which shows that and nothing else. */
  #link({ name, camera, from_us: from, to_us: to, by, expires_us: expires }, known) {
    const called = known.find(({ id }) => id === camera)?.name ?? camera;
    const span = own("p", `${this.#time(from)} – ${this.#time(to)}`);
    const lines = [this.#line(words("shared by {name}", by)), this.#line(words("until {time}", this.#time(expires)))];
    const act = async () => (await this.#ask("DELETE", `recordings/links/${name}`)) && this.#again(words("The link is ended"));
    const end = this.#ending(words("End"), words("End the link to {name}?", called), act);
    return make("li", {}, make("div", {}, make("p", {}, own("strong", called)), span, ...lines), make("div", { className: "acts" }, end));
  }

  #key({ name, role, kind, cameras, used_us: used, expires_us: expires, devices, own: isOwn }, known) {
    const called = (id) => known.find((camera) => camera.id === id)?.name ?? id;
    const lines = [this.#line(ROLES[role] ?? role)];
    if (cameras) lines.push(this.#line(words("only {cameras}", cameras.map(called).join(", "))));
    if (expires) lines.push(this.#line(words("until {time}", this.#time(expires))));
    if (used) lines.push(this.#line(words("last used {time}", this.#time(used))));
    if (devices) lines.push(this.#line(words("devices: {number}", devices)));
    const link = button(words("Let a device in"), "link");
    this.#put(link, "aria-label", words("Let a device in by the key {name}", name));
    link.addEventListener("click", async () => {
      const made = await this.#ask("POST", `keys/${name}/links`, { page: page() });
      if (made) this.#made(name, made, words("This link lets one device in, within {number} minutes.", made.seconds / 60));
    });
    const act = async () => (await this.#ask("DELETE", `keys/${name}`)) && this.#again(words("The key {name} is ended", name));
    const end = isOwn ? this.#line(words("your own key")) : this.#ending(words("End"), words("End the key {name}?", name), act);
    const head = make("p", {}, own("strong", name), kind === "password" && make("span", { className: "hint", textContent: words("Password") }));
    return make("li", {}, make("div", {}, head, ...lines), make("div", { className: "acts" }, link, end));
  }

  #form(cameras) {
    const field = (id, label, input) => make("div", { className: "row" }, make("label", { htmlFor: id, textContent: label }), Object.assign(input, { id }));
    const name = make("input", { type: "text", required: true, pattern: "[a-z0-9_\\-]{1,32}", maxLength: 32, autocomplete: "off", autocapitalize: "none", spellcheck: false, translate: false, "aria-describedby": "k-hint" });
    const role = make("select", {}, ...Object.entries(ROLES).map(([value, text]) => option(value, text)));
    const camera = make("select", {}, option("", words("All cameras")), ...cameras.map(({ id, name }) => option(id, name, false)));
    const life = make("select", {}, ...LIVES.map(([seconds, text]) => option(seconds, text)));
    const hint = make("p", { className: "hint", id: "k-hint", textContent: words("Letters a to z, digits, - and _") });
    const parts = [field("k-name", LABELS.name, name), hint, field("k-role", words("May do"), role), cameras.length > 1 && field("k-camera", TABS.camera, camera), field("k-life", words("Good for"), life)];
    const form = make("form", { id: "new-key" }, make("h3", { textContent: words("A new key") }), ...parts, make("button", { part: "button save", className: "save", textContent: words("Make the key") }));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const only = camera.value && role.value !== "admin" ? [camera.value] : [];
      const seconds = Number(life.value) || undefined;
      const made = await this.#ask("POST", "keys", { name: name.value, role: role.value, cameras: only, seconds, page: page() });
      if (!made) return;
      await this.#again("");
      this.#made(made.name, made, words("The key is shown only now. Whoever has this link comes in by it, as often as it is opened."));
    });
    return form;
  }

  /** Shows a link, for another device. */
  #made(name, { link, qr }, text) {
    const picture = make("img", { src: `data:image/svg+xml,${encodeURIComponent(qr)}`, width: 232, height: 232 });
    this.#put(picture, "alt", words("QR code of the link for {name}", name));
    const address = make("input", { type: "text", readOnly: true, value: link, translate: false });
    this.#put(address, "aria-label", words("Link for {name}", name));
    address.addEventListener("focus", () => address.select());
    const note = make("p", { translate: false });
    this.#put(note, "", text);
    const box = this.#part("made");
    box.replaceChildren(own("h3", name), picture, address, note);
    this.#speak(this.#shadow);
    box.focus();
    box.scrollIntoView({ block: "nearest" });
  }

  async #devices() {
    const told = await this.#ask("GET", "sessions");
    if (!told) return;
    if (!told.sessions.length) return [make("p", { textContent: words("No device is signed in.") })];
    const one = ({ id, key, device, address, last_us: last, own: isOwn }) => {
      const act = async () => {
        if (!(await this.#ask("DELETE", `sessions/${id}`))) return;
        if (isOwn) location.reload();
        else this.#again(words("{device} is signed out", device));
      };
      const lines = [own("span", `${key} · ${address}`, { className: "hint" }), this.#line(words("last used {time}", this.#time(last)))];
      if (isOwn) lines.push(make("span", { className: "hint", textContent: words("this device") }));
      return make("li", {}, make("div", {}, make("p", {}, own("strong", device)), ...lines), make("div", { className: "acts" }, this.#ending(words("Sign out"), words("Sign out {device}?", device), act)));
    };
    return [make("ul", {}, ...told.sessions.map(one))];
  }

  /** Who looks, now and every two seconds: lines stay where they are, and the focus with them. */
  async #viewers() {
    const list = make("ul", { id: "viewers" });
    const mine = this.#showing;
    const none = make("p", { textContent: words("Nobody looks."), hidden: true });
    const rows = new Map();
    const look = async () => {
      const told = await this.#ask("GET", "viewers");
      if (this.#showing !== mine || !this.#dialog.open) return;
      this.#timer = setTimeout(look, AGAIN);
      if (!told) return;
      none.hidden = told.viewers.length > 0;
      for (const [id, row] of rows) {
        if (told.viewers.some((viewer) => viewer.id === id)) continue;
        row.node.remove();
        rows.delete(id);
      }
      for (const viewer of told.viewers) {
        if (!rows.has(viewer.id)) rows.set(viewer.id, this.#viewer(viewer, list));
        rows.get(viewer.id).tell(viewer);
      }
      this.#speak(this.#shadow);
    };
    await look();
    return [none, list];
  }

  #viewer({ id, key, address, camera, wire, since_us: since }, list) {
    const [state, counted] = [this.#line(""), this.#line("")];
    const act = async () => (await this.#ask("DELETE", `viewers/${id}`)) && this.#say(words("{address} is disconnected; it can come back as long as its key is good", address));
    const head = make("p", {}, own("strong", key ?? address), key && own("span", address, { className: "hint" }));
    const end = this.#ending(words("Disconnect"), words("Disconnect {address}?", address), act);
    const kind = { "pistreamer.gzip-base64.v1": "gzip + base64", "pistreamer.jpeg.v1": "JPEG", mjpeg: "MJPEG" }[wire] ?? wire;
    const begun = this.#line(words("since {time}", this.#time(since)));
    const node = make("li", {}, make("div", {}, head, own("span", `${camera} · ${kind}`, { className: "hint" }), begun, state, counted), make("div", { className: "acts" }, end));
    list.append(node);
    const tell = ({ fps, paused, skipped }) => {
      this.#put(state, "", paused ? words("Paused") : words("{number} per s", fps.toFixed(1)));
      this.#put(counted, "", words("skipped: {number}", skipped));
    };
    return { node, tell };
  }
}

// One camera on a wall: its element, what is said of it, and its way back after it has failed where nobody attends to it.

import { make, words } from "./words.js";

/** In kiosk mode, ms until a camera that has failed is started again; each time it fails again, twice as long, up to that. One
 * that ran for CALM ms in between begins anew. */
const [AGAIN, RARELY, CALM] = [30_000, 30 * 60_000, 10 * 60_000];
/** The states of <pi-camera> as its badge has them. */
const STATES = {
  connecting: "Connecting", starting: "Starting", live: "Live", stale: "Stale", "no-signal": "No signal", paused: "Paused",
  hidden: "Hidden", lost: "Server lost", refused: "Refused", failed: words("The viewer has failed"),
};

export class Tile {
  /** The picture's shape, and the name by its server's list. */
  aspect = 0;
  listed = "";
  /** Whether its server's last answer was no list. */
  isOdd = false;
  #put;
  #isKiosk;
  /** What starts it again, after how many ms, and when it was started again last. */
  #again = null;
  #wait = 0;
  #began = -Infinity;

  /** `key` is what the wall knows it by, `host` whose it is, where it is another server's. `tell` hears of each change. */
  constructor({ key, src, id, host }, put, isKiosk, tell) {
    Object.assign(this, { key, src, id, host });
    [this.#put, this.#isKiosk] = [put, isKiosk];
    this.camera = document.createElement("pi-camera");
    if (src) this.camera.setAttribute("src", src);
    if (id !== null) this.camera.setAttribute("camera", id);
    this.camera.setAttribute("controls", "");
    this.camera.tabIndex = 0;
    this.camera.inert = true;
    const own = (name) => make("span", { className: name, part: name, translate: false });
    this.label = own("name");
    this.of = own("host");
    this.state = make("span", { className: "state" });
    this.caption = make("div", { className: "caption", part: "caption" }, make("i", {}), this.label, this.of, this.state);
    this.caption.setAttribute("aria-hidden", "true");
    this.button = make("button", { type: "button", className: "open" });
    this.box = make("div", { className: "tile", part: "tile" }, this.camera, this.caption, this.button);
    this.camera.part = "camera";
    this.box.setAttribute("role", "listitem");
    for (const event of ["statechange", "namechange"])
      this.camera.addEventListener(event, () => {
        this.describe();
        tell(this);
      });
  }

  get name() {
    return this.camera.name || this.listed || this.id || this.host;
  }

  /** Says what it shows. */
  describe() {
    const state = this.camera.state || "connecting";
    const { host, name } = this;
    this.box.dataset.state = state;
    this.#put(this.label, "", name, true);
    this.#put(this.of, "", host === name ? "" : host, true);
    const live = this.isOdd ? words("Its server tells no list of cameras") : "";
    this.#put(this.state, "", state === "live" ? live : STATES[state]);
    this.#put(this.button, "aria-label", words("{camera}, {text}", host && host !== name ? `${name} (${host})` : name, STATES[state]));
    this.#startAgain(state === "failed" && this.#isKiosk());
  }

  /** Where nobody does it, a camera that has failed is started again: by one timer, and less often the more often it fails. */
  #startAgain(isWanted) {
    if (!isWanted) {
      clearTimeout(this.#again);
      this.#again = null;
    }
    if (!isWanted || this.#again) return;
    this.#wait = performance.now() - this.#began > CALM ? AGAIN : Math.min(2 * this.#wait, RARELY);
    this.#again = setTimeout(() => {
      this.#again = null;
      this.#began = performance.now();
      this.camera.restart().catch(() => {});
    }, this.#wait);
  }

  end() {
    this.box.remove();
    clearTimeout(this.#again);
  }
}

// The class of <pi-camera>: what of a custom element has to be JavaScript. What it does in a document is the view's work.

import { address, put, speak } from "./browser.js";
import { program as current } from "./failure.js";

// Frameworks write `false` where they should omit the attribute.
const saysOff = (value) => /^(false|0)$/i.test(value);

/** The program that makes views: its constructor, its script, its version. */
let program = null;
let restarts = 0;
let restarting = null;

/** Another run of the program, in memory of its own, unless there is one already. */
async function restarted() {
  if (!program.run.failed) return;
  const script = new URL(program.script);
  // Under its own address, there is only the run that has failed.
  script.search = `again=${(restarts += 1)}`;
  restarting ??= import(script.href)
    .then((script) => script.default())
    .finally(() => (restarting = null));
  await restarting;
}

export function define_element(name, observed, make, script, version) {
  program = { make, script, version, run: current };
  if (customElements.get(name)) return;

  class PiCamera extends HTMLElement {
    static observedAttributes = [...observed, "lang"];
    /** What says texts and finds servers, for <pi-wall> too. */
    static texts = { address, put, speak };
    /** The running view, while the element is in a document. */
    #view = null;
    #paused = false;
    /** Whether an attribute was changed that the view has yet to look at. */
    #changed = false;
    /** Why the program failed, and what shows the stream instead. */
    #failure = null;
    #internals = this.attachInternals?.();
    #follow = () => {
      if (!this.#changed) return;
      this.#changed = false;
      this.#failure?.follow();
      this.#ask((view) => view.attributes_changed());
    };

    connectedCallback() {
      this.#describe();
      this.addEventListener("namechange", this.#describe);
      // What was set before the class was there hides the class's own.
      for (const name of Object.keys(PiCamera.prototype)) {
        if (!this.hasOwnProperty(name)) continue;
        const value = this[name];
        delete this[name];
        this[name] = value;
      }
      this.#changed = false;
      if (program.run.failed) this.restart();
      else this.#begin();
    }

    /** What a screen reader says of the whole, where the page does not. */
    #describe = () => {
      if (this.#internals && "role" in this.#internals)
        Object.assign(this.#internals, { role: "group", ariaLabel: this.name || "Camera" });
      else if (!this.hasAttribute("role")) this.setAttribute("role", "group");
    };

    #begin() {
      this.#failure = null;
      const { run } = program;
      const failed = (words, stack) => this.#fail(words, stack);
      run.elements.add(failed);
      const view = program.make(this, this.#paused, (words) => queueMicrotask(() => this.#giveUp(view, words)));
      // It failed, and has said so.
      if (run.failed) return;
      const one = { view, run, failed };
      // A listener of what it told meanwhile may have taken the element away, or put it elsewhere.
      if (!this.isConnected || this.#view) {
        this.#end(one);
        return;
      }
      this.#view = one;
      this.#ask((view) => view.begin());
    }

    disconnectedCallback() {
      const one = this.#view;
      this.#failure?.end();
      if (!one) return;
      this.#paused = this.paused;
      this.#view = null;
      this.#end(one);
    }

    #end({ view, run, failed }) {
      run.elements.delete(failed);
      run.call(() => view.end());
      // Later: one of its methods may be running.
      queueMicrotask(() => run.call(() => view.free()));
    }

    /** What the view answers; null where there is none, or none any more. */
    #ask(question) {
      const one = this.#view;
      return one ? (one.run.call(() => question(one.view)) ?? null) : null;
    }

    /** The program goes on, but not for this element. */
    #giveUp(view, words) {
      const one = this.#view;
      if (one?.view !== view) return;
      this.#view = null;
      this.#end(one);
      this.#fail(words, "");
    }

    #fail(words, stack) {
      this.#view = null;
      // Where it happened is for the report.
      const reason = words.replace(/^panicked at (\S+):\n/, "").split("\n")[0];
      const report = [
        `pistreamer viewer ${program.version}`,
        words,
        stack,
        `camera ${this.getAttribute("camera") ?? ""} on ${location.origin}${location.pathname}`,
        navigator.userAgent,
        new Date().toISOString(),
      ].join("\n");
      this.#failure = { reason, report, follow() {}, end() {} };
      // The badge would go on saying what was so before.
      const message = `the viewer has failed: ${reason}`;
      this.shadowRoot?.replaceChildren(message);
      this.#showPlainStream(this.#failure);
      if (!this.isConnected) return;
      this.dataset.state = "failed";
      const tell = (name, detail) => this.dispatchEvent(new CustomEvent(name, { detail }));
      tell("statechange", { state: "failed", reason });
      tell("error", { message, report });
    }

    async #showPlainStream(failure) {
      const { plainStream } = await import(new URL("plain.js", program.script).href);
      // It may run again by now.
      if (failure !== this.#failure || !this.isConnected) return;
      Object.assign(failure, plainStream(this, program.script, failure.report, () => this.restart(), PiCamera.texts));
    }

    /** After the program has failed: runs it anew. Rejected where it cannot be loaded, or fails at once. */
    async restart() {
      await restarted();
      if (this.#view || !this.isConnected) return;
      this.#failure?.end();
      this.#begin();
    }

    attributeChangedCallback(name, before, after) {
      if (before === after || !(this.#view || this.#failure)) return;
      if (name === "lang") speak(this.shadowRoot);
      if (this.#changed) return;
      // Once for everything that is changed together.
      this.#changed = true;
      queueMicrotask(this.#follow);
    }

    snapshot() {
      this.#follow();
      const gone = () => Promise.reject(new Error("the element is not in a document"));
      return this.#ask((view) => view.snapshot()) ?? gone();
    }

    pause() {
      this.#paused = true;
      this.#failure?.follow();
      this.#ask((view) => view.set_paused(true));
    }

    play() {
      this.#paused = false;
      this.#failure?.follow();
      this.#ask((view) => view.set_paused(false));
    }

    /** Says something of the operator's to the server, and of driving: an object, as docs/driving.md has it. */
    operate(message) {
      this.#ask((view) => view.operate(JSON.stringify(message)));
    }

    get paused() { return this.#ask((view) => view.paused) ?? this.#paused; }
    get state() { return this.#ask((view) => view.state) ?? (this.#failure && this.isConnected ? "failed" : ""); }
    get reason() { return this.#ask((view) => view.reason) ?? this.#failure?.reason ?? ""; }
    get report() { return this.#failure?.report ?? null; }
    get name() { return this.dataset.name ?? ""; }
    get seq() { return this.#ask((view) => view.seq); }
    get age() { return this.#ask((view) => view.age); }
  }

  const reflect = (property, attribute, get, write) =>
    Object.defineProperty(PiCamera.prototype, property, {
      configurable: true,
      enumerable: true,
      get() { return get(this.getAttribute(attribute)); },
      set(value) {
        const text = write(value);
        text === null ? this.removeAttribute(attribute) : this.setAttribute(attribute, text);
      },
    });
  const text = (value) => value ?? null;
  for (const name of ["src", "camera", "ticket", "fit", "wire", "size", "pinned"])
    reflect(name, name, (value) => value ?? "", text);
  for (const name of ["controls", "overlay", "mirror"])
    reflect(name, name, (value) => value !== null && !saysOff(value), (value) => (value && !saysOff(value) ? "" : null));
  const number = (value) => (Number.isFinite(parseFloat(value)) ? parseFloat(value) : null);
  reflect("staleAfter", "stale-after", number, text);
  reflect("maxFps", "max-fps", number, text);
  customElements.define(name, PiCamera);
}

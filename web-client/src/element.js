// The class of <pi-camera>: what of a custom element has to be JavaScript. What it does in a document is the view's work.

// Frameworks write what they are to leave away.
const saysOff = (value) => /^(false|0)$/i.test(value);

export function define_element(name, observed, make) {
  if (customElements.get(name)) return;

  class PiCamera extends HTMLElement {
    static observedAttributes = observed;
    /** What lives while the element stands in a document. */
    #view = null;
    #paused = false;
    /** Whether an attribute was changed that the view has yet to look at. */
    #changed = false;
    #follow = () => {
      if (!this.#changed) return;
      this.#changed = false;
      this.#view?.attributes_changed();
    };

    connectedCallback() {
      // What was set before the class was there hides the class's own.
      for (const name of Object.keys(PiCamera.prototype)) {
        if (!this.hasOwnProperty(name)) continue;
        const value = this[name];
        delete this[name];
        this[name] = value;
      }
      this.#changed = false;
      const view = make(this, this.#paused);
      // A listener of what it told meanwhile may have taken the element away, or put it elsewhere.
      if (!this.isConnected || this.#view) {
        this.#end(view);
        return;
      }
      this.#view = view;
      view.begin();
    }

    disconnectedCallback() {
      const view = this.#view;
      if (!view) return;
      this.#paused = view.paused;
      this.#view = null;
      this.#end(view);
    }

    #end(view) {
      view.end();
      // Later: one of its methods may be running.
      queueMicrotask(() => view.free());
    }

    attributeChangedCallback(name, before, after) {
      if (before === after || !this.#view || this.#changed) return;
      // Once for everything that is changed together.
      this.#changed = true;
      queueMicrotask(this.#follow);
    }

    snapshot() {
      this.#follow();
      return this.#view?.snapshot() ?? Promise.reject(new Error("the element is not in a document"));
    }

    pause() {
      this.#paused = true;
      this.#view?.set_paused(true);
    }

    play() {
      this.#paused = false;
      this.#view?.set_paused(false);
    }

    get paused() { return this.#view?.paused ?? this.#paused; }
    get state() { return this.#view?.state ?? ""; }
    get reason() { return this.#view?.reason ?? ""; }
    get seq() { return this.#view?.seq ?? null; }
    get age() { return this.#view?.age ?? null; }
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
  const ms = (value) => (Number.isFinite(parseFloat(value)) ? parseFloat(value) : null);
  reflect("staleAfter", "stale-after", ms, text);
  customElements.define(name, PiCamera);
}

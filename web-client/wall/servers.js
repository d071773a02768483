// The servers whose cameras are on a wall, each asked from time to time which it has, by a timer of its own.
//
// Showing them belongs to wall.js.

/** ms from one look at which cameras there are to the next, and until an answer is given up. */
const [LOOK, PATIENCE] = [5000, 10_000];
/** Cameras of one server that are shown, and bytes of its list. */
const [MOST, LARGEST] = [128, 1 << 20];
/** What an id is, and the characters of a name. */
const ID = /^[\w.-]{1,64}$/;
const LONGEST = 256;

/** The address of what a server has at that path, with its key, for a page of that origin, as <pi-camera> finds it. */
const addressOf = (src, path, page) =>
  customElements.get("pi-camera").texts.address(src || null, new URL("../wall.js", import.meta.url).href, path, page);

/** A server's place among the tiles' names, its host and folder: nothing for the wall's own. */
export function placeOf(src) {
  try {
    if (!src || src.startsWith("?")) return "";
    const { host, pathname } = addressOf(src, "", "");
    return host + pathname.replace(/\/$/, "");
  } catch {
    // Whatever it is, people see it, and no key.
    return src.replace(/[?#].*|\/\/.*@/g, "");
  }
}

/** A server's cameras, if that is a list of them. Another server may answer anything. */
function checked(cameras) {
  if (!Array.isArray(cameras) || cameras.length > MOST) throw new TypeError("no list of cameras");
  const ids = new Set();
  return cameras.map((camera) => {
    const { id, name, width, height } = camera ?? {};
    if (typeof id !== "string" || !ID.test(id) || ids.has(id)) throw new TypeError("no list of cameras");
    ids.add(id);
    return { id, name: typeof name === "string" ? name.slice(0, LONGEST) : "", aspect: width > 0 && height > 0 ? width / height : 0 };
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

/** One of them, asked until `end` is called. `tell` hears of each answer, and `refuse` of one that needs a key. */
export class Server {
  /** What it told last; null before. */
  cameras = null;
  /** Whether its last answer was no list, and whether it was asked at least once in vain. */
  isOdd = false;
  isMissed = false;
  #timer;
  #asking = null;
  #over = false;

  constructor(src, tell, refuse) {
    Object.assign(this, { src, place: placeOf(src), tell, refuse });
  }

  /** Takes a list that the page has asked for. False where that is none. */
  take(cameras) {
    try {
      this.cameras = checked(cameras);
      return true;
    } catch {
      return false;
    }
  }

  /** Asks it in `ms`. */
  later(ms = LOOK) {
    clearTimeout(this.#timer);
    if (!this.#over) this.#timer = setTimeout(() => this.ask(), ms);
  }

  /** Asks it now, unless it is being asked, or nobody looks. */
  async ask() {
    if (this.#asking || document.hidden) return this.later();
    clearTimeout(this.#timer);
    const asking = (this.#asking = new AbortController());
    const late = setTimeout(() => asking.abort(), PATIENCE);
    try {
      const answer = await fetch(addressOf(this.src, "/api/v1/cameras"), { cache: "no-store", signal: asking.signal });
      if (answer.status === 401) this.refuse();
      if (!answer.ok) throw answer;
      const text = await textOf(answer);
      this.isOdd = true;
      this.cameras = checked(JSON.parse(text)?.cameras);
      this.isOdd = false;
    } catch (error) {
      if (error instanceof RangeError) this.isOdd = true;
      // Its tiles say why.
      this.isMissed = true;
    }
    clearTimeout(late);
    this.#asking = null;
    this.later();
    if (!this.#over) this.tell();
  }

  end() {
    this.#over = true;
    this.#asking?.abort();
    clearTimeout(this.#timer);
  }
}

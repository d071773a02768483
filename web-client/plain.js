// What an element shows whose program has failed: the camera's MJPEG stream, why, a report, and a way back.

/** ms between two looks at whether the stream goes on. */
const LOOK = 4000;
/** ms between two pictures where they are fetched one by one. */
const PACE = 150;

/** Streams of one server that a page shows at most, and how many there are by its origin: browsers open six connections to a server,
 * and what starts the viewer again comes through one of them. Further cameras are shown picture by picture. */
const MOST = 3;
const streams = new Map();

/** Marks a text that is said in the element's language. Values take the places of what is in braces: those called text are
 * such texts themselves, those called number are numbers. */
const words = (text, ...values) => text.replace(/\{\w+\}/g, () => values.shift());

const make = (name, properties, ...children) => {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
};

/** Fills the element with it. `follow` is for when its attributes are changed, or it is paused; `end` takes it all away. */
export function plainStream(element, script, report, restart, { address, put, speak }) {
  const shadow = element.shadowRoot ?? element.attachShadow({ mode: "open" });
  const context = make("canvas", { width: 32, height: 32 }).getContext("2d", { willReadFrequently: true });
  const said = make("span", { id: "notice-text" });
  let [stream, url, shown, camera, seen, shownWords, again] = [make("img"), null, null, null, "", "", 0];
  /** Whether they have to be: of another origin, WebKit shows no stream to a page that asks by CORS. */
  let oneByOne = false;
  /** The server of which this is a stream, if it is one. */
  let server = null;
  const count = (origin, more) => streams.set(origin, (streams.get(origin) ?? 0) + more);

  const say = (now) => {
    if (now !== shownWords) put(said, "", (shownWords = now));
  };
  const sayWhat = () => say(element.name ? words("This is the plain stream of {name}.", element.name) : words("This is the plain stream."));

  /** A picture that has loaded is replaced, and not given another address: it would be shown until the next one comes. */
  const clear = () => {
    if (server) count(server, -1);
    server = null;
    stream.onerror = stream.onload = null;
    stream.removeAttribute("src");
    const fresh = make("img", { id: "plain", alt: "" });
    const own = element.getAttribute("aria-label");
    for (const [name, value] of Object.entries({ part: "canvas", role: "img" })) fresh.setAttribute(name, value);
    stream.replaceWith(fresh);
    const of = element.name ? words("The picture of {camera}", element.name) : words("The camera's picture");
    put(fresh, "aria-label", own || of, !!own);
    stream = fresh;
    seen = "";
  };
  const play = () => {
    // A ticket is for the pages of one origin, which the browser tells only in such requests.
    if (url.origin !== origin) stream.crossOrigin = "anonymous";
    const isOne = oneByOne || streams.get(url.origin) >= MOST;
    if (!isOne) count((server = url.origin), 1);
    stream.onerror = () => {
      const canBeOne = url.origin !== origin && !isOne;
      clear();
      oneByOne = canBeOne;
      if (oneByOne) play();
      else lose();
    };
    const [one, from] = [stream, new URL(url)];
    if (isOne) {
      from.pathname = from.pathname.replace(/stream\.mjpg$/, "snapshot.jpg");
      stream.onload = () => setTimeout(() => one === stream && url && next(), PACE);
    }
    const next = () => {
      // What is under way under the same address might be taken for it.
      from.searchParams.set("again", (again += 1));
      one.src = from;
    };
    next();
  };
  const lose = () => {
    clear();
    say(words("The plain stream does not come. Trying again."));
  };
  /** Browsers don't tell that a stream ends that has begun. Where no other picture has come, the server is asked. */
  const look = async () => {
    const asked = url;
    if (!asked) return;
    if (stream.naturalWidth) {
      context.drawImage(stream, 0, 0, 32, 32);
      const pixels = String(context.getImageData(0, 0, 32, 32).data);
      if (pixels !== seen) {
        seen = pixels;
        return sayWhat();
      }
    }
    const signal = AbortSignal.timeout?.(LOOK - 1000);
    const there = await fetch(asked, { method: "HEAD", cache: "no-store", signal }).then(({ ok }) => ok, () => false);
    if (asked !== url) return;
    if (!there) return lose();
    clear();
    play();
  };
  const timer = setInterval(look, LOOK);

  /** The stream's address. Throws where there is none. */
  const streamAddress = () => {
    const url = address(element.getAttribute("src"), script, "/stream.mjpg");
    // No more pixels than the screen has for it, as the program asks for.
    const line = Math.max(element.clientWidth, element.clientHeight) * devicePixelRatio;
    const width = /^(auto)?$/.test(element.size) && Math.ceil(line);
    const asked = { camera: element.getAttribute("camera"), ticket: element.getAttribute("ticket"), width };
    for (const [name, value] of Object.entries(asked)) if (value) url.searchParams.set(name, value);
    return url;
  };
  const follow = () => {
    let next = null;
    try {
      next = streamAddress();
    } catch {}
    const wanted = `${element.paused} ${next}`;
    const of = `${element.getAttribute("src")} ${element.getAttribute("camera")}`;
    if (wanted === shown) return;
    if (shown && of !== camera) {
      for (const name of ["seq", "drawn", "skipped", "corrupt", "age", "wire", "name"]) delete element.dataset[name];
      element.dispatchEvent(new CustomEvent("namechange", { detail: { name: "" } }));
    }
    // Another camera's stream may come.
    oneByOne &&= of === camera;
    [shown, camera, url] = [wanted, of, element.paused ? null : next];
    clear();
    if (!next) return say(words("src leads to no camera."));
    if (!url) return say(words("The plain stream is paused."));
    sayWhat();
    play();
  };

  const text = make("textarea", { id: "report", readOnly: true, value: report, hidden: true });
  text.setAttribute("aria-label", words("Report"));
  const show = () => {
    text.hidden = false;
    text.select();
    // There is no clipboard but for pages over https.
    put(said, "", document.execCommand("copy") ? words("The report is copied.") : words("This is the report."));
  };
  const start = () => restart().catch(({ message }) => put(said, "", words("It cannot be started: {text}", message)));
  const notice = make(
    "div",
    { id: "notice" },
    make("strong", {}, words("The viewer has failed")),
    said,
    text,
    make("p", {}, make("button", { onclick: start }, words("Start it again")), make("button", { onclick: show }, words("Copy a report"))),
  );
  notice.setAttribute("role", "alert");
  for (const [node, part] of [[notice, "notice"], [text, "report"]]) node.setAttribute("part", part);
  for (const button of notice.querySelectorAll("button")) button.setAttribute("part", "button");
  shadow.replaceChildren(make("div", { id: "root", className: "failed" }, stream, notice));
  speak(shadow);
  follow();
  return {
    follow,
    end() {
      clearInterval(timer);
      url = null;
      clear();
      shadow.replaceChildren();
      this.follow = () => {};
    },
  };
}

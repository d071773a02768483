// Shares a span of recordings, or saves it: as a film for a chat, as files, or by a link for people without a key.
//
// Loaded by recordings.js when it is first wanted. What can be had of the span, and what of it is missing, the server says.
import { HOUR, MINUTE, SECOND, clock, day, make, words } from "./recordings.js";

/** Seconds that a link is good. */
const DAY = 86400;
const LIVES = [[DAY, words("One day")], [7 * DAY, words("One week")], [30 * DAY, words("30 days")]];
/** Length in seconds of a time-lapse, and its pictures a second. */
const [LAPSES, FPS] = [[10, 30, 60], 25];
/** Longest film with all its pictures. */
const LONGEST = HOUR;

/** A length of time, in ms. */
const long = (ms) => (ms < MINUTE ? `${Math.max(Math.round(ms / SECOND), 1)} s` : ms < HOUR ? `${Math.round(ms / MINUTE)} min` : `${(ms / HOUR).toFixed(1)} h`);
const button = (textContent, act, more = {}) => {
  const made = make("button", { type: "button", part: "button", textContent, ...more });
  made.addEventListener("click", act);
  return made;
};

/** Opens what a clip is shared by, over the player. `url` gives the address of something of its recordings. */
export default function share({ root, put, speak, url, span: [from, to], camera, offers }) {
  const ended = new AbortController();
  const { signal } = ended;
  const at = new Date(from).toISOString().slice(0, 19).replace(/:/g, "");
  const name = (extension) => `${camera}-${at}Z.${extension}`;
  const able = () => navigator.canShare?.({ files: [new File(["a"], "a.mp4", { type: "video/mp4" })] });
  const status = make("p", { id: "s-status", role: "status" });
  const note = make("p", { id: "s-note", hidden: true });
  const say = (text) => put(status, "", text);
  const span = { from_us: Math.round(from * 1000), to_us: Math.round(to * 1000) };

  const speed = make("select", { id: "s-speed" }, make("option", { value: "", textContent: words("As it was recorded") }));
  for (const seconds of LAPSES) {
    const option = make("option", { value: seconds });
    put(option, "", words("Time-lapse, {number} s", seconds));
    speed.append(option);
  }
  const query = () => (speed.value ? { ...span, every_s: Math.max((to - from) / SECOND / (speed.value * FPS), 0.1).toFixed(3), fps: FPS } : span);
  const address = (format) => url(`/clip.${format}`, query());

  /** Why something is refused, in words. */
  const blame = async (answer) => {
    const reason = (await answer.text()).trim();
    const cause = answer.headers.get("pistreamer-cause");
    if (cause) speak({ ...JSON.parse(cause), reason });
    say(words("This was not done: {reason}", reason));
  };
  const attempt = async (act) => {
    say("");
    try {
      await act();
    } catch (error) {
      if (signal.aborted || error.name === "AbortError") return;
      say(words("It broke off: try again"));
    }
  };
  /** Lets the browser save it. A download that is refused says nothing. */
  const save = (format) => attempt(async () => {
    const head = await fetch(address(format), { method: "HEAD", cache: "no-store", signal });
    if (!head.ok) return blame(await fetch(address(format), { cache: "no-store", signal }));
    make("a", { href: address(format).href, download: name(format) }).click();
    say(words("It is being saved"));
  });

  let film = null;
  const send = () => attempt(async () => {
    if (!film) {
      const answer = await fetch(address("mp4"), { cache: "no-store", signal });
      if (!answer.ok) return blame(answer);
      const [reader, pieces, wanted] = [answer.body.getReader(), [], speed.value];
      for (let bytes = 0; ; ) {
        say(words("The film is being made: {number} MB", (bytes / 1e6).toFixed(1)));
        const { done, value } = await reader.read();
        if (done) break;
        pieces.push(value);
        bytes += value.length;
      }
      if (wanted !== speed.value) return;
      film = new File(pieces, name("mp4"), { type: "video/mp4" });
    }
    say("");
    try {
      await navigator.share({ files: [film] });
    } catch (error) {
      // The tap was too long ago.
      if (error.name !== "AbortError") say(words("The film is ready: share it now"));
    }
  });

  const out = make("div", { className: "acts" });
  if (offers.mp4) {
    if (able()) out.append(button(words("Share the film"), send, { id: "s-send", className: "first" }));
    out.append(button(words("Save the film (MP4)"), () => save("mp4"), { id: "s-mp4", className: able() ? "" : "first" }));
  } else {
    const hint = make("p", { id: "s-hint", textContent: words("Films for phones and chats need ffmpeg on the server") });
    out.append(hint);
  }
  out.append(button(words("Save as recorded (MKV)"), () => save("mkv"), { id: "s-mkv" }));
  out.append(button(words("Save the pictures (ZIP)"), () => save("zip"), { id: "s-zip" }));

  const link = make("div", { className: "acts", hidden: !offers.links });
  const life = make("select", { id: "s-life" }, ...LIVES.map(([value, textContent]) => make("option", { value, textContent })));
  life.value = 7 * DAY;
  const makeLink = () => attempt(async () => {
    const page = new URL(".", location.href).href;
    const body = JSON.stringify({ camera, ...span, seconds: Number(life.value), page });
    const answer = await fetch(url("/links", {}), { method: "POST", body, signal });
    if (!answer.ok) return blame(answer);
    const { link: href, qr, expires_us: end } = await answer.json();
    const shown = make("input", { id: "s-link", type: "text", readOnly: true, value: href, translate: false, "aria-label": words("Link") });
    shown.addEventListener("focus", () => shown.select());
    const pass = async () => {
      if (navigator.share) return navigator.share({ url: href }).catch(() => {});
      shown.focus();
      await navigator.clipboard?.writeText(href).then(() => say(words("Copied")), () => {});
    };
    const picture = make("img", { src: `data:image/svg+xml,${encodeURIComponent(qr)}`, width: 200, height: 200, alt: words("QR code of the link") });
    link.replaceChildren(shown, button(navigator.share ? words("Share the link") : words("Copy the link"), pass, { className: "first" }), picture);
    speak();
    const until = `${day(end / 1000)}, ${clock(end / 1000, { second: undefined })}`;
    say(words("Whoever has this link sees this clip and nothing else, until {time}.", until));
  });
  link.append(
    make("label", { htmlFor: "s-life", textContent: words("A link for people without a key") }),
    life, button(words("Make a link"), makeLink, { id: "s-make" }),
  );

  /** Tells what is missing before anything is saved. */
  const look = async () => {
    film = null;
    say("");
    const isLong = !speed.value && to - from > LONGEST;
    for (const id of ["s-send", "s-mp4", "s-zip"]) for (const it of out.querySelectorAll(`#${id}`)) it.disabled = isLong;
    const head = await fetch(address("mkv"), { method: "HEAD", cache: "no-store", signal });
    if (!head.ok) return blame(await fetch(address("mkv"), { cache: "no-store", signal }));
    const { missing = [], sparse = [], resized_us: resized } = JSON.parse(head.headers.get("pistreamer-clip") ?? "{}");
    const sum = (spans) => long(spans.reduce((all, [one, other]) => all + other - one, 0) / 1000);
    let text = "";
    if (isLong) text = words("This is long: choose a time-lapse for a film of it");
    else if (resized) text = words("A film ends at {time}, where the pictures change their size", clock(resized / 1000));
    else if (missing.length) text = words("Nothing was recorded of {time} of it", sum(missing));
    else if (sparse.length) text = words("Of {time} of it there is only a picture every few seconds", sum(sparse));
    note.hidden = !text;
    put(note, "", text);
  };
  speed.addEventListener("change", () => attempt(look));

  const title = make("h2", { id: "s-title", textContent: words("Share or save") });
  const when = make("p", { id: "s-when", translate: false, textContent: `${day(from)}, ${clock(from)} – ${clock(to)} · ${long(to - from)}` });
  const close = make("form", { method: "dialog" }, make("button", { part: "button close", textContent: words("Close") }));
  const pace = make("div", { className: "acts" }, make("label", { htmlFor: "s-speed", textContent: words("Speed") }), speed);
  const dialog = make("dialog", { id: "r-out", part: "share", "aria-labelledby": "s-title" }, make("header", {}, title, close), when, note, pace, out, link, status);
  dialog.addEventListener("close", () => {
    ended.abort();
    dialog.remove();
  });
  root.append(dialog);
  speak();
  dialog.showModal();
  attempt(look);
}

// The page that a link to a recording opens: the player, with the link's span alone. Its key is behind #, and goes to this server with
// the player's requests, and nowhere else.
import Recordings, { words } from "./recordings.js";

const LANGUAGES = ["en", "de", "es", "fr"];
const language = navigator.languages.map((tag) => tag.split("-")[0]).find((name) => LANGUAGES.includes(name)) ?? "en";
const table = async (path) => (await fetch(`words/${path}.json`)).json();
/** Says an English text in the visitor's language, where the table of that is to be had. */
let say = null;
if (language !== "en")
  try {
    const [{ default: speaker }, texts] = await Promise.all([import("./words.js"), table(language)]);
    say = speaker(texts, language, () => table(`causes/${language}`));
    document.documentElement.lang = language;
  } catch {
    // English is better than nothing.
  }

/** What the server has said: English text → its code and values. */
const causes = new Map();
function show(node, attribute, text) {
  const said = say?.(text, () => node.english[attribute] === text && show(node, attribute, text), causes) ?? text;
  if (attribute) node.setAttribute(attribute, said);
  else if (node.textContent !== said) node.textContent = said;
}
const put = (node, attribute, text) => {
  (node.english ??= {})[attribute] = text;
  show(node, attribute, text);
};
function speak(root, { reason, cause, values } = {}) {
  if (reason && cause) causes.set(reason, [cause, values]);
  for (const node of root.querySelectorAll("*")) {
    const english = (node.english ??= {});
    for (const name of ["title", "aria-label", "alt"]) english[name] ??= node.getAttribute(name);
    if (!node.firstElementChild && node.translate) english[""] ??= node.textContent;
    for (const [attribute, text] of Object.entries(english)) if (text) show(node, attribute, text);
  }
}

const shadow = document.getElementById("host").attachShadow({ mode: "open" });
const style = Object.assign(document.createElement("link"), { rel: "stylesheet", href: "recordings.css" });
const root = Object.assign(document.createElement("div"), { id: "root" });
const note = Object.assign(document.createElement("p"), { id: "c-note" });
note.setAttribute("role", "status");
shadow.append(style, root);
root.append(note);

const api = new URL("api/v1/", location.href.split(/[?#]/)[0]);
api.searchParams.set("key", location.hash.slice(1));
const list = new URL(api);
list.pathname += "recordings";
try {
  await new Promise((done) => ["load", "error"].forEach((name) => style.addEventListener(name, done)));
  // By the link alone: where it has ended, a session of this browser shows nothing in its place.
  const answer = await fetch(list, { cache: "no-store", credentials: "omit" });
  const [camera] = answer.ok ? (await answer.json()).cameras : [];
  if (answer.status === 401) put(note, "", words("This link has ended, or is not whole: ask who sent it"));
  else if (!camera) put(note, "", words("This link shows nothing here: ask who sent it"));
  else if (!camera.to_us) put(note, "", words("What this link shows was deleted meanwhile"));
  else {
    document.title = `${camera.name} – pistreamer`;
    new Recordings(shadow, put, speak).open(api.href, camera.id, true);
  }
} catch {
  put(note, "", words("This cannot be loaded: the server does not answer. Try again"));
}
addEventListener("hashchange", () => location.reload());

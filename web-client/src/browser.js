// What takes fewer bytes here than through Rust's bindings. In one file: each one costs the first view a request of its own.

/** The id of the camera that a WebSocket's address asks for. */
export function asked_camera(url) {
  const camera = new URL(url).searchParams.get("camera");
  // A number may be a place in the server's order.
  return /\D/.test(camera ?? "") ? camera : undefined;
}

/** The address of what a server has at that path, for an element's `src`, which is relative to the program's script, for a page of that
 * origin; with the key in its query. Throws why there is none, for the author of the page. */
export function address(src, script, path, page = origin) {
  let url = {};
  try {
    url = new URL(src ?? ".", script);
  } catch {}
  const { hostname, searchParams: query } = url;
  const [, , secure] = /^(http|ws)(s?):$/.exec(url.protocol) ?? [];
  if (secure == null) throw "src is not an address: it begins with http:// or https://";
  // Browsers ask it for no page that came over https, but where it is on their own machine.
  if (!secure && page.startsWith("https:") && !/^((.*\.)?localhost|127\.[\d.]+|\[::1\])$/.test(hostname))
    throw "this page came over https and the camera's address is http: start pistreamer with --tls, or open the page over http";
  // ?key= takes no user name.
  if (!["", "camera"].includes(url.username)) throw 'src has another user than camera: give a key as src="…?key=KEY"';
  let key = url.password || /^#key=(.*)/.exec(url.hash)?.[1];
  try {
    // A literal percent sign stays as it is.
    key = decodeURIComponent(key ?? "");
  } catch {}
  if (key && !query.has("key")) query.set("key", key);
  url.protocol = "http" + secure;
  url.username = url.password = url.hash = "";
  // What is beside the stream names no folder above it.
  url.pathname = url.pathname.replace(/\/(ws|embed|stream|snapshot|webcam|[^/]*\.[^/]*)?$/, "") + path;
  return url;
}

/** The WebSocket's address for an element's `src`, with what else its query is to say. */
export function socket_url(src, script, camera, ticket, wire, width, page) {
  const url = address(src, script, "/ws", page);
  for (const [name, value] of Object.entries({ camera, ticket, wire, width })) if (value != null) url.searchParams.set(name, value);
  url.protocol = url.protocol.replace("http", "ws");
  return url.href;
}

/** Whether this is a phone or a tablet. */
export function touch() {
  return matchMedia("(pointer: coarse)").matches;
}

/** Whether the page is in nobody's frame. */
export function is_top() {
  return top === self;
}

/** The languages of the viewer's texts. They are written in English; each other language has a table beside the script. */
const LANGUAGES = ["en", "de", "es", "fr"];
/** What says a text in each of them: a promise, and what it gives. */
const [loading, speakers] = [{}, {}];
/** The language of the texts in each shadow root. */
const spoken = new WeakMap();

/** The language of the page around an element, else the first that the browser asks for, of those there are. */
const language = (element) =>
  LANGUAGES.find((name) => element.matches(`:lang(${name})`)) ??
  navigator.languages.map((tag) => tag.split("-")[0]).find((name) => LANGUAGES.includes(name)) ??
  "en";

/** What servers have said of late in each shadow root: English text → its code and values, by which it is said in other languages. */
const causes = new WeakMap();

/** Notes the code of what a server says. */
function told(root, { reason, cause, values }) {
  if (!reason || !cause) return;
  const said = causes.get(root) ?? new Map();
  causes.set(root, said);
  // The latest stands last.
  said.delete(reason);
  said.set(reason, [cause, values]);
  if (said.size > 8) said.delete(said.keys().next().value);
}

/** A server's message that says something of the camera's controls, as whole as it is: the panels have to know what else it says.
 * Notes the code of what it says to the element with that shadow root. */
export function controls(message, root) {
  const said = JSON.parse(message);
  told(root, said);
  const { host } = root;
  // Kept for whoever listens later.
  if (said.type === "operating") host.dispatchEvent(new CustomEvent("operating", { detail: (host.operating = said) }));
  // Within a text, the quotation marks are escaped.
  if (message.includes('"controls"')) return said;
}

async function load_speaker(name) {
  const beside = (file) => new URL(`../../../${file}`, import.meta.url).href;
  const table = async (path) => (await fetch(beside(`words/${path}.json`))).json();
  const [{ default: speaker }, texts] = await Promise.all([import(beside("words.js")), table(name)]);
  const locale = navigator.languages.find((tag) => tag.startsWith(name)) ?? name;
  speakers[name] = speaker(texts, locale, () => table(`causes/${name}`));
}

/** It stays English where the table is not to be had. */
const learn = (name) =>
  name === "en" || (loading[name] ??= load_speaker(name).catch(() => delete loading[name]));

// Before the program itself is there.
if (globalThis.document) learn(language(document.querySelector("pi-camera") ?? document.documentElement));

function show(node, attribute, text, own) {
  const again = () => node.english[attribute] === text && show(node, attribute, text);
  const root = node.getRootNode();
  const said = (!own && speakers[spoken.get(root)]?.(text, again, causes.get(root))) || text;
  if (!attribute) node.textContent === said || (node.textContent = said);
  else node.getAttribute(attribute) === said || node.setAttribute(attribute, said);
}

/** Writes a text that people see into a node, or into that attribute of it: in the element's language, also when it becomes
 * another, unless the text is the page's own. */
export function put(node, attribute, text, own) {
  (node.english ??= {})[attribute] = own ? "" : text;
  show(node, attribute, text, own);
}

/** Has the texts in a shadow root said in its element's language, now and whenever they change, also what a server has `said`. */
export async function speak(root, said = {}) {
  told(root, said);
  for (const node of root.querySelectorAll("*")) {
    const english = (node.english ??= {});
    for (const name of ["title", "aria-label", "alt"]) english[name] ??= node.getAttribute(name);
    if (!node.firstElementChild && node.translate) english[""] ??= node.textContent;
  }
  const name = language(root.host);
  if (name !== "en") await learn(name);
  // It may be another by now.
  if (name !== language(root.host)) return;
  spoken.set(root, name);
  const whole = root.getElementById("root");
  if (whole) whole.lang = speakers[name] ? name : "en";
  for (const node of root.querySelectorAll("*"))
    for (const [attribute, text] of Object.entries(node.english ?? {})) if (text) show(node, attribute, text);
}

let failures = 0;

/** The panels for an element's shadow root, from beside the program's script. Rejected where they cannot be loaded. */
export async function load(script, shadow) {
  const url = new URL("panels.js", script);
  // Browsers may remember that a module was not to be had.
  if (failures) url.search = `again=${failures}`;
  const root = shadow.lastElementChild;
  const { default: Panels } = await import(url.href).catch((error) => {
    failures += 1;
    throw error;
  });
  // Another view may have its place by now.
  if (!root.isConnected) throw new Error();
  return new Panels(shadow, put, speak);
}

/** Why the server refuses a WebSocket: its words, whether the page is from elsewhere, whether there was a ticket. Empty: it doesn't. */
export async function refusal(socket, root) {
  try {
    const url = new URL(socket.replace(/^ws/, "http"));
    for (const path of ["ws", "api/v1/ws"]) {
      const answer = await fetch(new URL(path + url.search, url), { cache: "no-store" });
      // An answer that is not plain text comes from a proxy; the server behind it may be down.
      const plain = answer.headers.get("content-type")?.startsWith("text/plain");
      if (plain && answer.status === 426)
        return ["the server answers, but no WebSocket gets through: a proxy on the way has to pass on Upgrade"];
      if (!plain || ![401, 403, 404, 421, 429, 503].includes(answer.status)) continue;
      const said = (await answer.text()).trim();
      try {
        told(root, { ...JSON.parse(answer.headers.get("pistreamer-cause")), reason: said });
      } catch {}
      return answer.status === 401 ? [said, url.origin !== origin, url.searchParams.has("ticket")] : [said];
    }
  } catch {}
  return [];
}

/** Whether the user cannot keep a clip: an app on iOS's home screen shows a download without a way back, and shares over https. */
export function keeps_no_clip() {
  return navigator.standalone === true && !navigator.canShare;
}

/** Saves a file where the browser puts downloads, or hands it over otherwise: a promise of whether it is saved. */
export async function save(script, shadow, file, download) {
  if (navigator.standalone === true) {
    const { handOver } = await import(new URL("panels.js", script).href);
    return handOver(shadow, file, download, speak);
  }
  const href = URL.createObjectURL(file);
  Object.assign(document.createElement("a"), { href, download }).click();
  // The browser reads the address when the click is handled, on some phones after asking.
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
  return true;
}

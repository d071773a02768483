// Starts the viewer's own page: hands the address's query to the element, has a wall where there are several cameras, leaves the
// chrome out of /embed, and shows the plain stream where WebAssembly cannot run.
let view = document.querySelector("pi-camera");
const query = new URLSearchParams(location.search);
const embedded = /\/embed\/?$/.test(location.pathname);
const isOn = (name, usual) => (query.has(name) ? !/^(0|false|no|off)$/.test(query.get(name)) : usual);

// What stands in the page in several languages is shown in the one that the browser asks for.
const languages = ["en", "de", "es", "fr"];
const language = navigator.languages.map((tag) => tag.split("-")[0]).find((name) => languages.includes(name)) ?? "en";
for (const text of document.querySelectorAll(".fallback [lang]")) text.hidden = text.lang !== language;
for (const link of document.querySelectorAll("#late a")) link.search = location.search;

// Shows the sign-in page in place of this one and under its address. It trades what is behind # for a session.
async function signIn() {
  const answer = await fetch("login.html").catch(() => {});
  if (!answer?.ok) return false;
  const page = await answer.text();
  document.open();
  document.write(page);
  document.close();
  return true;
}

const { title } = document;
function listen() {
  const one = view;
  one.addEventListener("namechange", ({ detail }) => (document.title = detail.name ? `${detail.name} – ${title}` : title));
  one.addEventListener("error", async () => {
    if (one.dataset.state !== "live" && (await ask("session")).status === 401) await signIn();
  });
}

const ask = (path) => fetch(`api/v1/${path}${location.search}`).catch(() => ({}));

// Several cameras, those of other servers too, are on a wall. Until that is known, the page shows one.
async function several() {
  if (isOn("kiosk") || isOn("wall")) return wall({});
  try {
    const kept = ask("wall");
    const list = await ask("cameras");
    // What is overloaded or out of reach may say it later.
    if (!(list.status < 429)) return setTimeout(several, 5000);
    const first = list.ok && (await list.json()).cameras;
    if (first?.length > 1) return wall({ first, kept });
    (await import("./wall/second.js")).default(view, { first, kept }, ask, wall);
  } catch {}
}

// WebKit does not always see by itself that an element is defined by now.
const runs = () => (document.querySelector(".fallback").hidden = true);

// The wall in the place of the one camera, unless it cannot be loaded.
function wall(known) {
  const one = view;
  view = Object.assign(document.createElement("pi-wall"), known);
  for (const { name, value } of one.attributes) if (/^(fit|mirror|wire|size|stale|pinned|lang)/.test(name)) view.setAttribute(name, value);
  view.toggleAttribute("linked");
  view.toggleAttribute("kiosk", isOn("kiosk", false));
  listen();
  one.replaceWith(view);
  document.title = title;
  import("./wall.js").then(runs, () => view.replaceWith(one));
}

async function start() {
  // Side by side with its script. A preload would be a second download in WebKit.
  const program = fetch(new URL("viewer_bg.wasm", import.meta.url));
  program.catch(() => {});
  // In another site's frame no cookie is sent, so that the key goes with the stream.
  if (embedded && query.has("key")) view.setAttribute("src", "?" + new URLSearchParams({ key: query.get("key") }));
  for (const name of ["camera", "fit", "ticket", "wire", "size", "stale_after"])
    if (query.has(name)) view.setAttribute(name.replace("_", "-"), query.get(name));
  for (const [name, usual] of [["controls", !embedded], ["overlay", false], ["mirror", false]])
    view.toggleAttribute(name, isOn(name, usual));
  // What the address says counts more than what was chosen on an earlier visit.
  view.setAttribute("pinned", [...query.keys()].join(" "));
  // It knows one address; with another one, that goes onto the home screen. Chromium may go on with a manifest that is taken out.
  if (!location.search) {
    const manifest = { rel: "manifest", crossOrigin: "use-credentials", href: "manifest.webmanifest" };
    document.head.append(Object.assign(document.createElement("link"), manifest));
  }
  listen();
  const drives = isOn("drive", false);
  if (!(embedded || drives || query.has("camera") || query.has("ticket"))) several();
  try {
    const { default: init } = await import("./viewer.js");
    await init({ module_or_path: program });
    runs();
    if (drives) import("./panels.js").then(({ sheet }) => sheet(view, "drive")).then((drive) => drive.open(), console.error);
  } catch (error) {
    console.error(error);
    document.getElementById("loading").hidden = true;
    document.getElementById("failed").hidden = false;
    const stream = document.createElement("img");
    stream.src = "stream.mjpg" + location.search;
    stream.alt = "";
    stream.setAttribute("aria-labelledby", "failed");
    document.querySelector(".fallback").append(stream);
  }
}

const hasKey = () => /[#&](key|code)=/.test(location.hash);
addEventListener("hashchange", () => hasKey() && signIn());
if (!(hasKey() && (await signIn()))) await start();

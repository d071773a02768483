// Starts the viewer's own page: hands the address's query to the element, has a wall where there are several cameras, leaves the
// chrome out of /embed, and shows the plain stream where WebAssembly cannot run.
let view = document.querySelector("pi-camera");
const query = new URLSearchParams(location.search);
const embedded = /\/embed\/?$/.test(location.pathname);
const isOn = (name, usual) => (query.has(name) ? !["0", "false", "no", "off"].includes(query.get(name)) : usual);

// What stands in the page in several languages is shown in the one that the browser asks for.
const languages = ["en", "de", "es", "fr"];
const language = navigator.languages.map((tag) => tag.split("-")[0]).find((name) => languages.includes(name)) ?? "en";
for (const text of document.querySelectorAll(".fallback [lang]")) text.hidden = text.lang !== language;
for (const link of document.querySelectorAll("#late a")) link.search = location.search;

// Shows the sign-in page in place of this one and under its address. It trades what is behind # for a session.
async function signIn() {
  const answer = await fetch("login.html").catch(() => null);
  if (!answer?.ok) return false;
  const page = await answer.text();
  document.open();
  document.write(page);
  document.close();
  return true;
}

// The server's cameras, where the address asks for none of them. What keeps this from being known says so itself.
async function cameras() {
  if (embedded || query.has("camera") || query.has("ticket")) return [];
  try {
    const answer = await fetch("api/v1/cameras" + location.search, { cache: "no-store", signal: AbortSignal.timeout?.(3000) });
    return answer.ok ? (await answer.json()).cameras : [];
  } catch {
    return [];
  }
}

// The wall in the place of the one camera, or nothing where it cannot be loaded.
function wall(first) {
  const wall = Object.assign(document.createElement("pi-wall"), { first });
  for (const { name, value } of view.attributes) if (!/^(camera|controls|overlay|tabindex)$/.test(name)) wall.setAttribute(name, value);
  wall.toggleAttribute("linked", true);
  wall.toggleAttribute("kiosk", isOn("kiosk", false));
  // Where it is arranged by nobody, or for nobody in particular, the browser knows.
  wall.kept = fetch("api/v1/wall" + location.search, { cache: "no-store" }).then((answer) => (answer.status === 200 ? answer.json() : null), () => null);
  const one = view;
  view.replaceWith(wall);
  view = wall;
  return import("./wall.js").catch(() => wall.replaceWith((view = one)));
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
  try {
    const [{ default: init }, list] = await Promise.all([import("./viewer.js"), cameras()]);
    const { title } = document;
    const isWall = list.length > 1 || (isOn("kiosk", false) && list.length);
    const ready = isWall && wall(list);
    const listen = () => {
      view.addEventListener("namechange", ({ detail }) => (document.title = detail.name ? `${detail.name} – ${title}` : title));
      view.addEventListener("error", async () => {
        if (view.dataset.state === "live") return;
        const answer = await fetch("api/v1/session" + location.search).catch(() => null);
        if (answer?.status === 401) await signIn();
      });
    };
    listen();
    await init({ module_or_path: program });
    const one = view;
    await ready;
    if (view !== one) listen();
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

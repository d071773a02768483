// What takes fewer bytes here than through Rust's bindings. In one file: each one costs the first view a request of its own.

/** The id of the camera that a WebSocket's address asks for. */
export function asked_camera(url) {
  const camera = new URL(url).searchParams.get("camera");
  // A number may be a place in the server's order.
  return /\D/.test(camera ?? "") ? camera : undefined;
}

/** Whether this is a phone or a tablet. */
export function touch() {
  return matchMedia("(pointer: coarse)").matches;
}

/** Whether the page is in nobody's frame. */
export function is_top() {
  return top === self;
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
  return new Panels(shadow);
}

/** Why the server refuses a WebSocket: its words, whether the page is from elsewhere, whether there was a ticket. Empty: it doesn't. */
export async function refusal(socket) {
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
    return handOver(shadow, file, download);
  }
  const href = URL.createObjectURL(file);
  Object.assign(document.createElement("a"), { href, download }).click();
  // The browser reads the address when the click is handled, on some phones after asking.
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
  return true;
}

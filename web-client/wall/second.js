// Where the server has one camera: whether there are those of other servers beside it, and later, whether a second one comes. Then the
// page's camera makes room for a wall.
//
// Loaded by boot.js. It changes nothing while something is open over the picture: that would be closed.

/** ms between two looks. */
const LOOK = 10_000;
/** What may be open, or be looked at closely. */
const OPEN = "dialog[open], :is(#menu, #adjust, #rec):not([hidden]), .zoomed";

/** Whether other servers' cameras are kept on the wall, by the server's answer or in the browser. */
async function hasOthers(kept) {
  const answer = await kept;
  const said = answer.status === 204 ? JSON.parse(localStorage.getItem("pi-wall")) : answer.ok && (await answer.clone().json());
  return said?.servers?.length > 0;
}

export default async function wait(one, known, ask, wall) {
  if (await hasOthers(known.kept).catch(() => false)) return wall(known);
  const isBusy = () => document.hidden || one.paused || one.hasAttribute("data-filled") || document.fullscreenElement || document.pictureInPictureElement || one.shadowRoot?.querySelector(OPEN);
  const look = async () => {
    // Something else may be in its place, such as the page to sign in.
    if (!one.isConnected) return;
    try {
      const list = !isBusy() && (await ask("cameras"));
      const first = list.ok && (await list.json()).cameras;
      if (first?.length > 1 && !isBusy()) return wall({ first });
    } catch {}
    setTimeout(look, LOOK);
  };
  setTimeout(look, LOOK);
}

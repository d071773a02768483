// How the tiles of a wall lie, and how many frames each of them has use for. Needs no browser.

/** A tile is no narrower than that while it can be scrolled to, in CSS pixels. */
const NARROWEST = 160;

/** How many columns are best for so many tiles of that shape in so much room, and how wide each is. */
export function layout(count, width, height, aspect, gap = 0) {
  const most = width < height ? 2 : count;
  let best = null;
  for (let columns = 1; columns <= Math.min(most, count); columns++) {
    const rows = Math.ceil(count / columns);
    const [room, line] = [(width - (columns - 1) * gap) / columns, (height - (rows - 1) * gap) / rows];
    const one = { columns, width: Math.floor(Math.min(room, line * aspect)), empty: columns * rows - count };
    if (!best || one.width > best.width || (one.width === best.width && one.empty < best.empty)) best = one;
  }
  if (!best || best.width >= NARROWEST) return best ?? { columns: 1, width };
  // They don't fit: as many in a row as are wide enough, and the rest is scrolled to.
  const columns = Math.max(1, Math.min(most, count, Math.floor((width + gap) / (NARROWEST + gap))));
  return { columns, width: Math.floor((width - (columns - 1) * gap) / columns) };
}

/** Frames a second that a tile has use for on a wall of so many. */
export const rate = (count) => (count > 9 ? 5 : count > 4 ? 10 : null);

// Loads what lies over the picture once it is asked for.

let failures = 0;

/** The panels for an element's shadow root, from beside the program's script. Rejected where they cannot be loaded. */
export async function load(script, shadow) {
  const url = new URL("panels.js", script);
  // Browsers may remember that a module was not to be had.
  if (failures) url.search = `again=${failures}`;
  try {
    const { default: Panels } = await import(url.href);
    return new Panels(shadow);
  } catch (error) {
    failures += 1;
    throw error;
  }
}

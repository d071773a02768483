// What becomes of elements whose program fails: a panic or a trap leaves its memory in a state that no code expects.
// Nothing of it runs from then on; its workers and sockets are ended, and its elements are told.

/** One run of the program, for all of the page's elements. */
function run() {
  const own = { failed: false, words: "", held: new Set(), elements: new Set() };
  own.call = (f) => guarded(own, f, []);
  return own;
}
let program = run();
const inPage = typeof document === "object";

/** The run of the program that calls this. `elements` are told when it fails: in words, and where. */
export const current = () => program;

/** Calls into the program come through this: with what one of them throws, it has failed. */
export function guard(f) {
  const own = program;
  return (...given) => guarded(own, f, given);
}

function guarded(own, f, given) {
  if (own.failed) return undefined;
  try {
    return f(...given);
  } catch (error) {
    // A worker's page takes its place when it hears of this.
    if (!inPage) throw error;
    fail(own, error);
    return undefined;
  }
}

/** Keeps a worker or socket, to end it with the program, or lets go of it. */
export function hold(thing, held) {
  if (held) program.held.add(thing);
  else program.held.delete(thing);
}

/** The program panics, and traps as soon as this returns. */
export function panicked(words) {
  console.error(words);
  program.words = words;
  const own = program;
  if (inPage) setTimeout(() => fail(own, new Error(words)));
}

function fail(own, error) {
  if (own.failed) return;
  own.failed = true;
  if (own === program) program = run();
  for (const thing of own.held) (thing.terminate ?? thing.close).call(thing);
  const words = own.words || String(error);
  console.error("pi-camera: the viewer has failed", error);
  for (const element of own.elements) element(words, String(error?.stack ?? ""));
}

// What it traps in on its own account, such as the answer to a promise.
if (inPage) {
  const ours = new URL("../../../", import.meta.url).href;
  const trapped = (event, error) => {
    if (error instanceof WebAssembly.RuntimeError && String(error.stack).includes(ours)) fail(program, error);
  };
  addEventListener("error", (event) => trapped(event, event.error));
  addEventListener("unhandledrejection", (event) => trapped(event, event.reason));
}

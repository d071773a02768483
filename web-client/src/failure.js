// What becomes of elements whose program fails: a panic or a trap leaves its memory in a state that no code expects.
// Nothing of it runs from then on; its workers and sockets are ended, and its elements are told.

const inPage = typeof document === "object";
/** The run that has panicked, until its trap is seen. */
let panicking;

/** One run of the program, for all of the page's elements. `elements` are told when it fails: in words, and where. `feed` is
 * the number of the pipeline that it is at work for. */
function run() {
  const own = { failed: false, words: "", held: new Set(), elements: new Set(), feed: 0 };
  own.call = (f) => guarded(own, f, []);
  /** Calls into the program come through this: with what one of them throws, it has failed. */
  own.guard = (f) => (...given) => guarded(own, f, given);
  /** The promise, but without an answer once the program has failed. */
  own.answer = (promise) => new Promise((...settle) => promise.then(...settle.map(own.guard)));
  /** What is done a few at a time, by all elements together: connecting, while Chromium delays each further socket for seconds; the
   * same where the last try was in vain, which must not hold up the others; and decoding. How many more may begin, and what waits. */
  const lines = [[3], [1], [4]];
  /** A promise of a turn. */
  own.turn = (line) => new Promise((begin) => (lines[line][0]-- > 0 ? begin() : lines[line].push(begin)));
  /** A turn is over: the next one's begins. */
  own.end = (line) => {
    lines[line][0] += 1;
    lines[line].splice(1, 1)[0]?.();
  };
  /** Keeps a worker or socket, to end it with the program, or lets go of it. */
  own.hold = (thing, held) => own.held[held ? "add" : "delete"](thing);
  /** The program panics, and traps as soon as this returns. */
  own.panicked = (words) => {
    console.error(words);
    own.words = words;
    panicking = own;
    if (inPage) setTimeout(() => fail(own, new Error(words)));
  };
  return own;
}
/** The newest run: each instance of the program takes the one that is here when it starts. */
export let program = run();

function guarded(own, f, given) {
  if (own.failed) return;
  try {
    return f(...given);
  } catch (error) {
    // A worker's page takes its place when it hears of this.
    if (!inPage) throw error;
    panicking = null;
    fail(own, error);
  }
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

// A worker says at work for which pipeline it fails: the page ends it, and starts another one.
if (!inPage) for (const name of ["error", "unhandledrejection"]) addEventListener(name, () => postMessage([program.feed, ["failed"]]));

// What it traps in on its own account, such as the answer to a promise.
if (inPage) {
  const ours = new URL("../../../", import.meta.url).href;
  const trapped = (error) => {
    if (!(error instanceof WebAssembly.RuntimeError && String(error.stack).includes(ours))) return;
    fail(panicking ?? program, error);
    panicking = null;
  };
  addEventListener("error", (event) => trapped(event.error));
  addEventListener("unhandledrejection", (event) => trapped(event.reason));
}

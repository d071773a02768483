// Says the viewer's texts in another language than English, by a table: English text → text. Values stand in both as {name}.
// What servers say is said by its code, of which another table has the texts.
//
// Loaded by src/browser.js, and only where the browser or the page asks for another language.

/** Stands for a server's words while what is around them is said. */
const HELD = "\ue000";

/** Whether a server says it as the protocol has it. It may say anything. */
const isText = (said) => typeof said === "string" && said.length <= 600 && !said.includes(HELD);
const isValue = ([, said]) => isText(said) || Number.isFinite(said);

/** ms after which a table that was not to be had is asked for again. */
const AGAIN = 30_000;

/** What says an English text in the table's language. `locale` is for numbers; `load` gives a promise of the table of what servers
 * say: code → text. Until that is there, such a text stays English, and whoever asked for it is called to ask again. `causes` has
 * what servers have said to the element: English text → its code and values. */
export default function speaker(table, locale, load) {
  const escaped = (text) => text.replace(/[.*+?^$()[\]\\|]/g, "\\$&");
  /** What the texts with values look like once the values are in them. */
  const patterns = Object.entries(table).flatMap(([text, said]) => {
    const pieces = text.split(/\{(\w+)\}/);
    const names = pieces.filter((_, at) => at % 2);
    const value = (name) => (name.startsWith("number") ? "([\\d.]+)" : "(.+?)");
    const source = pieces.map((piece, at) => (at % 2 ? value(piece) : escaped(piece))).join("");
    const fixed = pieces.filter((_, at) => at % 2 === 0).join("").length;
    return names.length ? [{ pattern: new RegExp(`^${source}$`, "su"), names, said, fixed }] : [];
  });
  // What says more comes before what only puts texts together.
  patterns.sort((one, other) => other.fixed - one.fixed);
  const number = (value) => {
    const minimumFractionDigits = Math.min(value.split(".")[1]?.length ?? 0, 3);
    return Number(value).toLocaleString(locale, { useGrouping: false, minimumFractionDigits });
  };
  /** Values that are texts themselves are called so, and numbers too. Others, such as the names of cameras, stay. */
  const put = (name, value, causes) => (name.startsWith("text") ? say(value, null, causes) : name.startsWith("number") ? number(value) : value);

  let [reasons, loading] = [null, null];
  const because = (reason, again, causes) => {
    if (!reasons) {
      loading ??= load().then((table) => (reasons = table), () => setTimeout(() => (loading = null), AGAIN));
      loading.then(() => reasons && again?.());
      return reason;
    }
    const [code, given] = causes.get(reason);
    return tell(code, Object.fromEntries(Object.entries(given ?? {}).filter(isValue)), "") ?? reason;
  };
  /** A code's text with its values, which are called `within` something; null where it is not known, or lacks a value. */
  const tell = (code, values, within) => {
    // A newer server may know more.
    if (!Object.hasOwn(reasons, code)) return null;
    let isWhole = true;
    const said = reasons[code].replace(/\{(\w+)\}/g, (_, name) => {
      const value = values[within + name];
      isWhole = isWhole && Object.hasOwn(values, within + name);
      // What another server has said is said by its own code.
      const quoted = !within && tell(values[`${name}.cause`], values, `${name}.`);
      return quoted || (typeof value === "number" ? number(String(value)) : value);
    });
    return isWhole ? said : null;
  };

  const say = (text, again, causes) => {
    // A server says what it likes, also what the viewer itself says.
    if (Object.hasOwn(table, text)) return table[text];
    if (causes.has(text)) return because(text, again, causes);
    // Nothing in a server's words is taken for what puts texts together.
    const isHeld = (reason) => isText(reason) && (text.endsWith(`: ${reason}`) || text.startsWith(`${reason} · `));
    const [held] = [...causes.keys()].filter(isHeld).sort((one, other) => other.length - one.length);
    if (held) return say(text.replace(held, HELD), null, causes).replace(HELD, () => because(held, again, causes));
    for (const { pattern, names, said } of patterns) {
      const values = pattern.exec(text);
      if (values) return said.replace(/\{(\w+)\}/g, (_, name) => put(name, values[names.indexOf(name) + 1], causes));
    }
    return text;
  };
  return (text, again, causes = new Map()) => {
    try {
      return say(text, again, causes);
    } catch {
      // English is better than nothing.
      return text;
    }
  };
}

// Says the viewer's texts in another language than English, by a table: English text → text. Values stand in both as {name}.
//
// Loaded by src/browser.js, and only where the browser or the page asks for another language.

/** What says an English text in the table's language. `locale` is for numbers. */
export default function speaker(table, locale) {
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
    const minimumFractionDigits = value.split(".")[1]?.length ?? 0;
    return Number(value).toLocaleString(locale, { useGrouping: false, minimumFractionDigits });
  };
  /** Values that are texts themselves are called so, and numbers too. Others, such as the names of cameras, stay. */
  const put = (name, value) => (name.startsWith("text") ? say(value) : name.startsWith("number") ? number(value) : value);
  const say = (text) => {
    if (Object.hasOwn(table, text)) return table[text];
    for (const { pattern, names, said } of patterns) {
      const values = pattern.exec(text);
      if (values) return said.replace(/\{(\w+)\}/g, (_, name) => put(name, values[names.indexOf(name) + 1]));
    }
    return text;
  };
  return say;
}

// What an element shows whose program has failed: the camera's MJPEG stream, why, a report, and a way back.

/** The stream's address, on the server that the element was connected to, or else the script's own. */
function address(element, socket, script) {
  const url = new URL(socket?.replace(/^ws/, "http") ?? "ws", socket ?? script);
  url.pathname = url.pathname.replace(/[^/]*$/, "stream.mjpg");
  url.searchParams.delete("wire");
  const camera = element.getAttribute("camera");
  if (camera) url.searchParams.set("camera", camera);
  return url;
}

const make = (name, properties, ...children) => {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
};

/** Fills the element with it; returns what takes it away again. */
export function plainStream(element, socket, script, report, restart) {
  const shadow = element.shadowRoot ?? element.attachShadow({ mode: "open" });
  const url = address(element, socket, script);
  const stream = make("img", { id: "plain", alt: "The camera's picture" });
  // A ticket is for the pages of one origin, which the browser tells only in such requests.
  if (url.origin !== origin) stream.crossOrigin = "anonymous";
  stream.src = url;
  let again;
  stream.onerror = () => (again = setTimeout(() => (stream.src = url), 3000));
  const said = make("span", { id: "notice-text" }, "This is the plain stream.");
  const text = make("textarea", { id: "report", readOnly: true, value: report, hidden: true });
  text.setAttribute("aria-label", "Report");
  const show = () => {
    text.hidden = false;
    text.select();
    // There is no clipboard but for pages over https.
    said.textContent = document.execCommand("copy") ? "The report is copied." : "This is the report.";
  };
  const start = () => restart().catch((error) => (said.textContent = `It cannot be started: ${error.message}`));
  const notice = make(
    "div",
    { id: "notice" },
    make("strong", {}, "The viewer has failed"),
    said,
    text,
    make("p", {}, make("button", { onclick: start }, "Start it again"), make("button", { onclick: show }, "Copy a report")),
  );
  notice.setAttribute("role", "alert");
  for (const [node, part] of [[stream, "canvas"], [notice, "notice"], [text, "report"]]) node.setAttribute("part", part);
  for (const button of notice.querySelectorAll("button")) button.setAttribute("part", "button");
  shadow.replaceChildren(make("div", { id: "root", className: "failed" }, stream, notice));
  return () => {
    clearTimeout(again);
    stream.onerror = null;
    stream.removeAttribute("src");
    shadow.replaceChildren();
  };
}

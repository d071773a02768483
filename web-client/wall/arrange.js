// The panel in which a wall of cameras is arranged: their order, which are shown, and those of other servers.
//
// Loaded by wall.js when it is first wanted.

import { placeOf } from "./servers.js";
import { api, make, words } from "./words.js";

/** Opens the panel of that wall. */
export default function arrange(wall, put, speak) {
  const root = wall.shadowRoot.getElementById("root");
  const said = (node, text, own) => (put(node, "", text, own), node);
  const wordy = (name, text, properties = {}) => said(make(name, properties), text);
  const iconic = (id, what, label, sign, onclick, disabled = false) => {
    const button = make("button", { type: "button", id, onclick, disabled, textContent: sign, translate: false });
    button.dataset.what = what;
    put(button, "aria-label", label);
    return button;
  };
  const [list, servers, nearby, problem] = [make("ol", {}), make("ul", {}), make("ul", {}), make("p", { className: "problem" })];
  problem.setAttribute("role", "alert");
  const input = make("input", { type: "url", required: true, autocomplete: "off", placeholder: "http://192.168.1.20:8000/#key=…" });
  put(input, "aria-label", words("Link of the server"));
  const form = make("form", {}, input, wordy("button", words("Add")));
  const dialog = make(
    "dialog",
    { id: "panel" },
    wordy("h2", words("Arrange the cameras")),
    list,
    wordy("h3", words("Cameras of other servers")),
    servers,
    nearby,
    form,
    problem,
    make("form", { method: "dialog" }, wordy("button", words("Close"))),
  );
  put(dialog, "aria-label", words("Arrange the cameras"));

  const change = (arrangement) => {
    said(problem, "");
    wall.change(arrangement).catch(({ message }) => said(problem, words("This is not kept: {text}", message)));
    draw();
  };
  const move = (at, by) => {
    const order = wall.known.map(({ key }) => key);
    order.splice(at + by, 0, ...order.splice(at, 1));
    change({ order });
  };
  /** Servers of the local network, as the own one finds them for its owner. */
  let found = [];
  /** What is drawn. */
  let drawn = "";
  const draw = () => {
    const { known, arrangement } = wall;
    const now = JSON.stringify([known, arrangement.servers, found]);
    if (now === drawn) return;
    drawn = now;
    const focused = wall.shadowRoot.activeElement;
    const { what } = focused?.dataset ?? {};
    const place = what && [...dialog.querySelectorAll("[data-what]")].indexOf(focused);
    const rows = known.map(({ key, name, hidden }, at) => {
      const shown = make("input", { type: "checkbox", checked: !hidden });
      shown.dataset.what = `show ${key}`;
      shown.onchange = () => {
        const others = arrangement.hidden.filter((other) => other !== key);
        change({ hidden: shown.checked ? others : [...others, key] });
      };
      const up = iconic(`up-${at}`, `up ${key}`, words("Move {camera} up", name), "\u2191", () => move(at, -1), at === 0);
      const down = iconic(`down-${at}`, `down ${key}`, words("Move {camera} down", name), "\u2193", () => move(at, 1), at === known.length - 1);
      return make("li", {}, make("label", {}, shown, said(make("span", { translate: false }), name, true)), up, down);
    });
    list.replaceChildren(...rows);
    servers.replaceChildren(
      ...arrangement.servers.map((src, at) => {
        const remove = () => change({ servers: arrangement.servers.filter((other) => other !== src) });
        // A link has a key in it: people see its host and folder.
        const name = placeOf(src);
        return make("li", {}, said(make("span", { translate: false }), name, true), iconic(`remove-${at}`, `remove ${name}`, words("Remove {server}", name), "\u00d7", remove));
      }),
    );
    const places = wall.servers.map(placeOf);
    nearby.replaceChildren(
      ...found.filter(({ url }) => !places.includes(placeOf(url))).map(({ url, server, name }, at) => {
        const add = () => change({ servers: [...arrangement.servers, url] });
        const shown = said(make("span", { translate: false }), [placeOf(url), server, name].filter(Boolean).join(", "), true);
        return make("li", {}, shown, iconic(`add-${at}`, `add ${url}`, words("Add {server}", placeOf(url)), "+", add));
      }),
    );
    // In the language of the others.
    speak(wall.shadowRoot);
    if (!what) return;
    // The focus stays where it was, or near it: what was first or last cannot be moved on.
    const all = [...dialog.querySelectorAll("[data-what]")];
    const same = all.find(({ dataset }) => dataset.what === what);
    const other = all.find(({ dataset }) => dataset.what === what.replace(/^(up|down) /, (_, way) => (way === "up" ? "down " : "up ")));
    [same, other, all[place], input].find((node) => node && !node.disabled)?.focus();
  };
  form.onsubmit = (event) => {
    event.preventDefault();
    const src = input.value.trim();
    if (!/^https?:\/\/\S+$/.test(src)) return said(problem, words("This is not an address: it begins with http:// or https://"));
    const others = wall.arrangement.servers.filter((other) => placeOf(other) !== placeOf(src));
    change({ servers: [...others, src] });
    input.value = "";
  };
  dialog.onclose = () => dialog.remove();
  // Cameras come and go meanwhile.
  const timer = setInterval(() => (dialog.isConnected ? draw() : clearInterval(timer)), 1000);
  fetch(api("servers"))
    .then((answer) => (answer.ok ? answer.json() : { servers: [] }))
    .then(({ servers }) => {
      found = servers.filter(({ url }) => new URL(url).host !== location.host);
      draw();
    })
    .catch(() => {});
  root.append(dialog);
  draw();
  dialog.showModal();
}

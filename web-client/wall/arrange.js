// The panel in which a wall of cameras is arranged: their order, which are shown, their groups, and those of other servers.
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
  const [list, groups, servers, nearby, problem] = [make("ol", {}), make("ul", {}), make("ul", {}), make("ul", {}), make("p", { className: "problem" })];
  problem.setAttribute("role", "alert");
  const input = make("input", { type: "url", required: true, autocomplete: "off", placeholder: "http://192.168.1.20:8000/#key=…" });
  put(input, "aria-label", words("Link of the server"));
  const form = make("form", {}, input, wordy("button", words("Add")));
  const group = make("input", { type: "text", id: "group", required: true, maxLength: 40, autocomplete: "off" });
  put(group, "aria-label", words("Name of the group"));
  put(group, "placeholder", words("New group"));
  const grouping = make("form", {}, group, wordy("button", words("Add")));
  const dialog = make(
    "dialog",
    { id: "panel" },
    wordy("h2", words("Arrange the cameras")),
    list,
    wordy("h3", words("Groups")),
    groups,
    grouping,
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
    wall.change(arrangement).catch(({ message: reason, cause = null }) => {
      speak(wall.shadowRoot, { ...JSON.parse(cause), reason });
      said(problem, words("This is not kept: {text}", reason));
    });
    draw();
  };
  const move = (at, by) => {
    const order = wall.known.map(({ key }) => key);
    order.splice(at + by, 0, ...order.splice(at, 1));
    // Those behind stand where they are by themselves.
    const last = Math.max(at, at + by, ...wall.arrangement.order.map((key) => order.indexOf(key)));
    change({ order: order.slice(0, last + 1) });
  };
  /** Where a camera is put into a group, if there are any. */
  const grouped = (key, camera) => {
    const { groups } = wall.arrangement;
    if (!groups.length) return [];
    const own = groups.find(({ cameras }) => cameras.includes(key));
    const options = groups.map(({ name }) => make("option", { value: name, textContent: name, translate: false }));
    const select = make("select", {}, wordy("option", words("No group"), { value: "" }), ...options);
    select.value = own?.name ?? "";
    select.dataset.what = `group ${key}`;
    put(select, "aria-label", words("Group of {camera}", camera));
    select.onchange = () => {
      const { groups } = wall.arrangement;
      const others = (cameras) => cameras.filter((other) => other !== key);
      change({ groups: groups.map(({ name, cameras }) => ({ name, cameras: name === select.value ? [...others(cameras), key] : others(cameras) })) });
    };
    return [select];
  };
  /** Servers of the local network, as the own one finds them for its owner. */
  let found = [];
  /** What is drawn. */
  let drawn = "";
  const draw = (isByItself) => {
    const { known, arrangement } = wall;
    const now = JSON.stringify([known, arrangement.groups, arrangement.servers, found]);
    if (now === drawn) return;
    const focused = wall.shadowRoot.activeElement;
    // A choice that is open would be closed.
    if (isByItself && focused?.matches("select")) return;
    drawn = now;
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
      return make("li", {}, make("label", {}, shown, said(make("span", { translate: false }), name, true)), ...grouped(key, name), up, down);
    });
    list.replaceChildren(...rows);
    groups.replaceChildren(
      ...arrangement.groups.map(({ name }, at) => {
        const remove = () => change({ groups: arrangement.groups.filter((other) => other.name !== name) });
        return make("li", {}, said(make("span", { translate: false }), name, true), iconic(`ungroup-${at}`, `ungroup ${name}`, words("Remove the group {name}", name), "\u00d7", remove));
      }),
    );
    servers.replaceChildren(
      ...arrangement.servers.map((src, at) => {
        const remove = () => {
          const { order, hidden, groups } = arrangement;
          const others = (keys) => keys.filter((key) => `${key} `.indexOf(`${placeOf(src)} `) !== 0);
          const left = groups.map(({ name, cameras }) => ({ name, cameras: others(cameras) }));
          change({ servers: arrangement.servers.filter((other) => other !== src), order: others(order), hidden: others(hidden), groups: left });
        };
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
  grouping.onsubmit = (event) => {
    event.preventDefault();
    const name = group.value.trim();
    const { groups } = wall.arrangement;
    if (groups.some((other) => other.name === name)) return said(problem, words("There is a group of that name already"));
    group.value = "";
    if (name) change({ groups: [...groups, { name, cameras: [] }] });
  };
  dialog.onclose = () => dialog.remove();
  // Cameras come and go meanwhile.
  const timer = setInterval(() => (dialog.isConnected ? draw(true) : clearInterval(timer)), 1000);
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

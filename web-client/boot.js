// Starts the viewer's own page: hands the address's query to the element, leaves the chrome out of /embed, and shows the
// plain stream where WebAssembly cannot run.
const camera = document.querySelector("pi-camera");
const query = new URLSearchParams(location.search);
const embedded = /\/embed\/?$/.test(location.pathname);
for (const name of ["camera", "fit", "wire"]) if (query.has(name)) camera.setAttribute(name, query.get(name));
for (const [name, usual] of [["controls", !embedded], ["overlay", !embedded], ["mirror", false]])
  camera.toggleAttribute(name, query.has(name) ? !["0", "false", "no", "off"].includes(query.get(name)) : usual);
try {
  const { default: init } = await import("./viewer.js");
  await init();
} catch (error) {
  console.error(error);
  document.getElementById("fallback-text").textContent = "The viewer cannot run in this browser. This is the plain stream.";
  const stream = document.createElement("img");
  stream.src = "stream.mjpg" + location.search;
  stream.alt = "The camera's picture";
  document.querySelector(".fallback").append(stream);
}

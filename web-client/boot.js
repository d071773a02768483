// Starts the viewer's own page: passes the address's ?camera= on, takes the chrome off /embed, and shows the plain
// stream where WebAssembly cannot run.
const camera = document.querySelector("pi-camera");
const query = new URLSearchParams(location.search);
if (query.has("camera")) camera.setAttribute("camera", query.get("camera"));
for (const name of ["fit", "wire"]) if (query.has(name)) camera.setAttribute(name, query.get(name));
if (location.pathname.endsWith("/embed")) for (const name of ["controls", "overlay"]) camera.toggleAttribute(name, query.has(name));
try {
  const { default: init } = await import("./viewer.js");
  await init();
} catch (error) {
  console.error(error);
  document.getElementById("fallback-text").textContent = "The viewer cannot run in this browser. This is the plain stream.";
  const stream = document.createElement("img");
  stream.src = "stream.mjpg";
  stream.alt = "The camera's picture";
  document.querySelector(".fallback").append(stream);
}

// Trades a key for a session: the one that was typed, or the one behind # in the address, which is never sent as part of
// it and is gone from the address bar at once.
const form = document.querySelector("form");
const message = document.getElementById("message");
const button = form.querySelector("button");

async function trade(key, name) {
  button.disabled = true;
  message.textContent = "";
  try {
    const answer = await fetch("api/v1/session", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ key, name }),
    });
    if (answer.ok) {
      const session = await fetch("api/v1/session");
      if (session.ok) return location.reload();
      message.textContent = "The key is right, but the browser keeps no cookie here. In another page's frame, the frame's address needs the key: /embed?key=…";
    } else message.textContent = answer.status === 401 ? "That is not the key." : (await answer.text()).trim();
  } catch {
    message.textContent = "The server does not answer.";
  }
  button.disabled = false;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  trade(form.elements.key.value, form.elements.name.value || undefined);
});

const key = new URLSearchParams(location.hash.slice(1)).get("key");
if (key) {
  history.replaceState(null, "", location.pathname + location.search);
  trade(key);
}

// Trades a key or a one-time code for a session: the key that was typed, or what stands behind # in the address, which is
// never sent as part of it and is gone from the address bar at once.
const form = document.querySelector("form");
const message = document.getElementById("message");
/** In the language of the page. */
const words = message.dataset;
const button = form.querySelector("button");

/** Why what was shown is refused, where the page has words for that. */
function refusal(answer, shown) {
  const seconds = answer.headers.get("Retry-After");
  if (answer.status === 429 && seconds) return words.wait.replace("{seconds}", seconds);
  if (answer.status === 401) return shown.key ? words.wrong : words.used;
}

async function trade(shown) {
  button.disabled = true;
  message.textContent = "";
  try {
    const answer = await fetch("api/v1/session", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(shown),
    });
    // A session from before is as good.
    if ((await fetch("api/v1/session")).ok) {
      if (location.pathname.endsWith("/login.html")) return location.replace("./" + location.search);
      return location.reload();
    }
    if (answer.ok) {
      message.textContent = words.kept;
    } else message.textContent = refusal(answer, shown) ?? (await answer.text()).trim();
  } catch {
    message.textContent = words.silent;
  }
  button.disabled = false;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  trade({ key: form.elements.key.value, name: form.elements.name.value || undefined });
});

async function tradeWhatIsBehind() {
  const behind = new URLSearchParams(location.hash.slice(1));
  const name = ["code", "key"].find((name) => behind.get(name));
  if (!name) return;
  history.replaceState(null, "", location.pathname + location.search);
  // Any page can link here: the key in a link signs nobody over who is signed in. A code is always the owner's.
  const held = name === "key" ? await fetch("api/v1/session").catch(() => null) : null;
  if (held?.ok) location.reload();
  else trade({ [name]: behind.get(name) });
}
// A link that is pasted where this page stands loads nothing anew.
addEventListener("hashchange", tradeWhatIsBehind);
tradeWhatIsBehind();

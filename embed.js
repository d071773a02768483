// Defines <pi-camera> and <pi-wall> on any page: <script type="module" src="http://HOST:8000/embed.js"></script>
import init from "./viewer.js";
await init();
// What a wall needs is loaded where there is one, now or later.
let again = 0;
const look = () => {
  if (!document.querySelector("pi-wall:not(:defined)")) return;
  watch.disconnect();
  // Browsers may remember that a module was not to be had.
  import(`./wall.js${again ? `?again=${again}` : ""}`).catch((error) => {
    console.warn("pi-wall:", error);
    again += 1;
    setTimeout(begin, 5000);
  });
};
const watch = new MutationObserver(look);
const begin = () => {
  watch.observe(document, { childList: true, subtree: true });
  look();
};
begin();

// Defines <pi-camera> and <pi-wall> on any page: <script type="module" src="http://HOST:8000/embed.js"></script>
import init from "./viewer.js";
await init();
import("./wall.js").catch((error) => console.warn("pi-wall:", error));

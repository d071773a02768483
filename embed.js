// Defines <pi-camera> on any page: <script type="module" src="http://HOST:8000/embed.js"></script>
import init from "./viewer.js";
await init();

// A WebSocket without a network: what the viewer sends and what a test sends cross a BroadcastChannel named like the
// socket's address but for the width that depends on the screen, so that it works in a page and in a worker alike.
globalThis.WebSocket = class extends EventTarget {
  static OPEN = 1;
  static opened = 0;
  constructor(url) {
    super();
    this.constructor.opened += 1;
    this.readyState = 0;
    this.wire = new BroadcastChannel(url.replace(/[?&]width=[0-9]+/, ""));
    this.wire.onmessage = ({ data }) => {
      if (data.close) {
        this.readyState = 3;
        this.wire.close();
        this.dispatchEvent(new CloseEvent("close", { code: data.close }));
      } else if (data.message !== undefined) {
        this.dispatchEvent(new MessageEvent("message", { data: data.message }));
      }
    };
    setTimeout(() => {
      this.readyState = 1;
      this.dispatchEvent(new Event("open"));
      this.wire.postMessage({ sent: "open" });
    });
  }
  send(text) {
    this.wire.postMessage({ sent: text });
  }
  close() {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.wire.postMessage({ sent: "close" });
    this.wire.close();
  }
};

/** What a person holds down: keys, or the buttons under the picture. */

const KEYS = {
  ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down",
  KeyA: "left", KeyD: "right", KeyW: "up", KeyS: "down",
};

export class Hands {
  /**
   * pad: the element with the buttons. means(name): whether that does anything now. onHold(): called when something
   * goes down; onRestart(): at R.
   */
  constructor(pad, { active, means, onHold, onRestart }) {
    this.held = new Set();
    addEventListener("keydown", (event) => {
      if (!active() || event.ctrlKey || event.metaKey || event.altKey) return;
      const slides = event.target.type === "range" && event.key.startsWith("Arrow"); // the slider's own keys
      if (event.code === "KeyR" && !event.repeat) onRestart();
      if (!(event.code in KEYS) || !means(KEYS[event.code]) || slides) return;
      event.preventDefault(); // no scrolling
      this.hold(KEYS[event.code], onHold);
    });
    addEventListener("keyup", (event) => this.held.delete(KEYS[event.code]));
    addEventListener("blur", () => this.held.clear());
    for (const button of pad.children) {
      const name = button.dataset.hold;
      button.addEventListener("pointerdown", (event) => {
        button.setPointerCapture(event.pointerId);
        this.hold(name, onHold);
      });
      button.addEventListener("lostpointercapture", () => this.held.delete(name));
      button.addEventListener("contextmenu", (event) => event.preventDefault()); // of a long touch
    }
  }

  hold(name, onHold) {
    this.held.add(name);
    onHold();
  }
}

// <usage-chart>: a crosshair over the plot; pointer or arrow keys; the data is the table beneath.

customElements.define("usage-chart", class extends HTMLElement {
  connectedCallback() {
    this.plot = this.querySelector(".chart-plot");
    this.rows = [...this.querySelectorAll("tr[data-x]")];
    if (!this.plot || !this.rows.length) return;
    this.width = this.querySelector("svg").viewBox.baseVal.width;
    this.at = -1;
    this.plot.addEventListener("pointermove", (event) => this.point(event));
    this.plot.addEventListener("pointerleave", () => this.show(-1));
    this.plot.tabIndex = 0;
    this.plot.setAttribute("role", "group");
    this.plot.setAttribute("aria-label", "Chart: arrow keys read the values");
    this.plot.addEventListener("keydown", (event) => this.key(event));
    this.plot.addEventListener("blur", () => this.show(-1));
    this.querySelector(".chart-readout").setAttribute("aria-live", "polite");
  }
  point(event) {
    const box = this.plot.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    this.show(Math.min(this.rows.length - 1, Math.max(0, Math.floor(share * this.rows.length))));
  }
  key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    this.show(Math.min(this.rows.length - 1, Math.max(0, this.at + step)));
  }
  show(index) {
    this.at = index;
    this.cross ??= this.plot.appendChild(Object.assign(document.createElement("div"), { className: "chart-cross" }));
    this.cross.hidden = index < 0;
    const readout = this.querySelector(".chart-readout");
    if (index < 0) { readout.textContent = ""; return; }
    this.cross.style.left = `${(100 * Number(this.rows[index].dataset.x)) / this.width}%`;
    readout.textContent = [...this.rows[index].cells].map((cell) => cell.textContent).join(": ");
  }
});

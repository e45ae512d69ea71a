// <live-refresh src="…" every="3" idle="60">: fetches its content again while the tab is visible.
// 204, or the same content as before, means that nothing moved: ask rarely. 286 means: finished.

customElements.define("live-refresh", class extends HTMLElement {
  connectedCallback() {
    this.every = Number(this.getAttribute("every") || 3);
    this.idle = Number(this.getAttribute("idle") || 60);
    this.quiet = 0;
    this.onVisible = () => { if (!document.hidden) this.plan(0.1); };
    document.addEventListener("visibilitychange", this.onVisible);
    this.plan(this.every);
  }
  disconnectedCallback() {
    clearTimeout(this.timer);
    document.removeEventListener("visibilitychange", this.onVisible);
  }
  plan(seconds) {
    clearTimeout(this.timer);
    if (!this.finished) this.timer = setTimeout(() => this.look(), seconds * 1000);
  }
  async look() {
    if (document.hidden) return;
    try {
      const answer = await fetch(this.getAttribute("src"), { headers: { "HX-Request": "true" }, credentials: "same-origin" });
      if (answer.redirected || answer.status === 401 || answer.status === 403) { this.finished = true; return; }
      this.finished = answer.status === 286;
      this.take(answer.ok && answer.status !== 204 ? await answer.text() : "");
    } catch {
      this.quiet += 1; // the network is away: ask again, more rarely
    }
    // Ten quiet looks at the short interval, then the long one: a step may take half a minute.
    this.plan(this.quiet < 10 ? this.every : this.idle);
  }
  take(html) {
    if (!html || html === this.last) { this.quiet += 1; return; }
    this.quiet = 0;
    this.last = html;
    const focused = this.contains(document.activeElement) && document.activeElement.id;
    const open = [...this.querySelectorAll("details[open]")].map((d) => [...this.querySelectorAll("details")].indexOf(d));
    this.innerHTML = html;
    const all = [...this.querySelectorAll("details")];
    for (const index of open) if (all[index]) all[index].open = true;
    window.htmx?.process(this);
    if (focused) document.getElementById(focused)?.focus();
    this.dispatchEvent(new CustomEvent("live:changed", { bubbles: true }));
  }
});

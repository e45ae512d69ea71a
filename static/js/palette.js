// <nav-palette search="/search/">: Ctrl-K or ⌘K opens a box that filters the links of the navigation,
// and asks the search for what has such a number, name or address.

customElements.define("nav-palette", class extends HTMLElement {
  connectedCallback() {
    this.button = this.querySelector("button");
    this.button.hidden = false;
    this.button.addEventListener("click", () => this.open());
    this.onKey = (event) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") { event.preventDefault(); this.open(); }
    };
    document.addEventListener("keydown", this.onKey);
  }
  disconnectedCallback() { document.removeEventListener("keydown", this.onKey); }
  open() {
    this.dialog ??= this.build();
    if (this.dialog.open) return;
    this.input.value = "";
    this.filter();
    this.dialog.showModal();
    this.input.focus();
  }
  build() {
    const dialog = document.createElement("dialog");
    dialog.className = "palette";
    dialog.setAttribute("aria-label", "Go to");
    this.input = document.createElement("input");
    this.input.type = "search";
    this.input.placeholder = "Go to…";
    this.input.setAttribute("aria-label", "Go to");
    this.list = document.createElement("ul");
    dialog.append(this.input, this.list);
    document.body.append(dialog);
    this.input.addEventListener("input", () => this.filter());
    dialog.addEventListener("keydown", (event) => this.move(event));
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    return dialog;
  }
  links() {
    const found = new Map();
    for (const link of document.querySelectorAll("nav .nav-link, .menu-body a.menu-item, main .table tbody th a")) {
      if (!found.has(link.href)) found.set(link.href, link);
    }
    return [...found.values()];
  }
  filter() {
    const asked = this.input.value.trim().toLowerCase();
    const hits = this.links().filter((link) => link.textContent.toLowerCase().includes(asked)).slice(0, 12);
    this.list.replaceChildren(...hits.map((link) => {
      const copy = document.createElement("a");
      copy.className = "nav-link";
      copy.href = link.href;
      copy.append(...[...link.childNodes].map((node) => node.cloneNode(true)));
      const item = document.createElement("li");
      item.append(copy);
      return item;
    }));
    this.ask(asked);
    if (!hits.length && asked.length < 2) {
      const none = document.createElement("li");
      none.className = "palette-none";
      none.textContent = "No page of that name.";
      this.list.append(none);
    }
  }
  ask(asked) {
    clearTimeout(this.timer);
    if (asked.length < 2 || !this.getAttribute("search")) return;
    this.timer = setTimeout(async () => {
      const answer = await fetch(`${this.getAttribute("search")}?part=1&q=${encodeURIComponent(asked)}`).catch(() => null);
      if (!answer?.ok || this.input.value.trim().toLowerCase() !== asked) return;
      const box = document.createElement("template");
      box.innerHTML = await answer.text();
      this.list.append(box.content);
      if (!this.list.childElementCount) this.list.append("Nothing is called so.");
    }, 120);
  }
  move(event) {
    const links = [...this.list.querySelectorAll("a")];
    if (event.key === "Enter" && event.target === this.input) { event.preventDefault(); links[0]?.click(); }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = links.indexOf(document.activeElement) + step;
    (next < 0 ? this.input : links[Math.min(next, links.length - 1)])?.focus();
  }
});

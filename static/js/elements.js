// Everything the pages do by themselves; each element works without script as plain HTML.
import "./forms.js";
import "./live.js";
import "./chart.js";
import "./palette.js";

const toasts = () => document.getElementById("toasts");

/** Show a short message in the corner. */
export function toast(text, tone = "bad") {
  const note = document.createElement("toast-note");
  note.className = `note ${tone}`;
  note.setAttribute("role", tone === "bad" ? "alert" : "status");
  const words = document.createElement("div");
  words.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "close";
  close.setAttribute("aria-label", "Dismiss");
  close.textContent = "✕";
  note.append(words, close);
  toasts()?.append(note);
}

customElements.define("toast-note", class extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", (event) => event.target.closest(".close") && this.remove());
    if (!this.classList.contains("bad")) setTimeout(() => this.remove(), 6000);
  }
});

customElements.define("copy-button", class extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", () => this.copy(this.querySelector("button")));
  }
  async copy(button) {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      if (!copyOld(button.dataset.copy)) return toast("Your browser did not allow copying: select the text instead.");
    }
    const name = button.getAttribute("aria-label");
    button.classList.add("is-done");
    button.setAttribute("aria-label", "Copied");
    toastOnce("Copied");
    setTimeout(() => { button.classList.remove("is-done"); button.setAttribute("aria-label", name); }, 1500);
  }
});

function toastOnce(text) {
  toasts()?.querySelectorAll(".note.ok").forEach((note) => note.remove());
  toast(text, "ok");
}

// Browsers give the clipboard to secure pages only; a console on http:// still has to copy.
function copyOld(text) {
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

customElements.define("secret-text", class extends HTMLElement {
  connectedCallback() {
    const details = this.querySelector("details");
    details?.addEventListener("toggle", () => {
      clearTimeout(this.timer);
      if (details.open) this.timer = setTimeout(() => { details.open = false; }, 60000);
    });
  }
  disconnectedCallback() { clearTimeout(this.timer); }
});

const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60]];
const words = new Intl.RelativeTimeFormat(document.documentElement.lang || "en", { numeric: "always" });

customElements.define("relative-time", class extends HTMLElement {
  connectedCallback() { this.timer = setInterval(() => this.show(), 20000); }
  disconnectedCallback() { clearInterval(this.timer); }
  show() {
    const time = this.querySelector("time");
    const seconds = (Date.parse(time.dateTime) - Date.now()) / 1000;
    const size = Math.abs(seconds);
    if (size >= 31 * 86400) return;
    const unit = UNITS.find(([, length]) => size >= length);
    const text = unit ? words.format(Math.round(seconds / unit[1]), unit[0]) : seconds <= 0 ? "just now" : "in a moment";
    if (time.textContent !== text) time.textContent = text;
  }
});

customElements.define("log-tail", class extends HTMLElement {
  connectedCallback() {
    const log = this.querySelector("pre");
    if (log) log.scrollTop = log.scrollHeight;
  }
});

customElements.define("theme-choice", class extends HTMLElement {
  connectedCallback() {
    this.addEventListener("submit", (event) => {
      event.preventDefault();
      this.choose(event.submitter.value);
    });
  }
  choose(theme) {
    const age = theme === "auto" ? 0 : 31536000;
    document.cookie = `theme=${theme}; path=/; max-age=${age}; SameSite=Lax`;
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    for (const button of document.querySelectorAll("theme-choice button")) {
      button.setAttribute("aria-pressed", String(button.value === theme));
    }
  }
});

// Menus close on a click elsewhere and on Escape.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector("details.menu[open]");
  if (menu) { menu.open = false; menu.querySelector("summary").focus(); }
});

// What htmx could not do is said, never swallowed.
document.addEventListener("htmx:responseError", (event) => {
  const { status } = event.detail.xhr;
  if (status === 409) return;
  const id = event.detail.xhr.getResponseHeader("X-Request-ID");
  toast(`The server answered ${status}${id ? ` (request ${id})` : ""}. Nothing was changed on this page.`);
});
document.addEventListener("htmx:sendError", () => toast("The server did not answer. Check the connection and try again."));

// A second click on a button sends nothing; typed confirmations; focus on what is wrong.

function busy(form) {
  form.dataset.busy = "";
  form.setAttribute("aria-busy", "true");
  // Later, so that the button's own name and value are still sent.
  setTimeout(() => {
    for (const button of form.querySelectorAll("button:not([type=button])")) {
      if (!button.disabled) { button.disabled = true; button.classList.add("is-busy"); }
    }
  });
}

function free(form) {
  delete form.dataset.busy;
  form.removeAttribute("aria-busy");
  for (const button of form.querySelectorAll("button.is-busy")) {
    button.disabled = false;
    button.classList.remove("is-busy");
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if ("busy" in form.dataset) { event.preventDefault(); event.stopImmediatePropagation(); return; }
  if (form.method === "get" || form.hasAttribute("data-repeatable")) return;
  queueMicrotask(() => {
    const byHtmx = form.hasAttribute("hx-post") || form.hasAttribute("hx-put") || form.hasAttribute("hx-delete");
    if (!event.defaultPrevented || byHtmx) busy(form);
  });
}, true);

document.addEventListener("htmx:afterRequest", (event) => {
  const form = event.target.closest?.("form[data-busy]");
  if (form) free(form);
});
window.addEventListener("pageshow", () => document.querySelectorAll("form[data-busy]").forEach(free));

customElements.define("typed-confirm", class extends HTMLElement {
  connectedCallback() {
    const input = this.querySelector("[data-confirm]");
    const button = this.querySelector("button.danger");
    if (!input || !button) return;
    const check = () => { button.disabled = input.value !== input.dataset.confirm; };
    input.addEventListener("input", check);
    check();
  }
});

document.querySelector("[data-focus]")?.focus();
document.addEventListener("htmx:afterSwap", (event) => event.target.querySelector?.("[data-focus]")?.focus());

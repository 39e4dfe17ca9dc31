// Dark or light: as this computer prefers, until somebody chooses. early.js has set it before the first paint.

import { byId, setText } from "./dom.js";

const root = document.documentElement;
const preferred = matchMedia("(prefers-color-scheme: light)");

function chosen() {
  try {
    return localStorage.getItem("theme");
  } catch {
    return null; // a browser that keeps nothing
  }
}

export const theme = () => root.dataset.theme;

// Called when it turns; drawings have to be made anew.
export function onTheme(fn) {
  new MutationObserver(fn).observe(root, { attributes: true, attributeFilter: ["data-theme"] });
}

// A colour of base.css as it is now, for drawings.
export const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();

export function setUpTheme() {
  const toggle = byId("theme");
  const name = () => setText(toggle, theme() === "light" ? "Dark theme" : "Light theme");
  toggle.addEventListener("click", () => {
    root.dataset.theme = theme() === "light" ? "dark" : "light";
    try {
      localStorage.setItem("theme", theme());
    } catch { /* it holds until the page is left */ }
  });
  preferred.addEventListener("change", () => { if (!chosen()) root.dataset.theme = preferred.matches ? "light" : "dark"; });
  onTheme(name);
  name();
}

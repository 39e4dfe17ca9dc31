// Before anything is painted: the theme that was chosen, or the one this computer prefers.
(() => {
  let chosen = null;
  try { chosen = localStorage.getItem("theme"); } catch { /* nothing is kept here */ }
  const light = chosen ? chosen === "light" : matchMedia("(prefers-color-scheme: light)").matches;
  document.documentElement.dataset.theme = light ? "light" : "dark";
})();

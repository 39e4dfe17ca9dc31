// The network in three views of the same: tree, one-line diagram, map. Only the one that is seen is kept up.

import { element, setText } from "../core/dom.js";
import { number, plural } from "../core/format.js";
import { legend } from "./marks.js";
import { mountMap } from "./map.js";
import { mountOneLine } from "./oneline.js";
import { mountTree } from "./tree.js";
import { begin, model, onWorld, why } from "./world.js";

const SEARCH_MS = 150;
const HINT = "network-hint";

export function mount(root) {
  root.classList.add("network");
  const bar = element("div", "network-bar");
  const tabs = element("div", "network-tabs");
  tabs.setAttribute("role", "tablist");
  tabs.setAttribute("aria-label", "View of the network");
  const finder = element("div", "network-finder");
  const search = element("input");
  search.type = "search";
  search.maxLength = 200;
  search.placeholder = "Name or id";
  search.setAttribute("aria-label", "Search the network by name or id");
  const only = element("label", "only-trouble");
  const box = element("input");
  box.type = "checkbox";
  only.append(box, " Only trouble");
  finder.append(search, only);
  const told = element("p", "network-told");
  told.setAttribute("role", "status");
  const hint = element("p", "unseen", "A picture of what the tab Tree says in words; everything can be reached there by keyboard.");
  hint.id = HINT;
  bar.append(tabs, told, finder);
  root.append(bar, hint);

  const treeRoot = element("div", "tree");
  treeRoot.setAttribute("aria-label", "Network");
  const tree = mountTree(treeRoot, { onCount: () => {} });
  const oneLine = mountOneLine(HINT);
  const map = mountMap(HINT);
  const views = [
    { name: "Tree", root: treeRoot, view: tree },
    { name: "One-line", root: oneLine.root, view: oneLine },
    { name: "Map", root: map.root, view: map },
  ];
  let current = views[0];

  for (const [index, one] of views.entries()) {
    one.stale = true;
    one.tab = element("button", "", one.name);
    one.tab.type = "button";
    one.tab.id = `network-tab-${index}`;
    one.tab.setAttribute("role", "tab");
    one.tab.setAttribute("aria-controls", `network-panel-${index}`);
    one.panel = element("div", "network-panel");
    one.panel.id = `network-panel-${index}`;
    one.panel.setAttribute("role", "tabpanel");
    one.panel.setAttribute("aria-labelledby", one.tab.id);
    one.panel.append(one.root);
    one.tab.addEventListener("click", () => open(one));
    tabs.append(one.tab);
    root.append(one.panel);
  }
  root.append(legend());
  tabs.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    open(views[(views.indexOf(current) + step + views.length) % views.length]);
    current.tab.focus();
  });

  function open(one) {
    current = one;
    for (const other of views) {
      const on = other === one;
      other.tab.setAttribute("aria-selected", String(on));
      other.tab.tabIndex = on ? 0 : -1;
      other.panel.hidden = !on;
    }
    only.hidden = one.view !== tree;
    if (one.stale) one.view.picture();
    else one.view.refresh();
    one.stale = false;
    if (one.view !== tree) one.view.choice();
  }

  // Searching shows the tree: what fits is listed there.
  let waiting = 0;
  const find = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      if (search.value.trim() && current.view !== tree) open(views[0]);
      const hits = tree.setFilter({ text: search.value, trouble: box.checked });
      tellHits(hits);
    }, SEARCH_MS);
  };
  search.addEventListener("input", find);
  box.addEventListener("change", find);
  search.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "Enter") {
      event.preventDefault();
      tree.focus();
    }
  });

  let said = "";
  function tellHits(hits) {
    const known = model();
    if (!known || (!search.value.trim() && !box.checked)) said = "";
    else if (!hits) said = box.checked && !search.value.trim() ? "There is no trouble." : "Nothing fits.";
    else said = `${plural(hits, "node fits", "nodes fit")}.`;
    tellAll();
  }

  function tellAll() {
    const known = model();
    if (!known) setText(told, why() || "The network is being read.");
    else if (!known.count) setText(told, "There is nothing in this network, or nothing that you may see.");
    else setText(told, [why(), said || `${number(known.count)} nodes`].filter(Boolean).join(" "));
    told.classList.toggle("troubled", why() !== "");
  }

  onWorld((what) => {
    if (what === "picture") {
      for (const one of views) one.stale = true;
      current.view.picture();
      current.stale = false;
    } else if (what === "state" || what === "choice") {
      for (const one of views) if (one === current || one.view === tree) if (!one.stale) one.view[what]();
      if (what === "state" && (search.value || box.checked)) return;
    }
    tellAll();
  });
  open(views[0]);
  tellAll();
  begin();
}

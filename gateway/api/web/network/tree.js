// The network as a tree (ARIA: tree, treeitem). Only the rows that are seen are in the document.

import { element, setClass, setText } from "../core/dom.js";
import { plural, words } from "../core/format.js";
import { virtualList } from "../core/virtual.js";
import { mark, rowHeight } from "./marks.js";
import { STATES } from "./model.js";
import { lit, model, select, selected } from "./world.js";

const TYPED_MS = 900; // letters that come within this are one word
const OPEN_AT_FIRST = 40; // rows, before anybody has opened or shut anything
const MOST_OPENED = 2000; // rows that trouble may open by itself

export function mountTree(container, { onCount }) {
  let shown = new Int32Array(0); // places, from top to bottom
  let open = new Uint8Array(0);
  let keep = null; // with a filter: what is shown of all; null for everything
  let position = new Int32Array(0); // among the siblings that are shown
  let siblings = new Int32Array(1); // shown below each place; at 0 those of the uppermost
  let filter = { text: "", trouble: false };
  let typed = "";
  let typedAt = 0;
  let touched = false; // somebody opened or shut something: we do not any more

  const list = virtualList(container, {
    rowHeight, make, update, count: () => shown.length, key: (index) => model()?.ids[shown[index]] ?? "",
    role: "tree", rowRole: "treeitem", onActivate: (index) => select(shown[index]), onKey: pressed,
  });

  // Hidden, as on a phone behind another tab, it forgets where it was.
  let tall = 0;
  new ResizeObserver(() => {
    const appears = tall === 0 && container.clientHeight > 0;
    tall = container.clientHeight;
    if (appears && model()) showPlace(selected() >= 0 ? selected() : lit());
  }).observe(container);

  function make() {
    const row = element("div", "tree-row");
    const twisty = element("span", "twisty");
    twisty.setAttribute("aria-hidden", "true");
    twisty.addEventListener("click", (event) => {
      event.stopPropagation();
      toggle(shown[Number(row.dataset.index)]);
    });
    row.append(twisty, mark("none"));
    for (const part of ["tree-name", "tree-kind", "tree-served", "tree-state", "tree-cases"]) row.append(element("span", part));
    return row;
  }

  function update(row, index) {
    const known = model();
    const i = shown[index];
    const [twisty, sign, name, kind, served, state, cases] = row.children;
    const parent = known.childCount[i] > 0;
    const word = STATES[known.states[i]];
    row.style.setProperty("--level", String(Math.min(known.level[i], 24)));
    row.setAttribute("aria-level", String(known.level[i] + 1));
    row.setAttribute("aria-setsize", String(siblings[known.parent[i] + 1]));
    row.setAttribute("aria-posinset", String(position[i]));
    row.setAttribute("aria-selected", String(i === selected()));
    if (parent) row.setAttribute("aria-expanded", String(isOpen(i)));
    else row.removeAttribute("aria-expanded");
    row.classList.toggle("chosen", i === selected());
    row.classList.toggle("lit", known.isBelow(i, lit()));
    setText(twisty, parent ? (isOpen(i) ? "▾" : "▸") : "");
    setClass(sign, `mark-of ${word}`);
    setText(name, known.name(i));
    name.title = known.name(i) === known.ids[i] ? known.ids[i] : `${known.name(i)} (${known.ids[i]})`;
    setText(kind, words(known.kindWord(i)));
    setText(served, known.customers[i] ? plural(known.customers[i], "customer", "customers") : "");
    setText(state, known.lossWords(i) || (word === "silent" ? "communications lost" : known.customers[i] ? "on" : ""));
    setText(cases, known.troubles[i] ? plural(known.troubles[i], "incident", "incidents") : "");
    setClass(state, `tree-state ${word}`);
  }

  const isOpen = (i) => open[i] === 1;

  // Every row that is shown, from the first node on; what is shut is leapt over.
  function rebuild() {
    const known = model();
    if (!known) {
      shown = new Int32Array(0);
      list.refresh();
      return;
    }
    const found = [];
    siblings.fill(0);
    for (let i = 0; i < known.count;) {
      if (keep && !keep[i]) {
        i += known.size[i];
        continue;
      }
      found.push(i);
      position[i] = ++siblings[known.parent[i] + 1];
      i += isOpen(i) ? 1 : known.size[i];
    }
    shown = Int32Array.from(found);
    list.refresh();
    onCount(shown.length);
  }

  // With a filter everything that fits is kept, and the way to it.
  function refilter() {
    const known = model();
    keep = null;
    const text = filter.text.trim().toLocaleLowerCase();
    if (!known || (!text && !filter.trouble)) return 0;
    keep = new Uint8Array(known.count);
    let hits = 0;
    for (let i = known.count - 1; i >= 0; i--) {
      const fits = (!filter.trouble || known.troubled(i) || known.isBelow(i, lit())) && (!text || matches(known, i, text));
      if (fits) hits += 1;
      if (fits) keep[i] = 1;
      if (keep[i] && known.parent[i] >= 0) keep[known.parent[i]] = 1;
    }
    return hits;
  }

  function matches(known, i, text) {
    return known.ids[i].toLocaleLowerCase().includes(text) || known.givenNames[i].toLocaleLowerCase().includes(text);
  }

  // The way down to every trouble, as far as there is room for that.
  function openTrouble() {
    const known = model();
    if (touched) return;
    let rows = shown.length;
    for (let i = 0; i < known.count && rows < MOST_OPENED; i++) {
      const below = known.troubles[i] > 0 && known.incidents.some((one) => one.node !== i && known.isBelow(one.node, i));
      if (!below) {
        i += known.troubles[i] ? 0 : known.size[i] - 1;
        continue;
      }
      if (!open[i]) rows += known.childCount[i];
      open[i] = 1;
    }
  }

  function openAtFirst() {
    const known = model();
    let rows = known.roots;
    for (let level = 0; level < 8; level++) {
      let more = 0;
      for (let i = 0; i < known.count; i++) if (known.level[i] === level && known.kindWord(i) !== "transformer") more += known.childCount[i];
      if (!more || (rows + more > OPEN_AT_FIRST && level > 0)) return;
      rows += more;
      for (let i = 0; i < known.count; i++) if (known.level[i] === level && known.kindWord(i) !== "transformer") open[i] = 1;
    }
  }

  function toggle(i, to = !isOpen(i)) {
    if (!model().childCount[i]) return;
    touched = true;
    open[i] = to ? 1 : 0;
    rebuild();
  }

  function pressed(event, index) {
    const known = model();
    if (!known) return false;
    const i = index < 0 ? -1 : shown[index];
    if (i >= 0 && event.key === "ArrowRight") {
      if (known.childCount[i] && !isOpen(i)) toggle(i, true);
      else if (known.childCount[i] && shown[index + 1] === i + 1) list.focus(index + 1);
      return true;
    }
    if (i >= 0 && event.key === "ArrowLeft") {
      if (known.childCount[i] && isOpen(i)) toggle(i, false);
      else if (known.parent[i] >= 0) list.focus(at(known.parent[i]));
      return true;
    }
    if (i >= 0 && event.key === "*") {
      for (const sibling of known.children(known.parent[i])) open[sibling] = 1;
      touched = true;
      rebuild();
      return true;
    }
    if (event.key.length === 1 && event.key !== " " || (event.key === " " && typed && event.timeStamp - typedAt < TYPED_MS)) {
      typed = event.timeStamp - typedAt < TYPED_MS ? typed + event.key : event.key;
      typedAt = event.timeStamp;
      find(typed.toLocaleLowerCase(), Math.max(index, 0), typed.length === 1);
      return true;
    }
    return false;
  }

  function find(text, from, next) {
    const known = model();
    for (let step = next ? 1 : 0; step <= shown.length; step++) {
      const index = (from + step) % shown.length;
      const i = shown[index];
      if (known.name(i).toLocaleLowerCase().startsWith(text) || known.ids[i].toLocaleLowerCase().startsWith(text)) {
        list.focus(index);
        return;
      }
    }
  }

  // Index of the row of a place, −1 where it is not shown: rows rise, so halving finds it.
  function at(place) {
    let low = 0, high = shown.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      if (shown[middle] === place) return middle;
      if (shown[middle] < place) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  function showPlace(place) {
    if (place < 0) {
      list.refresh();
      return;
    }
    const known = model();
    for (const above of known.path(place).slice(0, -1)) open[above] = 1;
    if (keep) for (const above of known.path(place)) keep[above] = 1;
    rebuild();
    const index = at(place);
    if (index >= 0) list.reveal(index);
    list.refresh();
  }

  function picture() {
    const known = model();
    const count = known?.count ?? 0;
    open = new Uint8Array(count);
    position = new Int32Array(count);
    siblings = new Int32Array(count + 1);
    touched = false;
    if (known) {
      openAtFirst();
      openTrouble();
    }
    refilter();
    rebuild();
    showPlace(selected() >= 0 ? selected() : lit());
  }

  return {
    picture,
    state() {
      openTrouble();
      if (filter.trouble) refilter();
      rebuild();
    },
    choice() {
      if (filter.trouble) refilter();
      showPlace(selected() >= 0 ? selected() : lit());
    },
    // How many nodes fit, and shows them with the way to each opened as far as there is room.
    setFilter(next) {
      filter = next;
      const hits = refilter();
      const known = model();
      if (keep && known) {
        let rows = 0;
        for (let i = 0; i < known.count && rows < MOST_OPENED; i++) {
          if (!keep[i]) continue;
          rows += 1;
          if (filter.text.trim() || known.troubles[i] || known.off[i] || known.unknown[i]) open[i] = 1;
        }
      }
      rebuild();
      container.scrollTop = 0;
      const place = selected() >= 0 ? selected() : lit();
      if (!keep && known) showPlace(place);
      return hits;
    },
    focus: () => list.focus(Math.max(0, list.active())),
    refresh: () => list.refresh(),
    shown: () => shown.length,
  };
}

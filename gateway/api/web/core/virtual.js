// A long list of which only what is seen is in the document. The keyboard stays on the container, which names the active
// row (aria-activedescendant), so that scrolling and updates never take it away.

const SPARE = 6; // rows beyond both edges
let lists = 0;

// `rowHeight`: pixels, or a function that gives them. `make()` gives an empty row, `update(node, index)` fills it, whichever
// row it was before. `count()`, `key(index)`: of the rows as they are now. `onActivate(index)`: Enter, Space or a click.
// `onKey(event, index)`: true when it has been dealt with. `onActive(index)`: the keyboard is there now.
// Gives `refresh()`, `reveal(index)`, `focus(index)`, `active()` (an index, −1 for none) and `close()`.
export function virtualList(container, given) {
  const { make, update, count, key, role = "listbox", rowRole = "option", onActivate, onKey, onActive } = given;
  const prefix = `row-${(lists += 1)}-`;
  const spacer = document.createElement("div");
  spacer.className = "virtual-space";
  spacer.setAttribute("role", "presentation");
  container.classList.add("virtual");
  container.setAttribute("role", role);
  container.tabIndex = 0;
  container.replaceChildren(spacer);
  const rows = new Map(); // key -> node
  const spare = [];
  let activeKey = null;
  let activeAt = -1;
  let serial = 0;
  let asked = 0;

  const height = () => (typeof given.rowHeight === "function" ? given.rowHeight() : given.rowHeight);

  // The active row may have moved; where it is gone, its place is taken by what is there now.
  function place(total) {
    if (activeKey === null) return -1;
    if (activeAt >= 0 && activeAt < total && key(activeAt) === activeKey) return activeAt;
    for (let i = 0; i < total; i += 1) if (key(i) === activeKey) return i;
    const near = Math.min(Math.max(activeAt, 0), total - 1);
    activeKey = near < 0 ? null : key(near);
    return near;
  }

  function refresh() {
    cancelAnimationFrame(asked);
    asked = 0;
    const total = count();
    const tall = height();
    spacer.style.height = `${total * tall}px`;
    activeAt = place(total);
    const first = Math.max(0, Math.floor(container.scrollTop / tall) - SPARE);
    const last = Math.min(total, Math.ceil((container.scrollTop + container.clientHeight) / tall) + SPARE);
    const wanted = new Map();
    for (let i = first; i < last; i += 1) wanted.set(key(i), i);
    if (activeAt >= 0) wanted.set(activeKey, activeAt);
    for (const [name, node] of rows) {
      if (wanted.has(name)) continue;
      rows.delete(name);
      node.remove();
      if (spare.length < 2 * SPARE) spare.push(node);
    }
    for (const [name, i] of wanted) show(name, i, total, tall);
    const active = activeAt < 0 ? null : rows.get(activeKey);
    if (active) container.setAttribute("aria-activedescendant", active.id);
    else container.removeAttribute("aria-activedescendant");
  }

  function show(name, i, total, tall) {
    let node = rows.get(name);
    if (!node) {
      node = spare.pop() ?? fresh();
      rows.set(name, node);
      spacer.append(node);
    }
    node.style.transform = `translateY(${i * tall}px)`;
    node.style.height = `${tall}px`;
    node.dataset.index = String(i);
    if (rowRole === "row") node.setAttribute("aria-rowindex", String(i + 1));
    else {
      node.setAttribute("aria-setsize", String(total));
      node.setAttribute("aria-posinset", String(i + 1));
    }
    node.classList.toggle("active", i === activeAt);
    if (rowRole === "option") node.setAttribute("aria-selected", String(i === activeAt));
    update(node, i);
  }

  function fresh() {
    const node = make();
    node.classList.add("virtual-row");
    node.setAttribute("role", rowRole);
    node.id = `${prefix}${(serial += 1)}`;
    return node;
  }

  function reveal(index) {
    const tall = height();
    const top = index * tall;
    if (top < container.scrollTop) container.scrollTop = top;
    else if (top + tall > container.scrollTop + container.clientHeight) container.scrollTop = top + tall - container.clientHeight;
  }

  function activate(index) {
    activeKey = key(index);
    activeAt = index;
    reveal(index);
    refresh();
    onActive?.(index);
  }

  function focus(index) {
    container.focus({ preventScroll: true });
    if (index >= 0 && index < count()) activate(index);
  }

  const step = () => Math.max(1, Math.floor(container.clientHeight / height()) - 1);
  const moves = {
    ArrowDown: (at) => at + 1, ArrowUp: (at) => at - 1, PageDown: (at) => at + step(), PageUp: (at) => at - step(),
    Home: () => 0, End: () => count() - 1,
  };

  function pressed(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || event.target !== container) return;
    if (onKey?.(event, activeAt)) {
      event.preventDefault();
      return;
    }
    const total = count();
    if (event.key in moves && total) {
      event.preventDefault();
      const from = activeAt < 0 && event.key !== "ArrowUp" ? -1 : activeAt;
      activate(Math.min(Math.max(moves[event.key](from), 0), total - 1));
    } else if ((event.key === "Enter" || event.key === " ") && activeAt >= 0) {
      event.preventDefault();
      onActivate?.(activeAt);
    }
  }

  function clicked(event) {
    const row = event.target.closest(".virtual-row");
    if (!row || event.target.closest("a, button")) return;
    const index = Number(row.dataset.index);
    activate(index);
    onActivate?.(index);
  }

  const soon = () => { asked ||= requestAnimationFrame(refresh); };
  const sized = new ResizeObserver(soon);
  sized.observe(container);
  container.addEventListener("scroll", soon, { passive: true });
  container.addEventListener("keydown", pressed);
  container.addEventListener("click", clicked);
  refresh();

  function close() {
    sized.disconnect();
    cancelAnimationFrame(asked);
    container.removeEventListener("scroll", soon);
    container.removeEventListener("keydown", pressed);
    container.removeEventListener("click", clicked);
    container.replaceChildren();
  }

  return { refresh, reveal, focus, active: () => activeAt, close };
}

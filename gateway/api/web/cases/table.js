// A filtered, ranked list: its filters above, its count, and rows of which only those that are seen are in the document.

import { element, rem, setText } from "../core/dom.js";
import { number } from "../core/format.js";
import { listOf, onRoute, route } from "../core/router.js";
import { session } from "../core/store.js";
import { virtualList } from "../core/virtual.js";

// `filters`: [{ name, label, kind: text | choice | check, options }]. `rows()`: all, ranked; null before the first answer.
// `chosen(rows, wanted)`: those that are left. `detail`: the view that shows one. `changes`: (tell) -> off.
export function caseTable(root, given) {
  const { title, filters, rows, chosen, make, update, rowRem, detail, none, nothing } = given;
  const box = element("div", "case-list");
  const head = element("div", "case-head");
  const heading = root.closest("section").querySelector("h2");
  const count = element("span", "count");
  heading.append(" ", count);
  const form = element("form", "filters");
  form.setAttribute("role", "search");
  form.setAttribute("aria-label", `${title}: filter`);
  const inputs = filters.map(filter);
  form.append(...inputs.map(({ box: node }) => node));
  head.append(form);
  const list = element("div", "case-rows");
  const empty = element("p", "empty");
  box.append(head, empty, list);
  root.append(box);

  let all = null;
  let shown = [];
  let opened = null; // id of what the detail shows

  const view = virtualList(list, {
    rowHeight: () => rem(rowRem), make, count: () => shown.length, key: (index) => shown[index].id,
    update(node, index) {
      const row = shown[index];
      node.classList.toggle("opened", opened === row.id);
      update(node, row);
    },
    onActivate: (index) => given.open(shown[index]),
    onKey(event) {
      if (event.key !== "Escape") return false;
      if (isFiltered()) {
        event.stopPropagation(); // the detail stays
        clear();
      } else if (route().view === detail) location.hash = `#/${listOf(detail)}`;
      else return false;
      return true;
    },
  });
  list.setAttribute("aria-labelledby", heading.id);

  const wanted = () => Object.fromEntries(inputs.map(({ input, of }) => [of.name, of.kind === "check" ? input.checked : input.value]));
  const isFiltered = () => inputs.some(({ input, of }) => (of.kind === "check" ? input.checked : input.value !== (of.value ?? "")));

  function clear() {
    for (const { input, of } of inputs) {
      if (of.kind === "check") input.checked = false;
      else input.value = of.value ?? "";
    }
    choose();
  }

  // Everything has been told anew.
  function read() {
    all = rows();
    choose();
  }

  function choose() {
    shown = all ? chosen(all, wanted()) : [];
    const of = all?.length ?? 0;
    setText(count, !all ? "" : shown.length === of ? number(of) : `${number(shown.length)} of ${number(of)}`);
    setText(empty, !all ? "Waiting for the gateway" : of === 0 ? none : nothing);
    empty.hidden = shown.length > 0;
    list.hidden = shown.length === 0;
    paint();
  }

  // What is seen, as it is now: times go on.
  function paint() {
    if (!list.hidden || !shown.length) view.refresh(); // what is gone is taken out of a list that is hidden, too
  }

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", choose);
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && isFiltered()) {
      event.stopPropagation();
      clear();
    } else if (event.key === "ArrowDown" && event.target.type === "search" && shown.length) {
      event.preventDefault();
      view.focus(Math.max(0, view.active()));
    }
  });
  let asked = 0;
  given.changes(() => {
    if (!session()) read(); // whoever saw it is gone: at once, as a window behind others is not painted
    else asked ||= requestAnimationFrame(() => { asked = 0; read(); });
  });
  function follow() {
    const { view: name, id } = route();
    opened = name === detail ? id : null;
  }

  onRoute(() => {
    follow();
    const at = opened === null ? -1 : shown.findIndex((row) => row.id === opened);
    if (at >= 0) view.reveal(at);
    paint();
  });
  follow();
  setInterval(() => { if (!document.hidden && list.offsetParent) paint(); }, 1000);
  read();
  return { focus: () => view.focus(Math.max(0, view.active())) };
}

function filter(of) {
  const node = element("label", `filter ${of.kind}`);
  const input = element(of.kind === "choice" ? "select" : "input");
  input.name = of.name;
  if (of.kind === "choice") {
    for (const [value, text] of of.options) {
      const option = element("option", "", text);
      option.value = value;
      input.append(option);
    }
    input.value = of.value ?? "";
    input.setAttribute("aria-label", of.label);
    node.append(input);
  } else if (of.kind === "check") {
    input.type = "checkbox";
    node.append(input, ` ${of.label}`);
  } else {
    input.type = "search";
    input.placeholder = of.label;
    input.setAttribute("aria-label", of.label);
    input.maxLength = 200;
    node.append(input);
  }
  return { box: node, input, of };
}

// A row's pieces, made once and found without looking for them: lines of a text that may be cut and one that may not.
export function pieces(className, lines) {
  const node = element("div", `case-row ${className}`);
  const severity = node.appendChild(element("span", "severity"));
  const box = node.appendChild(element("div", "lines"));
  node.pieces = { severity };
  for (const names of lines) {
    const line = box.appendChild(element("div", "line"));
    for (const name of names) node.pieces[name] = line.appendChild(element("span", name));
  }
  return node;
}

// A text that may be cut: whole in its title.
export function cut(node, text) {
  setText(node, text);
  if (node.title !== text) node.title = text;
}

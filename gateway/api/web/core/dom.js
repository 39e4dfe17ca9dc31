// All text reaches the page through textContent; what a device calls itself is never markup.

import { upright } from "./names.js";

export const byId = (id) => document.getElementById(id);

export function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = upright(text);
  return node;
}

export function button(text, pressed, className) {
  const node = element("button", className, text);
  node.type = "button";
  node.addEventListener("click", pressed);
  return node;
}

export function setText(node, text) {
  const safe = upright(text);
  if (node.textContent !== safe) node.textContent = safe;
}

export function setClass(node, className) {
  if (node.className !== className) node.className = className;
}

export function timeElement(iso, text, title) {
  const node = element("time", "", text);
  node.dateTime = iso;
  node.title = title;
  return node;
}

// `n` times the size of the page's type in pixels: it is larger on a wall.
export const rem = (n) => n * parseFloat(getComputedStyle(document.documentElement).fontSize);

// Bring a list's children in line with `items`: nodes that stay are kept, so focus and reading position stay too.
export function keyed(list, items, keyOf, make, update) {
  const old = new Map();
  for (const node of [...list.children]) {
    if (old.has(node.dataset.key)) node.remove(); // two of one name: the second is made anew, none is left behind
    else old.set(node.dataset.key, node);
  }
  let before = list.firstElementChild;
  for (const item of items) {
    const key = String(keyOf(item));
    let node = old.get(key);
    if (!node) {
      node = make(item);
      node.dataset.key = key;
    }
    old.delete(key);
    update(node, item);
    if (node === before) before = before.nextElementSibling;
    else list.insertBefore(node, before);
  }
  for (const node of old.values()) node.remove();
}

// Names and values beside each other: [[name, value], …]; a value is a text or a node.
export function facts(list, wanted) {
  const pairs = wanted.filter(([, value]) => value !== "" && value !== null && value !== undefined);
  keyed(list, pairs.flatMap(([name, value]) => [[name, "dt", name], [name, "dd", value]]), ([name, tag]) => `${tag} ${name}`,
    ([, tag]) => element(tag), (node, [, , value]) => {
      if (!(value instanceof Node)) setText(node, value);
      else if (node.firstChild !== value) node.replaceChildren(value);
    });
}

// Spoken by screen readers. What comes within a moment is said in one go, so that a storm does not talk for minutes.
const GATHER_MS = 400;
const MOST = 3;
let waiting = [];

export function announce(text) {
  if (!waiting.length) setTimeout(speak, GATHER_MS);
  waiting.push(text);
}

// Nothing more, and nothing that was said.
export function hush() {
  waiting = [];
  setText(byId("news"), "");
}

function speak() {
  if (!waiting.length) return;
  const more = waiting.length - MOST;
  setText(byId("news"), waiting.slice(0, MOST).join(". ") + (more > 0 ? `. And ${more} more.` : ""));
  waiting = [];
}

// A field of a filter with its name for those who hear the page.

import { element, keyed, setText } from "../core/dom.js";

let made = 0;

function labelled(name, input, kind) {
  const box = element("span", `filter ${kind}`);
  const label = element("label", "unseen", name);
  made += 1;
  input.id = `choice-${made}`;
  label.htmlFor = input.id;
  box.append(label, input);
  return box;
}

// `options`: [[value, text], …].
export function choice(name, options, changed) {
  const input = element("select");
  const self = {
    box: labelled(name, input, "choice"),
    value: () => input.value,
    set(value) { input.value = value; },
    options(wanted) {
      keyed(input, wanted, ([value]) => value, () => element("option"), (node, [value, text]) => {
        node.value = value;
        setText(node, text);
      });
    },
  };
  self.options(options);
  input.addEventListener("change", changed);
  return self;
}

const PAUSE_MS = 250;

// What is typed, once there is a pause.
export function typed(name, changed) {
  const input = element("input");
  input.type = "search";
  input.placeholder = name;
  input.maxLength = 200;
  input.spellcheck = false;
  let timer = 0;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(changed, PAUSE_MS);
  });
  return { box: labelled(name, input, "text"), value: () => input.value.trim(), set(value) { input.value = value; } };
}

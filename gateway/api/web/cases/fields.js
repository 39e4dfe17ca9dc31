// Fields of a dialog: made from what is asked for, read as the API wants it.

import { button, element } from "../core/dom.js";
import { now } from "../core/store.js";

let made = 0;

const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;
const AHEAD = [["+30 min", 30], ["+1 h", 60], ["+2 h", 120], ["+4 h", 240]];

// When clocks go back an hour is there twice: what was put into a field, rather than typed, is meant to the second.
const meant = new WeakMap(); // field -> [what it shows, the time that is meant]

function show(input, iso) {
  input.value = localTime(iso);
  meant.set(input, [input.value, iso]);
}

function timeIn(input, text) {
  const [shown, iso] = meant.get(input) ?? [];
  const at = new Date(shown === input.value ? iso : text);
  return Number.isNaN(at.getTime()) ? text : at.toISOString(); // the gateway says what is wrong with it
}

// As the field wants it: this computer's zone, to the second.
function localTime(iso) {
  if (!iso) return "";
  const at = new Date(iso);
  return new Date(at - at.getTimezoneOffset() * 60000).toISOString().slice(0, 19);
}

// `asked`: { name, label, kind: text | long | time | choice | number, value, needed, most, options: [[value, text]], hint, ahead }
export function field(asked) {
  const box = element("div", "field");
  const id = `field-${(made += 1)}`;
  const label = element("label", "", asked.kind === "time" ? `${asked.label} (${ZONE})` : asked.label);
  label.htmlFor = id;
  if (asked.needed) label.append(element("span", "needed", " (needed)"));
  const input = control(asked);
  input.id = id;
  input.name = asked.name;
  input.required = Boolean(asked.needed);
  box.append(label, input);
  if (asked.suggest?.length) box.append(suggestions(asked, input, id));
  if (asked.ahead) box.append(ahead(input));
  if (asked.hint) {
    const hint = element("p", "note", asked.hint);
    hint.id = `${id}-hint`;
    input.setAttribute("aria-describedby", hint.id);
    box.append(hint);
  }
  return { box, input, asked };
}

function control(asked) {
  if (asked.kind === "choice") {
    const input = element("select");
    for (const [value, text] of asked.options) {
      const option = element("option", "", text);
      option.value = value;
      input.append(option);
    }
    input.value = asked.value ?? asked.options[0]?.[0] ?? "";
    return input;
  }
  const input = element(asked.kind === "long" ? "textarea" : "input");
  if (asked.kind === "long") input.rows = 3;
  else input.type = { time: "datetime-local", number: "number" }[asked.kind] ?? "text";
  if (asked.kind === "time") input.step = "1";
  if (asked.kind === "number") input.min = "0";
  if (asked.most) input.maxLength = asked.most;
  input.autocomplete = "off";
  if (asked.kind === "time") show(input, asked.value);
  else input.value = asked.value ?? "";
  return input;
}

function suggestions({ suggest }, input, id) {
  const list = element("datalist");
  list.id = `${id}-list`;
  for (const [value, text] of suggest) {
    const option = element("option", "", text);
    option.value = value;
    list.append(option);
  }
  input.setAttribute("list", list.id);
  return list;
}

// From now on by the gateway's time: this computer's clock may be wrong.
function ahead(input) {
  const row = element("p", "ahead");
  for (const [text, minutes] of AHEAD) {
    row.append(button(text, () => {
      show(input, new Date(Math.ceil((now() + minutes * 60000) / 60000) * 60000).toISOString());
      input.dispatchEvent(new Event("input", { bubbles: true }));
    }));
  }
  return row;
}

// What was filled in, by the names of the API; what is empty is left out.
export function said(fields) {
  const out = {};
  for (const { input, asked } of fields) {
    const text = input.value.trim();
    if (!text || input.disabled) continue;
    if (asked.kind === "time") out[asked.name] = timeIn(input, text);
    else if (asked.kind === "number") out[asked.name] = Number(text);
    else out[asked.name] = asked.as ? asked.as(text) : text;
  }
  return out;
}

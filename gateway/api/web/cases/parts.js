// Pieces that the details of incidents and tickets share.

import { element, keyed, setText, timeElement } from "../core/dom.js";
import { clock, moment, number, plural, words } from "../core/format.js";
import { href } from "../core/router.js";
import { stateWords } from "./say.js";

const MANY_STEPS = 40;
const STAYED = {
  acknowledge: "taken up", update: "updated", comment: "comment", warn: "clock warns", escalate: "too late", estimate: "time promised",
  dispatch: "another crew",
};

export function section(root, title, className = "") {
  const box = element("section", className);
  const head = element("h3", "", title);
  box.append(head);
  root.append(box);
  return box;
}

// A list that is hidden with its heading while it is empty.
export function listIn(root, title, className, tag = "ul") {
  const box = section(root, title);
  const list = box.appendChild(element(tag, className));
  const titled = box.firstChild;
  return {
    box, list,
    show(items, keyOf, make, update = () => {}, name = title) {
      box.hidden = items.length === 0;
      setText(titled, name);
      keyed(list, items, keyOf, make, update);
    },
  };
}

export function link(view, id, text) {
  const node = element("a", "", text);
  node.href = href(view, id);
  return node;
}

export function setLink(node, view, id, text) {
  const to = href(view, id);
  if (node.getAttribute("href") !== to) node.href = to;
  setText(node, text);
}

// Steps, latest first; of very many only the latest until the rest is asked for.
export function steps(root, title) {
  const part = listIn(root, title, "steps", "ol");
  const more = element("button", "more", "");
  more.type = "button";
  let all = false;
  let shown = [];
  more.addEventListener("click", () => {
    all = true;
    show(shown);
  });
  part.box.append(more);
  function show(items) {
    shown = items;
    part.show(all ? items : items.slice(0, MANY_STEPS), (item) => item.key, line, (node, item) => {
      setText(node.children[1], item.what);
      setText(node.children[2], item.said);
    });
    more.hidden = all || items.length <= MANY_STEPS;
    setText(more, `Show all ${number(items.length)}`);
  }
  return show;
}

function line(item) {
  const node = element("li");
  node.append(timeElement(item.at, clock(item.at), moment(item.at)), element("span", "to", item.what), element("span", "why", item.said));
  return node;
}

// What was said with one step of a ticket.
function recorded({ crew, cause, restoration_estimated_at: promised }) {
  return [crew, promised && `supply promised for ${moment(promised)}`, cause && `cause: ${cause}`].filter(Boolean).join("; ");
}

export const ofTransition = (step) => ({
  key: step.revision, at: step.at,
  what: (step.from_state === step.to_state && STAYED[step.action]) || stateWords(step.to_state),
  said: [[recorded(step.detail), step.reason].filter(Boolean).join("; "), `(${step.by})`].filter(Boolean).join(" "),
});

const STEPS = {
  acknowledge: "taken up", confirm: "confirmed", dispatch: "crew sent", arrive: "crew on site", estimate: "time promised", restore: "restored",
  close: "closed", cancel: "cancelled", reopen: "reopened", update: "updated", warn: "clock warns", escalate: "too late",
};
const HAPPENED = {
  "incident.started": "began", "incident.detected": "concluded", "incident.restored": "supply back", "incident.closed": "closed",
  "incident.cancelled": "withdrawn", "incident.merged": "merged into another", correction: "interruptions corrected", "ticket.open": "ticket opened",
};

export function ofTimeline(rows) {
  const seen = new Map(); // rows of one moment have no id of their own
  return rows.map(({ at, what, by, said }) => {
    const name = `${at} ${what}`;
    seen.set(name, (seen.get(name) ?? 0) + 1);
    const step = what.startsWith("ticket.") ? what.slice(7) : "";
    const plain = step ? `ticket: ${words(STEPS[step] ?? step)}` : words(what.replace("instruction.", "told to "));
    return { key: `${name} ${seen.get(name)}`, at, what: HAPPENED[what] ?? plain, said: said ? `${said} (${by})` : `(${by})` };
  });
}

// Whether service systems have been told, by target: [[target, words, tone]].
export function told(deliveries) {
  const by = new Map();
  for (const delivery of deliveries) {
    const of = by.get(delivery.target) ?? { delivered: 0, all: 0, trouble: "", tone: "" };
    of.all += 1;
    if (delivery.state === "delivered") of.delivered += 1;
    else if (delivery.state === "dead") Object.assign(of, { trouble: `; given up: ${delivery.last_error ?? "no reason"}`, tone: "bad" });
    else if (delivery.attempts) {
      const tries = plural(delivery.attempts, "attempt", "attempts");
      Object.assign(of, { trouble: `; trying again after ${tries}: ${delivery.last_error ?? "no answer"}`, tone: of.tone || "warn" });
    }
    by.set(delivery.target, of);
  }
  return [...by].map(([target, of]) => [target, `${number(of.delivered)} of ${plural(of.all, "message", "messages")} delivered${of.trouble}`, of.tone]);
}

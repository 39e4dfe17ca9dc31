// Incidents with their evidence, and tickets with every step of their lives.

import { showActions } from "./actions.js";
import { byId, element, keyed, setClass, setText, timeElement } from "./dom.js";
import { clock, moment, number, percent, plural, span, words } from "./format.js";
import { progress, recorded, showClocks } from "./work.js";

const FINISHED = new Set(["closed", "merged", "cancelled"]);
const STAYED = { acknowledge: "acknowledged", update: "updated", comment: "comment", warn: "warning", escalate: "too late" };
let announced = null;

// Titles of tickets and evidence say it by themselves; a kind and a place do not.
const mark = (of) => (of.drill ? "DRILL: " : "");
const place = (of) => (of.node_name && of.node_name !== of.node ? `${of.node_name} (${of.node})` : of.node);

function card() {
  const node = element("li", "card");
  const title = element("h3");
  title.append(element("span", "name"), element("span", "chip"));
  node.append(title, element("p", "meta"), element("p", "why"), element("p", "clocks"), element("p", "more meta"),
    element("div", "actions"), element("ol", "steps"));
  return node;
}

function fill(node, { tone, name, chip, meta, why, more }) {
  setClass(node, `card ${tone}`);
  setText(node.querySelector(".name"), name);
  setText(node.querySelector(".chip"), chip);
  setText(node.querySelector(".meta"), meta);
  setText(node.querySelector(".why"), why);
  setText(node.querySelector(".more"), more);
}

export function showIncidents({ incidents, next }, now) {
  setText(byId("incident-count"), incidents.length ? `${number(incidents.length)}${next ? " and more" : ""}` : "");
  byId("no-incidents").hidden = incidents.length > 0;
  const ranked = [...incidents].sort((a, b) => b.customers - a.customers || a.started_at.localeCompare(b.started_at));
  keyed(byId("incident-list"), ranked, (i) => i.id, card, (node, i) => fill(node, {
    tone: i.state === "restored" ? "good" : i.kind === "communications_loss" ? "warn" : "bad",
    name: `${mark(i)}${words(i.kind)} at ${place(i)}`,
    chip: i.state === "restored" ? "restored, to be verified" : words(i.state),
    meta: `since ${moment(i.started_at)} (${span(i.started_at, i.ended_at ?? i.restored_at ?? now)}), `
      + `${plural(i.customers, "customer", "customers")}, phases ${i.phases}`,
    why: i.summary,
    more: `${percent(i.confidence, 0)} confident${i.direct ? ", direct evidence" : ""}; `
      + `${plural(i.device_count, "device", "devices")}; detected ${clock(i.detected_at)}; `
      + (i.ticket_number === null ? "no ticket" : `ticket no. ${i.ticket_number}`),
  }));
  announce(incidents);
}

// Only what is new is spoken; the first answer is read from the page itself.
function announce(incidents) {
  const ids = new Set(incidents.map((i) => i.id));
  if (announced) {
    const fresh = incidents.filter((i) => !announced.has(i.id));
    if (fresh.length) setText(byId("news"), fresh.map((i) => `New: ${mark(i)}${words(i.kind)} at ${place(i)}, ${i.summary}`).join(". "));
  }
  announced = ids;
}

export function showTickets({ tickets }, now) {
  const open = tickets.filter((t) => !FINISHED.has(t.state));
  setText(byId("ticket-count"), tickets.length ? `${number(open.length)} open, ${number(tickets.length - open.length)} recently finished` : "");
  byId("no-tickets").hidden = tickets.length > 0;
  const ranked = [...open.sort((a, b) => a.severity - b.severity), ...tickets.filter((t) => FINISHED.has(t.state))];
  keyed(byId("ticket-list"), ranked, (t) => t.id, card, (node, t) => {
    fill(node, {
      tone: FINISHED.has(t.state) ? "good done" : t.state === "restored" ? "good" : t.severity === 1 ? "bad" : "warn",
      name: `No. ${t.number}: ${t.title}`,
      chip: t.state === "restored" ? "restored, to be verified" : words(t.state),
      meta: `severity ${t.severity}, ${plural(t.customers, "customer", "customers")}, `
        + `opened ${moment(t.opened_at)} (${span(t.opened_at, t.closed_at ?? now)})`,
      why: progress(t),
      more: told(t.deliveries),
    });
    showClocks(node.querySelector(".clocks"), t.clocks, now);
    showActions(node.querySelector(".actions"), t);
    keyed(node.querySelector(".steps"), t.transitions, (s) => s.revision, step, () => {});
  });
}

function step(s) {
  const said = [recorded(s.detail), s.reason].filter(Boolean).join("; ");
  const line = element("li");
  line.append(
    timeElement(s.at, clock(s.at), moment(s.at)),
    element("span", "to", (s.from_state === s.to_state && STAYED[s.action]) || words(s.to_state)),
    element("span", "why", said ? `${said} (${s.by})` : s.by),
  );
  return line;
}

function told(deliveries) {
  if (!deliveries.length) return "No service desk to tell.";
  const by = new Map();
  for (const d of deliveries) {
    const of = by.get(d.target) ?? { delivered: 0, all: 0, trouble: "" };
    of.all += 1;
    if (d.state === "delivered") of.delivered += 1;
    else if (d.state === "dead") of.trouble = `; given up: ${d.last_error ?? "no reason"}`;
    else if (d.attempts) of.trouble = `; trying again after ${plural(d.attempts, "attempt", "attempts")}: ${d.last_error ?? ""}`;
    by.set(d.target, of);
  }
  return [...by].map(([target, of]) => `${number(of.delivered)} of ${plural(of.all, "message", "messages")} delivered to ${target}${of.trouble}`).join(". ");
}

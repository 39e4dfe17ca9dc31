// Tickets that live, most urgent first, and those that were finished of late.

import { setClass, setText } from "../core/dom.js";
import { plural } from "../core/format.js";
import { go } from "../core/router.js";
import { on, tickets } from "../core/store.js";
import { isLate, pressing } from "./clocks.js";
import { chosenTickets, rankTickets } from "./rank.js";
import { doingOf, nowIso, place, roughly, soon, stateWords, TICKET_OVER, workOf } from "./say.js";
import { caseTable, cut, pieces } from "./table.js";

const ROW_REM = 5;
const STATES = [
  ["", "Any state"], ["live", "All that live"], ["predicted", "Predicted"], ["confirmed", "Confirmed"], ["dispatched", "Dispatched"],
  ["on_site", "On site"], ["estimated", "Time promised"], ["restored", "Restored, to be verified"], ["reopened", "Reopened"], ["over", "Finished"],
];

const SEVERITIES = [["", "Any severity"], ["1", "Severity 1"], ["2", "Severity 2"], ["3", "Severity 3"]];
const WORKS = [["", "Any work"], ["repair", "Repair"], ["quality", "Quality"], ["inspection", "Inspection"]];

function make() {
  return pieces("ticket-row", [["shape", "name", "lost"], ["who", "since"], ["where", "clock"]]);
}

function update(node, ticket) {
  const at = nowIso();
  const p = node.pieces;
  const over = TICKET_OVER.has(ticket.state);
  const pressed = over ? null : pressing(ticket.clocks, at);
  const doing = over ? stateWords(ticket.state) : doingOf(ticket);
  const name = `No. ${ticket.number}: ${ticket.title}`;
  const how = over
    ? `${stateWords(ticket.state)} ${soon(ticket.closed_at ?? ticket.updated_at)}`
    : `${roughly(ticket.opened_at, at)}, since ${soon(ticket.opened_at)}`;
  const customers = plural(ticket.customers, "customer", "customers");
  const work = workOf(ticket.kind);
  node.dataset.tone = over ? "over" : ticket.state === "restored" ? "restored" : work === "repair" ? "off" : "other";
  node.classList.toggle("drill", Boolean(ticket.drill));
  setText(p.severity, String(ticket.severity));
  setClass(p.severity, over ? "severity s0" : `severity s${ticket.severity}`);
  p.severity.title = `severity ${ticket.severity} of 3`;
  setText(p.shape, over ? "○" : ticket.state === "restored" ? "●" : work === "repair" ? "■" : "▼");
  cut(p.name, name);
  setText(p.lost, customers);
  cut(p.who, doing);
  setText(p.since, how);
  cut(p.where, `${place(ticket)}${work === "repair" ? "" : `, ${work}`}${ticket.cause ? `, cause: ${ticket.cause}` : ""}`);
  setText(p.clock, pressed ? pressed.text : "");
  setClass(p.clock, pressed?.late ? "clock late" : "clock");
  const label = [name, `severity ${ticket.severity} of 3`, doing, how, customers, work, place(ticket), pressed?.text].filter(Boolean).join(". ");
  if (node.getAttribute("aria-label") !== label) node.setAttribute("aria-label", label);
}

export function mount(root) {
  return caseTable(root, {
    title: "Tickets", detail: "ticket", rowRem: ROW_REM, make, update,
    rows: () => { const all = tickets(); return all && rankTickets([...all.values()]); },
    chosen: (rows, wanted) => { const at = nowIso(); return chosenTickets(rows, wanted, (ticket) => isLate(ticket, at)); },
    none: "No ticket yet.", nothing: "No ticket fits the filter.",
    open: (ticket) => go("ticket", ticket.id),
    filters: [
      { name: "text", label: "Place, crew, #number", kind: "text" },
      { name: "state", label: "State", kind: "choice", options: STATES },
      { name: "severity", label: "Severity", kind: "choice", options: SEVERITIES },
      { name: "work", label: "Kind of work", kind: "choice", options: WORKS },
      { name: "late", label: "late only", kind: "check" },
    ],
    changes: (tell) => { on("tickets", tell); },
  });
}

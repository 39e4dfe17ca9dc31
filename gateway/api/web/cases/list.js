// Incidents that are open, the most severe first: what, where, how many, since when, why, and who works on it.

import { announce, setClass, setText } from "../core/dom.js";
import { go } from "../core/router.js";
import { incidents, on, tickets } from "../core/store.js";
import { isLate, pressing } from "./clocks.js";
import { chosenIncidents, rankIncidents } from "./rank.js";
import { headline, lost, nowIso, since, stateWords, tone, way, worker } from "./say.js";
import { caseTable, cut, pieces } from "./table.js";

const ROW_REM = 6.4;
const SHAPES = { off: "■", unknown: "◆", restored: "●", planned: "▲", other: "▼", over: "○" };
const KINDS = [
  ["", "Any kind"], ["outage", "Outages"], ["phase_loss", "Phase losses"], ["planned_outage", "Planned outages"],
  ["communications_loss", "Communications lost"], ["power_quality", "Supply quality"], ["usage_anomaly", "Unusual usage"], ["momentary", "Momentary"],
];
const STATES = [
  ["", "Any state"], ["open", "Open"], ["restored", "Restored, to be verified"], ["unattended", "Nobody sent yet"],
  ["late", "A clock is late"], ["drill", "Exercises"],
];

let known = null; // ids that have been told of

// Tickets by what they are about: one that was opened just now is known before its incident is read again.
function byIncident() {
  const work = [...(tickets()?.values() ?? [])].filter((ticket) => ticket.state !== "merged" && ticket.state !== "cancelled");
  return new Map(work.map((ticket) => [ticket.incident, ticket]));
}

// As its ticket is now: that may have been read later than the incident.
function joined(incident, opened, at) {
  const ticket = tickets()?.get(incident.ticket) ?? opened.get(incident.id);
  if (!ticket) return { ...incident, worked: null };
  return { ...incident, severity: ticket.severity, ticket_state: ticket.state, crew: ticket.crew, late: isLate(ticket, at), worked: ticket };
}

function fallback(incident) {
  const { ticket, ticket_number: number, ticket_state: state, crew, restoration_estimated_at } = incident;
  return ticket === null ? null : { number, state, crew, restoration_estimated_at };
}

function make() {
  return pieces("", [["shape", "name", "lost"], ["where", "since"], ["why"], ["who", "clock"]]);
}

function update(node, incident) {
  const at = nowIso();
  const p = node.pieces;
  const is = tone(incident);
  const ticket = incident.worked ?? fallback(incident);
  const clock = incident.worked ? pressing(incident.worked.clocks, at) : incident.late ? { late: true, text: "a clock is late" } : null;
  const who = worker(ticket);
  const how = since(incident, at);
  node.dataset.tone = is;
  node.classList.toggle("drill", Boolean(incident.drill));
  setText(p.severity, incident.severity === null ? "–" : String(incident.severity));
  setClass(p.severity, `severity s${incident.severity ?? 0}`);
  p.severity.title = incident.severity === null ? "no ticket, so no severity" : `severity ${incident.severity} of 3`;
  setText(p.shape, SHAPES[is]);
  cut(p.name, headline(incident));
  setText(p.lost, incident.state === "restored" ? "restored" : lost(incident));
  cut(p.where, way(incident));
  setText(p.since, how);
  cut(p.why, incident.summary);
  cut(p.who, who);
  setText(p.clock, clock ? clock.text : "");
  setClass(p.clock, clock?.late ? "clock late" : "clock");
  const label = [
    headline(incident), lost(incident), incident.state === "restored" ? stateWords("restored") : "", how,
    incident.severity === null ? "no severity" : `severity ${incident.severity} of 3`, way(incident), who, clock?.text, incident.summary,
  ].filter(Boolean).join(". ");
  if (node.getAttribute("aria-label") !== label) node.setAttribute("aria-label", label);
}

// Only what is new is spoken; the first answer is read from the page itself.
function tellNew(rows) {
  if (known) for (const incident of rows) if (!known.has(incident.id)) announce(`New: ${headline(incident)}, ${lost(incident)}`);
  known = new Set(rows.map((incident) => incident.id));
}

function rows() {
  const all = incidents();
  if (!all) {
    known = null;
    return null;
  }
  const at = nowIso();
  const opened = byIncident();
  const ranked = rankIncidents([...all.values()].map((incident) => joined(incident, opened, at)));
  tellNew(ranked);
  return ranked;
}

export function mount(root) {
  return caseTable(root, {
    title: "Open incidents", detail: "incident", rowRem: ROW_REM, make, update, rows, chosen: chosenIncidents,
    none: "Nothing is open.", nothing: "Nothing that is open fits the filter.",
    open: (incident) => go("incident", incident.id),
    filters: [
      { name: "text", label: "Place, crew, #ticket", kind: "text" },
      { name: "kind", label: "Kind", kind: "choice", options: KINDS },
      { name: "state", label: "State", kind: "choice", options: STATES },
    ],
    changes(tell) {
      on("incidents", tell);
      on("tickets", tell);
    },
  });
}

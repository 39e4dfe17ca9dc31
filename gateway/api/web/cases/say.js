// Incidents and tickets in words that are the same wherever they are shown.

import { number, plural, span, words } from "../core/format.js";
import { among } from "../core/names.js";
import { now } from "../core/store.js";

const KINDS = {
  outage: "Outage", phase_loss: "Phase loss", momentary: "Momentary outage", planned_outage: "Planned outage",
  communications_loss: "Communications lost", power_quality: "Supply quality", usage_anomaly: "Unusual usage",
};
const STATES = { restored: "restored, to be verified", on_site: "on site", estimated: "time promised" };

export const TICKET_OVER = new Set(["closed", "merged", "cancelled"]);
const WORK = { power_quality: "quality", usage_anomaly: "inspection" };

export const workOf = (kind) => WORK[kind] ?? "repair";
export const kindWords = (kind) => KINDS[kind] ?? words(kind);
export const stateWords = (state) => STATES[state] ?? words(state);
export const mark = (of) => (of.drill ? "DRILL: " : "");

// The gateway's time, as its answers write it.
export function nowIso() {
  const at = now();
  return new Date(Number.isFinite(at) ? at : Date.now()).toISOString(); // before the first answer nothing else is known
}

export const nameOf = (id, name) => (name && name !== id ? `${among(name)} (${among(id)})` : among(id));
export const place = (of) => nameOf(of.node, of.node_name);
export const headline = (incident) => `${mark(incident)}${kindWords(incident.kind)} at ${place(incident)}`;

// The way there: what lies above its own node, feeder and transformer named as such.
export function way(incident) {
  const above = incident.places.slice(0, -1).map(({ id, name }) => among(name || id));
  return above.length ? above.join(" › ") : incident.path ?? "";
}

export const isLive = (incident) => incident.state === "open" || incident.state === "restored";

// How many, and what is known of them: nobody unknown is called off.
export function lost(incident) {
  const parts = [];
  if (incident.customers_off) parts.push(`${number(incident.customers_off)} off`);
  if (incident.customers_unknown) parts.push(`${number(incident.customers_unknown)} unknown`);
  if (parts.length) return parts.join(", ");
  const counted = !incident.drill && ["outage", "phase_loss", "planned_outage"].includes(incident.kind);
  return counted && incident.state !== "open" ? "none off" : plural(incident.customers, "customer", "customers");
}

const endOf = (incident) => incident.ended_at ?? incident.restored_at;

export function since(incident, at = nowIso()) {
  const end = endOf(incident);
  const { started_at: start } = incident;
  return end ? `for ${roughly(start, end)} from ${soon(start)}` : `${roughly(start, at)}, since ${soon(start)}`;
}

// As far as it matters to who glances at it: no seconds beside minutes, no date for today.
export const roughly = (from, to) => span(from, to).replace(/( min) \d+ s$/, "$1");

// Made once: a formatter costs more than everything else in a row.
const HOUR = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

export function soon(iso) {
  const at = new Date(iso);
  const today = new Date(now());
  const same = at.getDate() === today.getDate() && at.getMonth() === today.getMonth() && at.getFullYear() === today.getFullYear();
  return same ? HOUR.format(at) : `${DAY.format(at)} ${HOUR.format(at)}`;
}

// off, unknown, planned, restored or other: what colours and marks go by. Exercises cut nobody off.
export function tone(incident) {
  if (incident.state === "restored") return "restored";
  if (incident.state !== "open") return "over";
  if (incident.kind === "planned_outage") return "planned";
  if (incident.kind === "communications_loss") return "unknown";
  return incident.kind === "power_quality" || incident.kind === "usage_anomaly" ? "other" : "off";
}

const PEOPLE_DONE = new Set(["restored", "closed", "merged", "cancelled"]);

// Who works on it, in few words.
export function doingOf(ticket) {
  const crew = among(ticket.crew || "a crew");
  const by = PEOPLE_DONE.has(ticket.state) ? null : ticket.restoration_estimated_at;
  const promised = by ? `, supply promised by ${soon(by)}` : "";
  const arrived = ticket.state === "on_site" || Boolean(ticket.arrived_at);
  switch (ticket.state) {
    case "predicted": case "confirmed": case "reopened":
      return [ticket.state === "predicted" ? "" : ticket.state, ticket.acknowledged_at && "taken up", "nobody sent yet"]
        .filter(Boolean).join(", ") + promised;
    case "dispatched": case "on_site": case "estimated": return `${crew} ${arrived ? "on site" : "on the way"}${promised}`;
    case "restored": return `restored${ticket.crew ? ` by ${ticket.crew}` : ""}, to be verified`;
    default: return stateWords(ticket.state);
  }
}

// The number comes last: it is the least where there is no room.
export const worker = (ticket) => (ticket ? `${doingOf(ticket)}, no. ${ticket.number}` : "no ticket");

export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

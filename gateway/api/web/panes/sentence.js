// How things stand, in one or two sentences. Only what is known is said, and nothing is rounded in our favour.

import { clock, moment, number, percent, percentAtMost, plural } from "../core/format.js";
import { finished } from "../core/store.js";

const ASIDE = new Set(["power_quality", "usage_anomaly"]);
const LOSS = new Set(["outage", "phase_loss", "planned_outage"]);

const places = (list) => (list.length > 2 ? `${list.slice(0, 2).join(", ")} and ${number(list.length - 2)} more` : list.join(" and "));

// The hour, and the day where it is not today's by the gateway's time.
export function since(iso, now) {
  const day = (at) => new Date(at).toDateString();
  return day(iso) === day(now) ? clock(iso).slice(0, 5) : moment(iso);
}

const supply = ({ customers: c }, incidents, now) => {
  const open = incidents.filter((i) => LOSS.has(i.kind) && i.state === "open" && !i.drill && (i.customers_off ?? i.customers) > 0);
  const oldest = open.map((i) => i.started_at).sort()[0];
  const unknown = c.unknown ? `; ${number(c.unknown)} unknown` : "";
  if (!c.served) return "No customer is listed.";
  if (!c.off && c.unknown) return `No customer is known to be without supply; ${number(c.unknown)} unknown.`;
  if (!c.off) return `All ${number(c.served)} customers have supply.`;
  const long = oldest ? `${open.length > 1 ? ", longest" : ""} since ${since(oldest, now)}` : "";
  return `${plural(c.off, "customer is", "customers are")} without supply${long}${unknown}.`;
};

const repairs = (list) => list.filter((t) => !ASIDE.has(t.kind));
const crew = (t) => t.crew || "a crew";
const upper = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const named = (list) => places([...new Set(list.map(crew))]);

function people(tickets) {
  const all = tickets.filter((t) => !finished(t) && t.state !== "restored" && !t.drill);
  const open = repairs(all);
  if (!open.length) return all.length ? `${plural(all.length, "ticket", "tickets")} of supply quality or inspection open.` : "";
  const there = open.filter((t) => t.arrived_at);
  const coming = open.filter((t) => !t.arrived_at && t.dispatched_at);
  const idle = open.filter((t) => !t.arrived_at && !t.dispatched_at);
  const seen = idle.filter((t) => t.acknowledged_at).length;
  const parts = [];
  const are = (list) => (new Set(list.map(crew)).size === 1 ? "is" : "are");
  if (there.length) parts.push(`${named(there)} ${are(there)} on site`);
  if (coming.length) parts.push(`${named(coming)} ${are(coming)} on the way`);
  if (idle.length) {
    const which = open.length === 1 ? "nobody has been sent yet" : `nobody has been sent to ${number(idle.length)} of ${plural(open.length, "ticket", "tickets")}`;
    const unread = idle.length - seen;
    parts.push(which + (unread ? `${idle.length === 1 && open.length === 1 ? "; the ticket is" : `; ${number(unread)} ${unread === 1 ? "is" : "are"}`} not acknowledged` : ""));
  }
  return `${upper(parts.join("; "))}.`;
}

// With what goes on still, as it stands: that can only grow.
export function asaiWithOpen(r) {
  const length = (Date.parse(r.window.to) - Date.parse(r.window.from)) / 60000;
  return r.all.asai - (r.served && length ? r.all.open.customer_minutes / r.served / length : 0);
}

// First whether the month's budget holds, which is what is promised; then what threatens it.
function target({ reliability: r, below }, now) {
  if (!r) return below.length ? "How the whole network stands against its target is not told for a part of it." : "";
  const state = r.target_states.find((s) => s.span === "month" && s.index === "asai");
  const name = percent(r.targets.asai, 2).replace(/0+(?=\D*$)/, "");
  if (!state || state.spent_share === null) return `Nothing is known yet about ${name} this month.`;
  if (state.left_minutes < 0) return `Not inside ${name} this month: the budget is overspent by ${percentAtMost(state.spent_share - 1, 0)}.`;
  const left = `${name} this month: ${percent(1 - state.spent_share, 0)} of its budget is left`;
  if (asaiWithOpen(r) < r.targets.asai) return `Still inside ${left}, but so far, since ${since(state.from, now)}, it is below, and at this rate it will not last.`;
  if (state.state === "at_risk") return `Still inside ${left}, but at this rate it will not last.`;
  return `Inside ${left}.`;
}

// Who is off, who works on it, and whether the month is inside its target: one text each.
export function sentence(summary, incidents, tickets, now) {
  return [supply(summary, incidents, now), people(tickets), target(summary, now)].filter(Boolean);
}

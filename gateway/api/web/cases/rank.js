// Which comes first, and which are left when people look for some: pure, so that a thousand are ranked in a moment.

import { headline, isLive, lost, place, TICKET_OVER, way, workOf } from "./say.js";

// Without a ticket a loss of supply may be anything: it stands with the major ones until its ticket says more.
const WITHOUT_TICKET = { outage: 2, phase_loss: 2, planned_outage: 5, momentary: 5 };

const urgency = (incident) => (incident.drill ? 100 : 0) + (incident.state === "restored" ? 10 : 0)
  + (incident.severity ?? WITHOUT_TICKET[incident.kind] ?? 4);

const affected = (incident) => (incident.customers_off + incident.customers_unknown) || incident.customers;

export function rankIncidents(incidents) {
  return incidents
    .map((incident) => ({ incident, urgency: urgency(incident), affected: affected(incident) }))
    .sort((a, b) => a.urgency - b.urgency || b.affected - a.affected
      || (a.incident.started_at < b.incident.started_at ? -1 : a.incident.started_at > b.incident.started_at ? 1 : 0)
      || (a.incident.id < b.incident.id ? -1 : 1))
    .map(({ incident }) => incident);
}

export function chosenIncidents(incidents, { text = "", kind = "", state = "" }) {
  const wanted = text.trim().toLowerCase();
  return incidents.filter((incident) => isLive(incident)
    && (!kind || incident.kind === kind)
    && (!state || fits(incident, state))
    && (!wanted || holds(wanted, [headline(incident), way(incident), incident.id, incident.summary, incident.crew, lost(incident),
      `#${incident.ticket_number}`])));
}

function fits(incident, state) {
  switch (state) {
    case "late": return incident.late;
    case "unattended": return !["dispatched", "on_site", "estimated"].includes(incident.ticket_state) && incident.state === "open";
    case "drill": return Boolean(incident.drill);
    default: return incident.state === state;
  }
}

const holds = (wanted, texts) => texts.some((text) => String(text).toLowerCase().includes(wanted));

const over = (ticket) => TICKET_OVER.has(ticket.state);
const priority = (ticket, name) => ticket.priority_customers?.[name] ?? 0;

// As the API ranks: severity, customers by priority, customers, age. What is over comes last, latest first.
export function rankTickets(tickets) {
  return [...tickets].sort((a, b) => over(a) - over(b) || (over(a) ? latest(a, b) : urgent(a, b)));
}

const latest = (a, b) => (a.closed_at < b.closed_at ? 1 : a.closed_at > b.closed_at ? -1 : b.number - a.number);

function urgent(a, b) {
  return Boolean(a.drill) - Boolean(b.drill) || a.severity - b.severity
    || priority(b, "critical") - priority(a, "critical")
    || priority(b, "public_welfare") - priority(a, "public_welfare")
    || priority(b, "important") - priority(a, "important")
    || b.customers - a.customers
    || (a.opened_at < b.opened_at ? -1 : a.opened_at > b.opened_at ? 1 : a.number - b.number);
}

export function chosenTickets(tickets, { text = "", state = "", severity = "", work = "", late = false }, isLate) {
  const wanted = text.trim().toLowerCase();
  return tickets.filter((ticket) => (!severity || ticket.severity === Number(severity))
    && (!state || (state === "live" ? !over(ticket) : state === "over" ? over(ticket) : ticket.state === state))
    && (!work || workOf(ticket.kind) === work)
    && (!late || isLate(ticket))
    && (!wanted || holds(wanted, [ticket.title, place(ticket), `#${ticket.number}`, `no. ${ticket.number}`, ticket.id, ticket.incident,
      ticket.crew, ticket.summary])));
}

// Why we think so, in words an operator can check: what spoke for it, what against it, what else is known.

import { moment, number, percent, plural, span, words } from "../core/format.js";

const DARK = {
  last_gasp: (n, of) => `${number(n)} of ${meters(of)} sent a last gasp`,
  zero_voltage: (n, of) => `${number(n)} of ${meters(of)} measured no voltage`,
  target_failed: (n, of) => `their concentrator, which has power, could not reach ${number(n)} of ${meters(of)}`,
  restore_message: (n, of) => `${number(n)} of ${meters(of)} told, when supply was back, that it had been lost`,
  doubted_gasp: (n, of) => `${number(n)} of ${meters(of)} sent a last gasp, but had done so before while they had supply`,
  adopted: (n, of) => `${number(n)} of ${meters(of)} were without supply already when the gateway started`,
};
const SHOWN = new Set([...Object.keys(DARK), "members", "reported", "back", "silent", "customers_off", "first_report", "last_report",
  "verified", "other_outages", "other_feeders", "direct", "alone", "fault_indicators", "asked", "unanswered", "verified_by", "reference",
  "planned_node", "planned_from", "planned_to", "split_from", "outlasted", "path", "clock_faults", "flapping", "condition", "group",
  "observed", "worst", "limit", "unit", "whole", "worst_by", "device", "score", "until", "groups", "reasons"]);

const meters = (n) => plural(n, "meter", "meters");
const list = (names) => (Array.isArray(names) ? names.join(", ") : String(names));
const given = (value) => value !== undefined && value !== null;

// Lines of { side: "for" | "against" | "note", text }.
export function reasons(incident) {
  const e = incident.evidence ?? {};
  const found = [];
  const say = (side, text) => found.push({ side, text });
  if (e.direct) say("for", `direct evidence: terminal ${e.direct}`);
  for (const [name, tell] of Object.entries(DARK)) if (e[name]) say("for", tell(e[name], e.members));
  if (e.fault_indicators) say("for", `fault current passed ${list(e.fault_indicators)}`);
  if (e.unanswered) say("for", `${number(e.unanswered)} of ${number(e.asked)} that were asked did not answer`);
  if (given(e.reference)) planned(e, say);
  if (given(e.condition)) quality(e, say);
  for (const reason of Array.isArray(e.reasons) ? e.reasons : []) say(reason.weight < 0 ? "against" : "for", reason.words);
  if (incident.kind === "communications_loss") silence(e, say);
  else supply(e, say);
  if (incident.confirmed_by) say("for", `confirmed by ${incident.confirmed_by}`);
  if (e.split_from) say("note", `a person took it out of ${e.split_from}`);
  if (given(e.clock_faults)) say("note", `clocks that are not believed: ${list(e.clock_faults)}`);
  if (given(e.flapping)) say("note", `these come and go all the time: ${list(e.flapping)}`);
  for (const [name, value] of Object.entries(e)) if (!SHOWN.has(name)) say("note", `${words(name)}: ${told(value)}`);
  return ["for", "against", "note"].flatMap((side) => found.filter((line) => line.side === side));
}

function told(value) {
  if (typeof value === "number") return number(value);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function supply(e, say) {
  const inferred = given(e.members) && given(e.reported) ? e.members - e.reported : 0;
  if (inferred > 0 && !e.alone) say("note", `${meters(inferred)} said nothing: concluded from the others`);
  if (e.silent) say("note", `${number(e.silent)} of ${meters(e.members)} silent by now`);
  if (e.asked > (e.unanswered ?? 0)) say("against", `${number(e.asked - (e.unanswered ?? 0))} of ${number(e.asked)} that were asked answered`);
  const shown = e.verified ? `, ${number(e.verified)} of them by a reading` : "";
  if (e.back) say("against", `${number(e.back)} of ${number(e.members)} have supply again${shown}`);
  else if (given(e.back) && !given(e.condition)) say("for", "none of them has shown supply since");
  if (e.verified_by) say("note", `that supply is back is vouched for by ${e.verified_by} only`);
  if (e.outlasted) say("note", `${number(e.outlasted)} stayed off after the announced end`);
  if (given(e.other_outages)) {
    const feeders = plural(e.other_feeders ?? 0, "other feeder", "other feeders");
    const others = `${plural(e.other_outages, "other outage", "other outages")} open, ${feeders} affected`;
    say("note", e.other_outages ? others : "no other outage is open");
  }
}

function silence(e, say) {
  if (e.path) say("for", `nothing is heard through ${list(e.path)}`);
  if (e.silent) say("for", `${number(e.silent)} of ${plural(e.members, "device", "devices")} silent`);
  if (e.back) say("against", `${number(e.back)} heard again`);
  if (!e.reported) say("note", "none of them reported loss of supply: whether they have supply is unknown");
}

function planned(e, say) {
  say("for", `announced as ${e.reference} at ${e.planned_node}, ${moment(e.planned_from)} to ${moment(e.planned_to)}`);
}

function quality(e, say) {
  if (!given(e.worst)) say("for", words(e.condition));
  else {
    const by = e.worst_by ? ` (${e.worst_by})` : "";
    say("for", `${words(e.condition)}: ${number(e.worst)} ${e.unit ?? ""} at worst${by}, the limit is ${number(e.limit)} ${e.unit ?? ""}`);
  }
  if (given(e.observed)) say("for", `${number(e.members)} of ${plural(e.observed, "point", "points")} that were observed`);
}

// Concluded from what, and how sure.
export function certainty(incident) {
  const found = incident.direct ? "direct evidence" : "inferred from what the field reported";
  const how = incident.confirmed_by ? `confirmed by ${incident.confirmed_by}` : found;
  return `${percent(incident.confidence, 0)} sure, ${how}`;
}

// When it happened, when the field told of it, when it was concluded.
export function times(incident) {
  const e = incident.evidence ?? {};
  const lines = [["Occurred", incident.started_at, ""]];
  if (e.first_report) lines.push(["First report", e.first_report, after(incident.started_at, e.first_report)]);
  if (e.last_report && e.last_report !== e.first_report) lines.push(["Last report", e.last_report, after(incident.started_at, e.last_report)]);
  lines.push(["Concluded", incident.detected_at, after(incident.started_at, incident.detected_at)]);
  if (incident.restored_at) lines.push(["Supply back", incident.restored_at, `after ${span(incident.started_at, incident.restored_at)}`]);
  if (incident.ended_at) lines.push(["Over", incident.ended_at, `after ${span(incident.started_at, incident.ended_at)}`]);
  return lines;
}

const after = (from, to) => (Date.parse(to) - Date.parse(from) >= 1000 ? `${span(from, to)} later` : "at once");

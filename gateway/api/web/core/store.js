// What is known, in one place. Panes read it and are told when it changes; only live.js has it read anew.

import { ApiError, expect, get } from "./api.js";

const PAGE = 500;
const LATE = 30; // tickets that were opened last, whatever has become of them
const KEPT = 60; // finished tickets that are remembered
const FINISHED = new Set(["closed", "merged", "cancelled"]);
const JITTER_MS = 3000; // a summary may be a second old: the time shown does not jump back for that

const listeners = new Map(["summary", "incidents", "tickets", "session", "freshness"].map((topic) => [topic, new Set()]));
let known = {};
const touched = new Map(); // id -> { asked, read }: when it was read by itself
let asked = 0; // summaries so far
let shown = 0; // which of them is known
let era = 0; // of who looks: what was asked for before is for somebody else
let origin = null; // the gateway's time at performance.now() 0
forget();

export function on(topic, fn) {
  listeners.get(topic).add(fn);
  return () => listeners.get(topic).delete(fn);
}

export function tell(topic) {
  for (const fn of [...listeners.get(topic)]) {
    try {
      fn();
    } catch (error) {
      reportError(error); // one pane's mistake must not blind the others
    }
  }
}

export const summary = () => known.summary;
export const session = () => known.session;
// Map id -> live incident (open, or restored and to be verified); null before the first answer.
export const incidents = () => known.incidents;
// Map id -> live ticket, and those finished of late; null before the first answer.
export const tickets = () => known.tickets;
// The gateway's time in ms, carried on by this computer's stopwatch: its clock may be hours out and is not asked.
export const now = () => (origin === null ? NaN : origin + performance.now());
export const finished = (ticket) => FINISHED.has(ticket.state);
// Customers are without supply by it, or may be.
export const live = (incident) => incident.state === "open" || incident.state === "restored";

export function forget() {
  known = { summary: null, session: null, incidents: null, tickets: null };
  touched.clear();
  origin = null;
  era += 1;
}

export function setSession(who) {
  known.session = who;
  tell("session");
}

export async function readSummary() {
  const [mine, then] = [asked += 1, era];
  const { body } = await get("/api/summary");
  expect(body.gateway && body.customers && Number.isFinite(Date.parse(body.at)));
  if (then !== era || mine < shown) return; // a later one was faster
  shown = mine;
  const told = Date.parse(body.at) - performance.now();
  if (origin === null || told > origin || origin - told > JITTER_MS) origin = told;
  known.summary = body;
  tell("summary");
}

async function pages(path, name) {
  const rows = [];
  let before = "";
  do {
    const { body } = await get(`${path}&limit=${PAGE}${before && `&before=${encodeURIComponent(before)}`}`);
    expect(Array.isArray(body[name]) && (!before || body.next !== before)); // or it would go on for ever
    rows.push(...body[name]);
    before = body.next ?? "";
  } while (before);
  return rows;
}

// All that lives, with every page of it.
export async function readAll() {
  const [begun, then] = [performance.now(), era];
  const [cases, open, last] = await Promise.all([
    pages("/api/incidents?state=live", "incidents"),
    pages("/api/tickets?state=live", "tickets"),
    get(`/api/tickets?limit=${LATE}`),
  ]);
  expect(Array.isArray(last.body.tickets));
  if (then !== era) return;
  known.incidents = merged(known.incidents, cases, begun);
  known.tickets = merged(known.tickets, [...last.body.tickets, ...open], begun);
  touched.clear();
  tell("incidents");
  tell("tickets");
}

// What was read by itself meanwhile is newer than the page that holds it.
function merged(before, rows, begun) {
  const out = new Map(rows.filter((row) => !recent(row.id, begun)).map((row) => [row.id, row]));
  for (const [id, row] of before ?? []) if (recent(id, begun)) out.set(id, row);
  return out;
}

const recent = (id, begun) => (touched.get(id)?.read ?? -1) >= begun;

// One of them: `what` is "incident" or "ticket". Gives what it is now, null when there is none any more.
export async function reload(what, id) {
  const begun = performance.now();
  const then = era;
  const row = await get(`/api/${what}s/${encodeURIComponent(id)}`).then(({ body }) => body, (error) => {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  });
  if (then === era) keep(what, id, row, begun);
  return row;
}

// What the gateway answered of one of them, such as what has become of it by an act.
export const put = (what, row) => keep(what, row.id, row);

function keep(what, id, row, begun = performance.now()) {
  const topic = `${what}s`;
  const rows = known[topic];
  if (!rows) return;
  if (touched.get(id)?.asked > begun) return; // one that was asked for later was faster
  touched.set(id, { asked: begun, read: performance.now() });
  if (!row || (what === "incident" && !live(row))) rows.delete(id);
  else if (!(rows.get(id)?.revision > row.revision)) rows.set(id, row);
  if (what === "ticket") trim(rows);
  tell(topic);
}

function trim(rows) {
  const over = [...rows.values()].filter(finished).sort((a, b) => b.updated_at.localeCompare(a.updated_at)).slice(KEPT);
  for (const { id } of over) rows.delete(id);
}

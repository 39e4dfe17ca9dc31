// How far people have come with a ticket, and what its clocks say.

import { element, keyed, setClass, setText } from "./dom.js";
import { clock, moment, span, words } from "./format.js";

export function progress(t) {
  const crew = t.crew || "crew";
  const parts = [
    t.acknowledged_at && `taken up ${clock(t.acknowledged_at)}`,
    t.arrived_at ? `${crew} on site since ${clock(t.arrived_at)}` : t.dispatched_at && `${crew} sent ${clock(t.dispatched_at)}`,
    t.restoration_estimated_at && !t.restored_at && !t.closed_at && `supply promised for ${moment(t.restoration_estimated_at)}`,
    t.cause && `cause: ${t.cause}`,
  ];
  return parts.filter(Boolean).join("; ");
}

// What was said with one step of it.
export function recorded({ crew, cause, restoration_estimated_at: promised }) {
  return [crew, promised && `supply promised for ${moment(promised)}`, cause && `cause: ${cause}`].filter(Boolean).join("; ");
}

// A clock that was kept says nothing any more.
const shown = (c) => c.late || !c.stopped_at;

function reading(c, now) {
  if (c.stopped_at) return `${words(c.name)} was ${span(c.due_at, c.stopped_at)} late`;
  return c.late ? `${words(c.name)} late by ${span(c.due_at, now)}` : `${words(c.name)} due in ${span(now, c.due_at)}`;
}

export function showClocks(line, clocks, now) {
  keyed(line, clocks.filter(shown), (c) => c.name, () => element("span"), (node, c) => {
    setClass(node, c.late ? "late" : "due");
    setText(node, reading(c, now));
    node.title = `${words(c.name)} by ${moment(c.due_at)}`;
  });
}

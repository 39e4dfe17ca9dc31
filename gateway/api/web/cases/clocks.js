// What the clocks of a ticket say. They are judged by the gateway's time, not by when the answer was made.

import { element, keyed, setClass, setText } from "../core/dom.js";
import { moment, span, words } from "../core/format.js";
import { roughly } from "./say.js";

const before = (a, b) => Date.parse(a) < Date.parse(b);

const runsLate = (clock, at) => !clock.stopped_at && before(clock.due_at, at);
export const isLate = (ticket, at) => ticket.clocks.some((clock) => runsLate(clock, at));

export function reading({ name, due_at: due, stopped_at: stopped }, at, between = span) {
  if (stopped) return before(due, stopped) ? `${words(name)} was ${between(due, stopped)} late` : `${words(name)} kept`;
  return before(due, at) ? `${words(name)} late by ${between(due, at)}` : `${words(name)} due in ${between(at, due)}`;
}

// The one that matters in a list: what is latest, else what is due next. Null where none runs.
export function pressing(clocks, at) {
  const running = clocks.filter((clock) => !clock.stopped_at).sort((a, b) => Date.parse(a.due_at) - Date.parse(b.due_at));
  return running.length ? { late: before(running[0].due_at, at), text: reading(running[0], at, roughly) } : null;
}

export function showClocks(list, clocks, at) {
  keyed(list, clocks, (clock) => clock.name, () => element("li"), (node, clock) => {
    const late = before(clock.due_at, clock.stopped_at ?? at);
    setClass(node, late ? "late" : clock.stopped_at ? "kept" : "due");
    setText(node, reading(clock, at));
    node.title = `${words(clock.name)} by ${moment(clock.due_at)}`;
  });
}

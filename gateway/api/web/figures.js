// The four figures on top, and the facts about the gateway at the bottom.

import { byId, element, setClass, setText } from "./dom.js";
import { minutes, moment, number, percent, percentAtMost, plural, span, words } from "./format.js";

function figure(id, tone, value, verdict, note) {
  const box = byId(id);
  setClass(box, `figure ${tone}`);
  setText(box.querySelector(".value"), value);
  setText(box.querySelector(".verdict"), verdict);
  setText(box.querySelector(".note"), note);
}

// The target is judged with what still goes on, because that can only grow; the figure itself follows the standard.
// Minutes only grow too, but a share recovers: it is missed once the whole month's budget is spent, and below until then.
// `state`: of the month; what holds and will not at the rate so far is at risk.
function judged(known, met, metWithOpen, target, missed, state, forecast) {
  if (!known) return ["", ""];
  if (!met) return ["bad", `${missed ? "missed:" : "below so far:"} target ${target}`];
  if (metWithOpen && state?.state === "at_risk") return ["warn", `at risk: ${forecast(state.forecast)} at this rate, target ${target}`];
  if (metWithOpen) return ["good", `met: target ${target}`];
  return ["bad", `will be ${missed ? "missed" : "below"} when open outages end: target ${target}`];
}

function ofMonth(states, index) {
  return states.find((s) => s.span === "month" && s.index === index);
}

// How much of what the target allows is left, and how fast it goes: 1 would use it up exactly at the end of the month.
function budget(states, index) {
  const state = ofMonth(states, index);
  if (!state || state.spent_share === null) return "";
  const left = state.left_minutes >= 0
    ? `${percent(1 - state.spent_share, 0)} of the month's budget left`
    : `the month's budget is overspent by ${percentAtMost(state.spent_share - 1, 0)}`;
  return `; ${left}${state.burn_rate === null ? "" : `, burning at ${number(Math.round(state.burn_rate * 100) / 100)} ×`}`;
}

export function showFigures({ reliability: r, customers: c, below }) {
  if (r) showIndices(r);
  else {
    ["asai", "saidi"].forEach((id) => figure(id, "", "–", "", "not told for a part of the network"));
    setText(byId("basis"), `These figures are of what lies at or below ${below.join(", ") || "nothing in the network"}.`);
  }
  figure("off", c.off ? "bad" : "good", number(c.off), c.off ? "without supply" : "none",
    `of ${plural(c.served, "customer", "customers")} served`);
  figure("unknown", c.unknown ? "warn" : "good", number(c.unknown), c.unknown ? "not heard of" : "none",
    "counted neither as on nor as off");
}

function showIndices(r) {
  const all = r.all;
  const known = all.asai !== null;
  const length = (Date.parse(r.window.to) - Date.parse(r.window.from)) / 60000;
  const pending = r.served ? all.open.customer_minutes / r.served : 0;
  const window = `this ${r.window.name} so far, since ${moment(r.window.from)}`;
  const [asaiState, saidiState] = ["asai", "saidi"].map((index) => ofMonth(r.target_states, index));
  const [asaiTone, asaiVerdict] = judged(known, all.asai >= r.targets.asai,
    all.asai - pending / length >= r.targets.asai, percent(r.targets.asai, 2),
    asaiState?.state === "missed", asaiState, (share) => percent(share));
  figure("asai", asaiTone, percent(all.asai), asaiVerdict,
    `${window}; unknown ${percentAtMost(r.unknown.share)} of the time${budget(r.target_states, "asai")}`);
  const [saidiTone, saidiVerdict] = judged(known, all.saidi_minutes <= r.targets.saidi_minutes,
    all.saidi_minutes + pending <= r.targets.saidi_minutes, minutes(r.targets.saidi_minutes, 0),
    true, saidiState, (spent) => minutes(spent));
  figure("saidi", saidiTone, minutes(all.saidi_minutes), saidiVerdict,
    `${window}${all.open.customers ? `; open outages add ${minutes(pending)} so far` : ""}${budget(r.target_states, "saidi")}`);
  setText(byId("basis"),
    `By IEEE 1366. Sustained: ${r.basis.comparator} ${number(r.basis.threshold_s)} s. An interruption's minutes belong to the `
    + "window in which it began and join the figures when it ends.");
}

export function showGateway({ at, below, gateway: g, last_drill: drill, drill_due: due }) {
  const facts = [
    ["Up for", span(g.started_at, at)],
    ["Heard up to", g.stream_at ? `${moment(g.stream_at)} (${span(g.stream_at, at)} ago)` : "nothing yet"],
    ["Waiting to be stored", plural(g.lag_entries, "entry", "entries")],
    ["On disk", `${number(Math.ceil(g.spool_bytes / 1024))} KiB`],
    ...g.drivers.map((d) => [d.name, d.detail ? `${words(d.state)}: ${d.detail}` : words(d.state)]),
    ...g.alarms.map((text) => ["Alarm", text]),
    ["Last drill", drill ? `${moment(drill.starts_at)} at ${drill.node}${due ? "; the next one is due" : ""}` : below.length ? "none in this part" : "none yet: one is due"],
  ];
  const list = byId("gateway");
  const wanted = facts.flatMap(([name, value]) => [["dt", name], ["dd", value]]);
  wanted.forEach(([tag, text], i) => {
    const node = list.children[i] ?? list.appendChild(element(tag));
    setText(node, text);
  });
  while (list.children.length > wanted.length) list.lastElementChild.remove();
}

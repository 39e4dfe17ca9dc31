// The strip on top: how things stand in words, and the figures.

import { byId, element, keyed, setClass, setText } from "../core/dom.js";
import { minutes, moment, number, percent, percentAtMost, plural, times } from "../core/format.js";
import { freshness } from "../core/live.js";
import { incidents, now, on, summary, tickets } from "../core/store.js";
import { asaiWithOpen, sentence } from "./sentence.js";

const FIGURES = [
  ["asai", "Supply reliability (ASAI)"], ["saidi", "Average outage time (SAIDI)"],
  ["off", "Customers off now"], ["unknown", "Customers unknown"], ["planned", "Off as planned"],
];

function figure(id, tone, value, verdict, note) {
  const box = byId(id);
  setClass(box, `figure ${tone}`);
  setText(box.querySelector(".value"), value);
  setText(box.querySelector(".verdict"), verdict);
  setText(box.querySelector(".note"), note);
}

// The target is judged with what still goes on, because that can only grow; the figure itself follows the standard.
// Minutes only grow too, but a share recovers: it is missed once the whole month's budget is spent, and until then below so far,
// which is a warning: of a short time a first outage makes a share look worse than the month will be.
// `state`: of the month; what holds and will not at the rate so far is at risk.
function judged(known, met, metWithOpen, target, missed, state, forecast) {
  if (!known) return ["", ""];
  if (!met) return missed ? ["bad", `missed: target ${target}`] : ["warn", `below so far: target ${target}`];
  if (metWithOpen && state?.state === "at_risk") return ["warn", `at risk: ${forecast(state.forecast)} at this rate, target ${target}`];
  if (metWithOpen) return ["good", `met: target ${target}`];
  return [missed ? "bad" : "warn", `will be ${missed ? "missed" : "below"} when open outages end: target ${target}`];
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
  return `${left}${state.burn_rate ? `, spent at ${times(state.burn_rate)} the pace that lasts` : ""}`;
}

function showFigures({ reliability: r, customers: c, below }) {
  if (r) showIndices(r);
  else {
    ["asai", "saidi"].forEach((id) => figure(id, "", "–", "", "not told for a part of the network"));
    budgetBar("asai", null);
    budgetBar("saidi", null);
    setText(byId("basis"), `These figures are of what lies at or below ${below.join(", ") || "nothing in the network"}.`);
  }
  figure("off", c.off ? "bad" : "good", number(c.off), c.off ? "without supply" : "none",
    `of ${plural(c.served, "customer", "customers")} served`);
  figure("unknown", c.unknown ? "warn" : "good", number(c.unknown), c.unknown ? "not heard of" : "none",
    "counted neither as on nor as off");
}

// What was announced counts in the figures too, and is told apart here.
function showPlanned(r) {
  const open = [...(incidents()?.values() ?? [])].filter((i) => i.kind === "planned_outage" && i.state === "open" && !i.drill);
  const off = open.reduce((sum, i) => sum + i.customers, 0);
  figure("planned", off ? "planned" : "", incidents() ? number(off) : "–", off ? "announced, and going on" : "none",
    r ? `this month: planned ${minutes(r.planned.saidi_minutes)} and faults ${minutes(r.fault.saidi_minutes)} of SAIDI` : "");
}

// How much of the budget is spent, beside how much of the month is over; the words under the figure say the same.
function budgetBar(id, state) {
  const bar = byId(id).querySelector(".budget");
  bar.hidden = !state || state.spent_share === null;
  if (bar.hidden) return;
  bar.style.setProperty("--spent", String(Math.min(1, state.spent_share)));
  bar.style.setProperty("--elapsed", String(Math.min(1, state.elapsed_share)));
  setClass(bar, `budget ${state.state === "met" ? "" : state.state}`);
}

function showIndices(r) {
  const all = r.all;
  const known = all.asai !== null;
  const pending = r.served ? all.open.customer_minutes / r.served : 0;
  const [asaiState, saidiState] = ["asai", "saidi"].map((index) => ofMonth(r.target_states, index));
  const [asaiTone, asaiVerdict] = judged(known, all.asai >= r.targets.asai,
    asaiWithOpen(r) >= r.targets.asai, percent(r.targets.asai, 2),
    asaiState?.state === "missed", asaiState, (share) => percent(share));
  figure("asai", asaiTone, percent(all.asai), asaiVerdict, budget(r.target_states, "asai"));
  const [saidiTone, saidiVerdict] = judged(known, all.saidi_minutes <= r.targets.saidi_minutes,
    all.saidi_minutes + pending <= r.targets.saidi_minutes, minutes(r.targets.saidi_minutes, 0),
    true, saidiState, (spent) => minutes(spent, spent < 100 ? 2 : 0));
  figure("saidi", saidiTone, minutes(all.saidi_minutes), saidiVerdict,
    [all.open.customers && `open outages add ${minutes(pending)} so far`, budget(r.target_states, "saidi")].filter(Boolean).join("; "));
  budgetBar("asai", asaiState);
  budgetBar("saidi", saidiState);
  setText(byId("basis"),
    `This ${r.window.name} so far, since ${moment(r.window.from)}; supply unknown ${percentAtMost(r.unknown.share)} of the time. `
    + `By IEEE 1366, sustained ${r.basis.comparator} ${number(r.basis.threshold_s)} s; minutes join the figures of the month an interruption began in when it ends.`);
}

function showSentence() {
  const known = summary() && incidents() && tickets();
  const old = freshness().state === "stale";
  const told = known ? sentence(summary(), [...incidents().values()], [...tickets().values()], now()) : ["Nothing is known yet."];
  if (known && old) told[0] = `Last known at ${moment(summary().at)}: ${told[0]}`;
  keyed(byId("sentence"), told.map((text, i) => [i, `${i ? " " : ""}${text}`]), ([i]) => i, () => element("span"),
    (node, [, text]) => setText(node, text));
}

function show() {
  if (summary()) {
    showFigures(summary());
    showPlanned(summary().reliability);
  } else FIGURES.forEach(([id]) => figure(id, "", "–", "", ""));
  showSentence();
}

export function mount(root) {
  const list = element("dl", "figures");
  for (const [id, name] of FIGURES) {
    const box = element("div", "figure");
    box.id = id;
    const bar = element("dd", "budget");
    bar.setAttribute("aria-hidden", "true");
    bar.hidden = true;
    bar.append(element("span", "spent"), element("span", "elapsed"));
    box.append(element("dt", "", name), element("dd", "value", "–"), element("dd", "verdict"), bar, element("dd", "note"));
    list.append(box);
  }
  const basis = element("p", "basis");
  basis.id = "basis";
  root.append(list, basis);
  on("summary", show);
  on("incidents", show);
  on("tickets", showSentence);
  on("freshness", showSentence);
}

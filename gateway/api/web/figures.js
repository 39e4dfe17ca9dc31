// The four figures on top, and the facts about the gateway at the bottom.

import { byId, element, setClass, setText } from "./dom.js";
import { minutes, moment, number, percent, plural, span, words } from "./format.js";

function figure(id, tone, value, verdict, note) {
  const box = byId(id);
  setClass(box, `figure ${tone}`);
  setText(box.querySelector(".value"), value);
  setText(box.querySelector(".verdict"), verdict);
  setText(box.querySelector(".note"), note);
}

export function showFigures({ reliability: r, customers: c }) {
  const all = r.all;
  const window = `this ${r.window.name} so far, since ${moment(r.window.from)}`;
  const open = all.open.customers
    ? `; not in it yet: ${plural(all.open.customers, "customer", "customers")} still off, `
      + `${minutes(all.open.customer_minutes / r.served, 2)} so far`
    : "";
  const known = all.asai !== null;
  const kept = known && all.asai >= r.targets.asai;
  figure("asai", !known ? "" : kept ? "good" : "bad", percent(all.asai),
    known ? `${kept ? "met" : "missed"}: target ${percent(r.targets.asai, 2)}` : "",
    `${window}; unknown ${percent(r.unknown.share)} of the time`);
  const short = known && all.saidi_minutes <= r.targets.saidi_minutes;
  figure("saidi", !known ? "" : short ? "good" : "bad", minutes(all.saidi_minutes),
    known ? `${short ? "met" : "missed"}: target ${minutes(r.targets.saidi_minutes, 0)}` : "",
    `${window}${open}`);
  figure("off", c.off ? "bad" : "good", number(c.off), c.off ? "without supply" : "none",
    `of ${plural(c.served, "customer", "customers")} served`);
  figure("unknown", c.unknown ? "warn" : "good", number(c.unknown), c.unknown ? "not heard of" : "none",
    "counted neither as on nor as off");
  setText(byId("basis"),
    `By IEEE 1366. Sustained: ${r.basis.comparator} ${number(r.basis.threshold_s)} s. An interruption's minutes belong to the `
    + "window in which it began and join the figures when it ends.");
}

export function showGateway({ at, gateway: g }) {
  const facts = [
    ["Up for", span(g.started_at, at)],
    ["Heard up to", g.stream_at ? `${moment(g.stream_at)} (${span(g.stream_at, at)} ago)` : "nothing yet"],
    ["Waiting to be stored", plural(g.lag_entries, "entry", "entries")],
    ["On disk", `${number(Math.ceil(g.spool_bytes / 1024))} KiB`],
    ...g.drivers.map((d) => [d.name, d.detail ? `${words(d.state)}: ${d.detail}` : words(d.state)]),
  ];
  const list = byId("gateway");
  const wanted = facts.flatMap(([name, value]) => [["dt", name], ["dd", value]]);
  wanted.forEach(([tag, text], i) => {
    const node = list.children[i] ?? list.appendChild(element(tag));
    setText(node, text);
  });
  while (list.children.length > wanted.length) list.lastElementChild.remove();
}

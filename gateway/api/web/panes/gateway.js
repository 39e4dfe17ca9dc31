// The gateway itself: whether it can do its work, how far behind it is, and what it waits for.

import { element, facts } from "../core/dom.js";
import { moment, number, plural, span, words } from "../core/format.js";
import { on, summary } from "../core/store.js";

function told({ at, below, ready, reasons, gateway: g, undelivered, last_drill: drill, drill_due: due }) {
  return [
    ["Ready", ready ? "yes" : `no: ${reasons.join("; ")}`],
    ["Up for", span(g.started_at, at)],
    ["Heard up to", g.stream_at ? `${moment(g.stream_at)} (${span(g.stream_at, at)} ago)` : "nothing yet"],
    ["Waiting to be stored", plural(g.lag_entries, "entry", "entries")],
    ["On disk", `${number(Math.ceil(g.spool_bytes / 1024))} KiB`],
    ...g.drivers.map((d) => [d.name, d.detail ? `${words(d.state)}: ${d.detail}` : words(d.state)]),
    ...g.alarms.map((text, i) => [i ? `Alarm ${i + 1}` : "Alarm", text]),
    ...undelivered.map((u) => [`Target ${u.target}`, words(u.state)]),
    ["Last drill", drill ? `${moment(drill.starts_at)} at ${drill.node}${due ? "; the next one is due" : ""}` : below.length ? "none in this part" : "none yet: one is due"],
  ];
}

export function mount(root) {
  const list = element("dl", "facts");
  root.append(list);
  on("summary", () => facts(list, summary() ? told(summary()) : []));
}

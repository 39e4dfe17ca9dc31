// The gateway itself: whether it can do its work, how far behind it is, and what waits.

import { get } from "../core/api.js";
import { element, facts, keyed, setClass, setText } from "../core/dom.js";
import { moment, number, plural, span, words } from "../core/format.js";
import { whileShown } from "../core/poll.js";
import { on, session, summary } from "../core/store.js";

const PERIOD_MS = 15000;
const DEAF_S = 20;

const drivers = (list) => list.map((d) => [d.name, d.state === "running" ? "running" : [words(d.state), d.detail].filter(Boolean).join(": ")]);

function work({ at, gateway: g }) {
  const behind = g.stream_at ? (Date.parse(at) - Date.parse(g.stream_at)) / 1000 : Infinity;
  return [
    ["Up for", span(g.started_at, at)],
    ["Heard up to", g.stream_at ? `${moment(g.stream_at)}, ${span(g.stream_at, at)} ago${behind > DEAF_S ? ": too far behind" : ""}` : "nothing yet"],
    ["Waiting to be stored", plural(g.lag_entries, "entry", "entries")],
    ["On disk", `${number(Math.ceil(g.spool_bytes / 1024))} KiB`],
  ];
}

function waiting({ gateway: g, undelivered }) {
  const sent = undelivered.map((u) => [`Target ${u.target}`, [
    u.state === "disabled" ? `disabled${u.reason ? `: ${u.reason}` : ""}` : `${plural(u.late, "message is", "messages are")} late`,
    u.dead ? `${number(u.dead)} given up` : "", u.since ? `since ${moment(u.since)}` : "",
  ].filter(Boolean).join("; ")]);
  return [...g.alarms.map((text, i) => [i ? `Alarm ${i + 1}` : "Alarm", text]), ...sent];
}

function drills({ at, below, last_drill: drill, drill_due: due }) {
  if (!drill) return [["Last drill", below.length ? "none in this part" : "none yet"], ["Next drill", due && !below.length ? "due now" : ""]];
  const over = Date.parse(drill.ends_at) <= Date.parse(at);
  return [
    ["Last drill", `${moment(drill.starts_at)} at ${drill.node}, by ${drill.by}${over ? "" : ": going on"}`],
    ["Next drill", due ? "due now" : "not due yet"],
  ];
}

function stock(i) {
  return i && [
    ["Revision", i.revision], ["In use since", i.revision && moment(i.since)],
    ["Holds", `${plural(i.nodes, "node", "nodes")}, ${plural(i.devices, "device", "devices")}, ${plural(i.customers, "customer", "customers")}`],
    ["Now", i.reloading ? "another one is being taken up" : ""], ["Not taken up", i.trouble],
  ];
}

export function mount(root) {
  const ready = element("p", "ready");
  const reasons = element("ul", "reasons");
  const parts = new Map();
  const grid = element("div", "blocks");
  for (const name of ["Work", "Drivers", "Alarms", "Drills", "Inventory"]) {
    const block = element("section", "block");
    const list = element("dl", "facts");
    const none = element("p", "empty");
    block.append(element("h3", "", name), list, none);
    grid.append(block);
    parts.set(name, { list, none });
  }
  root.append(ready, reasons, grid);
  let inventory = null;
  let trouble = "";

  function fill(name, wanted, none) {
    const { list, none: empty } = parts.get(name);
    facts(list, wanted ?? []);
    list.hidden = !wanted?.length;
    setText(empty, list.hidden ? none : "");
    empty.hidden = !list.hidden;
  }

  function show() {
    const s = summary();
    setText(ready, !s ? "Nothing is known yet." : s.ready ? "Ready: it can do its work." : "Not ready:");
    setClass(ready, `ready ${!s ? "" : s.ready ? "good" : "bad"}`);
    keyed(reasons, s?.reasons ?? [], (text) => text, (text) => element("li", "", text), () => {});
    fill("Work", s && work(s), "");
    fill("Drivers", s && drivers(s.gateway.drivers), "None is configured.");
    const part = session()?.below.length;
    fill("Alarms", s && waiting(s), part ? "Not told for a part of the network." : "None: every target gets its messages.");
    fill("Drills", s && drills(s), "");
    fill("Inventory", stock(inventory), trouble || "Not read yet.");
  }

  on("summary", show);
  whileShown("gateway", PERIOD_MS, {
    async read() {
      inventory = (await get("/api/inventory")).body;
      show();
    },
    failed(text) {
      trouble = text;
      show();
    },
    forget() {
      inventory = null;
      show();
    },
  });
}

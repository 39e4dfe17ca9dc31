// How devices are: counts by kind and state, concentrators that are in trouble, clocks that were wrong.

import { get } from "../core/api.js";
import { element, keyed, setClass, setText } from "../core/dom.js";
import { clock, moment, number, plural } from "../core/format.js";
import { href } from "../core/router.js";
import { placeOf } from "./devicewords.js";

const SHOWN = 20;
const COUNTS = ["devices", "on", "off", "unknown", "silent"];
const TONES = { off: "bad", unknown: "warn", silent: "" };

function built(root) {
  const table = element("table", "counts");
  table.append(element("caption", "unseen", "Devices by kind and state"));
  const head = element("tr");
  for (const name of ["Kind", ...COUNTS]) {
    const cell = element("th", "", name);
    cell.scope = "col";
    head.append(cell);
  }
  const above = element("thead");
  above.append(head);
  const body = element("tbody", "kinds");
  table.append(above, body);
  const hubs = element("ul", "hubs");
  const title = element("h3", "", "Concentrators");
  const clocks = element("div", "clocks-wrong");
  clocks.append(element("h3", "", "Clocks"), element("p", "quiet"), element("ul"));
  root.append(element("h3", "", "By state"), table, element("p", "note silent-means"), title, element("p", "quiet hub-note"), hubs, clocks);
  setText(root.querySelector(".silent-means"), "Silent: nothing was measured for three of its intervals, at least 15 minutes. Off and unknown go by supply.");
}

function row(kind) {
  const line = element("tr");
  const name = element("th", "", kind);
  name.scope = "row";
  line.append(name, ...COUNTS.map(() => element("td")));
  return line;
}

function hub() {
  const line = element("li", "hub");
  line.append(element("a", "name"), element("span", "quiet where"), element("span", "state"), element("span", "quiet heard"));
  return line;
}

function trouble(c) {
  const parts = ["off", "unknown", "silent"].filter((of) => c[of]).map((of) => `${number(c[of])} ${of}`);
  return `${plural(c.devices, "device", "devices")} behind it${parts.length ? `: ${parts.join(", ")}` : c.devices ? ", all well" : ""}`;
}

export async function showHealth(root, told) {
  if (!root.firstChild) built(root);
  keyed(root.querySelector(".kinds"), told.kinds, (k) => k.kind, (k) => row(`${k.kind}s`), (line, k) => {
    COUNTS.forEach((name, i) => {
      const cell = line.children[i + 1];
      setText(cell, number(k[name]));
      setClass(cell, k[name] ? TONES[name] ?? "" : "");
    });
  });
  const shown = told.concentrators.slice(0, SHOWN);
  const more = told.concentrator_count - shown.length;
  setText(root.querySelector(".hub-note"), !told.concentrator_count ? "None." : more > 0 ? `Those with the most trouble behind them; ${number(more)} more.` : "");
  keyed(root.querySelector(".hubs"), shown, (c) => c.id, hub, (line, c) => {
    const [name, where, state, heard] = line.children;
    setText(name, c.id);
    name.href = href("device", c.id);
    setText(where, `at ${placeOf(c)}`);
    setText(state, trouble(c));
    setClass(state, `state ${c.off ? "bad" : c.unknown || c.silent ? "warn" : ""}`);
    setText(heard, c.heard_at ? `last heard ${clock(c.heard_at)}` : c.devices ? "nothing was heard through it lately" : "");
  });
  const wrong = root.querySelector(".clocks-wrong");
  setText(wrong.querySelector("p"), told.clock_faults
    ? `${plural(told.clock_faults, "device had", "devices had")} a wrong clock within the last day; what they measure is set to when it was received.` : "No clock was wrong within the last day.");
  const faults = told.clock_faults ? (await get("/api/devices/clock-faults")).body.devices.slice(0, SHOWN) : [];
  keyed(wrong.querySelector("ul"), faults, (f) => f.device, (f) => {
    const line = element("li");
    const link = element("a", "", f.device);
    link.href = href("device", f.device);
    line.append(link, element("span", "quiet"));
    return line;
  }, (line, f) => setText(line.lastChild, ` ${f.error_s === null ? "" : `${number(Math.abs(Math.round(f.error_s)))} s ${f.error_s > 0 ? "ahead" : "behind"}, `}last ${moment(f.last_at)}`));
}

// One device: what it is, where it hangs, how its supply is and since when, and when it was heard.

import { ApiError, NoAnswer, get } from "../core/api.js";
import { element, facts, setClass, setText } from "../core/dom.js";
import { moment, number, plural, span, words } from "../core/format.js";
import { whileOpen } from "../core/poll.js";
import { href } from "../core/router.js";
import { now, on, summary } from "../core/store.js";
import { placeOf, silent, stateOf } from "./devicewords.js";

const PERIOD_MS = 10000;

function link(view, id, text) {
  const node = element("a", "", text ?? id);
  node.href = href(view, id);
  return node;
}

const every = (s) => (s % 3600 === 0 ? `${s / 3600} h` : s % 60 === 0 ? `${s / 60} min` : `${s} s`);

function heard(d, at) {
  if (d.kind === "concentrator") return "through what hangs on it";
  if (!d.last_reading_at) return "none in the last 35 days";
  return `${moment(d.last_reading_at)}, ${span(d.last_reading_at, at)} ago${silent(d) ? "; it is silent" : ""}`;
}

function since(d, at) {
  if (d.since) return `${moment(d.since)}, for ${span(d.since, at)}`;
  return silent(d) ? "nothing says that supply is gone, nor has it been heard lately" : "";
}

export function show(root, id) {
  const title = element("h2", "", id);
  const chip = element("p", "chip");
  const list = element("dl", "facts");
  const more = element("h3", "", "Also known of it");
  const kept = element("dl", "facts");
  const trouble = element("p", "pane-trouble", "Being read …");
  root.append(title, chip, trouble, list, more, kept);
  chip.hidden = more.hidden = true;
  let device = null;
  let path = [];
  let behind = "";

  function draw() {
    if (!device || !summary()) return; // ages are reckoned by the gateway's time
    const d = device;
    const at = new Date(now()).toISOString();
    const { tone, word } = stateOf(d);
    chip.hidden = false;
    setText(chip, word);
    setClass(chip, `chip ${tone}`);
    facts(list, [
      [{ off: "Off since", unknown: "Unknown since" }[d.state] ?? "Supply", since(d, at)],
      ["Because of", d.incident ? link("incident", d.incident, "the incident") : ""],
      ["Last reading", heard(d, at)],
      ["It is a", [d.kind, d.priority && words(d.priority)].filter(Boolean).join(", ")],
      ["Place", link("node", d.node, placeOf(d))],
      ["Below", path.map((p) => p.name || p.id).join(" › ")],
      ["Serves", d.customers ? `${plural(d.customers, "customer", "customers")}, phases ${d.phases}` : `no customer; phases ${d.phases}`],
      ["Behind", d.via ? link("device", d.via) : ""],
      ["Hangs on it", behind],
      ["Speaks", [d.protocol, d.profile, d.address].filter(Boolean).join(", ")],
      ["Measures every", every(d.interval_s)],
    ]);
    const attributes = Object.entries(d.attributes);
    more.hidden = !attributes.length;
    facts(kept, attributes.map(([name, value]) => [words(name), value]));
  }

  async function read() {
    try {
      const told = (await get(`/api/devices/${encodeURIComponent(id)}`)).body;
      if (told.node !== device?.node) path = (await get(`/api/network/${encodeURIComponent(told.node)}`)).body.path.slice(0, -1);
      if (told.kind === "concentrator") {
        const hub = (await get("/api/devices/health?limit=500")).body.concentrators.find((c) => c.id === id);
        if (hub) behind = `${plural(hub.devices, "device", "devices")}: ${number(hub.off)} off, ${number(hub.unknown)} unknown, ${number(hub.silent)} silent`;
      }
      device = told;
      setText(trouble, "");
      draw();
    } catch (error) {
      if (error instanceof ApiError) setText(trouble, error.status === 404 ? "There is no such device, or not in your part of the network." : error.message);
      else if (!(error instanceof NoAnswer)) throw error;
    }
  }

  const open = whileOpen(PERIOD_MS, read);
  const offs = [on("incidents", open.soon), on("freshness", draw), open];
  return () => offs.forEach((off) => off());
}

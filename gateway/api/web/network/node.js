// One node in detail: where it is, who is without supply below it, which incidents concern it, and what hangs at it.

import { get, NotSignedIn } from "../core/api.js";
import { element, facts, keyed, setClass, setText } from "../core/dom.js";
import { moment, number, plural, span, words } from "../core/format.js";
import { href } from "../core/router.js";
import * as store from "../core/store.js";
import { mark } from "./marks.js";
import { STATES, STATE_WORDS } from "./model.js";
import { begin, model, onWorld, why } from "./world.js";

const MOST_CHILDREN = 200;
const MOST_DEVICES = 200;

export function show(root, id) {
  begin();
  const path = element("nav", "node-path");
  path.setAttribute("aria-label", "Where it is in the network");
  const title = element("h2", "node-title");
  const state = element("p", "node-state");
  const sign = mark("none");
  const stateText = element("span");
  state.append(sign, stateText);
  const about = element("dl", "facts");
  const cases = element("div");
  const children = section("Right below");
  const devices = section("Devices here");
  root.append(path, title, state, about, cases, children.root, devices.root);
  const groups = { here: section("Incidents here"), above: section("Incidents above"), below: section("Incidents below") };
  for (const group of Object.values(groups)) cases.append(group.root);
  let attributes = {};
  let found = null;
  let closed = false;

  function fill() {
    const known = model();
    const i = known ? known.place(id) : -1;
    for (const part of [path, state, about, cases, children.root, devices.root]) part.hidden = i < 0;
    if (i < 0) {
      setText(title, known ? `There is no node ${id} here.` : why() || "The network is being read.");
      return;
    }
    setText(title, known.name(i));
    way(path, known, known.path(i));
    const code = known.states[i];
    setClass(sign, `mark-of ${STATES[code]}`);
    setText(stateText, [STATE_WORDS[code], known.lossWords(i)].filter(Boolean).join(": "));
    setClass(state, `node-state ${STATES[code]}`);
    facts(about, [
      ["Kind", words(known.kindWord(i))],
      ["Id", id],
      ["Rated", attributes.rated_kva ? `${attributes.rated_kva} kVA` : ""],
      ["Phases", attributes.phases ?? ""],
      ["Customers", number(known.customers[i])],
      ["Off", known.off[i] ? `${number(known.off[i])} since ${since(known.offSince[i])}` : ""],
      ["Of these announced", known.planned[i] ? number(known.planned[i]) : ""],
      ["Unknown", known.unknown[i] ? `${number(known.unknown[i])} since ${since(known.unknownSince[i])}` : ""],
      ["Devices", number(known.devices[i])],
      ["Coordinates", Number.isNaN(known.lat[i]) ? "none" : `${known.lat[i]}, ${known.lon[i]}`],
    ]);
    const concerned = known.incidentsAbout(i);
    for (const [name, group] of Object.entries(groups)) {
      group.root.hidden = !concerned[name].length;
      keyed(group.list, concerned[name].slice(0, MOST_CHILDREN), (one) => one.id, () => {
        const item = element("li");
        item.append(element("a"), element("span", "note"));
        return item;
      }, (item, one) => {
        const [link, note] = item.children;
        link.href = href("incident", one.id);
        setText(link, `${one.drill ? "Drill: " : ""}${capital(words(one.kind))}${name === "here" ? "" : ` at ${known.name(one.node)}`}`);
        setText(note, words(one.state));
      });
      rest(group, concerned[name].length);
    }
    below(known, i);
  }

  function below(known, i) {
    const all = [...known.children(i)];
    all.sort((a, b) => known.states[b] - known.states[a] || a - b);
    children.root.hidden = !all.length;
    keyed(children.list, all.slice(0, MOST_CHILDREN), (c) => known.ids[c], () => {
      const item = element("li");
      item.append(mark("none"), element("a"), element("span", "note"));
      return item;
    }, (item, c) => {
      const [sign_, link, note] = item.children;
      setClass(sign_, `mark-of ${STATES[known.states[c]]}`);
      link.href = href("node", known.ids[c]);
      setText(link, known.name(c));
      setText(note, [words(known.kindWord(c)), known.customers[c] ? plural(known.customers[c], "customer", "customers") : "", known.lossWords(c)].filter(Boolean).join(", "));
    });
    rest(children, all.length);
  }

  function showDevices() {
    devices.root.hidden = !found?.length;
    keyed(devices.list, found ?? [], (one) => one.id, () => {
      const item = element("li");
      item.append(mark("none"), element("a"), element("span", "note"));
      return item;
    }, (item, one) => {
      const [sign_, link, note] = item.children;
      setClass(sign_, `mark-of ${one.state}`);
      link.href = href("device", one.id);
      setText(link, one.id);
      const served = one.customers ? plural(one.customers, "customer", "customers") : "";
      setText(note, [words(one.kind), served, one.priority, one.state === "on" ? "" : `${one.state} since ${moment(one.since)}`].filter(Boolean).join(", "));
    });
  }

  function since(at) {
    const iso = new Date(at).toISOString();
    const now = store.now();
    return Number.isFinite(now) ? `${moment(iso)} (${span(iso, new Date(now).toISOString())})` : moment(iso);
  }

  async function read() {
    try {
      const [one, at] = await Promise.all([
        get(`/api/network/${encodeURIComponent(id)}`),
        get(`/api/devices?node=${encodeURIComponent(id)}&limit=${MOST_DEVICES}`),
      ]);
      if (closed) return;
      attributes = { ...one.body.attributes, phases: one.body.phases };
      found = at.body.devices;
      showDevices();
      setText(devices.rest, at.body.next ? "and more, under Devices" : "");
      fill();
    } catch (error) {
      if (closed || error instanceof NotSignedIn) return;
      setText(devices.rest, error.status === 404 ? "" : error.message);
    }
  }

  const off = onWorld((what) => {
    if (what === "choice") return;
    fill();
    read();
  });
  fill();
  showDevices();
  read();
  return () => {
    closed = true;
    off();
  };
}

function section(name) {
  const root = element("section", "node-part");
  const list = element("ul", "node-list");
  const more = element("p", "note");
  root.append(element("h3", "", name), list, more);
  return { root, list, rest: more };
}

const rest = (part, count) => setText(part.rest, count > MOST_CHILDREN ? `and ${number(count - MOST_CHILDREN)} more` : "");

function way(nav, known, places) {
  keyed(nav, places.slice(0, -1), (i) => known.ids[i], () => element("a"), (link, i) => {
    link.href = href("node", known.ids[i]);
    setText(link, known.name(i));
  });
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

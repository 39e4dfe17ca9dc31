// Devices: how they are by kind, which concentrators are in trouble, and every one of them to be found.

import { get } from "../core/api.js";
import { element, rem, setClass, setText } from "../core/dom.js";
import { number, plural, span } from "../core/format.js";
import { whileShown } from "../core/poll.js";
import { go } from "../core/router.js";
import { now } from "../core/store.js";
import { virtualList } from "../core/virtual.js";
import { choice, typed } from "./choice.js";
import { placeOf, stateOf } from "./devicewords.js";
import { showHealth } from "./health.js";

const PERIOD_MS = 15000;
const PAGE = 200;
const KINDS = [["", "any kind"], ["meter", "meters"], ["terminal", "terminals"], ["concentrator", "concentrators"], ["sensor", "sensors"]];
const STATES = [["", "any state"], ["off", "off"], ["unknown", "unknown"], ["silent", "silent"], ["on", "on"]];

export function mount(root) {
  const trouble = element("p", "pane-trouble");
  trouble.setAttribute("role", "status");
  const health = element("section", "health");
  health.setAttribute("aria-label", "Health of devices");
  const finder = element("section", "finder");
  finder.setAttribute("aria-label", "Find devices");
  const text = typed("Id, or name of the place", begin);
  const kind = choice("Kind", KINDS, begin);
  const state = choice("State", STATES, begin);
  const filters = element("p", "filters");
  filters.append(text.box, kind.box, state.box);
  const found = element("p", "quiet found");
  found.setAttribute("role", "status");
  const box = element("div", "device-rows");
  finder.append(filters, found, box);
  root.classList.add("devices-pane");
  root.append(trouble, finder, health);

  let pages = []; // [{ after, rows, next }], each full but the last
  let run = 0; // of what is asked for: an answer to something else is not shown
  let loading = false;

  const loaded = () => (pages.length ? (pages.length - 1) * PAGE + pages.at(-1).rows.length : 0);
  const at = (index) => pages[Math.floor(index / PAGE)]?.rows[index % PAGE];
  const open = () => pages.length > 0 && pages.at(-1).next !== null;

  async function ask(after) {
    const asked = new URLSearchParams({ limit: String(PAGE) });
    if (text.value()) asked.set("text", text.value());
    if (kind.value()) asked.set("kind", kind.value());
    if (state.value()) asked.set("state", state.value() === "silent" ? "on" : state.value());
    if (state.value() === "silent") asked.set("silent", "true");
    if (state.value() === "on") asked.set("silent", "false");
    if (after) asked.set("after", after);
    const { body } = await get(`/api/devices?${asked}`);
    return { after, rows: body.devices, next: body.next };
  }

  async function more() {
    if (loading || !open()) return;
    const mine = run;
    loading = true;
    try {
      const page = await ask(pages.at(-1).next);
      if (mine === run) pages.push(page);
    } catch (error) {
      setText(trouble, error.message);
    } finally {
      loading = false;
    }
    if (mine === run) show();
  }

  const list = virtualList(box, {
    rowHeight: () => Math.round(rem(2.9)),
    count: () => loaded() + (open() ? 1 : 0),
    key: (i) => at(i)?.id ?? " more",
    make() {
      const row = element("div", "device-row");
      row.append(element("span", "name"), element("span", "state"), element("span", "quiet where"), element("span", "quiet heard"));
      return row;
    },
    update(row, i) {
      const device = at(i);
      const [name, what, where, heard] = row.children;
      if (!device) {
        setClass(what, "state");
        [what, where, heard].forEach((node) => setText(node, ""));
        setText(name, "More are being read …");
        setTimeout(more, 0);
        return;
      }
      const { tone, word } = stateOf(device);
      setText(name, device.id);
      setText(what, word);
      setClass(what, `state ${tone}`);
      setText(where, `${device.kind} at ${placeOf(device)}`);
      setText(heard, device.last_reading_at ? `read ${span(device.last_reading_at, new Date(now()).toISOString())} ago` : "");
    },
    onActivate: (i) => { if (at(i)) go("device", at(i).id); },
  });
  box.setAttribute("aria-label", "Devices by id");

  function show() {
    const count = loaded();
    setText(found, count ? `${number(count)}${open() ? " and more" : ""} found` : "No such device.");
    list.refresh();
  }

  // Only the pages that are looked at are read again; where their devices are others, all is read anew.
  async function renew() {
    const mine = run;
    const tall = Math.round(rem(2.9));
    const first = Math.floor(Math.floor(box.scrollTop / tall) / PAGE);
    const last = Math.min(pages.length - 1, Math.floor(Math.ceil((box.scrollTop + box.clientHeight) / tall) / PAGE));
    for (let i = Math.max(0, first); i <= last; i += 1) {
      const page = await ask(pages[i].after);
      if (mine !== run) return;
      if (page.rows.length !== pages[i].rows.length && i < pages.length - 1) {
        pages = pages.slice(0, i + 1);
      }
      pages[i] = page;
    }
  }

  async function read() {
    const [told] = await Promise.all([get("/api/devices/health"), pages.length ? renew() : anew()]);
    await showHealth(health, told.body);
    show();
  }

  async function anew() {
    const mine = (run += 1);
    const page = await ask(null);
    if (mine === run) pages = [page];
  }

  async function begin() {
    box.scrollTop = 0;
    try {
      await anew();
      setText(trouble, "");
      show();
    } catch (error) {
      setText(trouble, error.message);
    }
  }

  whileShown("devices", PERIOD_MS, {
    read,
    failed: (words) => setText(trouble, words),
    forget() {
      run += 1;
      pages = [];
      text.set("");
      health.replaceChildren();
      list.refresh();
      setText(found, "");
    },
  });
}

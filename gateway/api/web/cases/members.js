// Every member of an incident, read page by page as one scrolls; only what is seen is in the document.

import { get } from "../core/api.js";
import { element, rem, setClass, setText } from "../core/dom.js";
import { clock, moment, plural, words } from "../core/format.js";
import { go } from "../core/router.js";
import { virtualList } from "../core/virtual.js";
import { nameOf } from "./say.js";

const PAGE = 500;
const ROW_REM = 1.9;
const SEEN = 7; // rows that are seen at once

export function membersOf(root, id) {
  const box = root.appendChild(element("div", "members"));
  let rows = [];
  let total = 0;
  let next = null;
  let reading = null;
  let closed = false;

  const list = virtualList(box, {
    rowHeight: () => rem(ROW_REM),
    make() {
      const node = element("div", "member");
      node.append(element("span", "id"), element("span", "at"), element("span", "state"));
      return node;
    },
    update(node, index) {
      const row = rows[index];
      const [name, at, state] = node.children;
      if (!row) {
        setText(name, "…");
        setText(at, "");
        setText(state, "");
        more();
        return;
      }
      const where = row.node ? nameOf(row.node, row.node_name) : "not listed any more";
      setText(name, row.device);
      setText(at, [where, row.priority && words(row.priority), row.customers > 1 && plural(row.customers, "customer", "customers")].filter(Boolean).join(", "));
      setText(state, supply(row));
      setClass(state, `state ${row.ended_at ? "restored" : row.supply ?? ""}`);
      node.title = `${row.device}, ${where}: ${row.started_at ? `since ${moment(row.started_at)}${row.ended_at ? ` until ${moment(row.ended_at)}` : ""}` : "no interruption"}`;
    },
    count: () => total,
    key: (index) => rows[index]?.device ?? `row ${index}`,
    onActivate: (index) => { if (rows[index]) go("device", rows[index].device); },
  });
  box.setAttribute("aria-label", "Members");

  const supply = (row) => (row.supply === null ? "" : row.ended_at ? `on since ${clock(row.ended_at)}` : `${row.supply} since ${clock(row.started_at)}`);

  async function page(after) {
    const { body } = await get(`/api/incidents/${encodeURIComponent(id)}/members?limit=${PAGE}${after ? `&after=${encodeURIComponent(after)}` : ""}`);
    return body;
  }

  function more() {
    if (reading || closed || next === null) return;
    reading = page(next).then((body) => {
      rows = [...rows, ...body.members];
      next = body.next;
    }, () => { next = null; }).finally(() => {
      reading = null;
      if (!closed) list.refresh();
    });
  }

  // As many pages anew as were read, so that the reader stays where they are.
  async function reload(count) {
    let fresh = [];
    let after = null;
    do {
      const body = await page(after);
      fresh = [...fresh, ...body.members];
      after = body.next;
    } while (after !== null && fresh.length < rows.length);
    if (closed) return;
    rows = fresh;
    next = after;
    total = after === null ? rows.length : Math.max(count, rows.length);
    box.style.height = `${Math.min(total, SEEN) * ROW_REM + 0.2}rem`;
    box.hidden = total === 0;
    list.refresh();
  }

  return {
    reload,
    rows: () => rows,
    close() {
      closed = true;
      list.close();
    },
  };
}

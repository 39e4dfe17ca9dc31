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
      const many = row.customers > 1 && plural(row.customers, "customer", "customers");
      setText(at, [where, row.priority && words(row.priority), many].filter(Boolean).join(", "));
      setText(state, supply(row));
      setClass(state, `state ${row.ended_at ? "restored" : row.supply ?? ""}`);
      node.title = `${row.device}, ${where}: ${interruption(row)}`;
    },
    count: () => total,
    key: (index) => rows[index]?.device ?? `row ${index}`,
    onActivate: (index) => { if (rows[index]) go("device", rows[index].device); },
  });
  box.setAttribute("aria-label", "Members");

  async function page(after) {
    const behind = after ? `&after=${encodeURIComponent(after)}` : "";
    const { body } = await get(`/api/incidents/${encodeURIComponent(id)}/members?limit=${PAGE}${behind}`);
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

function supply({ supply: state, started_at: start, ended_at: end }) {
  if (state === null) return "";
  return end ? `on since ${clock(end)}` : `${state} since ${clock(start)}`;
}

function interruption({ started_at: start, ended_at: end }) {
  if (!start) return "no interruption";
  return `since ${moment(start)}${end ? ` until ${moment(end)}` : ""}`;
}

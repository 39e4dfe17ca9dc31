// What service systems were told, what they were not, and sending it to them once more.

import { openDialog } from "../cases/dialog.js";
import { get, send } from "../core/api.js";
import { announce, button, element, keyed, setClass, setText } from "../core/dom.js";
import { moment, number, plural, span, words } from "../core/format.js";
import { whileShown } from "../core/poll.js";
import { href } from "../core/router.js";
import { now, session } from "../core/store.js";
import { choice } from "./choice.js";

const PERIOD_MS = 5000;
const PAGE = 100;
const STATES = {
  sending: ["good", "gets its messages"], dead_letters: ["warn", "gets its messages; some were given up"],
  late: ["bad", "does not get its messages in time"], disabled: ["bad", "disabled: it wants no more"],
};
const TONES = { delivered: "good", pending: "warn", dead: "bad" };

const may = () => ["engineer", "admin"].includes(session()?.role);
const mayAll = () => may() && !session().below.length;
const iso = () => new Date(now()).toISOString();

function target(t) {
  return [
    t.configured ? "" : "not configured any more: nothing is sent to it",
    `${number(t.pending)} waiting${t.late ? `, ${number(t.late)} of them late` : ""}; ${number(t.dead)} given up`,
    t.late_since ? `late since ${moment(t.late_since)}` : "",
    t.disabled_at ? `disabled since ${moment(t.disabled_at)}` : "",
    t.reason, t.changed_at && t.changed_by ? `last changed by ${t.changed_by}, ${moment(t.changed_at)}` : "",
  ].filter(Boolean).join("; ");
}

function fate(d) {
  const why = d.last_error ? `: ${d.last_error}` : "";
  const tries = plural(d.attempts, "attempt", "attempts");
  if (d.state === "delivered") return `delivered ${moment(d.delivered_at)}, ${span(d.created_at, d.delivered_at)} after it was made`;
  if (d.state === "dead") return `given up after ${tries}${why}`;
  return d.attempts ? `not delivered after ${tries}${why}; next try ${Date.parse(d.next_at) <= now() ? "now" : `in ${span(iso(), d.next_at)}`}` : "waiting to be sent";
}

const about = (d) => (d.ticket ? `Ticket no. ${d.ticket_number ?? "?"}, revision ${d.revision}` : words(d.subject || "message"));

export function mount(root) {
  const trouble = element("p", "pane-trouble");
  trouble.setAttribute("role", "status");
  const targets = element("ul", "targets");
  targets.setAttribute("aria-label", "Targets");
  const partly = element("p", "empty");
  const state = choice("State", [["", "any state"], ["dead", "given up"], ["pending", "waiting"], ["delivered", "delivered"]], begin);
  const whom = choice("Target", [["", "any target"]], begin);
  const filters = element("p", "filters");
  filters.append(state.box, whom.box);
  const list = element("ul", "rows");
  list.setAttribute("aria-label", "Messages, newest first");
  const none = element("p", "empty");
  const older = button("Older ones", () => more());
  root.append(trouble, targets, partly, filters, list, none, older);
  let rows = [];
  let next = null;
  let pages = 1;

  async function page(before) {
    const asked = new URLSearchParams({ limit: String(PAGE) });
    if (state.value()) asked.set("state", state.value());
    if (whom.value()) asked.set("target", whom.value());
    if (before) asked.set("before", before);
    return (await get(`/api/deliveries?${asked}`)).body;
  }

  async function read() {
    if (session().below.length) setText(partly, "Targets are told of the whole network only; below are the messages about your part of it.");
    else showTargets((await get("/api/targets")).body.targets);
    let before = null;
    const found = [];
    for (let i = 0; i < pages && (i === 0 || before); i += 1) {
      const told = await page(before);
      found.push(...told.deliveries);
      before = told.next;
    }
    rows = found;
    next = before;
    show();
  }

  function showTargets(told) {
    whom.options([["", "any target"], ...told.map((t) => [t.name, t.name])]);
    setText(partly, told.length ? "" : "No target is configured: nobody is told of tickets.");
    keyed(targets, told, (t) => t.name, () => {
      const node = element("li", "target");
      const title = element("h3");
      title.append(element("span", "name"), element("span", "chip"));
      node.append(title, element("p", "quiet"), element("p", "actions"));
      return node;
    }, (node, t) => {
      const [tone, text] = STATES[t.state] ?? ["warn", words(t.state)];
      setClass(node, `target ${tone}`);
      setText(node.querySelector(".name"), t.name);
      setText(node.querySelector(".chip"), text);
      setText(node.querySelector(".quiet"), target(t));
      const offered = !mayAll() ? [] : t.state === "disabled" ? ["enable"] : t.dead ? ["replay"] : [];
      keyed(node.querySelector(".actions"), offered, (one) => one, (one) => button(one === "enable" ? "Enable" : "Send all given up again", () => {}), (pressed, one) => {
        pressed.onclick = () => (one === "enable" ? enable(t) : replayAll(t));
        pressed.setAttribute("aria-label", `${pressed.textContent}: ${t.name}`);
      });
    });
  }

  function show() {
    setText(none, rows.length ? "" : "There is no such message.");
    older.hidden = !next;
    keyed(list, rows, (d) => d.id, () => {
      const node = element("li", "row");
      node.append(element("span", "chip"), element("a", "name"), element("span", "quiet"), element("span", "fate"), element("span", "actions"));
      return node;
    }, (node, d) => {
      setClass(node, `row ${TONES[d.state] ?? ""}`);
      setText(node.querySelector(".chip"), d.state === "dead" ? "given up" : d.state === "pending" ? "waiting" : words(d.state));
      const link = node.querySelector(".name");
      setText(link, about(d));
      if (d.ticket) link.href = href("ticket", d.ticket);
      setText(node.querySelector(".quiet"), `to ${d.target}, made ${moment(d.created_at)}${d.replayed_by ? `; sent again by ${d.replayed_by}` : ""}`);
      setText(node.querySelector(".fate"), fate(d));
      keyed(node.querySelector(".actions"), may() && d.state === "dead" ? ["replay"] : [], (one) => one, () => button("Send again", () => {}), (pressed) => {
        pressed.onclick = () => replay(d);
        pressed.setAttribute("aria-label", `Send again: ${about(d)} to ${d.target}`);
      });
    });
  }

  function ask({ title, about: what, means, label, fields = [], doing, done }) {
    openDialog({
      title, about: what, means, label, fields,
      async submit(said) {
        const { body } = await doing(said);
        announce(done(body));
        setText(trouble, done(body));
        await again();
      },
      back: () => root.closest("section").querySelector("h2"),
    });
  }

  const replay = (d) => ask({
    title: `Send again: ${about(d)}`, about: `To ${d.target}. ${fate(d)}.`, label: "Send again",
    means: "The same message is sent once more, with its own number, so that who had it already knows it.",
    doing: () => send("POST", `/api/deliveries/${encodeURIComponent(d.id)}/replay`), done: () => `${about(d)} is sent to ${d.target} again.`,
  });
  const replayAll = (t) => ask({
    title: `Send all given up again: ${t.name}`, about: `${plural(t.dead, "message was", "messages were")} given up.`, label: "Send all",
    means: "Each is sent once more, with its own number, oldest first.",
    doing: () => send("POST", "/api/deliveries/replay", { target: t.name }), done: ({ replayed }) => `${plural(replayed, "message is", "messages are")} sent to ${t.name} again.`,
  });
  const enable = (t) => ask({
    title: `Enable ${t.name}`, about: target(t), label: "Enable",
    means: "It is sent to again. It had said that it wants no more: make sure that it does.",
    fields: [{ name: "dead", label: "What could not be sent meanwhile", kind: "choice", options: [["yes", "is sent first"], ["no", "stays given up"]], value: "yes" }],
    doing: ({ dead }) => send("POST", `/api/targets/${encodeURIComponent(t.name)}/enable`, { dead_too: dead !== "no" }),
    done: ({ replayed }) => `${t.name} is enabled; ${plural(replayed, "message is", "messages are")} sent again.`,
  });

  const again = whileShown("deliveries", PERIOD_MS, {
    read,
    failed: (text) => { if (text) setText(trouble, text); },
    forget() {
      rows = [];
      next = null;
      show();
      targets.replaceChildren();
      setText(trouble, "");
    },
  });

  function begin() {
    pages = 1;
    setText(trouble, "");
    again();
  }

  async function more() {
    pages += 1;
    await again();
  }
}

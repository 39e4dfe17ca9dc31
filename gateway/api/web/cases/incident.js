// One incident: what happened in words, why we think so, who is in it, who works on it, and what can be done.

import { get } from "../core/api.js";
import { button, element, facts, setClass, setText } from "../core/dom.js";
import { moment, number, plural } from "../core/format.js";
import { incidents, now, tickets } from "../core/store.js";
import { showActions, whyNot } from "./actions.js";
import { pressing } from "./clocks.js";
import { correct, correctionWords } from "./corrections.js";
import { certainty, reasons, times } from "./evidence.js";
import { keptUp } from "./kept.js";
import { membersOf } from "./members.js";
import { link, listIn, ofTimeline, section, setLink, steps } from "./parts.js";
import { doingOf, headline, isLive, lost, nameOf, nowIso, sentence, since, stateWords, tone } from "./say.js";
import { ticketParts } from "./ticketparts.js";

const MOST_CHILDREN = 100;
const SIDES = { for: "For", against: "Against", note: "Also" };
const ROWS = ["outage", "phase_loss", "momentary", "planned_outage", "communications_loss"];

export function show(root, id) {
  const path = `/api/incidents/${encodeURIComponent(id)}`;
  const box = element("article", "case-detail unread");
  const title = element("h2", "headline", "Incident");
  title.tabIndex = -1;
  const chip = element("p", "chip");
  const where = element("nav", "where");
  where.setAttribute("aria-label", "Where it lies");
  const told = element("p", "told-in-short");
  const trouble = element("p", "detail-trouble");
  trouble.setAttribute("role", "status");
  const why = element("p", "why");
  const list = element("dl", "facts");
  const who = element("p", "worker");
  const actions = element("div", "actions");
  const mending = element("div", "actions");
  const denied = element("p", "note denied");
  const work = element("div", "actions first");
  box.append(title, chip, where, told, who, trouble, work, denied);

  const because = section(box, "Why we think so");
  because.append(why);
  const sure = because.appendChild(element("p", "sure"));
  const evidence = because.appendChild(element("ul", "evidence"));
  const phases = because.appendChild(element("dl", "facts times"));
  because.append(actions, mending);

  const worked = section(box, "Who works on it");
  const noTicket = worked.appendChild(element("p", "empty"));
  const toTicket = worked.appendChild(element("p")).appendChild(element("a"));
  const ticketBox = worked.appendChild(element("div"));
  const parts = ticketParts(ticketBox, { done: () => kept.reload(), within: work });

  section(box, "In figures").append(list);
  const belongs = listIn(box, "Belongs to", "links");
  const membersBox = section(box, "Members");
  const members = membersOf(membersBox, id);
  const corrections = listIn(box, "Corrections", "corrections");
  const showTimeline = steps(box, "What happened");
  root.replaceChildren(box);

  let incident = null;
  let ticket = null;
  let readAt = 0;

  // They run on by the gateway's time, from when that is known.
  function minutes() {
    if (!Number.isFinite(readAt)) readAt = now();
    const passed = now() - readAt;
    return incident.customer_minutes + (passed > 0 ? incident.customers_off * passed / 60000 : 0);
  }

  function figures() {
    const at = nowIso();
    setText(told, `${lost(incident)}, ${since(incident, at)}`);
    facts(list, [
      ["Customers", number(incident.customers)],
      ["Off now", incident.customers_off ? number(incident.customers_off) : "none"],
      ["Unknown now", incident.customers_unknown ? `${number(incident.customers_unknown)}, counted neither as on nor as off` : "none"],
      ["Cost so far", incident.drill ? "none: an exercise" : `${number(Math.floor(minutes()))} customer minutes`],
      ["Phases", incident.phases],
      ["Severity", incident.severity === null ? "" : `${incident.severity} of 3`],
      ["Ended", incident.ended_reason ? `${incident.ended_reason} (${incident.ended_by})` : incident.ended_by],
    ]);
    const clock = ticket && isLive(incident) ? pressing(ticket.clocks, at) : null;
    setText(who, ticket ? [sentence(doingOf(ticket)), clock?.text].filter(Boolean).join("; ") : "");
    if (ticket) parts.tick(ticket, at);
  }

  function render({ timeline, children, trail }) {
    setClass(box, "case-detail");
    setText(title, headline(incident));
    setText(chip, stateWords(incident.state));
    setClass(chip, `chip ${tone(incident)}`);
    lies();
    figures();
    showActions(actions, "incident", incident, { done: () => kept.reload(), more: () => ({ nodes: nodes() }) });
    correcting();
    setText(denied, whyNot());
    setText(why, incident.summary);
    setText(sure, certainty(incident));
    says();
    phase();
    works();
    related(children);
    corrections.show(trail, (made) => made.number, () => element("li"), (node, made) => {
      setText(node, `No. ${made.number}, ${moment(made.made_at)}, ${made.by}: ${correctionWords(made)}`);
    });
    showTimeline(ofTimeline(timeline));
    setText(membersBox.firstChild, `Members: ${plural(incident.device_count, "device", "devices")}`);
  }

  // Made anew only when it moves: somebody may be on one of the links.
  function lies() {
    const told = JSON.stringify(incident.places);
    if (where.dataset.told === told) return;
    where.dataset.told = told;
    const links = incident.places.map(({ id: node, name }) => link("node", node, nameOf(node, name)));
    if (links.length) where.replaceChildren(...links.flatMap((node, i) => (i ? [" › ", node] : [node])));
    else where.replaceChildren(incident.path ?? incident.node);
  }

  function says() {
    evidence.replaceChildren(...reasons(incident).map(({ side, text }) => {
      const line = element("li", side);
      line.append(element("span", "side", SIDES[side]), " ", text);
      return line;
    }));
  }

  function phase() {
    facts(phases, times(incident).map(([name, at, note]) => [name, `${moment(at)}${note ? `, ${note}` : ""}`]));
  }

  function works() {
    noTicket.hidden = ticket !== null;
    setText(noTicket, isLive(incident) ? "No ticket: it waits for the hold-off, or its kind has none." : "It had no ticket.");
    toTicket.hidden = ticketBox.hidden = work.hidden = ticket === null;
    if (!ticket) return;
    setLink(toTicket, "ticket", ticket.id, `Ticket no. ${ticket.number}`);
    parts.update(ticket, nowIso());
  }

  function related(children) {
    const found = [];
    const split = incident.evidence?.split_from;
    if (incident.parent) found.push([incident.state === "merged" ? "Merged into" : "Part of", incident.parent, ""]);
    if (split) found.push(["Split off from", split, ""]);
    for (const child of children) {
      found.push([child.state === "merged" ? "Holds" : "Followed by", child.id, `${headline(child)}, ${stateWords(child.state)}`]);
    }
    belongs.show(found, ([how, other]) => `${how} ${other}`, () => {
      const line = element("li");
      line.append(element("span"), " ", element("a"));
      return line;
    }, (node, [how, other, text]) => {
      const known = incidents()?.get(other);
      setText(node.firstChild, how);
      setLink(node.lastChild, "incident", other, text || (known ? headline(known) : other));
    });
  }

  // Exercises have no interruptions, and what is no loss of supply has none either.
  function correcting() {
    const may = !whyNot() && !incident.drill && ROWS.includes(incident.kind);
    if (!may) mending.replaceChildren();
    else if (!mending.firstChild) mending.append(button("Correct interruptions", mend));
  }

  const mend = () => correct(incident, {
    members: members.rows().map((row) => [row.device, row.node ? nameOf(row.node, row.node_name) : ""]),
    done: () => kept.reload(), back: () => mending.firstChild,
  });

  // Where members hang, as far as they have been read.
  function nodes() {
    const named = members.rows().filter((row) => row.node);
    return [...new Map(named.map((row) => [row.node, row.node_name === row.node ? "" : row.node_name ?? ""]))];
  }

  async function load() {
    const [one, story, parts_, made] = await Promise.all([
      get(path), get(`${path}/timeline`), get(`/api/incidents?parent=${encodeURIComponent(id)}&limit=${MOST_CHILDREN}`),
      get(`/api/interruptions/corrections?incident=${encodeURIComponent(id)}&limit=50`),
    ]);
    const work_ = one.body.ticket === null ? null : (await get(`/api/tickets/${encodeURIComponent(one.body.ticket)}`)).body;
    await members.reload(one.body.device_count);
    return () => {
      incident = one.body;
      ticket = work_;
      readAt = now();
      render({ timeline: story.body.timeline, children: parts_.body.incidents, trail: made.body.corrections });
    };
  }

  const kept = keptUp({
    load, tell: (text) => setText(trouble, text), topics: ["incidents", "tickets"],
    changed() {
      if (!incident) return false;
      const known = incidents()?.get(incident.id);
      if (known ? known.revision > incident.revision || known.ticket !== incident.ticket : incidents() !== null && isLive(incident)) return true;
      return ticket !== null && (tickets()?.get(ticket.id)?.revision ?? 0) > ticket.revision;
    },
    tick: () => { if (incident) figures(); },
  });
  return () => {
    kept.close();
    members.close();
  };
}

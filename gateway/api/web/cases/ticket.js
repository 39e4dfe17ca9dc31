// One ticket: who works on it, by when, who was told, and every step of its life.

import { get } from "../core/api.js";
import { element, setClass, setText } from "../core/dom.js";
import { tickets } from "../core/store.js";
import { link, listIn, ofTransition, section, setLink, steps } from "./parts.js";
import { keptUp } from "./kept.js";
import { kindWords, mark, nowIso, place, stateWords, TICKET_OVER } from "./say.js";
import { ticketParts } from "./ticketparts.js";

const LINKED = { merged_into: "merged into", merged_from: "was merged with", split_from: "split off from", split_into: "was split into" };

export function show(root, id) {
  const box = element("article", "case-detail unread");
  const title = element("h2", "headline");
  title.tabIndex = -1;
  const chip = element("p", "chip");
  const where = element("p", "where");
  const why = element("p", "why");
  const trouble = element("p", "detail-trouble");
  trouble.setAttribute("role", "status");
  box.append(title, chip, where, trouble, why);
  const parts = ticketParts(section(box, "Who works on it"), { done: () => kept.reload() });
  const links = listIn(box, "Belongs to", "links");
  const showSteps = steps(box, "Steps");
  root.replaceChildren(box);
  setText(title, "Ticket");
  let ticket = null;

  function render() {
    setClass(box, "case-detail");
    setText(title, `No. ${ticket.number}: ${ticket.title}`);
    title.title = ticket.title;
    setText(chip, stateWords(ticket.state));
    setClass(chip, `chip ${TICKET_OVER.has(ticket.state) ? "over" : ticket.state === "restored" ? "restored" : "off"}`);
    const incident = where.firstChild ?? where.appendChild(link("incident", ticket.incident, ""));
    setLink(incident, "incident", ticket.incident, `${mark(ticket)}${kindWords(ticket.kind)} at ${place(ticket)}`);
    setText(why, ticket.summary);
    parts.update(ticket, nowIso());
    links.show(ticket.links, (of) => `${of.kind} ${of.ticket}`, (of) => {
      const line = element("li", "", `${LINKED[of.kind] ?? of.kind} `);
      line.append(link("ticket", of.ticket, `no. ${of.number}`));
      return line;
    });
    showSteps([...ticket.transitions].reverse().map(ofTransition));
  }

  async function load() {
    const { body } = await get(`/api/tickets/${encodeURIComponent(id)}`);
    return () => {
      ticket = body;
      render();
    };
  }

  const kept = keptUp({
    load, tell: (text) => setText(trouble, text),
    changed: () => ticket !== null && (tickets()?.get(ticket.id)?.revision ?? ticket.revision) > ticket.revision,
    tick: () => { if (ticket) parts.tick(ticket, nowIso()); },
    topics: ["tickets"],
  });
  return () => kept.close();
}

// How far people have come with a ticket: for its own detail, and within that of its incident.

import { element, facts, setClass, setText } from "../core/dom.js";
import { moment, number, words } from "../core/format.js";
import { showActions, whyNot } from "./actions.js";
import { showClocks } from "./clocks.js";
import { listIn, told } from "./parts.js";
import { doingOf, sentence, stateWords, TICKET_OVER, workOf } from "./say.js";

// `within`: the place for its buttons in the detail of its incident, which says itself who works on it and why somebody sees none.
export function ticketParts(root, { done, within } = {}) {
  const who = root.appendChild(element("p", "worker"));
  who.hidden = Boolean(within);
  const actions = within ?? root.appendChild(element("div", "actions"));
  const denied = root.appendChild(element("p", "note denied"));
  const clocks = root.appendChild(element("ul", "clocks"));
  clocks.setAttribute("aria-label", "Clocks");
  const list = root.appendChild(element("dl", "facts"));
  const deliveries = listIn(root, "Service systems", "told");

  function update(ticket, at) {
    setText(who, sentence(doingOf(ticket)));
    setClass(who, `worker ${TICKET_OVER.has(ticket.state) ? "over" : ""}`);
    showActions(actions, "ticket", ticket, { done });
    actions.hidden = actions.childElementCount === 0;
    setText(denied, within ? "" : whyNot());
    facts(list, [
      ["State", stateWords(ticket.state)],
      ["Severity", `${ticket.severity} of 3${ticket.area ? `, ${ticket.area}` : ""}`],
      ["Work", workOf(ticket.kind)],
      ["Priority customers", priorities(ticket.priority_customers)],
      ["Opened", moment(ticket.opened_at)],
      ["Taken up", ticket.acknowledged_at && moment(ticket.acknowledged_at)],
      ["Sent", ticket.dispatched_at && moment(ticket.dispatched_at)],
      ["On site", ticket.arrived_at && moment(ticket.arrived_at)],
      ["Crew", ticket.crew],
      ["Supply promised for", ticket.restoration_estimated_at && moment(ticket.restoration_estimated_at)],
      ["Cause", ticket.cause],
      ["Restored", ticket.restored_at && moment(ticket.restored_at)],
      ["Over", ticket.closed_at && `${moment(ticket.closed_at)}${ticket.ended_by ? `, on the word of ${words(ticket.ended_by)}` : ""}`],
      ["Called elsewhere", Object.entries(ticket.references).map(([target, name]) => `${name} (${target})`).join(", ")],
    ]);
    deliveries.show(told(ticket.deliveries), ([target]) => target, () => element("li"), (node, [target, text, tone]) => {
      setClass(node, tone);
      setText(node, `${target}: ${text}`);
    });
    tick(ticket, at);
  }

  // What moves with time alone.
  function tick(ticket, at) {
    showClocks(clocks, ticket.clocks, at);
    clocks.hidden = ticket.clocks.length === 0;
  }

  return { update, tick };
}

const priorities = (counts) => Object.entries(counts).filter(([, n]) => n).map(([name, n]) => `${number(n)} ${words(name)}`).join(", ");

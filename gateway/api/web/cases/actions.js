// What people do with tickets and incidents. The gateway says what is possible for whom; it is only offered here.

import { NoAnswer, get, send } from "../core/api.js";
import { announce, button, element, keyed } from "../core/dom.js";
import { clock, plural, words } from "../core/format.js";
import { incidents, put, reload, session, tickets } from "../core/store.js";
import { openDialog } from "./dialog.js";
import { goesOn, overtaken } from "./overtaken.js";
import { headline, lost, stateWords, way } from "./say.js";

const MOST_OFFERED = 300;
const REASON = { name: "reason", label: "Reason or remark", kind: "long", most: 4000 };
const WHY = { ...REASON, label: "Reason", needed: true };
const CAUSE = { name: "cause", label: "Cause", most: 1000 };
const promise = ({ restoration_estimated_at: value }) =>
  ({ name: "restoration_estimated_at", label: "Supply is back by", kind: "time", needed: true, ahead: true, value });
const crew = (ticket) => ({ name: "crew", label: "Crew", most: 200, value: ticket.crew, suggest: crews() });

// `whenever`: holds whatever happened meanwhile, so that no revision need be named.
const TICKET = {
  confirm: {
    label: "Confirm", asks: () => [REASON],
    means: () => "You say that it is real: nothing but a person takes it back. Its incident is confirmed, the ticket follows.",
  },
  acknowledge: {
    label: "Acknowledge", asks: () => [REASON], whenever: true,
    means: () => "You say that somebody has taken it up. The clock for the response stops.",
  },
  dispatch: {
    label: "Dispatch", asks: (t) => [crew(t), REASON],
    means: (t) => (t.state === "dispatched" ? "Another crew is on its way instead." : "A crew is on its way. The clock for the response stops."),
  },
  arrive: { label: "On site", means: () => "The crew is on site. The clocks for response and arrival stop.", asks: (t) => [crew(t), REASON] },
  estimate: {
    label: "Promise a time", asks: (t) => [promise(t), CAUSE, REASON],
    means: () => "You say by when supply is to be back. Service systems are told.",
  },
  restore: {
    label: "Restored", asks: (t) => [{ ...CAUSE, value: t.cause }, REASON],
    means: () => "You say that supply is back. All clocks stop. The gateway verifies it, and opens the ticket again where meters say otherwise.",
  },
  close: {
    label: "Close ticket", asks: (t) => [{ ...CAUSE, value: t.cause }, REASON],
    means: () => "You say that it is done. Where customers are still without supply the ticket is opened again.",
  },
  cancel: {
    label: "Cancel ticket", asks: () => [WHY],
    means: () => "You say that there is nothing to be done. The ticket stays cancelled as long as its incident goes on.",
  },
  reopen: {
    label: "Reopen", asks: () => [WHY],
    means: () => "You say that it is not done after all. The ticket is open until a person ends it.",
  },
  comment: {
    label: "Comment", asks: () => [{ ...WHY, label: "Comment" }], whenever: true,
    means: () => "Your word goes on record, and to service systems as it is.",
  },
};

const INCIDENT = {
  confirm: {
    label: "Confirm", asks: () => [REASON],
    means: () => "You say that it is real: nothing but a person takes it back or rolls it up.",
  },
  cancel: { label: "Withdraw", asks: () => [WHY], means: withdrawn },
  merge: {
    label: "Merge", asks: (i) => [others(i), REASON],
    means: () => "It becomes part of another loss of supply, which carries its members on. Its ticket is merged too.",
  },
  split: {
    label: "Split", asks: (i, more) => [places(i, more), REASON],
    means: () => "Its members at or below the place you choose become an incident of their own, with a ticket of its own.",
  },
};

function withdrawn(incident) {
  const counted = ["outage", "phase_loss", "communications_loss"].includes(incident.kind) && !incident.drill;
  const rows = counted ? `The interruptions of its ${plural(incident.device_count, "device", "devices")} do not count, its` : "Its";
  return `You say that it is not real. ${rows} ticket is cancelled, and the same evidence does not open it again.`;
}

const OF = { ticket: TICKET, incident: INCIDENT };

function crews() {
  const named = [...tickets()?.values() ?? []].map((ticket) => ticket.crew).filter(Boolean);
  return [...new Set(named)].sort().map((name) => [name, name]);
}

// Those that the gateway would take: open losses of at least the same phases below the same root. Nearest first.
function others(incident) {
  const root = incident.places[0]?.id;
  const near = (other) => other.places.filter((place) => incident.places.some(({ id }) => id === place.id)).length;
  const found = [...incidents()?.values() ?? []]
    .filter((other) => other.id !== incident.id && other.state === "open" && ["outage", "phase_loss"].includes(other.kind)
      && other.drill === incident.drill && other.places[0]?.id === root
      && [...incident.phases].every((phase) => other.phases.includes(phase)))
    .map((other) => ({ other, near: near(other) }))
    .sort((a, b) => b.near - a.near || b.other.customers - a.other.customers)
    .slice(0, MOST_OFFERED)
    .map(({ other }) => [other.id, `${headline(other)}, ${lost(other)}, since ${clock(other.started_at)}`]);
  const first = ["", found.length ? "Choose an incident" : "There is none it could be part of"];
  return { name: "into", label: "It is part of", kind: "choice", needed: true, options: [first, ...found] };
}

// Nodes with members below the incident's own; the gateway checks that some lie there and some do not.
function places(incident, { nodes = [] } = {}) {
  return {
    name: "node", label: "Place to split off", needed: true, most: 200, hint: "The id of a node below the incident's own.",
    suggest: nodes.filter(([id]) => id !== incident.node).slice(0, MOST_OFFERED),
  };
}

const subject = (what, of) => (what === "ticket" ? `ticket no. ${of.number}` : headline(of));
const about = (what, of) => (what === "ticket"
  ? `${of.title}. It is ${stateWords(of.state)}.`
  : `${headline(of)}, ${way(of)}. It is ${stateWords(of.state)}; ${lost(of)}.`);
const labels = (what, possible) => possible.map((action) => OF[what][action]?.label ?? words(action)).join(", ") || "nothing";

function offered(what, of) {
  const done = what === "ticket" && of.acknowledged_at ? "acknowledge" : "";
  return of.possible.filter((action) => action in OF[what] && action !== done);
}

// Buttons for what may be done with it now. `more()`: what the questions need to know besides; `done`: after an answer.
export function showActions(box, what, of, { more, done } = {}) {
  keyed(box, offered(what, of), (action) => action, (action) => {
    const node = element("button", "", OF[what][action].label);
    node.type = "button";
    return node;
  }, (node, action) => {
    node.setAttribute("aria-label", `${OF[what][action].label}: ${subject(what, of)}`);
    node.onclick = () => open(what, action, of, { more, done, box, node });
  });
}

// Why somebody sees no buttons; empty where they may act.
export function whyNot() {
  const who = session();
  if (!who || who.role !== "viewer") return "";
  return who.csrf === null
    ? "You may look, not act: sign in as an operator to work on it."
    : `You may look, not act: ${who.name} is a viewer. An operator works on it.`;
}

// As it is known by now: what shows it may be read a moment later than what was done last.
function newest(what, of) {
  const known = (what === "ticket" ? tickets() : incidents())?.get(of.id);
  return known?.revision > of.revision ? { ...of, ...known } : of;
}

function open(what, action, given, around) {
  const { label, means, asks, whenever } = OF[what][action];
  let of = newest(what, given);
  let strict = !whenever; // after an answer that did not come, nothing is said twice
  const path = `/api/${what}s/${encodeURIComponent(of.id)}`;
  const say = (said) => send("POST", `${path}/${action}`, said, strict ? { ifMatch: of.revision } : {});
  const anew = () => get(path).then(({ body }) => body, () => null);

  // Once more where only the gateway has written since, and nothing that matters to it.
  async function sayAgain(said) {
    try {
      return await say(said);
    } catch (error) {
      const now = error.status === 412 ? await anew() : null;
      if (!now || !goesOn(what, action, of, now)) throw error;
      of = now;
      return say(said);
    }
  }

  openDialog({
    title: `${label}: ${subject(what, of)}`,
    about: about(what, of),
    means: means(of),
    fields: asks(of, around.more?.()),
    label,
    back: () => (around.node.isConnected ? around.node : around.box.querySelector("button") ?? around.box.closest("[tabindex]")),
    async submit(said) {
      const answer = await sayAgain(said);
      const later = answer.status === 202;
      put(what, what === "ticket" ? answer.body : answer.body.incident);
      announce(`${label}, ${subject(what, of)}: ${later ? "taken, the effect will follow" : "done"}.`);
      await after(what, of, around);
    },
    async failed(error, dialog) {
      if (error instanceof NoAnswer) {
        strict = true;
        return null;
      }
      if (error.status === 409 || error.status === 412) {
        const now = await anew();
        after(what, of, around);
        if (!now) return error.status === 412 ? "It has changed meanwhile. It cannot be read now." : error.detail;
        const before = of;
        of = now;
        dialog.about(about(what, now));
        const can = offered(what, now);
        dialog.instead(can.filter((other) => other !== action).map((other) => button(OF[what][other].label, () => {
          dialog.close();
          open(what, other, now, around);
        })), !can.includes(action));
        return error.status === 412 ? overtaken(what, before, now, labels(what, now.possible)) : refused(what, error, now);
      }
      return null;
    },
  });
}

const refused = (what, error, now) => (error.possible
  ? `Not possible as things are: it is ${stateWords(now.state)}. Possible now: ${labels(what, error.possible)}.`
  : error.detail);

async function after(what, of, { done }) {
  const incident = what === "incident" ? of.id : of.incident;
  const ticket = what === "ticket" ? of.id : of.ticket;
  await Promise.all([reload("incident", incident), ticket ? reload("ticket", ticket) : null]).catch(() => {});
  await done?.(); // the buttons that are seen next are those of what has become of it
}

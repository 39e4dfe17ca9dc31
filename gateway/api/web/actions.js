// What people do with a ticket from its card. The gateway says what is possible for whom; it is only offered here.

import { byId, element, keyed, setText } from "./dom.js";
import { clock, moment, words } from "./format.js";
import { changeHeaders } from "./signin.js";

const PATIENCE_MS = 15000;
const UNSURE = "The gateway does not answer. It may have been done or not: look at the ticket before you send it again.";

// `asks`: what may be said, by the names of the API; `needs`: what must be. `whenever`: holds whatever happened meanwhile.
const ACTIONS = {
  confirm: { label: "Confirm", means: "The outage is real.", asks: ["reason"] },
  acknowledge: { label: "Acknowledge", means: "Somebody has taken it up.", asks: ["reason"] },
  dispatch: { label: "Dispatch", means: "A crew is on its way.", asks: ["crew", "reason"] },
  arrive: { label: "On site", means: "The crew is on site.", asks: ["crew", "reason"] },
  estimate: {
    label: "Promise a time", means: "By when supply is to be back.", asks: ["restoration_estimated_at", "cause", "reason"],
    needs: "restoration_estimated_at",
  },
  restore: { label: "Restored", means: "Supply is back, to be verified.", asks: ["cause", "reason"] },
  close: { label: "Close", means: "It is done.", asks: ["cause", "reason"] },
  cancel: { label: "Cancel ticket", means: "There is nothing to be done.", asks: ["reason"], needs: "reason" },
  reopen: { label: "Reopen", means: "It is not done after all.", asks: ["reason"], needs: "reason" },
  comment: { label: "Comment", means: "A word on record.", asks: ["reason"], needs: "reason", whenever: true },
};

let asked = null; // { action, ticket, button, card, busy } while the dialog is open
let refresh = async () => {};

const labels = (possible) => possible.map((action) => ACTIONS[action]?.label ?? words(action)).join(", ") || "nothing";
const about = (ticket) => `${ticket.title}. It is ${words(ticket.state)}.`;
const fields = () => [...byId("act-form").querySelectorAll("input, textarea")];

export function showActions(box, ticket) {
  const offered = ticket.possible.filter((action) => action in ACTIONS && !(action === "acknowledge" && ticket.acknowledged_at));
  keyed(box, offered, (action) => action, (action) => {
    const button = element("button", "", ACTIONS[action].label);
    button.type = "button";
    return button;
  }, (button, action) => {
    button.setAttribute("aria-label", `${ACTIONS[action].label}: ticket no. ${ticket.number}`);
    button.onclick = () => open(action, ticket, button);
  });
}

function open(action, ticket, button) {
  asked = { action, ticket, button, card: button.closest("li"), busy: false };
  const { label, means, asks, needs } = ACTIONS[action];
  setText(byId("act-title"), `${label}: ticket no. ${ticket.number}`);
  setText(byId("act-ticket"), about(ticket));
  setText(byId("act-means"), means);
  tell("");
  setText(byId("act-send"), label);
  for (const field of fields()) {
    field.disabled = field.parentElement.hidden = !asks.includes(field.name);
    field.required = field.name === needs;
    field.value = field.type === "datetime-local" ? localTime(ticket[field.name]) : ticket[field.name] ?? "";
  }
  byId("act").showModal();
}

// As the field wants it: this computer's time, to the minute.
function localTime(iso) {
  if (!iso) return "";
  const at = new Date(iso);
  return new Date(at - at.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
}

function said() {
  const filled = fields().filter((field) => !field.disabled && field.value.trim());
  return Object.fromEntries(filled.map((field) =>
    [field.name, field.type === "datetime-local" ? new Date(field.value).toISOString() : field.value.trim()]));
}

function tell(trouble) {
  setText(byId("act-trouble"), trouble);
  if (trouble) byId("act-trouble").scrollIntoView({ block: "nearest" });
}

async function send(event) {
  event.preventDefault();
  const sent = asked;
  const { action, ticket } = sent;
  if (sent.busy) return;
  sent.busy = true;
  setText(byId("act-send"), "Sending");
  tell("");
  try {
    const response = await fetch(`/api/tickets/${encodeURIComponent(ticket.id)}/${action}`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(ACTIONS[action].whenever ? {} : { "if-match": `"${ticket.revision}"` }),
        ...changeHeaders(),
      },
      body: JSON.stringify(said()),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const body = await response.json().catch(() => ({}));
    if (response.ok) done(sent, response.status === 202);
    else if (asked === sent) await refused(sent, response.status, body);
  } catch (error) {
    if (asked === sent) tell(error instanceof TypeError || error.name === "TimeoutError" ? UNSURE : error.message);
  } finally {
    sent.busy = false;
    if (asked === sent) setText(byId("act-send"), ACTIONS[action].label);
  }
}

async function done(sent, later) {
  const { action, ticket, button, card } = sent;
  if (asked === sent) byId("act").close();
  setText(byId("news"), `${ACTIONS[action].label}, ticket no. ${ticket.number}: ${later ? "taken, the ticket will follow" : "done"}.`);
  await refresh();
  if (!asked && !button.isConnected) card.querySelector("button")?.focus();
}

async function refused(sent, status, body) {
  const detail = body.detail ? String(body.detail) : `The gateway answered ${status}.`;
  if (status === 401) {
    byId("act").close(); // the page asks for a token
    refresh();
  } else if (status === 409 && body.possible) {
    tell(`Not possible as things are. Possible now: ${labels(body.possible)}.`);
    refresh();
  } else if (status === 412) {
    tell(`Somebody else was faster, look again. ${await lookAgain(sent)}`);
    refresh();
  } else tell(status === 422 && body.faults ? body.faults.map(inWords).join("\n") : detail);
}

// What it has become. Only who has read that sends again, and on what was read.
async function lookAgain(sent) {
  const path = `/api/tickets/${encodeURIComponent(sent.ticket.id)}`;
  const response = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) }).catch(() => null);
  if (!response?.ok) return "";
  sent.ticket = await response.json();
  setText(byId("act-ticket"), about(sent.ticket));
  const last = sent.ticket.transitions.at(-1);
  return `The ticket is ${words(sent.ticket.state)} now; last: ${words(last.action)} by ${last.by} at ${clock(last.at)}. `
    + `Possible now: ${labels(sent.ticket.possible)}.`;
}

function inWords(fault) {
  const field = fields().find(({ name }) => fault.startsWith(`${name}:`));
  const told = field ? fault.replace(field.name, field.parentElement.firstElementChild.textContent) : fault;
  return told.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, moment);
}

export function setUpActions(again) {
  refresh = again;
  byId("act-form").addEventListener("submit", send);
  byId("act-leave").addEventListener("click", () => byId("act").close());
  byId("act").addEventListener("close", () => { if (!byId("act").open) asked = null; });
}

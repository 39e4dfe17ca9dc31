// Asks the gateway every two seconds and says honestly how old the answer is.

import { setUpActions } from "./actions.js";
import { byId, setClass, setText } from "./dom.js";
import { showFigures, showGateway } from "./figures.js";
import { NotSignedIn, recognise, setUp, wanted } from "./signin.js";
import { showIncidents, showTickets } from "./stories.js";

const PERIOD_MS = 2000;
const PATIENCE_MS = 10000;
const STALE_MS = 7000;
const DEAF_S = 20; // the gateway's own stream ticks every second

let answeredAt = null;
let deafS = 0;
let complaint = "";
let timer = 0;
let strange = false;

async function ask(path) {
  const response = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
  if (response.status === 401) throw new NotSignedIn();
  if (!response.ok) {
    const body = await response.json().catch(() => ({}));
    throw new Error(body.detail ? String(body.detail) : `${path} answered ${response.status}`);
  }
  return response.json();
}

async function refresh() {
  clearTimeout(timer);
  try {
    const [summary, incidents, tickets] = await Promise.all([
      ask("/api/summary"),
      ask("/api/incidents?state=live&limit=100"),
      ask("/api/tickets?limit=30"),
    ]);
    await recognise();
    showFigures(summary);
    showIncidents(incidents, summary.at);
    showTickets(tickets, summary.at);
    showGateway(summary);
    answeredAt = performance.now();
    const heard = summary.gateway.stream_at;
    deafS = heard ? (Date.parse(summary.at) - Date.parse(heard)) / 1000 : Infinity;
    complaint = summary.ready ? "" : `The gateway is not ready:\n${summary.reasons.join("\n")}`;
    strange = false;
  } catch (error) {
    strange = error instanceof NotSignedIn;
    if (strange) {
      answeredAt = null;
      wanted();
    }
    complaint = strange ? "" : error instanceof TypeError || error.name === "TimeoutError"
      ? "The gateway does not answer. What stands below is not current."
      : `${error.message}\nWhat stands below is not current.`;
  }
  showFreshness();
  clearTimeout(timer); // of another that was under way
  if (!strange) timer = setTimeout(refresh, PERIOD_MS); // signing in goes on from here
}

function freshness() {
  if (strange) return ["waiting", "Sign in to see it"];
  if (answeredAt === null) return ["waiting", "Waiting for the gateway"];
  const age = Math.round((performance.now() - answeredAt) / 1000);
  if (age * 1000 > STALE_MS) return ["stale", `Not current: last update ${age} s ago`];
  if (deafS === Infinity) return ["stale", "Not current: the gateway has not begun to work"];
  if (deafS > DEAF_S) return ["stale", `Not current: the gateway is ${Math.round(deafS)} s behind the field`];
  return ["live", `Live, last update ${age} s ago`];
}

function showFreshness() {
  const [state, text] = freshness();
  setText(byId("freshness-text"), text);
  setClass(byId("freshness"), `freshness ${state}`);
  document.body.classList.toggle("not-current", state !== "live");
  const trouble = byId("trouble");
  setText(trouble, complaint);
  trouble.hidden = complaint === "";
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
setInterval(showFreshness, 1000);
setUp(refresh);
setUpActions(refresh);
refresh();

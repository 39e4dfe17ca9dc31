// Asks the gateway every two seconds and says honestly how old the answer is.

import { byId, setClass, setText } from "./dom.js";
import { showFigures, showGateway } from "./figures.js";
import { showIncidents, showTickets } from "./stories.js";

const PERIOD_MS = 2000;
const PATIENCE_MS = 10000;
const STALE_MS = 7000;

let answeredAt = null;
let complaint = "";
let timer = 0;

async function ask(path) {
  const response = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
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
    showFigures(summary);
    showIncidents(incidents, summary.at);
    showTickets(tickets, summary.at);
    showGateway(summary);
    answeredAt = performance.now();
    complaint = summary.ready ? "" : `The gateway is not ready:\n${summary.reasons.join("\n")}`;
  } catch (error) {
    complaint = error instanceof TypeError || error.name === "TimeoutError"
      ? "The gateway does not answer. What stands below is not current."
      : `${error.message}\nWhat stands below is not current.`;
  }
  showFreshness();
  timer = setTimeout(refresh, PERIOD_MS);
}

function showFreshness() {
  const age = answeredAt === null ? null : performance.now() - answeredAt;
  const stale = age !== null && age > STALE_MS;
  setText(byId("freshness-text"),
    age === null ? "Waiting for the gateway"
      : stale ? `Not current: last update ${Math.round(age / 1000)} s ago`
        : `Live, last update ${Math.round(age / 1000)} s ago`);
  setClass(byId("freshness"), `freshness ${age === null ? "waiting" : stale ? "stale" : "live"}`);
  document.body.classList.toggle("not-current", stale || age === null);
  const trouble = byId("trouble");
  setText(trouble, complaint);
  trouble.hidden = complaint === "";
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
setInterval(showFreshness, 1000);
refresh();

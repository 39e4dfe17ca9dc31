// Keeps what is known up to date: told by the stream of changes, asking where there is none; says honestly how old it is.

import { ApiError, NoAnswer, NotSignedIn } from "./api.js";
import { announce } from "./dom.js";
import * as store from "./store.js";

const PERIOD_MS = 2000; // of the summary; it is the pulse, too
const LISTS_MS = 4000; // of everything, while there is no stream
const SURE_MS = 60000; // of everything, beside the stream
const STALE_MS = 7000;
const DEAF_S = 20; // the gateway's own stream ticks every second
const GATHER_MS = 150;
const MANY = 25; // changes at once; beyond that everything is read
const FEW = 5; // changes at once; after more there is a rest
const REST_MS = 1000; // while changes go on: a storm is not answered with a storm of questions
const QUIET_MS = 40000; // the gateway says something every 15 s; a stream without is dead, whatever it looks like
const FIRST_MS = 10000; // within that a new stream says something; a proxy may hold it back
const AGAIN_MS = 15000; // until a refused stream is tried once more
const MOST_WAIT_MS = 30000;

let running = false;
let stops = 0; // what was asked for before one is nobody's answer after it
let timer = 0;
let answeredAt = null; // of the summary; all by performance.now()
let listsAt = null; // until when incidents and tickets are known to be complete, where no stream says so
let source = null;
let heard = false; // the stream stands and has told where it begins
let failed = false; // something that the stream told of could not be read
let toldAt = 0; // when the stream last said anything
let firstTimer = 0;
let againTimer = 0;
let reading = null;
let complaint = "";
const changed = new Map(); // "ticket tkt-…" -> [what, id]
let gather = 0;
let flushing = false;
let spoken = "";

const streaming = () => heard && !failed;

// Why what is shown cannot be current, in words; empty when nothing is wrong.
export const trouble = () => complaint;

export function freshness() {
  if (!running) return { state: "waiting", text: "Sign in to see it" };
  if (answeredAt === null || (listsAt === null && !streaming())) return { state: "waiting", text: "Waiting for the gateway" };
  const at = performance.now();
  const age = Math.round((at - Math.min(answeredAt, streaming() ? at : listsAt)) / 1000);
  if (age * 1000 > STALE_MS) return { state: "stale", text: `Not current: last update ${age} s ago` };
  const { at: told, gateway } = store.summary();
  if (!gateway.stream_at) return { state: "stale", text: "Not current: the gateway has not begun to work" };
  const deaf = Math.round((Date.parse(told) - Date.parse(gateway.stream_at)) / 1000);
  if (deaf > DEAF_S) return { state: "stale", text: `Not current: the gateway is ${deaf} s behind the field` };
  return { state: "live", text: streaming() ? `Live, last update ${age} s ago` : `Asking every few seconds, last update ${age} s ago` };
}

export function start() {
  if (running) return;
  running = true;
  spoken = "";
  tick();
}

// Nothing is known any more: whoever looks has to sign in.
export function stop() {
  running = false;
  stops += 1;
  clearTimeout(timer);
  clearTimeout(againTimer);
  close();
  clearTimeout(gather);
  gather = 0;
  changed.clear();
  answeredAt = listsAt = reading = null;
  failed = false;
  complaint = "";
  store.forget();
  for (const topic of ["summary", "incidents", "tickets"]) store.tell(topic);
  beat();
}

// Now, not at the next beat: after an action, or when the page is looked at again.
export function refresh() {
  return running ? tick() : Promise.resolve();
}

async function tick() {
  if (!running) return;
  clearTimeout(timer);
  const mine = stops;
  let wait = PERIOD_MS;
  try {
    const whole = listsDue() ? readAll() : null;
    await Promise.all([store.readSummary(), whole]);
    if (mine !== stops) return;
    answeredAt = performance.now();
    const { ready, reasons } = store.summary();
    complaint = ready ? "" : `The gateway is not ready:\n${reasons.join("\n")}`;
    if (!source && !againTimer) open();
  } catch (error) {
    if (mine !== stops || error instanceof NotSignedIn) return;
    if (!(error instanceof ApiError || error instanceof NoAnswer)) reportError(error);
    complaint = `${error.message}\nWhat stands below is not current.`;
    wait = Math.min(Math.max(PERIOD_MS, (error.retryAfterS ?? 0) * 1000), MOST_WAIT_MS);
  }
  beat();
  clearTimeout(timer); // of another that was under way
  if (running) timer = setTimeout(tick, wait);
}

function listsDue() {
  if (listsAt === null || failed) return true;
  return performance.now() - listsAt >= (heard ? SURE_MS : LISTS_MS) - PERIOD_MS / 2;
}

// Everything; whoever asks while it is being read gets that one, unless it began before what they were told of.
function readAll() {
  if (!reading) {
    const begun = performance.now();
    const mine = store.readAll().then(() => {
      if (reading === mine) {
        listsAt = begun;
        failed = false;
      }
    }).finally(() => {
      if (reading === mine) reading = null;
    });
    reading = mine;
  }
  return reading;
}

async function readAnew() {
  await reading?.catch(() => {});
  return readAll();
}

function open() {
  againTimer = 0;
  if (!running || source) return;
  const mine = new EventSource("/api/events");
  source = mine;
  firstTimer = setTimeout(() => later(mine), FIRST_MS);
  mine.addEventListener("resync", () => told(mine, resync));
  mine.addEventListener("change", (event) => told(mine, () => take(JSON.parse(event.data))));
  mine.addEventListener("beat", () => told(mine, () => {}));
  mine.addEventListener("trouble", () => told(mine, lose)); // a resync follows
  mine.addEventListener("end", lose); // and comes back by itself, with the number of the last event
  mine.addEventListener("open", () => {
    // Come back: what was missed is told now, or a resync; both before anything else.
    toldAt = performance.now();
    if (mine === source && listsAt !== null && mine.resumed) heard = true;
    mine.resumed = true;
  });
  mine.addEventListener("error", () => {
    lose();
    if (mine.readyState === EventSource.CLOSED) later(mine); // refused: too many streams, or a proxy
  });
}

function told(mine, then) {
  if (mine !== source) return;
  clearTimeout(firstTimer);
  toldAt = performance.now();
  then();
}

async function resync() {
  heard = true;
  failed = true; // until it is read
  await readAnew().catch(() => {});
  tick();
}

function take({ what, id }) {
  heard = true;
  if (what !== "incident" && what !== "ticket") return;
  changed.set(`${what} ${id}`, [what, id]);
  soon(GATHER_MS);
}

function soon(ms) {
  if (!gather && !flushing && changed.size) gather = setTimeout(flush, ms);
}

async function flush() {
  gather = 0;
  flushing = true; // what comes meanwhile waits, and is one more question at most
  const these = [...changed.values()];
  changed.clear();
  try {
    if (these.length > MANY) await readAnew();
    else await Promise.all(these.map(([what, id]) => store.reload(what, id)));
  } catch {
    failed = true; // the next beat reads everything
  }
  await tick();
  flushing = false;
  if (running) soon(these.length > FEW ? REST_MS : GATHER_MS);
}

function lose() {
  if (heard) listsAt = performance.now();
  heard = false;
  beat();
}

function later(mine) {
  if (mine !== source) return;
  close();
  if (running) {
    againTimer = setTimeout(open, AGAIN_MS);
    tick();
  }
}

function close() {
  clearTimeout(firstTimer);
  clearTimeout(againTimer);
  againTimer = 0;
  source?.close();
  source = null;
  if (heard) listsAt = performance.now();
  heard = false;
}

// Once a second; spoken only when it turns, not while it counts.
function beat() {
  if (heard && performance.now() - toldAt > QUIET_MS) {
    close(); // half open: it will never say so itself
    open();
  }
  const { state, text } = freshness();
  if (spoken && spoken !== state && state !== "waiting") announce(state === "live" ? "Live again" : text);
  if (state !== "waiting") spoken = state;
  store.tell("freshness");
}

export function setUp() {
  setInterval(beat, 1000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
  addEventListener("online", refresh);
  addEventListener("pagehide", close); // a page kept for going back must not hold a stream
  addEventListener("pageshow", (event) => { if (event.persisted) refresh(); });
}

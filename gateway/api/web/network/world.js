// What the three views and the detail have in common: the model, what is selected, and keeping both up to date.

import { getKept, NotSignedIn } from "../core/api.js";
import { go, onRoute, route } from "../core/router.js";
import * as store from "../core/store.js";
import { Model } from "./model.js";

const PAUSE_MS = 1000; // between two questions for the state
const AGAIN_MS = 5000; // after one that was not answered
const PICTURE_PATIENCE_MS = 60000; // a million nodes take some seconds on a slow line

const listeners = new Set();
let known = null;
let tag = null;
let chosen = { selected: -1, lit: -1 };
let asking = null;
let again = false;
let trouble = "";
let begun = false;

export const model = () => known;
// Place of the node that is selected; −1 for none.
export const selected = () => chosen.selected;
// Place of the node that an open incident or ticket is about, whatever is below it belongs to it; −1 for none.
export const lit = () => chosen.lit;
// Why there is nothing to show, or nothing new.
export const why = () => trouble;

// `fn(what)`: "picture" (another model), "state" (other sums in it), "choice" (selected or lit), "trouble".
export function onWorld(fn) {
  listeners.add(fn);
  return () => listeners.delete(fn);
}

function tell(what) {
  for (const fn of [...listeners]) {
    try {
      fn(what);
    } catch (error) {
      reportError(error);
    }
  }
}

export function select(place) {
  if (known && place >= 0 && place < known.count) go("node", known.ids[place]);
}

function choose() {
  const { view, id } = route();
  const next = { selected: -1, lit: -1 };
  if (known && view === "node") next.selected = known.place(id);
  if (known && view === "incident") next.lit = placeOfIncident(id);
  if (known && view === "ticket") next.lit = placeOfIncident(store.tickets()?.get(id)?.incident);
  if (next.selected === chosen.selected && next.lit === chosen.lit) return;
  chosen = next;
  tell("choice");
}

function placeOfIncident(id) {
  const here = known.incidents.find((one) => one.id === id);
  if (here) return here.node;
  const node = store.incidents()?.get(id)?.node;
  return node === undefined ? -1 : known.place(node);
}

// The first who looks has everything read; it is kept up to date from then on.
export function begin() {
  if (begun) return;
  begun = true;
  session = nameOf(store.session());
  onRoute(choose);
  store.on("incidents", refresh);
  store.on("summary", counted);
  store.on("session", anew);
  refresh();
}

// Summaries come every few seconds; only one with other figures is a reason to ask.
let figures = "";
function counted() {
  const now = JSON.stringify(store.summary()?.customers ?? null);
  if (now === figures) return;
  figures = now;
  refresh();
}

let session = null;
const nameOf = (who) => (who ? `${who.name} ${who.below}` : null);

function anew() {
  const name = nameOf(store.session());
  if (name === session) return;
  session = name;
  known = null; // another person sees another part
  tag = null;
  chosen = { selected: -1, lit: -1 };
  tell("picture");
  refresh();
}

// Ask now, or as soon as the pause is over: whatever comes meanwhile is one question.
export function refresh() {
  if (!store.session()) return;
  if (asking) {
    again = true;
    return;
  }
  again = false;
  asking = look().then(() => PAUSE_MS, (error) => {
    if (error instanceof NotSignedIn) return null;
    trouble = error.message;
    tell("trouble");
    again = true;
    return AGAIN_MS;
  }).then((pause) => {
    if (pause === null) {
      asking = null;
      return;
    }
    setTimeout(() => {
      asking = null;
      if (again) refresh();
    }, pause);
  });
}

async function look() {
  const who = session;
  let { body, etag } = await getKept("/api/network/state");
  if (!known || known.revision !== body.revision) {
    const { body: picture } = await getKept("/api/network/picture", PICTURE_PATIENCE_MS);
    if (who !== session) return;
    if (picture.revision !== body.revision) ({ body, etag } = await getKept("/api/network/state"));
    if (who !== session || picture.revision !== body.revision) {
      again = true;
      return;
    }
    known = new Model(picture);
    known.apply(body);
    tag = etag;
    trouble = "";
    chosen = { selected: -1, lit: -1 };
    tell("picture");
    choose();
    return;
  }
  if (who !== session) return;
  const mended = trouble !== "";
  trouble = "";
  if (etag !== tag || !etag) {
    known.apply(body);
    tag = etag;
    tell("state");
    choose();
  } else if (mended) tell("trouble");
}

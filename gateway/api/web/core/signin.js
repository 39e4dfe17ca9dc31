// Signing in: the token goes to the gateway once; what comes back is a cookie that no script can read.

import { ApiError, NotSignedIn, get, onStranger, send, useCsrf } from "./api.js";
import { byId, hush, setText } from "./dom.js";
import * as live from "./live.js";
import { session, setSession } from "./store.js";
import { forget, keepOnlyFor, putAway } from "./unsaid.js";

const PATH = "/api/session";
const OVER = "Your sign-in is over. Sign in again to go on where you were.";
const NO_COOKIE = "The token is good, but this browser does not keep the sign-in: allow cookies for this page.";
const KEPT = "What you had typed has not been sent. It is kept until you have signed in again and ask for the same.";

// Other windows of this browser have the same cookie: who signs in or out in one does so in all.
const others = new BroadcastChannel("feederline-session");

function offer(form) {
  byId("sign-in").hidden = !form;
  byId("sign-in-open").setAttribute("aria-expanded", String(form));
  if (form) byId("token").focus();
}

// Who one is; without an answer the page waits, and asks again. Gives false where one is nobody.
async function recognise() {
  try {
    const { body } = await get(PATH);
    welcome(body);
  } catch (error) {
    if (error instanceof NotSignedIn) return false;
    setText(byId("freshness-text"), `${error.message} Asking again.`);
    setTimeout(recognise, 2000);
  }
  return true;
}

function welcome(who) {
  keepOnlyFor(who);
  useCsrf(who.csrf);
  const part = who.below.length ? `, below ${who.below.join(", ")}` : "";
  setText(byId("who-name"), `${who.name} (${who.role}${part})`);
  byId("sign-out").hidden = who.csrf === null;
  byId("sign-in-open").hidden = who.csrf !== null;
  byId("who").hidden = false;
  const form = !byId("sign-in").hidden;
  offer(false);
  byId("inside").hidden = false;
  setSession(who);
  live.start();
  if (form) byId("main").focus({ preventScroll: true }); // how things stand is on top
}

// Nothing stays of who was here. Gives whether they were typing.
function leave() {
  const typed = putAway();
  hush();
  live.stop();
  setText(byId("who-name"), "");
  setSession(null);
  return typed;
}

// The gateway wants to know who asks: nothing is shown to anybody who may not see it. The address stays.
function wanted() {
  useCsrf(null);
  byId("who").hidden = true;
  byId("inside").hidden = true;
  const known = session();
  const typed = leave();
  if (known) setText(byId("sign-in-why"), typed ? `${OVER} ${KEPT}` : OVER);
  if (byId("sign-in").hidden) offer(true);
}

async function signIn(event) {
  event.preventDefault();
  const field = byId("token");
  const token = field.value;
  field.value = "";
  try {
    await send("POST", PATH, { token });
    setText(byId("sign-in-trouble"), "");
    setText(byId("sign-in-why"), "");
    live.stop();
    if (!(await recognise()) || session()?.csrf === null) throw new NotSignedIn(NO_COOKIE);
    others.postMessage("");
  } catch (error) {
    const known = error instanceof NotSignedIn || error instanceof ApiError;
    setText(byId("sign-in-trouble"), known ? error.message : "The gateway does not answer.");
    field.focus();
  }
}

async function signOut() {
  await send("DELETE", PATH).catch(() => {});
  leave(); // by one's own will: no word about a sign-in that is over, and nothing to go on with
  forget();
  byId("inside").hidden = true;
  others.postMessage("");
  recognise();
}

// Somebody else may be signed in now, or nobody: nothing of who was here before is kept.
async function elsewhere() {
  const before = session();
  const now = await get(PATH).then(({ body }) => body, () => null); // that nobody is, is dealt with already
  if (!now || !before || (now.csrf === before.csrf && now.name === before.name)) return;
  leave();
  welcome(now);
}

export function setUpSignIn() {
  onStranger(wanted);
  others.addEventListener("message", () => { if (session()) elsewhere(); else recognise(); });
  byId("sign-in").addEventListener("submit", signIn);
  byId("sign-in-open").addEventListener("click", () => offer(byId("sign-in").hidden)); // who may read without may want more
  byId("sign-out").addEventListener("click", signOut);
  recognise();
}

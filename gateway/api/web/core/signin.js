// Signing in: the token goes to the gateway once; what comes back is a cookie that no script can read.

import { ApiError, NotSignedIn, get, onStranger, send, useCsrf } from "./api.js";
import { byId, setText } from "./dom.js";
import * as live from "./live.js";
import { session, setSession } from "./store.js";

const PATH = "/api/session";

function offer(form) {
  byId("sign-in").hidden = !form;
  byId("sign-in-open").setAttribute("aria-expanded", String(form));
  if (form) byId("token").focus();
}

// Who one is; without an answer the page waits, and asks again.
async function recognise() {
  try {
    const { body } = await get(PATH);
    welcome(body);
  } catch (error) {
    if (error instanceof NotSignedIn) return;
    setText(byId("freshness-text"), `${error.message} Asking again.`);
    setTimeout(recognise, 2000);
  }
}

function welcome(who) {
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
  if (form) byId("main").focus();
}

// The gateway wants to know who asks: nothing is shown to anybody who may not see it. The address stays.
function wanted() {
  useCsrf(null);
  byId("who").hidden = true;
  byId("inside").hidden = true;
  document.querySelectorAll("dialog[open]").forEach((dialog) => dialog.close());
  if (session()) setText(byId("sign-in-why"), "Your sign-in is over. Sign in again to go on where you were.");
  live.stop();
  setSession(null);
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
    await recognise();
  } catch (error) {
    const known = error instanceof NotSignedIn || error instanceof ApiError;
    setText(byId("sign-in-trouble"), known ? error.message : "The gateway does not answer.");
    field.focus();
  }
}

async function signOut() {
  await send("DELETE", PATH).catch(() => {});
  setSession(null); // by one's own will: no word about a sign-in that is over
  live.stop();
  byId("inside").hidden = true;
  recognise();
}

export function setUpSignIn() {
  onStranger(wanted);
  byId("sign-in").addEventListener("submit", signIn);
  byId("sign-in-open").addEventListener("click", () => offer(byId("sign-in").hidden)); // who may read without may want more
  byId("sign-out").addEventListener("click", signOut);
  recognise();
}

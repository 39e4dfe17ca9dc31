// Signing in: the token goes to the gateway once; what comes back is a cookie that no script can read.

import { byId, setText } from "./dom.js";

const PATH = "/api/session";

let csrf = null;
let known = false;
let proceed = () => {};

export class NotSignedIn extends Error {}

// What a change needs besides the cookie.
export const changeHeaders = () => (csrf ? { "X-CSRF-Token": csrf } : {});

async function session(method, options = {}) {
  const response = await fetch(PATH, { method, cache: "no-store", ...options });
  const body = response.status === 204 ? {} : await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.detail ? String(body.detail) : `${PATH} answered ${response.status}`);
  return body;
}

function show(who) {
  known = true;
  csrf = who.csrf;
  const part = who.below.length ? `, below ${who.below.join(", ")}` : "";
  setText(byId("who-name"), `${who.name} (${who.role}${part})`);
  byId("sign-out").hidden = csrf === null;
  byId("sign-in-open").hidden = csrf !== null;
  byId("who").hidden = false;
}

// Who one is, once it is known that one is let in.
export async function recognise() {
  if (known) return;
  show(await session("GET"));
  offer(false);
  byId("main").hidden = false;
}

function offer(form) {
  byId("sign-in").hidden = !form;
  byId("sign-in-open").setAttribute("aria-expanded", String(form));
  if (form) byId("token").focus();
}

// The gateway wants to know who asks: nothing is shown to anybody who may not see it.
export function wanted() {
  known = false;
  csrf = null;
  byId("who").hidden = true;
  byId("main").hidden = true;
  if (byId("sign-in").hidden) offer(true);
}

async function signIn(event) {
  event.preventDefault();
  const field = byId("token");
  const body = JSON.stringify({ token: field.value });
  field.value = "";
  try {
    await session("POST", { body, headers: { "content-type": "application/json" } });
    setText(byId("sign-in-trouble"), "");
    known = false;
    proceed();
  } catch (error) {
    setText(byId("sign-in-trouble"), error instanceof TypeError ? "The gateway does not answer." : error.message);
    field.focus();
  }
}

async function signOut() {
  await session("DELETE", { headers: changeHeaders() }).catch(() => {});
  known = false;
  proceed();
}

export function setUp(refresh) {
  proceed = refresh;
  byId("sign-in").addEventListener("submit", signIn);
  byId("sign-in-open").addEventListener("click", () => offer(byId("sign-in").hidden)); // who may read without may want more
  byId("sign-out").addEventListener("click", signOut);
}

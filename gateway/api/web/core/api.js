// Asking the gateway, and telling it. Every answer is `{status, body, etag}`; what is no good answer is thrown.

const PATIENCE_MS = 10000;
const LONGER_MS = 15000; // for changes: a doubt about whether one was made is worse than waiting

export class NotSignedIn extends Error {}

// No answer at all: nobody there, or not in time. Of a change it is not known whether it was made.
export class NoAnswer extends Error {
  constructor(why = "The gateway does not answer.") {
    super(why);
  }
}

const NOT_IT = "What answers is not the gateway, or it was changed on the way.";

// Something in between answers with a page of its own, or with half an answer: nothing of it is shown.
export function expect(fits) {
  if (!fits) throw new NoAnswer(NOT_IT);
}

// What the gateway refused, in its words. `faults`: of a 422; `possible`: of a 409; `retryAfterS`: of a 429 or 503.
export class ApiError extends Error {
  constructor(status, body, retryAfterS) {
    super(body.detail ? String(body.detail) : `The gateway answered ${status}.`);
    this.status = status;
    this.detail = this.message;
    this.faults = Array.isArray(body.faults) ? body.faults.map(String) : [];
    this.possible = Array.isArray(body.possible) ? body.possible.map(String) : null;
    this.revision = body.revision ?? null;
    this.retryAfterS = retryAfterS;
  }
}

let csrf = null;
let strange = () => {};

// What a change needs besides the cookie; null for those without one.
export function useCsrf(given) {
  csrf = given;
}

// For what asks by itself; `send` adds them.
const changeHeaders = () => (csrf ? { "x-csrf-token": csrf } : {});

// Called when the gateway wants to know who asks.
export function onStranger(fn) {
  strange = fn;
}

async function ask(method, path, headers, body, patience, cache = "no-store") {
  let response;
  let told;
  try {
    response = await fetch(path, { method, headers, body, cache, signal: AbortSignal.timeout(patience) });
    const text = response.status === 204 ? "" : await response.text();
    told = text && (response.headers.get("content-type") ?? "").includes("json") ? JSON.parse(text) : null;
  } catch (error) {
    if (response && error instanceof SyntaxError) told = null;
    else throw new NoAnswer();
  }
  const fits = told !== null && typeof told === "object";
  if (response.ok) expect(fits || response.status === 204);
  if (response.ok) return { status: response.status, body: told, etag: response.headers.get("etag") };
  const error = new ApiError(response.status, fits ? told : {}, Number(response.headers.get("retry-after")) || 0);
  if (response.status !== 401) throw error;
  if (method !== "POST" || path !== "/api/session") strange(); // a wrong token leaves things as they are
  throw new NotSignedIn(error.message);
}

export const get = (path) => ask("GET", path, {}, undefined, PATIENCE_MS);

// For what is large and seldom changes: the browser keeps it, asks whether it still holds, and answers from what it kept.
export const getKept = (path, patience = PATIENCE_MS) => ask("GET", path, {}, undefined, patience, "no-cache");

// `ifMatch`: the revision that was read (a number, or a text such as `*`).
export function send(method, path, body, { ifMatch } = {}) {
  const headers = changeHeaders();
  if (body !== undefined) headers["content-type"] = "application/json";
  if (ifMatch !== undefined) headers["if-match"] = typeof ifMatch === "number" ? `"${ifMatch}"` : ifMatch;
  return ask(method, path, headers, body === undefined ? undefined : JSON.stringify(body), LONGER_MS);
}

// What only one view needs is read while that view is shown, and not otherwise.

import { ApiError, NoAnswer, NotSignedIn } from "./api.js";
import { onRoute } from "./router.js";
import { on, session, summary } from "./store.js";

// `read()` is asked when the view is entered, every `ms` while it is shown, and whenever the function that this gives is
// called. `failed(words)` is told what went wrong, in words, and "" when nothing did. `forget()`: whoever saw it is gone.
export function whileShown(view, ms, { read, failed, forget }) {
  let timer = 0;
  let busy = null;
  let again = false;

  // Not before the gateway's time is known: ages are reckoned by it.
  const shown = () => session() && summary() && !document.hidden && document.body.dataset.view === view;

  async function turn() {
    clearTimeout(timer);
    timer = 0;
    if (!shown()) return;
    if (busy) {
      again = true; // it may have changed after it was read
      await busy;
      return;
    }
    busy = once();
    await busy;
    busy = null;
    if (again) {
      again = false;
      await turn();
    } else if (shown()) timer = setTimeout(turn, ms);
  }

  async function once() {
    try {
      await read();
      failed("");
    } catch (error) {
      if (error instanceof NotSignedIn) return;
      if (error instanceof ApiError) failed(error.message);
      else if (!(error instanceof NoAnswer)) reportError(error); // that nobody answers is told for the whole page
    }
  }

  const enter = () => queueMicrotask(() => { if (!timer && !busy) turn(); });
  onRoute(enter);
  document.addEventListener("visibilitychange", enter);
  on("summary", enter);
  on("session", () => { if (!session()) forget(); });
  return turn;
}

const LEAST_MS = 1500; // between two readings: in a storm everything changes all the time

// A detail that is open: read at once and every `ms`, until the function that this gives is called. Its `soon()` has it
// read earlier; however often that is called, one reading follows the other.
export function whileOpen(ms, read) {
  let over = false;
  let busy = false;
  let again = false;
  let timer = 0;
  let readAt = -Infinity;
  async function turn() {
    clearTimeout(timer);
    if (over) return;
    busy = true;
    await read().catch((error) => { if (!(error instanceof NotSignedIn)) reportError(error); });
    busy = false;
    readAt = performance.now();
    if (!over) timer = setTimeout(turn, again ? LEAST_MS : ms);
    again = false;
  }
  function close() {
    over = true;
    clearTimeout(timer);
  }
  close.soon = () => {
    if (busy) again = true;
    else if (!over) {
      clearTimeout(timer);
      timer = setTimeout(turn, Math.max(0, readAt + LEAST_MS - performance.now()));
    }
  };
  turn();
  return close;
}

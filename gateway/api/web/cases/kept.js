// A detail that stays true while it is open: read anew when its revision has moved, its clocks every second.

import { ApiError, NoAnswer, NotSignedIn } from "../core/api.js";
import { on, session } from "../core/store.js";

const LEAST_MS = 1500; // between two readings that nobody asked for: in a storm an incident changes every second

// `load()` gives a function that shows what was read; `changed()`: whether what is known elsewhere is newer.
export function keptUp({ load, tell, changed, tick, topics }) {
  let closed = false;
  let reading = null;
  let next = null; // of those who ask while it is being read
  let readAt = -Infinity;
  let later = 0;

  // Resolves when something that was read after this call is shown.
  function reload() {
    clearTimeout(later);
    later = 0;
    if (closed || !session()) return Promise.resolve();
    if (!reading) return (reading = read());
    next ??= reading.then(() => {
      next = null;
      return reload();
    });
    return next;
  }

  async function read() {
    try {
      const show = await load();
      if (!closed) {
        show();
        tell("");
      }
    } catch (error) {
      if (!closed) fault(error);
    } finally {
      reading = null;
      readAt = performance.now();
    }
  }

  function fault(error) {
    if (error instanceof NotSignedIn) return;
    tell(error.status === 404 ? "There is none, or it lies outside your part of the network." : `${error.message} What stands here may be old.`);
    if (!(error instanceof ApiError || error instanceof NoAnswer)) reportError(error);
  }

  const offs = topics.map((topic) => on(topic, () => {
    if (changed() && !later) later = setTimeout(reload, Math.max(0, readAt + LEAST_MS - performance.now()));
  }));
  offs.push(on("session", reload)); // others may do other things
  const timer = setInterval(tick, 1000);
  reload();
  return {
    reload,
    close() {
      closed = true;
      clearInterval(timer);
      clearTimeout(later);
      for (const off of offs) off();
    },
  };
}

// A detail that stays true while it is open: read anew when its revision has moved, its clocks every second.

import { NotSignedIn } from "../core/api.js";
import { on } from "../core/store.js";

// `load()` gives a function that shows what was read; `changed()`: whether what is known elsewhere is newer.
export function keptUp({ load, tell, changed, tick, topics }) {
  let closed = false;
  let reading = false;
  let again = false;

  async function reload() {
    if (closed) return;
    if (reading) {
      again = true;
      return;
    }
    reading = true;
    try {
      const show = await load();
      if (!closed) {
        show();
        tell("");
      }
    } catch (error) {
      if (!closed && !(error instanceof NotSignedIn)) tell(error.status === 404 ? "There is none, or it lies outside your part of the network." : `${error.message} What stands here may be old.`);
      if (!error.status && error.name !== "Error" && !(error instanceof NotSignedIn)) reportError(error);
    } finally {
      reading = false;
      if (again) {
        again = false;
        reload();
      }
    }
  }

  const offs = topics.map((topic) => on(topic, () => { if (changed()) reload(); }));
  offs.push(on("session", reload)); // others may do other things
  const timer = setInterval(tick, 1000);
  reload();
  return {
    reload,
    close() {
      closed = true;
      clearInterval(timer);
      for (const off of offs) off();
    },
  };
}

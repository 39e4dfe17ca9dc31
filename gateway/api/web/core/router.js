// Where one is, in the address: #/now, #/incident/<id> and so on. Signing in or a reload does not lose it.

const LISTS = ["now", "tickets", "devices", "deliveries", "gateway"];
const DETAILS = { incident: "now", node: "now", ticket: "tickets", device: "devices" };

const listeners = new Set();

export const isDetail = (view) => Object.hasOwn(DETAILS, view); // an address may say anything, such as `toString`
// The list that a detail belongs to.
export const listOf = (view) => (isDetail(view) ? DETAILS[view] : view);

function parsed(hash) {
  const [view, ...rest] = hash.replace(/^#\/?/, "").split("/");
  const text = rest.join("/");
  if (LISTS.includes(view) && !text) return { view, id: null };
  if (isDetail(view) && text) {
    try {
      return { view, id: decodeURIComponent(text) };
    } catch { /* not written by us */ }
  }
  return { view: "now", id: null };
}

// `id` is null in lists.
export const route = () => parsed(location.hash);

export const href = (view, id) => `#/${view}${id === undefined || id === null ? "" : `/${encodeURIComponent(id)}`}`;

export function go(view, id) {
  location.hash = href(view, id);
}

export function onRoute(fn) {
  listeners.add(fn);
  return () => listeners.delete(fn);
}

addEventListener("hashchange", () => { for (const fn of [...listeners]) fn(route()); });

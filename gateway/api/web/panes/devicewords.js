// Devices in words that are the same in the list and in the detail.

import { among } from "../core/names.js";
import { now } from "../core/store.js";

const QUIET = 3; // intervals; as the gateway counts silent ones
const LEAST_S = 900;
const MOST_S = 172800;

export const placeOf = ({ node, node_name: name }) => (name && name !== node ? `${among(name)} (${among(node)})` : among(node));

// Nothing is measured of a concentrator itself.
export function silent(device) {
  if (device.kind === "concentrator") return false;
  const allowed = Math.min(Math.max(QUIET * device.interval_s, LEAST_S), MOST_S) * 1000;
  return !device.last_reading_at || now() - Date.parse(device.last_reading_at) > allowed;
}

export function stateOf(device) {
  if (device.state === "off") return { tone: "bad", word: "■ off" };
  if (device.state === "unknown") return { tone: "warn", word: "? unknown" };
  if (silent(device)) return { tone: "quiet", word: "○ silent" };
  return { tone: "good", word: "● on" };
}

// Names that others gave: they may be written from right to left, or try to turn what stands beside them.

const TURNING = /[\u202a-\u202e\u2066\u2067]/g; // embeddings, overrides and isolates that may never end
const FROM_RIGHT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]|[\ud802\ud803\ud83a\ud83b]/;

// Without what turns the text behind it; that something was there is seen.
export const upright = (text) => (typeof text === "string" ? text.replace(TURNING, "\ufffd") : text);

// To be put among other words: a name from right to left does not take the figures behind it along.
export function among(name) {
  return FROM_RIGHT.test(name) ? `\u2068${name.replace(/[\u2068\u2069]/g, "")}\u2069` : name;
}

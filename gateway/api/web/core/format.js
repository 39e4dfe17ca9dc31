// Figures and times as people read them. Nothing is ever rounded in our favour; no unit stands alone on a line.

const GAP = "\u00a0";
const count = new Intl.NumberFormat("en-GB");

export const number = (value) => (value === null || value === undefined ? "no data" : count.format(value));

// Cut, not rounded: 0.99999996 must not read as 100 %.
export function percent(share, digits = 4) {
  return cut(share, digits, Math.floor, 1e-6);
}

// For shares that are bad news: the least trace stays visible.
export function percentAtMost(share, digits = 4) {
  return cut(share, digits, Math.ceil, -1e-6);
}

function cut(share, digits, toward, slack) {
  if (share === null || share === undefined) return "no data";
  const scale = 10 ** digits;
  return `${(Math.max(0, toward(share * 100 * scale + slack)) / scale).toFixed(digits)}${GAP}%`;
}

// Rounded up, as bad news is; adding 0 leaves no negative zero, which would be written as "-0".
const raised = (value, digits) => Math.ceil(value * 10 ** digits - 1e-6) / 10 ** digits + 0;

// Minutes are bad news.
export function minutes(value, digits = 2) {
  if (value === null || value === undefined) return "no data";
  return `${raised(value, digits).toFixed(digits)}${GAP}min`;
}

// How many times as fast as it may: bad news too.
export const times = (rate) => `${count.format(raised(rate, rate < 10 ? 2 : 0))}${GAP}×`;

export function clock(iso) {
  return new Date(iso).toLocaleTimeString("en-GB");
}

export function moment(iso) {
  return new Date(iso).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });
}

// Between two times of the gateway: the browser's own clock may be wrong and is not asked.
export function span(fromIso, toIso) {
  const seconds = Math.max(0, Math.round((Date.parse(toIso) - Date.parse(fromIso)) / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const hours = Math.floor(seconds / 3600);
  if (hours < 48) return `${hours} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

export const words = (name) => String(name).replaceAll("_", " ");

export const plural = (n, one, many) => `${number(n)} ${n === 1 ? one : many}`;

// Where nodes are, in metres on a flat sheet: which of them have coordinates at all, and what is odd about these.

const RADIUS_M = 6371008.8;
const RAD = Math.PI / 180;
const USUAL = 0.005; // share at each edge that may lie outside what is shown first
const FAR = 20; // so many times the usual extent is far off

// `x`, `y`: Float64Array[n], metres east and north of the middle, NaN without coordinates. `box`: what to show first.
// `odd`: sentences about what is strange; `missing`: how many have no coordinates.
export function placesOf(model) {
  const n = model.count;
  const x = new Float64Array(n).fill(NaN), y = new Float64Array(n).fill(NaN);
  const having = [];
  let zero = 0, wrong = 0, missing = 0;
  for (let i = 0; i < n; i++) {
    const lat = model.lat[i], lon = model.lon[i];
    if (Number.isNaN(lat) || Number.isNaN(lon)) missing++;
    else if (!(Math.abs(lat) <= 90 && Math.abs(lon) <= 180)) wrong++;
    else if (lat === 0 && lon === 0) zero++;
    else having.push(i);
  }
  const odd = [];
  if (wrong) odd.push(`${wrong} outside the range of coordinates`);
  if (zero) odd.push(`${zero} at 0, 0, taken as unknown`);
  const result = { x, y, having: Int32Array.from(having), missing: missing + wrong + zero, odd, box: null };
  if (!having.length) return result;

  const cut = emptiest(having.map((i) => model.lon[i]));
  const east = (lon) => (((lon - cut) % 360) + 360) % 360;
  const lats = Float64Array.from(having, (i) => model.lat[i]).sort();
  const easts = Float64Array.from(having, (i) => east(model.lon[i])).sort();
  const middle = [lats[lats.length >> 1], easts[easts.length >> 1]];
  const shrink = Math.max(0.01, Math.cos(middle[0] * RAD));
  for (const i of having) {
    x[i] = (east(model.lon[i]) - middle[1]) * RAD * RADIUS_M * shrink;
    y[i] = (model.lat[i] - middle[0]) * RAD * RADIUS_M;
  }
  const xs = Float64Array.from(having, (i) => x[i]).sort(), ys = Float64Array.from(having, (i) => y[i]).sort();
  const whole = [xs[0], ys[0], xs[xs.length - 1], ys[ys.length - 1]];
  const low = Math.floor(having.length * USUAL), high = having.length - 1 - low;
  const usual = [xs[low], ys[low], xs[high], ys[high]];
  const extent = ([x0, y0, x1, y1]) => Math.max(x1 - x0, y1 - y0);
  if (extent(whole) === 0 && having.length > 1) odd.push("all at the same place");
  // Of few nodes no share lies outside: one that is far off is found by the quarter in the middle.
  const core = [quarter(xs, 1), quarter(ys, 1), quarter(xs, 3), quarter(ys, 3)];
  const reach = Math.max(extent(core), 100) * FAR;
  const far = having.filter((i) => Math.abs(x[i] - quarter(xs, 2)) > reach || Math.abs(y[i] - quarter(ys, 2)) > reach).length;
  if (far) odd.push(`${far} far from the others`);
  result.box = !far ? whole : extent(usual) * FAR < extent(whole) ? usual
    : [quarter(xs, 2) - reach / 4, quarter(ys, 2) - reach / 4, quarter(xs, 2) + reach / 4, quarter(ys, 2) + reach / 4];
  return result;
}

const quarter = (sorted, k) => sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * k) / 4))];

// The longitude in the middle of the widest stretch without nodes: there the sheet is cut, wherever 180° is.
function emptiest(longitudes) {
  const sorted = Float64Array.from(longitudes).sort();
  let widest = sorted[0] + 360 - sorted[sorted.length - 1], cut = sorted[0] - widest / 2;
  for (let k = 1; k < sorted.length; k++) {
    const gap = sorted[k] - sorted[k - 1];
    if (gap > widest) {
      widest = gap;
      cut = sorted[k] - gap / 2;
    }
  }
  return cut;
}

// Points that are nearer to each other than `cell` metres as one: `{x, y, count, first, of}`, where `of` says for every
// place of `having` which cluster it is in.
export function clusters(places, cell) {
  const { x, y, having } = places;
  const n = having.length;
  const columns = new Int32Array(n), lines = new Int32Array(n); // of each cluster's cell
  const xs = new Float64Array(n), ys = new Float64Array(n);
  const count = new Int32Array(n), first = new Int32Array(n), of = new Int32Array(n);
  const slots = 2 ** Math.ceil(Math.log2(2 * n + 2));
  const table = new Int32Array(slots).fill(-1); // cell -> cluster
  let made = 0;
  for (let k = 0; k < n; k++) {
    const i = having[k];
    const column = Math.floor(x[i] / cell), line = Math.floor(y[i] / cell);
    let slot = ((Math.imul(column, 73856093) ^ Math.imul(line, 19349663)) >>> 0) & (slots - 1);
    let c = table[slot];
    while (c >= 0 && (columns[c] !== column || lines[c] !== line)) {
      slot = (slot + 1) & (slots - 1);
      c = table[slot];
    }
    if (c < 0) {
      c = table[slot] = made++;
      columns[c] = column;
      lines[c] = line;
      first[c] = i;
    }
    of[k] = c;
    xs[c] += x[i];
    ys[c] += y[i];
    count[c] += 1;
  }
  for (let c = 0; c < made; c++) {
    // Their middle, but away from the edges of the cell, where it would touch the next one.
    xs[c] = count[c] === 1 ? x[first[c]] : inner(xs[c] / count[c], columns[c], cell);
    ys[c] = count[c] === 1 ? y[first[c]] : inner(ys[c] / count[c], lines[c], cell);
  }
  return { x: xs.slice(0, made), y: ys.slice(0, made), count: count.slice(0, made), first: first.slice(0, made), of };
}

const inner = (at, index, cell) => Math.min(Math.max(at, (index + 0.38) * cell), (index + 0.62) * cell);

// A round length of at most `most` metres, and its words.
export function roundLength(most) {
  const power = 10 ** Math.floor(Math.log10(most));
  const length = [5, 2, 1].find((k) => k * power <= most) * power;
  return [length, length >= 1000 ? `${length / 1000} km` : `${length} m`];
}

// The whole tree as typed arrays in depth-first order: what lies below node i are the places i + 1 … i + size[i] − 1.

// From quiet to loud; where siblings are drawn as one, the loudest of them is shown.
export const STATES = ["none", "on", "planned", "silent", "unknown", "partly", "off"];
export const [NONE, ON, PLANNED, SILENT, UNKNOWN, PARTLY, OFF] = STATES.keys();
export const STATE_WORDS = [
  "no customers", "on", "planned outage", "communications lost", "unknown", "partly off", "off",
];

const NEVER = Infinity;

// Whoever was lost together has the same time: it is read once.
const times = new Map();
const timeOf = (iso) => {
  let at = times.get(iso);
  if (at === undefined) times.set(iso, at = Date.parse(iso));
  return at;
};

export class Model {
  constructor(picture) {
    const n = picture.ids.length;
    this.revision = picture.revision;
    this.count = n;
    this.ids = picture.ids;
    this.givenNames = picture.names;
    this.kinds = picture.kinds;
    this.parent = Int32Array.from(picture.parent);
    this.kind = Uint8Array.from(picture.kind);
    this.devices = Int32Array.from(picture.devices);
    this.customers = Int32Array.from(picture.customers);
    this.lat = Float64Array.from(picture.lat, (value) => value ?? NaN);
    this.lon = Float64Array.from(picture.lon, (value) => value ?? NaN);
    this.level = new Uint16Array(n);
    this.size = new Int32Array(n).fill(1);
    this.childCount = new Int32Array(n);
    this.roots = 0;
    for (let i = 0; i < n; i++) {
      const above = this.parent[i];
      if (above < 0) this.roots++;
      else {
        this.level[i] = this.level[above] + 1;
        this.childCount[above]++;
      }
    }
    for (let i = n - 1; i > 0; i--) if (this.parent[i] >= 0) this.size[this.parent[i]] += this.size[i];
    sumUp(this.parent, [this.customers, this.devices]);
    this.off = new Int32Array(n);
    this.planned = new Int32Array(n);
    this.unknown = new Int32Array(n);
    this.silent = new Int32Array(n); // of unknown, those whose communications are lost
    this.troubles = new Int32Array(n); // incidents at or below
    this.offSince = new Float64Array(n).fill(NEVER);
    this.unknownSince = new Float64Array(n).fill(NEVER);
    this.states = new Uint8Array(n);
    this.incidents = [];
    this.version = 0;
    this.apply({ off: [], planned: [], unknown: [], incidents: [] });
  }

  #places = null;

  // -1 where there is no such node among those that may be seen.
  place(id) {
    if (!this.#places) this.#places = new Map(this.ids.map((name, i) => [name, i]));
    return this.#places.get(id) ?? -1;
  }

  name(i) {
    return this.givenNames[i] || this.ids[i];
  }

  // Without the beginning that it has in common with the name of a node above: where that stands beside it.
  shortName(i) {
    const name = this.name(i);
    for (let above = this.parent[i]; above >= 0; above = this.parent[above]) {
      const start = this.name(above);
      if (name.length > start.length + 2 && name.startsWith(start) && /^[\s,.:/-]/.test(name.slice(start.length))) {
        return name.slice(start.length).replace(/^[\s,.:/-]+/, "") || name;
      }
    }
    return name;
  }

  kindWord(i) {
    return this.kinds[this.kind[i]];
  }

  // From the uppermost node down to i.
  path(i) {
    const steps = [];
    for (let at = i; at >= 0; at = this.parent[at]) steps.push(at);
    return steps.reverse();
  }

  isBelow(i, top) {
    return top >= 0 && i >= top && i < top + this.size[top];
  }

  *children(i) {
    if (i < 0) for (let c = 0; c < this.count; c += this.size[c]) yield c;
    else for (let c = i + 1; c < i + this.size[i]; c += this.size[c]) yield c;
  }

  troubled(i) {
    return this.off[i] > 0 || this.unknown[i] > 0 || this.troubles[i] > 0;
  }

  // Incidents at i itself, above it, and below it.
  incidentsAbout(i) {
    const found = { here: [], above: [], below: [] };
    for (const one of this.incidents) {
      if (one.node === i) found.here.push(one);
      else if (this.isBelow(i, one.node)) found.above.push(one);
      else if (this.isBelow(one.node, i)) found.below.push(one);
    }
    return found;
  }

  // What the gateway says of now. Sums are made by one pass from the last node to the first.
  apply(state) {
    const { off, planned, unknown, silent, troubles, offSince, unknownSince, states, parent } = this;
    for (const one of [off, planned, unknown, silent, troubles]) one.fill(0);
    offSince.fill(NEVER);
    unknownSince.fill(NEVER);
    for (const [i, customers, since] of state.off) {
      off[i] = customers;
      offSince[i] = timeOf(since);
    }
    for (const [i, customers] of state.planned) planned[i] = customers;
    for (const [i, customers, since] of state.unknown) {
      unknown[i] = customers;
      unknownSince[i] = timeOf(since);
    }
    times.clear();
    const lost = new Uint8Array(this.count); // at or below a loss of communications
    const tops = [];
    this.incidents = state.incidents;
    for (const one of state.incidents) {
      troubles[one.node]++;
      if (one.kind === "communications_loss" && one.state === "open") tops.push(one.node);
    }
    for (const top of tops) lost[top] = 1;
    for (let i = 0; tops.length && i < this.count; i++) {
      if (parent[i] >= 0 && lost[parent[i]]) lost[i] = 1;
      if (lost[i]) silent[i] = unknown[i];
    }
    sumUp(parent, [off, planned, unknown, silent, troubles]);
    for (let i = this.count - 1; i > 0; i--) {
      const above = parent[i];
      if (above < 0) continue;
      if (offSince[i] < offSince[above]) offSince[above] = offSince[i];
      if (unknownSince[i] < unknownSince[above]) unknownSince[above] = unknownSince[i];
    }
    for (let i = 0; i < this.count; i++) states[i] = this.#stateOf(i);
    for (const node of tops) if (states[node] <= ON) states[node] = SILENT;
    this.version++;
  }

  #stateOf(i) {
    const faulty = this.off[i] - this.planned[i];
    if (faulty > 0) return this.off[i] === this.customers[i] ? OFF : PARTLY;
    if (this.unknown[i] > 0) return this.silent[i] === this.unknown[i] ? SILENT : UNKNOWN;
    if (this.planned[i] > 0) return PLANNED;
    return this.customers[i] > 0 ? ON : NONE;
  }

  // No supply comes this far: everybody below is without, announced or not.
  dead(i) {
    return this.customers[i] > 0 && this.off[i] === this.customers[i];
  }

  // How many customers are without supply at or below, in words; empty where all have it.
  lossWords(i) {
    const said = [];
    const faulty = this.off[i] - this.planned[i];
    if (faulty > 0) said.push(`${faulty} off`);
    if (this.planned[i] > 0) said.push(`${this.planned[i]} planned off`);
    if (this.unknown[i] > 0) said.push(`${this.unknown[i]} unknown`);
    return said.join(", ");
  }
}

function sumUp(parent, columns) {
  for (const column of columns) {
    for (let i = column.length - 1; i > 0; i--) if (parent[i] >= 0) column[parent[i]] += column[i];
  }
}

// The map: nodes where they are, without a ground beneath. Near points are drawn as one with their number until there is
// room; lines go to the nearest node above that has a place.

import { element, setText } from "../core/dom.js";
import { number } from "../core/format.js";
import { drawing } from "./canvas.js";
import { drawMark, palette } from "./marks.js";
import { NONE, OFF, ON, PARTLY, STATES } from "./model.js";
import { clusters, placesOf, roundLength } from "./places.js";
import { lit, model, select, selected } from "./world.js";

const CELL_PX = 42; // points nearer than this are one
const SHORTEST_PX = 5; // a shorter line is not seen
const CLOSEST = 20; // pixels of a metre
const NAMES_BELOW = 80; // points drawn singly: with fewer their names are written
const MARGIN = 30;

export function mountMap(describedBy) {
  let places = null;
  let anchor = new Int32Array(0); // the nearest node above with a place, −1 for none
  let scale = 0; // pixels of a metre; 0 before it is first drawn
  let fitted = true; // nobody has moved it: it follows the size of its place
  let middle = [0, 0]; // metres
  let size = [0, 0];
  let grouped = null; // {step, version, made, states, troubled}
  const kept = new Map(); // step -> clusters
  let hits = [];
  let colours = null;
  let shapes = 0;

  const view = drawing("Map of the network, north is up. Arrow keys move, plus and minus zoom, 0 shows everything, n and p select the next and the previous node.", describedBy, {
    draw, pan, zoom, tap, fit, key: pressed, theme: () => { colours = null; },
  });
  const note = element("p", "map-note");
  const root = element("div", "map");
  root.append(note, view.root);

  function picture() {
    const known = model();
    places = known ? placesOf(known) : null;
    anchor = new Int32Array(known?.count ?? 0).fill(-1);
    for (let i = 0; i < anchor.length; i++) {
      const above = known.parent[i];
      if (above >= 0) anchor[i] = Number.isNaN(places.x[above]) ? anchor[above] : above;
    }
    fitted = true;
    grouped = null;
    kept.clear();
    const bare = places !== null && !places.having.length;
    view.root.hidden = bare;
    setText(note, places ? words(known) : "");
    note.hidden = note.textContent === "";
    note.classList.toggle("alone", bare);
    view.redraw();
  }

  function words(known) {
    if (!places.having.length) {
      const why = places.odd.length ? ` (${places.odd.join("; ")})` : "";
      return `No node has coordinates that could be drawn${why}. All of them are in the tree and in the one-line diagram.`;
    }
    const said = places.missing
      ? [`${number(places.having.length)} of ${number(known.count)} nodes have coordinates; the other ${number(places.missing)} are in the tree`]
      : [];
    return [...said, ...places.odd].join(" · ");
  }

  function fit() {
    fitted = true;
    const [x0, y0, x1, y1] = places.box;
    const wide = Math.max(x1 - x0, 50), tall = Math.max(y1 - y0, 50);
    scale = Math.min((size[0] - 2 * MARGIN) / wide, (size[1] - 2 * MARGIN) / tall, 2);
    scale = Math.max(scale, 1e-6);
    middle = [(x0 + x1) / 2, (y0 + y1) / 2];
  }

  function pan(dx, dy) {
    fitted = false;
    if (scale) middle = [middle[0] - dx / scale, middle[1] + dy / scale];
  }

  function zoom(factor, x, y) {
    if (!scale) return;
    fitted = false;
    const [mx, my] = [middle[0] + (x - size[0] / 2) / scale, middle[1] - (y - size[1] / 2) / scale];
    scale = Math.min(CLOSEST, Math.max(1e-6, scale * factor));
    middle = [mx - (x - size[0] / 2) / scale, my + (y - size[1] / 2) / scale];
  }

  const px = (x) => size[0] / 2 + (x - middle[0]) * scale;
  const py = (y) => size[1] / 2 - (y - middle[1]) * scale;
  const seen = (x, y, edge) => x > -edge && y > -edge && x < size[0] + edge && y < size[1] + edge;

  // Clusters for this zoom, in steps of two so that they stay while one zooms a little; their states for this moment.
  function group(known) {
    const step = Math.ceil(Math.log2(CELL_PX / scale));
    if (grouped?.step !== step) {
      if (!kept.has(step)) kept.set(step, clusters(places, 2 ** step));
      grouped = { step, version: -1, made: kept.get(step) };
    }
    if (grouped.version === known.version) return grouped;
    const { of, count } = grouped.made;
    const states = new Uint8Array(count.length);
    const off = new Int32Array(count.length), troubled = new Int32Array(count.length), lively = new Int32Array(count.length);
    for (let k = 0; k < of.length; k++) {
      const i = places.having[k], c = of[k], state = known.states[i];
      if (state > states[c]) states[c] = state;
      if (state === OFF) off[c] += 1;
      if (state > ON) troubled[c] += 1;
      if (state !== NONE) lively[c] += 1;
    }
    for (let c = 0; c < states.length; c++) if (states[c] === OFF && off[c] < lively[c]) states[c] = PARTLY;
    return Object.assign(grouped, { version: known.version, states, troubled });
  }

  function draw(ctx, width, height) {
    const known = model();
    const turned = size[0] !== width || size[1] !== height;
    size = [width, height];
    shapes = 0;
    hits = [];
    if (!known || !places?.having.length) return 0;
    colours ??= palette();
    if (fitted) fit();
    if (turned) reveal(selected() >= 0 ? selected() : lit());
    const now = group(known);
    lines(ctx, known);
    points(ctx, known, now);
    chosen(ctx, known);
    furniture(ctx);
    view.canvas.dataset.selected = selected() >= 0 ? known.ids[selected()] : "";
    return shapes;
  }

  // One path for each state, the loud ones on top.
  function lines(ctx, known) {
    const { x, y, having } = places;
    const paths = STATES.map(() => null);
    const near = 1 / scale;
    for (const i of having) {
      const above = anchor[i];
      if (above < 0) continue;
      if ((Math.abs(x[i] - x[above]) + Math.abs(y[i] - y[above])) < SHORTEST_PX * near) continue;
      const x0 = px(x[i]), y0 = py(y[i]), x1 = px(x[above]), y1 = py(y[above]);
      if (Math.max(x0, x1) < 0 || Math.min(x0, x1) > size[0] || Math.max(y0, y1) < 0 || Math.min(y0, y1) > size[1]) continue;
      const state = known.dead(i) ? known.states[i] : NONE;
      paths[state] ??= new Path2D();
      paths[state].moveTo(x0, y0);
      paths[state].lineTo(x1, y1);
      shapes += 1;
    }
    for (const [state, path] of paths.entries()) {
      if (!path) continue;
      ctx.strokeStyle = state === NONE ? colours.quiet : colours.states[state];
      ctx.globalAlpha = state === NONE ? 0.55 : 1;
      ctx.lineWidth = state === NONE ? 1 : 2;
      ctx.setLineDash(state === NONE ? [] : [6, 4]);
      ctx.stroke(path);
    }
    ctx.globalAlpha = 1;
    ctx.setLineDash([]);
  }

  function points(ctx, known, { made, states, troubled }) {
    ctx.font = "12px system-ui, sans-serif";
    ctx.textBaseline = "middle";
    const inside = [];
    for (let c = 0; c < made.count.length; c++) if (seen(px(made.x[c]), py(made.y[c]), 30)) inside.push(c);
    inside.sort((a, b) => states[a] - states[b]); // the loud ones on top
    for (const c of inside) {
      const x = px(made.x[c]), y = py(made.y[c]), state = states[c];
      shapes += 1;
      if (made.count[c] === 1) {
        const i = made.first[c];
        drawMark(ctx, state, x, y, state > ON ? 6 : radius(known.kindWord(i)), colours);
        if (known.kindWord(i) === "substation") square(ctx, x, y);
        hits.push([x, y, 12, c, 1]);
        continue;
      }
      const r = Math.min(17, 9 + Math.log10(made.count[c]) * 3);
      ctx.beginPath();
      ctx.fillStyle = colours.panel;
      ctx.strokeStyle = state > ON ? colours.states[state] : colours.line;
      ctx.lineWidth = state > ON ? 3 : 1.25;
      ctx.arc(x, y, r, 0, 2 * Math.PI);
      ctx.fill();
      ctx.stroke();
      ctx.textAlign = "center";
      ctx.fillStyle = state > ON ? colours.text : colours.quiet;
      const said = troubled[c] || made.count[c];
      ctx.fillText(said > 9999 ? `${Math.floor(said / 1000)}k` : String(said), x, y + 0.5);
      ctx.textAlign = "left";
      if (state > ON) drawMark(ctx, state, x + r * 0.8, y - r * 0.8, 4.5, colours);
      hits.push([x, y, r + 2, c, made.count[c]]);
    }
    if (inside.length <= NAMES_BELOW) names(ctx, known, made);
  }

  // Where there is room for them: the loud ones, which were drawn last, choose first.
  function names(ctx, known, made) {
    const taken = hits.map(([x, y, r]) => [x - r + 3, y - r + 3, x + r - 3, y + r - 3]);
    const meant = meantAt(ctx, known);
    if (meant) taken.push([meant.left, meant.y - 7, meant.left + meant.wide, meant.y + 7]);
    for (const [x, y, , c, count] of [...hits].reverse()) {
      const i = made.first[c];
      if (count > 1 || known.kindWord(i) === "service" || i === meant?.place) continue;
      const wide = ctx.measureText(cut(known.name(i))).width;
      const left = [x + 10, x - 10 - wide].find((start) => start > 0 && start + wide < size[0]
        && taken.every(([x0, y0, x1, y1]) => start > x1 || start + wide < x0 || y - 7 > y1 || y + 7 < y0));
      if (left === undefined) continue;
      taken.push([left, y - 7, left + wide, y + 7]);
      label(ctx, known.name(i), left, y);
    }
  }

  const cut = (name) => (name.length > 26 ? `${name.slice(0, 25)}…` : name);

  const radius = (kind) => (kind === "service" ? 3 : kind === "transformer" ? 4.5 : 3.5);

  function square(ctx, x, y) {
    ctx.strokeStyle = colours.text;
    ctx.lineWidth = 2;
    ctx.strokeRect(x - 9, y - 9, 18, 18);
  }

  function label(ctx, name, x, y) {
    shapes += 1;
    ctx.lineWidth = 3;
    ctx.strokeStyle = colours.ground;
    ctx.fillStyle = colours.text;
    ctx.strokeText(cut(name), x, y);
    ctx.fillText(cut(name), x, y);
  }

  // Where what is selected or meant stands, and where its name goes; null without such.
  function meantAt(ctx, known) {
    const place = selected() >= 0 ? selected() : lit();
    if (place < 0) return null;
    const at = Number.isNaN(places.x[place]) ? anchor[place] : place;
    if (at < 0) return null;
    const x = px(places.x[at]), y = py(places.y[at]);
    const wide = ctx.measureText(cut(known.name(place))).width;
    return { place, x, y, wide, left: x + 24 + wide > size[0] ? x - 24 - wide : x + 24 };
  }

  // It stands out, also within a cluster.
  function chosen(ctx, known) {
    const meant = meantAt(ctx, known);
    if (!meant) return;
    const { place, x, y, left } = meant;
    ctx.strokeStyle = colours.chosen;
    ctx.lineWidth = 3;
    ctx.beginPath();
    ctx.arc(x, y, 20, 0, 2 * Math.PI);
    ctx.stroke();
    label(ctx, known.name(place), left, y);
    shapes += 1;
  }

  function furniture(ctx) {
    const [length, said] = roundLength(Math.max(1e-3, 120 / scale));
    const wide = length * scale, x = 14, y = size[1] - 16;
    ctx.strokeStyle = colours.text;
    ctx.fillStyle = colours.text;
    ctx.lineWidth = 1.5;
    ctx.beginPath();
    ctx.moveTo(x, y - 5);
    ctx.lineTo(x, y);
    ctx.lineTo(x + wide, y);
    ctx.lineTo(x + wide, y - 5);
    ctx.stroke();
    label(ctx, said, x + wide + 6, y - 4);
    ctx.beginPath(); // north is up
    ctx.fillStyle = colours.text;
    ctx.moveTo(x + 8, 12);
    ctx.lineTo(x + 14, 32);
    ctx.lineTo(x + 8, 27);
    ctx.lineTo(x + 2, 32);
    ctx.fill();
    label(ctx, "N", x + 4, 42);
  }

  function tap(x, y) {
    const near = hits.map((hit) => [Math.hypot(hit[0] - x, hit[1] - y) - hit[2], hit]).filter(([gap]) => gap <= 4);
    if (!near.length) return;
    const [, [, , , c, count]] = near.reduce((best, one) => (one[0] < best[0] ? one : best));
    const made = grouped.made;
    if (count === 1 || scale >= CLOSEST || alike(c)) select(made.first[c]);
    else {
      fitted = false;
      middle = [made.x[c], made.y[c]];
      scale = Math.min(CLOSEST, scale * 3);
    }
  }

  // n and p go to the next and the previous of the nodes that are drawn by themselves.
  function pressed(event) {
    if (event.key !== "n" && event.key !== "p") return false;
    const singles = hits.filter((hit) => hit[4] === 1).map((hit) => grouped.made.first[hit[3]]).sort((a, b) => a - b);
    const next = event.key === "n" ? singles.find((i) => i > selected()) : singles.findLast((i) => i < selected());
    if (next !== undefined) select(next);
    return true;
  }

  // Whether no zoom takes the points of this cluster apart.
  function alike(c) {
    const { made } = grouped;
    const k = made.of.indexOf(c), i = places.having[k];
    return places.having.every((j, m) => made.of[m] !== c || (places.x[j] === places.x[i] && places.y[j] === places.y[i]));
  }

  function reveal(place) {
    if (place < 0 || !scale || !places) return;
    const at = Number.isNaN(places.x[place]) ? anchor[place] : place;
    if (at < 0) return;
    const x = px(places.x[at]), y = py(places.y[at]);
    if (seen(x, y, -40)) return;
    fitted = false;
    middle = [places.x[at], places.y[at]];
  }

  return {
    root,
    picture,
    state: () => view.redraw(),
    choice() {
      reveal(selected() >= 0 ? selected() : lit());
      view.redraw();
    },
    refresh: () => view.redraw(),
  };
}

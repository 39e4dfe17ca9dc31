// The one-line diagram: every node has a row for each end below it, so that a subtree is a stretch of rows. What is too
// small to be told apart is drawn as one counted block; zooming in opens it.

import { number, words } from "../core/format.js";
import { drawing } from "./canvas.js";
import { drawMark, palette } from "./marks.js";
import { NONE, OFF, PARTLY, SILENT } from "./model.js";
import { drawSymbol } from "./symbols.js";
import { lit, model, select, selected } from "./world.js";

const ROW = 26; // pixels that a row wants
const LEAST = 22; // pixels below which siblings are drawn together
const COLUMN = 118;
const LEFT = 26;
const DEAD = [6, 4];

export function mountOneLine(describedBy) {
  let first = new Float64Array(0); // row at which each node's stretch begins
  let rows = new Float64Array(0); // of each node
  let total = 0;
  let scale = 0; // pixels of a row; 0 until it is fitted
  let top = 0; // row at the upper edge
  let left = 0; // pixels
  let deepest = 0;
  let hits = []; // what was drawn where: [x0, y0, x1, y1, place, first of a block, last of it]
  let colours = null;
  let size = [0, 0];
  let shapes = 0;

  const view = drawing("One-line diagram of the network. Arrow keys move, plus and minus zoom, 0 shows everything.", describedBy, {
    draw, pan, zoom, tap, fit, key: pressed, theme: () => { colours = null; },
  });

  function layOut() {
    const known = model();
    const n = known?.count ?? 0;
    first = new Float64Array(n);
    rows = new Float64Array(n);
    deepest = 0;
    for (let i = n - 1; i >= 0; i--) {
      if (!rows[i]) rows[i] = 1;
      if (known.parent[i] >= 0) rows[known.parent[i]] += rows[i];
      if (known.level[i] > deepest) deepest = known.level[i];
    }
    let ends = 0;
    for (let i = 0; i < n; i++) {
      first[i] = ends;
      if (!known.childCount[i]) ends += 1;
    }
    total = ends;
    scale = 0;
  }

  const most = () => ROW * 1.6;
  const least = () => Math.min(ROW, Math.max(1e-6, size[1] / Math.max(1, total)));

  function fit() {
    scale = Math.min(ROW, least());
    top = 0;
    left = 0;
  }

  function clamp() {
    scale = Math.min(most(), Math.max(least(), scale));
    top = Math.min(Math.max(0, total - size[1] / scale), Math.max(0, top));
    left = Math.min(Math.max(0, LEFT + (deepest + 2) * COLUMN - size[0]), Math.max(0, left));
  }

  function pan(dx, dy) {
    if (scale) top -= dy / scale;
    left -= dx;
    clamp();
  }

  function zoom(factor, _, y) {
    const row = top + y / scale;
    scale *= factor;
    clamp();
    top = row - y / scale;
    clamp();
  }

  const xOf = (i) => LEFT + model().level[i] * COLUMN - left;
  const yOf = (row) => (row - top) * scale;

  // Where a node's own line is: on its first row, or as near to it as is seen.
  function lineY(i) {
    const from = yOf(first[i]), to = yOf(first[i] + rows[i]);
    return Math.min(Math.max(from + Math.min(ROW, scale, LEAST) / 2 + 2, LEAST / 2), Math.max(from, to - LEAST / 2));
  }

  function draw(ctx, width, height) {
    const known = model();
    const before = size;
    size = [width, height];
    shapes = 0;
    hits = [];
    if (!known || !known.count) return 0;
    colours ??= palette();
    if (!scale || (before[1] && Math.abs(scale - Math.min(ROW, before[1] / Math.max(1, total))) < 1e-9)) fit();
    clamp();
    ctx.textBaseline = "middle";
    ctx.font = "12px system-ui, sans-serif";
    siblings(ctx, -1, 0);
    return shapes;
  }

  // The children of a node from top to bottom; those that are too low for a row of their own in blocks.
  function siblings(ctx, above, aboveY) {
    const known = model();
    let run = [];
    let runRows = 0;
    let lowest = aboveY;
    let deadTo = aboveY, livesTo = aboveY;
    const flush = () => {
      if (!run.length) return;
      const y = block(ctx, run, runRows);
      if (y !== null) reach(y, run.every((i) => known.dead(i)));
      run = [];
      runRows = 0;
    };
    const reach = (y, dead) => {
      lowest = Math.max(lowest, y);
      if (dead) deadTo = Math.max(deadTo, y);
      else livesTo = Math.max(livesTo, y);
    };
    const end = above < 0 ? known.count : above + known.size[above];
    for (let c = above < 0 ? 0 : above + 1; c < end; c += known.size[c]) {
      const from = yOf(first[c]), tall = rows[c] * scale;
      if (from + tall < 0) continue;
      if (from > size[1]) break;
      if (tall < LEAST) {
        run.push(c);
        runRows += rows[c];
        if (runRows * scale >= LEAST) flush();
      } else {
        flush();
        reach(one(ctx, c), known.dead(c));
      }
    }
    flush();
    if (above >= 0 && lowest > aboveY) {
      const x = xOf(above) + COLUMN * 0.5;
      rule(ctx, x, aboveY, x, deadTo, known.states[above], true);
      rule(ctx, x, aboveY, x, livesTo, known.dead(above) ? OFF : NONE, known.dead(above));
    }
  }

  function rule(ctx, x0, y0, x1, y1, state, dead) {
    if (x0 === x1 && y0 === y1) return;
    shapes += 1;
    ctx.beginPath();
    ctx.setLineDash(dead ? DEAD : []);
    ctx.strokeStyle = dead ? colours.states[state] : colours.quiet;
    ctx.lineWidth = dead ? 2 : 1.5;
    ctx.moveTo(x0, y0);
    ctx.lineTo(x1, y1);
    ctx.stroke();
    ctx.setLineDash([]);
  }

  // A node with what lies below it; gives the height of its line.
  function one(ctx, i) {
    const known = model();
    const x = xOf(i), y = lineY(i);
    const state = known.states[i];
    const dead = known.dead(i);
    if (known.parent[i] >= 0) rule(ctx, x - COLUMN * 0.5, y, x, y, state, dead);
    const inner = rows[i] * scale;
    const parent = known.childCount[i] > 0;
    if (x < size[0] + COLUMN) {
      if (parent) {
        rule(ctx, x, y, x + COLUMN * 0.5, y, dead ? state : NONE, dead);
        siblings(ctx, i, y);
      }
      sign(ctx, i, x, y, state, inner);
    }
    return y;
  }

  function sign(ctx, i, x, y, state, inner) {
    const known = model();
    shapes += 1;
    if (i === selected() || known.isBelow(i, lit())) {
      ctx.beginPath();
      ctx.fillStyle = colours.chosen;
      ctx.globalAlpha = i === selected() ? 0.45 : 0.18;
      ctx.arc(x, y, 14, 0, 2 * Math.PI);
      ctx.fill();
      ctx.globalAlpha = 1;
    }
    drawSymbol(ctx, known.kindWord(i), x, y, state > 1 ? colours.states[state] : colours.text, colours.panel, state);
    if (state >= 2) drawMark(ctx, state, x + 13, y - 9, 4, colours);
    const alone = !known.childCount[i];
    const loss = known.lossWords(i);
    const room = alone ? COLUMN * 2 : COLUMN - 22;
    text(ctx, known.name(i), x + (alone ? 14 : -8), alone ? y : y + 14, room, state > 1 ? colours.states[state] : colours.text, alone);
    if (loss && !alone && inner > LEAST * 2) text(ctx, loss, x - 8, y + 28, room, colours.states[state]);
    hits.push([x - 14, y - 12, x + (alone ? room : COLUMN - 24), y + 22, i, i, i]);
  }

  // Siblings as one block with their number; gives the height of its line, null when it is not seen.
  function block(ctx, run, tallRows) {
    const known = model();
    const x = xOf(run[0]);
    const from = yOf(first[run[0]]), tall = Math.max(tallRows * scale, 3);
    if (from > size[1] || from + tall < 0) return null;
    const state = loudest(known, run);
    const y = Math.min(Math.max(from + tall / 2, 4), size[1] - 4);
    const dead = run.every((i) => known.dead(i));
    if (known.parent[run[0]] >= 0) rule(ctx, x - COLUMN * 0.5, y, x - 6, y, state, dead);
    shapes += 2;
    const wide = COLUMN * 1.7;
    ctx.fillStyle = colours.panel;
    ctx.strokeStyle = state > 1 ? colours.states[state] : colours.line;
    ctx.lineWidth = state === OFF ? 2.5 : 1.25;
    if (state === SILENT) ctx.setLineDash([4, 3]);
    ctx.beginPath();
    ctx.roundRect(x - 6, from + 1, wide, Math.max(2, tall - 2), 3);
    ctx.fill();
    ctx.stroke();
    ctx.setLineDash([]);
    if (run.some((i) => i === selected() || known.isBelow(selected(), i) || known.isBelow(i, lit()) || known.isBelow(lit(), i))) {
      ctx.fillStyle = colours.chosen;
      ctx.fillRect(x - 6, from + 1, 4, Math.max(2, tall - 2));
    }
    if (tall >= 13) {
      drawMark(ctx, state, x + 8, y, 4.5, colours);
      const ends = run.length === 1 ? known.name(run[0]) : `${number(run.length)} ${many(known, run)}`;
      const lost = run.reduce((sum, i) => sum + known.off[i], 0), unknown = run.reduce((sum, i) => sum + known.unknown[i], 0);
      const words_ = [ends, lost ? `${number(lost)} off` : "", unknown ? `${number(unknown)} unknown` : ""].filter(Boolean).join(", ");
      text(ctx, words_, x + 20, y, wide - 30, state > 1 ? colours.states[state] : colours.text, true);
    }
    hits.push([x - 6, from, x - 6 + wide, from + tall, run[0], run[0], run[run.length - 1]]);
    return y;
  }

  function text(ctx, words_, x, y, room, ink) {
    let shown = words_;
    const most_ = Math.max(3, Math.floor(room / 6));
    if (shown.length > most_) shown = `${shown.slice(0, most_ - 1)}…`;
    shapes += 1;
    ctx.fillStyle = ink;
    ctx.fillText(shown, x, y);
  }

  const found = (x, y) => hits.findLast(([x0, y0, x1, y1]) => x >= x0 && x <= x1 && y >= y0 && y <= y1);

  function tap(x, y) {
    const hit = found(x, y);
    if (!hit) return;
    const [, , , , place, from, to] = hit;
    if (from === to) select(place);
    else stretch(first[from], first[to] + rows[to]);
  }

  // Show these rows from edge to edge.
  function stretch(from, to) {
    scale = Math.min(ROW, size[1] / Math.max(1, to - from));
    clamp();
    top = (from + to) / 2 - size[1] / scale / 2;
    clamp();
    view.redraw();
  }

  // The selected node at a size at which it can be told apart.
  function reveal(place) {
    if (place < 0 || !size[1]) return;
    const wanted = LEAST * 1.2 / rows[place];
    if (scale < wanted) scale = Math.min(most(), wanted);
    clamp();
    const y = yOf(first[place]);
    if (y < LEAST || y + Math.min(rows[place] * scale, size[1] / 2) > size[1]) top = first[place] - size[1] / scale / 3;
    const x = xOf(place);
    if (x < 0 || x > size[0] - COLUMN) left += x - size[0] / 2;
    clamp();
    view.redraw();
  }

  // Enter goes to what is nearest to the middle; with a node selected n and p go on among those that are drawn.
  function pressed(event) {
    const known = model();
    if (!known) return false;
    const singles = hits.filter(([, , , , , from, to]) => from === to).map((hit) => hit[4]).sort((a, b) => a - b);
    if (event.key === "n" || event.key === "p") {
      const next = event.key === "n" ? singles.find((i) => i > selected()) : singles.findLast((i) => i < selected());
      if (next !== undefined) select(next);
      return true;
    }
    return false;
  }

  const revealChoice = () => reveal(selected() >= 0 ? selected() : lit());
  return {
    root: view.root,
    picture() {
      layOut();
      view.redraw();
    },
    state: () => view.redraw(),
    choice() {
      revealChoice();
      view.redraw();
    },
    refresh: () => view.redraw(),
    stretch: revealChoice,
  };
}

function loudest(known, run) {
  let state = NONE, off = true;
  for (const i of run) {
    state = Math.max(state, known.states[i]);
    if (known.customers[i] && known.states[i] !== OFF) off = false;
  }
  return state === OFF && !off ? PARTLY : state;
}

function many(known, run) {
  const kind = known.kind[run[0]];
  return run.every((i) => known.kind[i] === kind) ? plural(words(known.kinds[kind])) : "nodes";
}

const plural = (word) => (word.endsWith("ch") ? `${word}es` : `${word}s`);

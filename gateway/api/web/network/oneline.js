// The one-line diagram: what lies below a node is a stretch of rows, the node itself on the first of them. What is too
// low to be told apart is drawn as one counted block; zooming in opens it.

import { number, words } from "../core/format.js";
import { drawing } from "./canvas.js";
import { drawMark, palette } from "./marks.js";
import { NONE, OFF, PARTLY, SILENT } from "./model.js";
import { drawSymbol } from "./symbols.js";
import { lit, model, select, selected } from "./world.js";

const ROW = 26; // pixels that a row wants
const LEAST = 22; // pixels below which siblings are drawn together
const NARROWEST = 88;
const WIDEST = 190;
const LETTER = 6.2; // pixels, on average
const LEFT = 26;
const TOP = 12;
const BOTTOM = 40; // the buttons are there
const DOWN = 15; // from the upper edge of a row to its line: the name stands above
const SERVICE = 0.13; // of a row: what supplies is seen before whom it supplies
const DEAD = [6, 4];

export function mountOneLine(describedBy) {
  let first = new Float64Array(0); // row at which each node's stretch begins
  let rows = new Float64Array(0); // of each node
  let total = 0;
  let scale = 0; // pixels of a row; 0 until it is fitted
  let fitted = true; // nobody has moved it: it follows the size of its place
  let column = WIDEST;
  let top = 0; // row at the upper edge
  let left = 0; // pixels
  let deepest = 0;
  let hits = []; // what was drawn where: [x0, y0, x1, y1, place, first of a block, last of it]
  let colours = null;
  let size = [0, 0];
  let shapes = 0;

  const view = drawing("One-line diagram of the network. Arrow keys move, plus and minus zoom, 0 shows everything, n and p select the next and the previous node.", describedBy, {
    draw, pan, zoom, tap, fit, key: pressed, theme: () => { colours = null; },
  });

  function layOut() {
    const known = model();
    const n = known?.count ?? 0;
    first = new Float64Array(n);
    rows = new Float64Array(n);
    deepest = 0;
    const service = known?.kinds.indexOf("service");
    for (let i = n - 1; i >= 0; i--) {
      rows[i] = Math.max(rows[i], known.kind[i] === service ? SERVICE : 1);
      if (known.parent[i] >= 0) rows[known.parent[i]] += rows[i];
      if (known.level[i] > deepest) deepest = known.level[i];
    }
    const next = new Float64Array(n); // where the next child of a node begins
    total = 0;
    for (let i = 0; i < n; i++) {
      const above = known.parent[i];
      first[i] = above < 0 ? total : next[above];
      next[i] = first[i];
      if (above < 0) total += rows[i];
      else next[above] += rows[i];
    }
    fitted = true;
  }

  const tallest = () => Math.max(1, size[1] - TOP - BOTTOM);
  const most = () => (ROW * 1.2) / SERVICE;
  const least = () => Math.min(most(), Math.max(1e-6, tallest() / Math.max(1, total)));

  function fit() {
    fitted = true;
    scale = least();
    top = 0;
    left = 0;
  }

  function clamp() {
    scale = Math.min(most(), Math.max(least(), scale));
    top = Math.min(Math.max(0, total - tallest() / scale), Math.max(0, top));
    column = Math.min(WIDEST, Math.max(NARROWEST, (size[0] - LEFT) / (deepest + 1.3)));
    left = Math.min(Math.max(0, LEFT + (deepest + 1.3) * column - size[0]), Math.max(0, left));
  }

  function pan(dx, dy) {
    fitted = false;
    if (scale) top -= dy / scale;
    left -= dx;
    clamp();
  }

  function zoom(factor, _, y) {
    fitted = false;
    const row = top + (y - TOP) / scale;
    scale *= factor;
    clamp();
    top = row - (y - TOP) / scale;
    clamp();
  }

  const xOf = (i) => LEFT + model().level[i] * column - left;
  const yOf = (row) => TOP + (row - top) * scale;

  // Where a node's own line is: on its first row, or as near to it as is seen.
  function lineY(i) {
    const from = yOf(first[i]), to = yOf(first[i] + rows[i]);
    return Math.min(Math.max(from + DOWN, TOP + DOWN), Math.max(from, to - LEAST + DOWN));
  }

  function draw(ctx, width, height) {
    const known = model();
    const turned = size[0] !== width || size[1] !== height;
    size = [width, height];
    shapes = 0;
    hits = [];
    if (!known || !known.count) return 0;
    colours ??= palette();
    if (fitted) fit();
    clamp();
    if (turned) revealChoice();
    ctx.textBaseline = "middle";
    ctx.font = "12px system-ui, sans-serif";
    siblings(ctx, -1, 0);
    view.canvas.dataset.selected = selected() >= 0 ? known.ids[selected()] : "";
    return shapes;
  }

  // The children of a node that are seen, each by itself or in runs of those that are too low for that.
  function pieces(above) {
    const known = model();
    const found = [];
    let open = null; // a run that is not high enough yet
    const end = above < 0 ? known.count : above + known.size[above];
    for (let c = above < 0 ? 0 : above + 1; c < end; c += known.size[c]) {
      const from = yOf(first[c]), tall = rows[c] * scale;
      if (from + tall < 0) continue;
      if (from > size[1]) break;
      if (tall >= LEAST) {
        open = null;
        found.push({ run: [c], tall });
      } else if (open) {
        open.run.push(c);
        open.tall += tall;
        if (open.tall >= LEAST) open = null;
      } else {
        open = { run: [c], tall };
        found.push(open);
      }
    }
    const [before, last] = found.slice(-2);
    if (last && last === open && before.run.length > 1) {
      before.run = before.run.concat(last.run);
      before.tall += last.tall;
      found.pop();
    }
    return found;
  }

  // From top to bottom, with the line that joins them.
  function siblings(ctx, above, aboveY) {
    const known = model();
    let lowest = aboveY;
    let deadTo = aboveY, livesTo = aboveY;
    for (const { run, tall } of pieces(above)) {
      const alone = tall >= LEAST && run.length === 1;
      const y = alone ? one(ctx, run[0]) : block(ctx, run, tall, aboveY);
      if (y === null) continue;
      lowest = Math.max(lowest, y);
      if (run.every((i) => known.dead(i))) deadTo = Math.max(deadTo, y);
      else livesTo = Math.max(livesTo, y);
    }
    if (above >= 0 && lowest > aboveY) {
      const x = xOf(above) + column * 0.5;
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
    if (known.parent[i] >= 0) rule(ctx, x - column * 0.5, y, x, y, state, dead);
    const inner = rows[i] * scale;
    const parent = known.childCount[i] > 0;
    if (x < size[0] + column) {
      if (parent) {
        rule(ctx, x, y, x + column * 0.5, y, dead ? state : NONE, dead);
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
    if (state >= 2) drawMark(ctx, state, x - 13, y - 9, 4, colours);
    const alone = !known.childCount[i];
    const loss = briefly(known.off[i], known.unknown[i]);
    const room = alone ? column * 1.2 : column - 34;
    const ink = state > 1 ? colours.states[state] : colours.text;
    text(ctx, fitting(known, i, room), x + (alone ? 14 : 10), alone ? y : y - 9, room, ink);
    if (loss && !alone && inner > LEAST * 1.6) {
      ctx.fillStyle = colours.panel; // the line down goes on behind it
      ctx.fillRect(x + 10, y + 4, Math.min(column - 16, loss.length * 6.5), 13);
      text(ctx, loss, x + 10, y + 10, column - 16, ink);
    }
    hits.push([x - 14, y - 15, x + (alone ? room : column - 24), y + 12, i, i, i]);
  }

  // Siblings as one block with their number; gives the height of its line, null when it is not seen.
  function block(ctx, run, high, aboveY) {
    const known = model();
    const x = xOf(run[0]);
    const from = yOf(first[run[0]]), tall = Math.max(high, 3);
    if (x > size[0] + column) return null;
    const state = loudest(known, run);
    const middle = Math.min(Math.max(from + tall / 2, 8), size[1] - 8);
    const y = aboveY > from && aboveY < from + tall ? aboveY : middle;
    const dead = run.every((i) => known.dead(i));
    if (known.parent[run[0]] >= 0) rule(ctx, x - column * 0.5, y, x - 6, y, state, dead);
    shapes += 2;
    const wide = Math.min(column * 2.4, Math.max(column * 1.2, size[0] - x - 2));
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
      drawMark(ctx, state, x + 8, middle, 4.5, colours);
      const lost = run.reduce((sum, i) => sum + known.off[i], 0), unknown = run.reduce((sum, i) => sum + known.unknown[i], 0);
      const ends = [...new Set([run[0], run[run.length - 1]])].map((i) => known.shortName(i)).join(" … ");
      const said = run.length === 1 ? [ends] : [`${number(run.length)} ${many(known, run)}`, ends];
      text(ctx, [briefly(lost, unknown), ...said].filter(Boolean).join(" · "), x + 20, middle, wide - 30, state > 1 ? colours.states[state] : colours.text);
    }
    hits.push([x - 6, from, x - 6 + wide, from + tall, run[0], run[0], run[run.length - 1]]);
    return y;
  }

  function text(ctx, said, x, y, room, ink) {
    const letters = Math.max(4, Math.floor(room / LETTER));
    const shown = said.length > letters ? `${said.slice(0, letters - 1)}…` : said;
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
    fitted = false;
    scale = tallest() / Math.max(SERVICE, to - from);
    clamp();
    top = (from + to) / 2 - tallest() / scale / 2;
    clamp();
    view.redraw();
  }

  // The selected node at a size at which it can be told apart.
  function reveal(place) {
    if (place < 0 || !size[1]) return;
    if (fitted) fit();
    const wanted = (LEAST * 1.2) / rows[place];
    if (scale < wanted) {
      fitted = false;
      scale = Math.min(most(), wanted);
    }
    clamp();
    const y = yOf(first[place]);
    const x = xOf(place);
    if (y < 0 || y + Math.min(rows[place] * scale, size[1] / 2) > size[1] - BOTTOM) {
      fitted = false;
      top = first[place] - size[1] / scale / 3;
    }
    if (x < 0 || x > size[0] - 2 * column) {
      fitted = false;
      left += x - Math.max(column, size[0] - 2.5 * column);
    }
    clamp();
    view.redraw();
  }

  // n and p go to the next and the previous of the nodes that are drawn by themselves.
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

  function revealChoice() {
    reveal(selected() >= 0 ? selected() : lit());
  }

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

// The id where the name is too long for its place: cut off, names that end in a number are all alike.
function fitting(known, i, room) {
  const name = known.shortName(i);
  return name.length * LETTER <= room || known.ids[i].length >= name.length ? name : known.ids[i];
}

function briefly(off, unknown) {
  return [off ? `${number(off)} off` : "", unknown ? `${number(unknown)} unknown` : ""].filter(Boolean).join(", ");
}

const plural = (word) => (word.endsWith("ch") ? `${word}es` : `${word}s`);

// Symbols of equipment for the one-line diagram, as one-line diagrams have them (after IEC 60617).

import { OFF, PARTLY } from "./model.js";

const S = 7; // half of a symbol's size in pixels

// `ink`: of the state. A line comes in from the left and goes on to the right.
export function drawSymbol(ctx, kind, x, y, ink, ground, state) {
  ctx.strokeStyle = ink;
  ctx.fillStyle = ground;
  ctx.lineWidth = state === OFF || state === PARTLY ? 2.5 : 1.75;
  const draw = SYMBOLS[kind] ?? SYMBOLS.section;
  draw(ctx, x, y, ink);
}

function box(ctx, x, y, wide, tall) {
  ctx.beginPath();
  ctx.rect(x - wide, y - tall, 2 * wide, 2 * tall);
  ctx.fill();
  ctx.stroke();
}

function line(ctx, ...points) {
  ctx.beginPath();
  ctx.moveTo(points[0], points[1]);
  for (let k = 2; k < points.length; k += 2) ctx.lineTo(points[k], points[k + 1]);
  ctx.stroke();
}

const SYMBOLS = {
  // a busbar
  substation(ctx, x, y, ink) {
    ctx.fillStyle = ink;
    ctx.fillRect(x - 3, y - 1.6 * S, 6, 3.2 * S);
  },
  // a circuit breaker: a square with a cross
  feeder(ctx, x, y) {
    box(ctx, x, y, S * 0.8, S * 0.8);
    line(ctx, x - S * 0.8, y - S * 0.8, x + S * 0.8, y + S * 0.8);
    line(ctx, x + S * 0.8, y - S * 0.8, x - S * 0.8, y + S * 0.8);
  },
  // a load-break switch: a contact and a blade
  switch(ctx, x, y, ink) {
    box(ctx, x, y, S, S * 0.9);
    line(ctx, x - S, y, x - S * 0.5, y, x + S * 0.6, y - S * 0.7);
    ctx.fillStyle = ink;
    ctx.beginPath();
    ctx.arc(x + S * 0.6, y, 2, 0, 2 * Math.PI);
    ctx.fill();
  },
  // a breaker that closes again: its square with an R
  recloser(ctx, x, y, ink) {
    box(ctx, x, y, S, S);
    ctx.fillStyle = ink;
    ctx.save();
    ctx.font = `bold ${Math.round(S * 1.6)}px system-ui, sans-serif`;
    ctx.textAlign = "center";
    ctx.fillText("R", x, y + 0.5);
    ctx.restore();
  },
  // a fuse: an oblong with the line through it
  fuse(ctx, x, y) {
    box(ctx, x, y, S * 1.2, S * 0.55);
    line(ctx, x - S * 1.2, y, x + S * 1.2, y);
  },
  section(ctx, x, y, ink) {
    ctx.fillStyle = ink;
    ctx.beginPath();
    ctx.arc(x, y, 3, 0, 2 * Math.PI);
    ctx.fill();
  },
  // two windings
  transformer(ctx, x, y) {
    for (const side of [-1, 1]) {
      ctx.beginPath();
      ctx.arc(x + side * S * 0.5, y, S * 0.8, 0, 2 * Math.PI);
      if (side < 0) ctx.fill();
      ctx.stroke();
    }
  },
  // a load: an arrow
  service(ctx, x, y, ink) {
    ctx.fillStyle = ink;
    ctx.beginPath();
    ctx.moveTo(x - S * 0.6, y - S * 0.6);
    ctx.lineTo(x + S * 0.7, y);
    ctx.lineTo(x - S * 0.6, y + S * 0.6);
    ctx.closePath();
    ctx.fill();
  },
};

// One sign for each state of supply, with a shape of its own: colour is never alone. The same on the page and on canvases.

import { element, rem } from "../core/dom.js";
import { colour } from "../core/theme.js";
import { NONE, OFF, ON, PARTLY, PLANNED, SILENT, STATES, STATE_WORDS, UNKNOWN } from "./model.js";

export const rowHeight = () => Math.round(rem(1.75));

const NAMES = {
  [NONE]: "--state-none", [ON]: "--state-on", [PLANNED]: "--state-planned", [SILENT]: "--state-silent",
  [UNKNOWN]: "--state-unknown", [PARTLY]: "--state-partly", [OFF]: "--state-off",
};

// The sign as an element; its shape and colour are in network.css.
export function mark(state) {
  const sign = element("span", `mark-of ${state}`);
  sign.setAttribute("aria-hidden", "true");
  return sign;
}

// Colours as the theme has them now, for drawing.
export function palette() {
  return {
    states: STATES.map((_, state) => colour(NAMES[state])),
    ground: colour("--ground"), panel: colour("--panel"), line: colour("--line"), text: colour("--text"),
    quiet: colour("--quiet"), chosen: colour("--focus"),
  };
}

// The sign of a state around a point, `r` pixels to each side.
export function drawMark(ctx, state, x, y, r, colours) {
  const ink = colours.states[state];
  ctx.beginPath();
  ctx.fillStyle = ink;
  ctx.strokeStyle = ink;
  ctx.lineWidth = Math.max(1.5, r / 3);
  if (state === OFF) {
    ctx.rect(x - r, y - r, 2 * r, 2 * r);
    ctx.fill();
    cross(ctx, x, y, r * 0.55, colours.ground);
  } else if (state === PARTLY) {
    ctx.rect(x - r, y - r, 2 * r, 2 * r);
    ctx.stroke();
    ctx.beginPath();
    ctx.moveTo(x - r, y - r);
    ctx.lineTo(x + r, y + r);
    ctx.lineTo(x - r, y + r);
    ctx.fill();
  } else if (state === UNKNOWN || state === SILENT) {
    ctx.moveTo(x, y - r * 1.25);
    ctx.lineTo(x + r * 1.25, y);
    ctx.lineTo(x, y + r * 1.25);
    ctx.lineTo(x - r * 1.25, y);
    ctx.closePath();
    if (state === UNKNOWN) ctx.fill();
    else {
      ctx.setLineDash([2.5, 2]);
      ctx.stroke();
      ctx.setLineDash([]);
    }
  } else if (state === PLANNED) {
    ctx.moveTo(x, y - r * 1.15);
    ctx.lineTo(x + r * 1.1, y + r * 0.9);
    ctx.lineTo(x - r * 1.1, y + r * 0.9);
    ctx.closePath();
    ctx.fill();
  } else {
    ctx.arc(x, y, state === ON ? r * 0.8 : r * 0.5, 0, 2 * Math.PI);
    if (state === ON) ctx.fill();
    else ctx.stroke();
  }
}

function cross(ctx, x, y, r, ink) {
  ctx.beginPath();
  ctx.strokeStyle = ink;
  ctx.moveTo(x - r, y - r);
  ctx.lineTo(x + r, y + r);
  ctx.moveTo(x + r, y - r);
  ctx.lineTo(x - r, y + r);
  ctx.stroke();
}

// What the signs mean, as a list.
export function legend() {
  const list = element("ul", "legend");
  list.setAttribute("aria-label", "Legend");
  for (const state of [OFF, PARTLY, UNKNOWN, SILENT, PLANNED, ON]) {
    const item = element("li");
    item.append(mark(STATES[state]), element("span", "", STATE_WORDS[state]));
    list.append(item);
  }
  return list;
}

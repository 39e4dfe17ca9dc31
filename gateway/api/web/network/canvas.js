// A canvas that fits its place, draws once per frame at most, and is moved by mouse, touch and keyboard.

import { element, rem } from "../core/dom.js";
import { onTheme } from "../core/theme.js";

const STEP = 60; // pixels that an arrow key moves
const ZOOM = 1.4; // by which + and − zoom
const TAP_PX = 6; // less than this is no drag

// `draw(ctx, width, height)` gives how many shapes it drew. `pan(dx, dy)`, `zoom(factor, x, y)`, `tap(x, y)` are in pixels
// of a sixteenth of the page's type, so that a drawing grows with it; `key(event)` gives true for what it has dealt with;
// `fit()` shows everything. Gives `{root, canvas, redraw()}`.
export function drawing(label, describedBy, given) {
  const root = element("div", "drawing");
  const canvas = element("canvas");
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-roledescription", "drawing");
  canvas.setAttribute("aria-label", label);
  canvas.setAttribute("aria-describedby", describedBy);
  root.append(canvas);
  const ctx = canvas.getContext("2d");
  const fingers = new Map(); // pointer id -> where it is
  let asked = 0;
  let moved = 0;
  let spread = 0;

  function paint() {
    asked = 0;
    const { clientWidth: width, clientHeight: height } = canvas;
    if (!width || !height) return;
    const sharp = Math.min(devicePixelRatio || 1, 2);
    if (canvas.width !== Math.round(width * sharp) || canvas.height !== Math.round(height * sharp)) {
      canvas.width = Math.round(width * sharp);
      canvas.height = Math.round(height * sharp);
    }
    const unit = rem(1) / 16;
    ctx.setTransform(sharp * unit, 0, 0, sharp * unit, 0, 0);
    ctx.clearRect(0, 0, width / unit, height / unit);
    const begun = performance.now();
    canvas.dataset.shapes = String(given.draw(ctx, width / unit, height / unit));
    canvas.dataset.frameMs = (performance.now() - begun).toFixed(2);
  }

  const redraw = () => { asked ||= requestAnimationFrame(paint); };

  const at = (event) => {
    const box = canvas.getBoundingClientRect(), unit = rem(1) / 16;
    return [(event.clientX - box.left) / unit, (event.clientY - box.top) / unit];
  };
  const middle = () => {
    const unit = rem(1) / 16;
    return [canvas.clientWidth / 2 / unit, canvas.clientHeight / 2 / unit];
  };
  const apart = () => {
    const [a, b] = [...fingers.values()];
    return Math.hypot(a[0] - b[0], a[1] - b[1]);
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, at(event));
    if (fingers.size === 1) moved = 0;
    if (fingers.size === 2) spread = apart();
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const now = at(event);
    fingers.set(event.pointerId, now);
    const [dx, dy] = [now[0] - before[0], now[1] - before[1]];
    moved += Math.abs(dx) + Math.abs(dy);
    if (fingers.size === 2) {
      const [a, b] = [...fingers.values()];
      const wide = apart();
      if (spread > 0 && wide > 0) given.zoom(wide / spread, (a[0] + b[0]) / 2, (a[1] + b[1]) / 2);
      spread = wide;
      given.pan(dx / 2, dy / 2);
    } else if (moved > TAP_PX) given.pan(dx, dy);
    redraw();
  });
  const lifted = (event) => {
    const held = fingers.delete(event.pointerId);
    if (held && event.type === "pointerup" && fingers.size === 0 && moved <= TAP_PX) given.tap(...at(event));
    redraw();
  };
  canvas.addEventListener("pointerup", lifted);
  canvas.addEventListener("pointercancel", lifted);
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    if (event.shiftKey) given.pan(-event.deltaY * lines, 0);
    else given.zoom(Math.exp(-Math.max(-120, Math.min(120, event.deltaY * lines)) / 300), ...at(event));
    redraw();
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const pans = { ArrowLeft: [STEP, 0], ArrowRight: [-STEP, 0], ArrowUp: [0, STEP], ArrowDown: [0, -STEP] };
    if (given.key?.(event)) event.preventDefault();
    else if (event.key in pans) given.pan(...pans[event.key]);
    else if (event.key === "+" || event.key === "=") given.zoom(ZOOM, ...middle());
    else if (event.key === "-") given.zoom(1 / ZOOM, ...middle());
    else if (event.key === "0" || event.key === "Home") given.fit();
    else return;
    event.preventDefault();
    redraw();
  });

  const tools = element("div", "drawing-tools");
  const tool = (text, label_, done) => {
    const button = element("button", "", text);
    button.type = "button";
    button.setAttribute("aria-label", label_);
    button.addEventListener("click", () => {
      done();
      redraw();
    });
    tools.append(button);
  };
  tool("+", "Zoom in", () => given.zoom(ZOOM, ...middle()));
  tool("−", "Zoom out", () => given.zoom(1 / ZOOM, ...middle()));
  tool("All", "Show everything", () => given.fit());
  root.append(tools);

  new ResizeObserver(redraw).observe(canvas);
  onTheme(() => {
    given.theme?.();
    redraw();
  });
  return { root, canvas, redraw };
}

// What moves while a point is dragged, and the magnifier, on one canvas: as SVG it would be laid out, painted and rasterised anew in
// every frame. The point's own elements stay where they were, unseen and with their focus, until it is released.
import { drawLens } from "/static/lens.js";
import { drawAttached } from "/static/lines.js";
import { on } from "/static/model.js";
import { heldMark } from "/static/points.js";
import { addCanvas, clearCanvas, toScreen, zoom } from "/static/view.js";

let context;
let styles = null; // of the dragged point's elements, as the style sheet has them: read once a drag, because reading lays out

export function buildLive() {
  context = addCanvas("live");
  context.canvas.hidden = true;
  on("drawn", draw);
}

function draw() {
  const mark = heldMark();
  context.canvas.hidden = !mark;
  if (!mark) return void (styles = null);
  styles ??= readStyles(mark);
  clearCanvas(context);
  drawAttached(context, mark.symbol);
  const { x, y } = toScreen(mark.place);
  context.save();
  context.translate(x, y);
  if (mark.radius) paint(styles.ring, circle(mark.radius * zoom()));
  for (const { style, path } of styles.shapes) paint(style, path);
  if (mark.offset) drawLabel(mark.symbol, mark.offset);
  context.restore();
  drawLens(context, mark.place);
}

function readStyles({ group, ring, label }) {
  const shapes = [...group.children].map((node) => ({ style: styleOf(node), path: node.hasAttribute("d") ? new Path2D(node.getAttribute("d")) : circle(Number(node.getAttribute("r"))) }));
  return { shapes, ring: styleOf(ring), label: styleOf(label) };
}

function styleOf(node) {
  const { fill, fillOpacity, stroke, strokeOpacity, strokeWidth, strokeDasharray, opacity, font } = getComputedStyle(node);
  const dash = strokeDasharray === "none" ? [] : strokeDasharray.split(",").map(parseFloat);
  return { fill, fillOpacity, stroke, strokeOpacity, width: parseFloat(strokeWidth), dash, opacity, font };
}

function circle(radius) {
  const path = new Path2D();
  path.arc(0, 0, Math.max(1, radius), 0, 2 * Math.PI);
  return path;
}

function paint({ fill, fillOpacity, stroke, strokeOpacity, width, dash }, path) {
  if (fill !== "none") {
    context.globalAlpha = fillOpacity;
    context.fillStyle = fill;
    context.fill(path);
  }
  if (stroke !== "none") {
    context.globalAlpha = strokeOpacity;
    context.strokeStyle = stroke;
    context.lineWidth = width;
    context.setLineDash(dash);
    context.stroke(path);
  }
}

function drawLabel(symbol, { dx, dy }) {
  const { font, fill, stroke, width, opacity } = styles.label;
  Object.assign(context, { font, fillStyle: fill, strokeStyle: stroke, lineWidth: width, globalAlpha: opacity });
  context.setLineDash([]);
  context.strokeText(symbol, dx, dy);
  context.fillText(symbol, dx, dy);
}

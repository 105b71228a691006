// Planes, outlines and constructions that move with the points, on a canvas: SVG takes longer to paint. A point is a symbol or "A+B",
// the middle of two. Lines that touch the dragged point are drawn with it (live.js), the others only when they have changed.
import { on, session } from "/static/model.js";
import { shown, shownPoint } from "/static/points.js";
import { addCanvas, clearCanvas, toScreen } from "/static/view.js";

const STYLES = { outline: ["#9fe0c8bf", 1.3], plane: ["#e6e6e6cc", 1.2], construction: ["#ff5fa2", 2.6] };
let context;
let planes = [], construction = [], outlines = [];
let stale = true; // what stands is drawn anew only when it, the view or the dragged point has changed
let dragged = null, visible = true;

export function buildLines() {
  context = addCanvas("lines");
  for (const name of ["view", "values", "open"]) on(name, () => { stale = true; });
  on("drawn", draw);
}

export function setPlanes(list) {
  planes = list;
  redraw();
}

// [{points: [[x, y], ...] in film px, dashed}]
export function setOutlines(list) {
  if (list === outlines) return;
  outlines = list;
  redraw();
}

export function setConstruction(list) {
  construction = list;
  redraw();
}

function redraw() {
  stale = true;
  if (context) draw(dragged);
}

function draw(symbol) {
  if (symbol === dragged && visible === shown.lines && !stale) return;
  dragged = symbol;
  visible = shown.lines;
  stale = false;
  clearCanvas(context);
  if (!session.open || !visible) return;
  for (const { points, dashed } of outlines) stroke(context, "outline", points.map(([x, y]) => toScreen({ x, y })), dashed);
  drawStraight(context, (line) => !touches(line, symbol));
}

// Planes and constructions that touch a point.
export function drawAttached(target, symbol) {
  if (shown.lines) drawStraight(target, (line) => touches(line, symbol));
}

function touches(line, symbol) {
  return line.some((name) => name.split("+").includes(symbol));
}

function drawStraight(target, wanted) {
  for (const [kind, lines, share] of [["plane", planes, 0.12], ["construction", construction, 0.25]]) {
    for (const line of lines) {
      const places = wanted(line) && lengthened(line, share);
      if (places) stroke(target, kind, places);
    }
  }
}

function stroke(target, kind, places, dashed = false) {
  [target.strokeStyle, target.lineWidth] = STYLES[kind];
  target.setLineDash(dashed ? [5, 5] : []);
  target.beginPath();
  for (const { x, y } of places) target.lineTo(x, y);
  target.stroke();
}

function at(name) {
  const ends = name.split("+").map(shownPoint);
  if (ends.some((end) => !end)) return null;
  return { x: ends.reduce((sum, end) => sum + end.x, 0) / ends.length, y: ends.reduce((sum, end) => sum + end.y, 0) / ends.length };
}

// A plane goes a little beyond its two points, as it is drawn on paper.
function lengthened([from, to], share) {
  const [a, b] = [at(from), at(to)];
  if (!a || !b) return null;
  if (from === to) {
    const { x, y } = toScreen(a);
    return [{ x: x - 12, y }, { x: x + 12, y }, { x, y }, { x, y: y - 12 }, { x, y: y + 12 }];
  }
  const [p, q] = [toScreen(a), toScreen(b)];
  const [dx, dy] = [(q.x - p.x) * share, (q.y - p.y) * share];
  return [{ x: p.x - dx, y: p.y - dy }, { x: q.x + dx, y: q.y + dy }];
}

// Planes, outlines and constructions that move with the points. A point is a symbol or "A+B", the middle of two. Lines that touch the
// dragged point lie in the layer that moves, the others in the one that stands.
import { h, set } from "/static/dom.js";
import { on, session } from "/static/model.js";
import { shown, shownPoint } from "/static/points.js";
import { toScreen } from "/static/view.js";

let planes = [], construction = [], outlines = [];
let stale = true; // what stands is drawn anew only when it, the view or the dragged point has changed
let dragged = null;
const groups = { still: {}, live: {} };

export function buildLines(layers) {
  for (const name of ["still", "live"]) {
    for (const kind of ["outline", "plane", "construction"]) layers[name].append((groups[name][kind] = h("g", { class: kind })));
  }
  on("view", () => { stale = true; });
  on("values", () => { stale = true; });
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
  draw(dragged);
}

function draw(symbol) {
  if (!groups.still.plane) return;
  if (symbol !== dragged || !session.open) stale = true;
  dragged = symbol;
  const open = session.open && shown.lines;
  const touches = (line) => dragged !== null && line.some((name) => name.split("+").includes(dragged));
  for (const [kind, lines, share] of [["plane", planes, 0.12], ["construction", construction, 0.25]]) {
    const drawn = (wanted) => (open ? lines.filter((line) => touches(line) === wanted).map((line) => lengthened(line, share)).filter(Boolean) : []);
    if (stale) fill(groups.still[kind], drawn(false));
    fill(groups.live[kind], drawn(true));
  }
  if (stale) drawOutlines(open);
  stale = false;
}

function drawOutlines(open) {
  const group = groups.still.outline;
  fill(group, open ? outlines.map(({ points }) => points.map(([x, y]) => toScreen({ x, y }))) : []);
  outlines.forEach(({ dashed }, index) => group.children[index]?.classList.toggle("dashed", dashed));
}

function fill(group, lines) {
  while (group.children.length > lines.length) group.lastChild.remove();
  lines.forEach((line, index) => {
    const path = group.children[index] || group.appendChild(h("path"));
    set(path, "d", line.map(({ x, y }, i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join(""));
  });
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

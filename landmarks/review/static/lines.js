// Planes, outlines and constructions that move with the points. A point is a symbol or "A+B", the middle of two.
import { h, set } from "/static/dom.js";
import { on, session } from "/static/model.js";
import { shown, shownPoint } from "/static/points.js";
import { toScreen } from "/static/view.js";

let planes = [], construction = [], outlines = [];
let stale = true; // outlines are long: they are drawn anew only when they or the view have changed
const groups = {};

export function buildLines() {
  const root = document.getElementById("lines");
  for (const name of ["outline", "plane", "construction"]) root.append((groups[name] = h("g", { class: name })));
  on("view", () => { stale = true; });
  on("drawn", draw);
}

export function setPlanes(list) {
  planes = list;
  draw();
}

// [{points: [[x, y], ...] in film px, dashed}]
export function setOutlines(list) {
  outlines = list;
  stale = true;
  draw();
}

export function setConstruction(list) {
  construction = list;
  draw();
}

export function at(name) {
  const ends = name.split("+").map(shownPoint);
  if (ends.some((end) => !end)) return null;
  return { x: ends.reduce((sum, end) => sum + end.x, 0) / ends.length, y: ends.reduce((sum, end) => sum + end.y, 0) / ends.length };
}

function draw() {
  if (!groups.plane) return;
  const open = session.open && shown.lines;
  if (stale || !open) drawOutlines(open);
  fill(groups.plane, open ? planes.map((line) => lengthened(line, 0.12)).filter(Boolean) : []);
  fill(groups.construction, open ? construction.map((line) => lengthened(line, 0.25)).filter(Boolean) : []);
}

function drawOutlines(open) {
  stale = !open;
  fill(groups.outline, open ? outlines.map(({ points }) => points.map(([x, y]) => toScreen({ x, y }))) : []);
  outlines.forEach(({ dashed }, index) => groups.outline.children[index]?.classList.toggle("dashed", dashed));
}

function fill(group, lines) {
  while (group.children.length > lines.length) group.lastChild.remove();
  lines.forEach((line, index) => {
    const path = group.children[index] || group.appendChild(h("path"));
    set(path, "d", line.map(({ x, y }, i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join(""));
  });
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

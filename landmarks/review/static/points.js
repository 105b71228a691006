// Landmarks on the film: SVG above the canvas; shapes tell what colours tell. A dragged point is drawn by live.js instead.
import { h, number, set, t } from "/static/dom.js";
import { nextFrame } from "/static/frames.js";
import { placeLabels } from "/static/labels.js";
import { automatic, emit, isDoubtful, on, point, select, session, symbols } from "/static/model.js";
import { reveal, toScreen, zoom } from "/static/view.js";

export const shown = { labels: true, radii: true, lines: true };
const marks = new Map(); // symbol -> {group, under, shape, ring, label, width}
const SHAPES = {
  sure: "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0", doubtful: "M0-7L7 0 0 7-7 0z", hand: "M-5-5h10v10h-10z", hidden: "M-5-5L5 5M5-5L-5 5",
};
let layer, rings, labels;
let places = new Map(); // where labels are
let held = null; // {symbol, place}: the dragged point, and where it is now
let standing = null; // symbols that stand out

export function buildPoints(stage) {
  rings = h("g", { class: "rings" });
  labels = h("g", { class: "labels" });
  stage.append(h("svg", { class: "cover marks", "aria-hidden": "true" }, rings, labels));
  layer = h("svg", { class: "cover points", role: "group", "aria-label": t("landmarks") });
  stage.append(layer);
  on("open", () => { hold(null); rebuild(); });
  on("values", rebuild);
  on("view", () => requestDraw());
  on("selected", ({ symbol, focus }) => {
    for (const [name, mark] of marks) mark.group.classList.toggle("selected", name === symbol);
    if (symbol && focus && marks.has(symbol)) {
      reveal(point(symbol));
      focusPoint(symbol);
    }
    requestDraw();
  });
}

export function standOut(names) {
  standing = names && new Set(names);
  rebuild();
}

export function focusPoint(symbol) {
  marks.get(symbol)?.group.focus({ preventScroll: true });
}

export function kind(symbol) {
  const place = point(symbol);
  if (!place) return "absent";
  if (!place.visible) return "hidden";
  if (place.by === "hand") return "hand";
  return isDoubtful(symbol) ? "doubtful" : "sure";
}

export function describe(symbol) {
  const found = automatic(symbol), sort = kind(symbol);
  const title = session.start.landmarks[symbol] || symbol;
  const parts = [`${symbol} · ${title}`, t(`kind-${sort}`)];
  if (found?.radius && sort !== "hand") {
    const scale = session.open.facts.scale?.value;
    const radius = scale ? `${number(found.radius * (scale.sx + scale.sy) / 2)} mm` : `${number(found.radius, 0)} px`;
    parts.push(t("within", { radius, share: Math.round((found.coverage || 0.9) * 100) }));
  } else if (found && sort !== "hand") parts.push(t("peak", { peak: number(found.peak, 2) }));
  return parts;
}

function rebuild() {
  const names = session.open ? symbols().filter((symbol) => point(symbol)) : [];
  for (const [symbol, mark] of marks) {
    if (names.includes(symbol)) continue;
    for (const node of [mark.group, mark.ring, mark.label]) node.remove();
    marks.delete(symbol);
  }
  for (const symbol of names) {
    if (!marks.has(symbol)) addMark(symbol);
    const mark = marks.get(symbol), sort = kind(symbol), dim = standing && !standing.has(symbol);
    set(mark.group, "class", `point ${sort}${session.selected === symbol ? " selected" : ""}${dim ? " dim" : ""}${concealed === symbol ? " held" : ""}`);
    for (const path of [mark.under, mark.shape]) set(path, "d", SHAPES[sort]);
    set(mark.group, "aria-label", describe(symbol).join(", "));
    mark.label.classList.toggle("dim", Boolean(dim));
  }
  requestDraw();
}

function addMark(symbol) {
  const shape = h("path", { class: "shape" }), under = h("path", { class: "under" });
  const group = h("g", { class: "point", tabindex: 0, role: "button", "data-symbol": symbol },
    h("circle", { r: 11, class: "halo" }), under, shape, h("circle", { r: 1, class: "dot" }));
  group.addEventListener("focus", () => select(symbol));
  const ring = h("circle", { class: "ring" }), label = h("text", {}, symbol);
  layer.append(group);
  rings.append(ring);
  labels.append(label);
  marks.set(symbol, { group, shape, under, ring, label, width: 9 * symbol.length + 4 });
}

// The dragged point and where it is; null where none is dragged.
export function hold(symbol, place = null) {
  if (held?.symbol !== symbol) everything = true;
  held = symbol && { symbol, place };
  requestDraw(symbol);
}

let concealed = null; // symbol whose elements are unseen
function conceal(symbol) {
  if (symbol === concealed) return;
  for (const [name, { group, ring, label }] of marks) for (const node of [group, ring, label]) node.classList.toggle("held", name === symbol);
  concealed = symbol;
}

// The dragged point's elements, place, radius in film px and offset of its label, or null.
export function heldMark() {
  const mark = held?.place && marks.get(held.symbol);
  if (!mark || !session.open) return null;
  const { symbol } = held, place = shownPoint(symbol);
  return { ...mark, symbol, place, radius: ringRadius(symbol, place), offset: places.get(symbol) && labelOffset(symbol) };
}

let drawing = false;
let everything = false; // or the dragged point alone
export function requestDraw(only = null) {
  if (!only || only !== held?.symbol) everything = true;
  if (drawing) return;
  drawing = true;
  (held ? nextFrame : requestAnimationFrame)(() => { drawing = false; draw(); });
}

// While dragging, the place under the pointer counts and not the stored one.
export function shownPoint(symbol) {
  return held?.symbol === symbol && held.place ? { ...point(symbol), ...held.place } : point(symbol);
}

function draw() {
  const all = everything;
  everything = false;
  if (session.open && all) drawAll();
  conceal(held?.symbol || null);
  emit("drawn", held?.symbol || null);
}

function drawAll() {
  const laid = [];
  for (const [symbol, mark] of marks) {
    if (shownPoint(symbol)) laid.push({ symbol, ...drawMark(symbol), width: mark.width });
  }
  const first = session.selected;
  laid.sort((a, b) => (b.symbol === first) - (a.symbol === first));
  places = shown.labels ? placeLabels(laid, places) : new Map();
  for (const { symbol, x, y } of laid) moveLabel(symbol, x, y);
}

function drawMark(symbol) {
  const mark = marks.get(symbol), place = shownPoint(symbol), { x, y } = toScreen(place);
  set(mark.group, "transform", `translate(${x.toFixed(2)} ${y.toFixed(2)})`);
  const radius = ringRadius(symbol, place);
  set(mark.ring, "display", radius ? "inline" : "none");
  if (radius) {
    set(mark.ring, "cx", x.toFixed(2));
    set(mark.ring, "cy", y.toFixed(2));
    set(mark.ring, "r", Math.max(1, radius * zoom()).toFixed(2));
    mark.ring.classList.toggle("doubtful", isDoubtful(symbol));
  }
  return { x, y };
}

// In film px; null where none is shown.
function ringRadius(symbol, place) {
  const ringed = shown.radii && place.by === "model" && place.visible && !(standing && !standing.has(symbol));
  return ringed ? automatic(symbol)?.radius || null : null;
}

function moveLabel(symbol, x, y) {
  const { label } = marks.get(symbol), offset = places.get(symbol);
  set(label, "display", offset ? "inline" : "none");
  if (!offset) return;
  const { dx, dy } = labelOffset(symbol);
  set(label, "x", (x + dx).toFixed(1));
  set(label, "y", (y + dy).toFixed(1));
}

// Of the text's left end on its base line.
function labelOffset(symbol) {
  const { dx, dy } = places.get(symbol);
  return { dx: dx + 2, dy: dy + 4.5 };
}

// The nearest point within reach of a place on the stage, not the topmost: points crowd together.
export function nearest({ x, y }, reach) {
  let best = null, least = reach;
  for (const symbol of marks.keys()) {
    const screen = toScreen(point(symbol));
    const away = Math.hypot(screen.x - x, screen.y - y) - (symbol === session.selected ? 3 : 0);
    if (away < least) [best, least] = [symbol, away];
  }
  return best;
}

// Landmarks on the film: SVG above the canvas. Drag with a magnifier, nudge, focus; shapes tell what colours tell.
import { h, number, set, t } from "/static/dom.js";
import { placeLabels } from "/static/labels.js";
import { automatic, emit, isDoubtful, isSigned, on, perform, point, select, session, symbols } from "/static/model.js";
import { magnify, pan, reveal, stageSize, toFilm, toScreen, zoom, zoomAt } from "/static/view.js";

export const shown = { labels: true, radii: true, lines: true };
const marks = new Map(); // symbol -> {group, label, shape, ring}
const SHAPES = {
  sure: "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0", doubtful: "M0-7L7 0 0 7-7 0z", hand: "M-5-5h10v10h-10z", hidden: "M-5-5L5 5M5-5L-5 5",
};
let stage, layer, labelLayer, ringLayer, lens, tip;
let places = new Map(); // where labels are
let drag = null;
let standing = null; // symbols that stand out
let placing = null; // {symbol, done} while a click places a point

export function buildPoints(parent) {
  stage = parent;
  ringLayer = h("g", { class: "rings", "aria-hidden": "true" });
  layer = h("g", { class: "points" });
  labelLayer = h("g", { class: "labels", "aria-hidden": "true" });
  stage.append(h("svg", { class: "overlay", role: "group", "aria-label": t("landmarks") }, h("g", { id: "lines", "aria-hidden": "true" }), ringLayer, labelLayer, layer));
  lens = h("canvas", { class: "lens", hidden: true, width: 320, height: 320, "aria-hidden": "true" });
  tip = h("div", { class: "tip", hidden: true, role: "tooltip" });
  stage.append(lens, tip);
  stage.addEventListener("pointerdown", pressed);
  stage.addEventListener("pointermove", moved);
  stage.addEventListener("pointerup", released);
  stage.addEventListener("pointercancel", cancelled);
  stage.addEventListener("pointerleave", () => { if (!drag) tip.hidden = true; });
  on("open", () => { cancelled(); rebuild(); });
  on("values", () => { rebuild(); });
  on("view", () => requestDraw());
  on("selected", ({ symbol, focus }) => {
    for (const [name, mark] of marks) mark.group.classList.toggle("selected", name === symbol);
    if (symbol && focus && marks.has(symbol)) {
      reveal(point(symbol));
      marks.get(symbol).group.focus();
    }
    requestDraw();
  });
}

export function standOut(names) {
  standing = names && new Set(names);
  rebuild();
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
    if (!names.includes(symbol)) {
      for (const node of Object.values(mark)) if (node instanceof Node) node.remove();
      marks.delete(symbol);
    }
  }
  for (const symbol of names) {
    if (!marks.has(symbol)) addMark(symbol);
    const mark = marks.get(symbol), sort = kind(symbol);
    mark.group.setAttribute("class", `point ${sort}${session.selected === symbol ? " selected" : ""}${standing && !standing.has(symbol) ? " dim" : ""}`);
    for (const path of [mark.under, mark.shape]) path.setAttribute("d", SHAPES[sort]);
    mark.group.setAttribute("aria-label", describe(symbol).join(", "));
    mark.label.setAttribute("class", standing && !standing.has(symbol) ? "dim" : "");
  }
  requestDraw();
}

function addMark(symbol) {
  const shape = h("path", { class: "shape" }), under = h("path", { class: "under" });
  const group = h("g", { class: "point", tabindex: 0, role: "button", "data-symbol": symbol },
    h("circle", { r: 11, class: "halo" }), under, shape, h("circle", { r: 1, class: "dot" }));
  group.addEventListener("focus", () => select(symbol));
  const ring = h("circle", { class: "ring" });
  const label = h("text", {}, symbol);
  layer.append(group);
  ringLayer.append(ring);
  labelLayer.append(label);
  marks.set(symbol, { group, shape, under, ring, label, width: 9 * symbol.length + 4 });
}

let drawing = false;
let everything = false; // or the dragged point alone
export function requestDraw(only = null) {
  if (!only || only !== drag?.symbol) everything = true;
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => { drawing = false; draw(); });
}

// While dragging, the place under the pointer counts and not the stored one.
export function shownPoint(symbol) {
  return drag?.symbol === symbol && drag.place ? { ...point(symbol), ...drag.place } : point(symbol);
}

function draw() {
  const all = everything;
  everything = false;
  if (!session.open) {
    lens.hidden = true;
    return;
  }
  if (all) drawAll();
  else if (marks.has(drag?.symbol)) {
    const { x, y } = drawMark(drag.symbol);
    moveLabel(drag.symbol, x, y);
  }
  if (drag?.place) drawLens();
  emit("drawn", drag?.symbol || null);
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
  const radius = automatic(symbol)?.radius;
  const ringed = shown.radii && radius && place.by === "model" && place.visible && !(standing && !standing.has(symbol));
  set(mark.ring, "display", ringed ? "inline" : "none");
  if (ringed) {
    set(mark.ring, "cx", x.toFixed(2));
    set(mark.ring, "cy", y.toFixed(2));
    set(mark.ring, "r", Math.max(1, radius * zoom()).toFixed(2));
    set(mark.ring, "class", isDoubtful(symbol) ? "ring doubtful" : "ring");
  }
  return { x, y };
}

function moveLabel(symbol, x, y) {
  const { label } = marks.get(symbol), offset = places.get(symbol);
  set(label, "display", offset ? "inline" : "none");
  if (!offset) return;
  set(label, "x", (x + offset.dx + 2).toFixed(1));
  set(label, "y", (y + offset.dy + 4.5).toFixed(1));
}

function drawLens() {
  const screen = toScreen(drag.place), { width } = stageSize();
  lens.hidden = false;
  // away from the pointer: on the other side of the film
  lens.classList.toggle("left", screen.x > width / 2);
  const context = lens.getContext("2d");
  magnify(context, drag.place, 3, 2);
  context.setTransform(1, 0, 0, 1, 0, 0);
  const middle = lens.width / 2;
  for (const [style, wide] of [["#000a", 5], ["#ffd34d", 2]]) {
    context.strokeStyle = style;
    context.lineWidth = wide;
    context.beginPath();
    for (const [x, y] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      context.moveTo(middle + x * 10, middle + y * 10);
      context.lineTo(middle + x * 60, middle + y * 60);
    }
    context.stroke();
  }
}

// The nearest point within reach, not the topmost: points crowd together.
function nearest(x, y, reach) {
  let best = null, least = reach;
  for (const symbol of marks.keys()) {
    const screen = toScreen(point(symbol));
    const away = Math.hypot(screen.x - x, screen.y - y) - (symbol === session.selected ? 3 : 0);
    if (away < least) [best, least] = [symbol, away];
  }
  return best;
}

let box = null; // of the stage: asked for once a drag, because asking lays the page out
function local(event) {
  if (!box || !touches.size) box = stage.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}

const touches = new Map();
export const tool = { pressed: null }; // another tool, such as the ruler, may take presses: (film point, event) -> boolean

function pressed(event) {
  if (!session.open || (event.pointerType === "mouse" && event.button > 1)) return;
  const at = local(event);
  stage.setPointerCapture(event.pointerId);
  touches.set(event.pointerId, at);
  if (touches.size === 2) {
    drag = null;
    lens.hidden = true;
    return;
  }
  if (placing) {
    finishPlacing(toFilm(at));
    return;
  }
  if (tool.pressed?.(toFilm(at), event)) return;
  const symbol = event.button === 1 ? null : nearest(at.x, at.y, event.pointerType === "mouse" ? 14 : 24);
  if (symbol) {
    event.preventDefault();
    const screen = toScreen(point(symbol));
    select(symbol);
    marks.get(symbol).group.focus({ preventScroll: true });
    drag = { symbol, dx: screen.x - at.x, dy: screen.y - at.y, start: at, place: null };
    tip.hidden = true;
  } else drag = { pan: true, last: at, start: at, grey: event.shiftKey || event.button === 1 };
}

function moved(event) {
  const at = local(event);
  if (touches.has(event.pointerId) && touches.size === 2) return pinch(event.pointerId, at);
  if (touches.has(event.pointerId)) touches.set(event.pointerId, at);
  if (!drag) return hover(at);
  if (drag.pan) {
    if (drag.grey) emit("grey-drag", { dx: at.x - drag.last.x, dy: at.y - drag.last.y });
    else pan(at.x - drag.last.x, at.y - drag.last.y);
    drag.last = at;
    return;
  }
  if (!drag.place && Math.hypot(at.x - drag.start.x, at.y - drag.start.y) < 2) return;
  if (isSigned()) {
    emit("refused", "signed-refused");
    drag = null;
    return;
  }
  drag.place = clamp(toFilm({ x: at.x + drag.dx, y: at.y + drag.dy }));
  requestDraw(drag.symbol);
}

function pinch(id, at) {
  const [first, second] = [...touches.keys()];
  const before = [touches.get(first), touches.get(second)];
  touches.set(id, at);
  const after = [touches.get(first), touches.get(second)];
  const [apart, now] = [before, after].map(([a, b]) => Math.hypot(a.x - b.x, a.y - b.y) || 1);
  const middle = ([a, b]) => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
  const [from, to] = [middle(before), middle(after)];
  pan(to.x - from.x, to.y - from.y);
  zoomAt(to.x, to.y, now / apart);
}

function released(event) {
  touches.delete(event.pointerId);
  if (!drag) return;
  const { symbol, place, pan: panned, start } = drag;
  drag = null;
  lens.hidden = true;
  if (symbol && place) movePoint(symbol, place, "move");
  else if (panned && Math.hypot(local(event).x - start.x, local(event).y - start.y) < 3) select(null);
  requestDraw();
}

function cancelled() {
  touches.clear();
  drag = null;
  if (lens) lens.hidden = true;
}

// Escape: the point goes back to where the drag began.
export function abandon() {
  if (placing) {
    placing = null;
    stage.classList.remove("placing");
    emit("hint", "");
    return true;
  }
  const busy = Boolean(drag?.symbol);
  cancelled();
  requestDraw();
  if (busy) emit("given-up", null);
  return busy;
}

function hover(at) {
  const symbol = nearest(at.x, at.y, 14);
  tip.hidden = !symbol;
  if (!symbol) return;
  tip.replaceChildren(...describe(symbol).map((line, index) => h(index ? "span" : "strong", {}, line)));
  const { width, height } = stageSize();
  tip.style.left = `${Math.min(at.x + 14, width - 250)}px`;
  tip.style.top = `${Math.min(at.y + 14, height - 90)}px`;
}

function clamp({ x, y }) {
  const { width, height } = session.open.film;
  return { x: Math.min(width - 0.5, Math.max(-0.5, x)), y: Math.min(height - 0.5, Math.max(-0.5, y)) };
}

export function movePoint(symbol, place, action) {
  const { x, y } = clamp(place);
  perform(action, { [`point/${symbol}`]: { x: +x.toFixed(3), y: +y.toFixed(3), visible: true, by: "hand" } });
}

// Arrows move in screen directions, by film pixels.
export function nudge(dx, dy) {
  const place = session.selected && point(session.selected);
  if (!place) return;
  const origin = toScreen(place), moved = toFilm({ x: origin.x + dx * zoom(), y: origin.y + dy * zoom() });
  movePoint(session.selected, moved, "move");
}

export function startPlacing(symbol) {
  placing = { symbol };
  stage.classList.add("placing");
  emit("hint", t("click-to-place", { name: session.start.landmarks[symbol] || symbol }));
}

function finishPlacing(place) {
  const { symbol } = placing;
  abandon();
  touches.clear();
  movePoint(symbol, place, "place");
  select(symbol, { focus: true });
}

export function removePoint(symbol) {
  if (point(symbol)) perform("remove", { [`point/${symbol}`]: null });
}

export function toggleVisible(symbol) {
  const place = point(symbol);
  if (place) perform(place.visible ? "hide" : "show", { [`point/${symbol}`]: { ...place, visible: !place.visible, by: "hand" } });
}

// A doubtful point that is right as it is: a hand has looked at it.
export function confirmPoint(symbol) {
  const place = point(symbol);
  if (place && place.by !== "hand") perform("confirm", { [`point/${symbol}`]: { ...place, by: "hand" } });
}

export function resetPoints(names) {
  const changes = {};
  for (const symbol of names) {
    const found = automatic(symbol);
    if (found && point(symbol)?.by !== "model") changes[`point/${symbol}`] = { x: found.x, y: found.y, visible: true, by: "model" };
  }
  if (Object.keys(changes).length) perform("reset", changes);
}

export function nextDoubtful() {
  const names = symbols().filter(isDoubtful);
  if (!names.length) return false;
  const after = names.indexOf(session.selected);
  select(names[(after + 1) % names.length], { focus: true });
  return true;
}

// The pointer on the film: drags points, pans, pinches; a hint where it rests. Other tools may take its presses.
import { h, t } from "/static/dom.js";
import { clamp, movePoint } from "/static/edits.js";
import { emit, isSigned, on, point, select, session } from "/static/model.js";
import { describe, focusPoint, hold, nearest, requestDraw } from "/static/points.js";
import { pan, stageSize, toFilm, toScreen, zoomAt } from "/static/view.js";

let stage, tip;
let drag = null; // {symbol, dx, dy, start, moved} or {pan, last, start, grey}
let placing = null; // {symbol} while a click places a point
const touches = new Map();
export const tool = { pressed: null }; // such as the ruler: (film point, event) -> whether it takes the press

export function buildPointer(parent) {
  stage = parent;
  tip = h("div", { class: "tip", hidden: true, role: "tooltip" });
  stage.append(tip);
  stage.addEventListener("pointerdown", pressed);
  stage.addEventListener("pointermove", moved);
  stage.addEventListener("pointerup", released);
  stage.addEventListener("pointercancel", cancelled);
  stage.addEventListener("pointerleave", () => { if (!drag) tip.hidden = true; });
  addEventListener("resize", () => { box = null; });
  on("open", () => {
    cancelled();
    tip.hidden = true;
    if (placing) abandon();
  });
}

let box = null; // of the stage: asked for once a drag, because asking lays the page out
function local(event) {
  if (!box || !touches.size) box = stage.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}

function pressed(event) {
  if (!session.open || (event.pointerType === "mouse" && event.button > 1)) return;
  const at = local(event);
  stage.setPointerCapture(event.pointerId);
  touches.set(event.pointerId, at);
  if (touches.size === 2) {
    drag = null;
    hold(null);
    return;
  }
  if (placing) return finishPlacing(toFilm(at));
  if (tool.pressed?.(toFilm(at), event)) return;
  const symbol = event.button === 1 ? null : nearest(at, event.pointerType === "mouse" ? 14 : 24);
  if (symbol) {
    event.preventDefault();
    const screen = toScreen(point(symbol));
    select(symbol);
    focusPoint(symbol);
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
  hold(drag.symbol, drag.place);
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
  const { symbol, place, pan: panned, start } = drag, at = local(event);
  drag = null;
  hold(null);
  if (symbol && place && point(symbol)) movePoint(symbol, place, "move");
  else if (panned && Math.hypot(at.x - start.x, at.y - start.y) < 3) select(null);
  requestDraw();
}

function cancelled() {
  touches.clear();
  drag = null;
  hold(null);
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
  const symbol = nearest(at, 14);
  tip.hidden = !symbol;
  if (!symbol) return;
  tip.replaceChildren(...describe(symbol).map((line, index) => h(index ? "span" : "strong", {}, line)));
  const { width, height } = stageSize();
  tip.style.left = `${Math.min(at.x + 14, width - 250)}px`;
  tip.style.top = `${Math.min(at.y + 14, height - 90)}px`;
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

// What a hand does to points: each is one action of the case's history.
import { automatic, isDoubtful, perform, point, select, session, symbols } from "/static/model.js";
import { toFilm, toScreen, zoom } from "/static/view.js";

export function clamp({ x, y }) {
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

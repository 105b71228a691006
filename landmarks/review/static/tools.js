// The toolbar above the film, the picture's sliders, and the ruler that gives a pixel size.
import { dialog, field, h, iconButton, number, set, t, toast } from "/static/dom.js";
import { post } from "/static/api.js";
import { emit, isDoubtful, isSigned, on, perform, point, redo, scale, session, stacks, symbols, undo, value } from "/static/model.js";
import { nextDoubtful, resetPoints } from "/static/edits.js";
import { requestDraw, shown } from "/static/points.js";
import { tool } from "/static/pointer.js";
import { DEFAULTS, fit, look, oneToOne, setLook, stageSize, toFilm, toScreen, turnTo, zoomBy } from "/static/view.js";

let bar, sliders, overlay;
let ruler = null; // {from, to} in film px while it is drawn; {cursor} where the keyboard has brought it

export function buildTools(parent) {
  bar = parent;
  bar.replaceChildren(
    group(iconButton("undo", t("undo-key"), undo, { id: "undo" }), iconButton("redo", t("redo-key"), redo, { id: "redo" }),
      iconButton("reset", t("reset-key"), resetSelected, { id: "reset" }), iconButton("shape", t("reshape"), reshape, { id: "reshape" }),
      iconButton("next", t("next-doubtful-key"), goDoubtful, { id: "next-doubtful" })),
    group(iconButton("fit", t("fit-key"), fit), iconButton("plus", t("zoom-in"), () => zoomBy(1.25)), iconButton("minus", t("zoom-out"), () => zoomBy(0.8))),
    group(iconButton("sliders", t("picture"), () => { sliders.hidden = !sliders.hidden; update(); }, { id: "picture", "aria-controls": "sliders" }),
      iconButton("turn", t("turn-key"), nextTurn, { id: "turn" }), iconButton("ruler", t("ruler-key"), toggleRuler, { id: "ruler" })),
    group(iconButton("compare", t("compare-key"), () => emit("compare", null), { id: "compare" }), iconButton("print", t("report-key"), () => emit("print", null), { id: "print" })),
  );
  buildSliders();
  for (const name of ["open", "values", "look", "history"]) on(name, update);
  on("grey-drag", ({ dx, dy }) => setLook({ contrast: clamp(look.contrast + dx / 3), brightness: clamp(look.brightness - dy / 3) }));
  on("ruler", toggleRuler);
  on("pixel-size", askPixelSize);
  on("drawn", drawRuler);
  tool.pressed = pressed;
  update();
}

const clamp = (share) => Math.min(100, Math.max(-100, share));

function group(...children) {
  return h("div", { class: "group" }, ...children);
}

function update() {
  if (!bar) return;
  const { undo: back, redo: forth } = session.open ? stacks() : { undo: [], redo: [] };
  const locked = !session.open || isSigned();
  const disable = (id, off) => { document.getElementById(id).disabled = off; };
  disable("undo", locked || !back.length);
  disable("redo", locked || !forth.length);
  disable("reset", locked);
  disable("reshape", locked);
  for (const id of ["next-doubtful", "ruler", "compare", "print", "turn", "picture"]) disable(id, !session.open);
  const press = (id, on) => document.getElementById(id).setAttribute("aria-pressed", String(on));
  press("turn", look.turn !== "none");
  press("ruler", Boolean(ruler));
  document.getElementById("picture").setAttribute("aria-expanded", String(!sliders?.hidden));
  for (const input of sliders?.querySelectorAll("input") || []) {
    if (input.type === "checkbox") input.checked = input.name in shown ? shown[input.name] : look[input.name];
    else if (document.activeElement !== input) input.value = look[input.name];
  }
}

function buildSliders() {
  const slide = (name, min, max, step) => field(t(name), h("input", { type: "range", name, min, max, step, value: look[name], oninput: (event) => setLook({ [name]: Number(event.target.value) }) }));
  const tick = (name) => h("label", { class: "tick" }, h("input", { type: "checkbox", name, onchange: (event) => setLook({ [name]: event.target.checked }) }), t(name));
  const show = (name) => h("label", { class: "tick" }, h("input", { type: "checkbox", name, onchange: (event) => { shown[name] = event.target.checked; requestDraw(); } }), t(name));
  sliders = h("div", { id: "sliders", hidden: true, role: "group", "aria-label": t("picture") },
    slide("brightness", -100, 100, 1), slide("contrast", -100, 100, 1), slide("gamma", 0.3, 3, 0.05), tick("invert"), tick("local"),
    show("labels"), show("radii"), show("lines"),
    h("p", { class: "quiet" }, t("grey-hint")), h("div", { class: "row" }, h("button", { type: "button", onclick: () => setLook({ ...DEFAULTS, turn: look.turn }) }, t("reset-picture")), h("button", { type: "button", onclick: oneToOne }, "1 : 1")));
  document.getElementById("stage").append(sliders);
  sliders.addEventListener("pointerdown", (event) => event.stopPropagation());
  sliders.addEventListener("wheel", (event) => event.stopPropagation());
}

export function nextTurn() {
  const order = ["none", "frankfort", "sn"];
  const next = order[(order.indexOf(look.turn) + 1) % order.length];
  turnTo(next);
  emit("hint", t(`turn-${next}`));
}

export function resetSelected() {
  if (!session.open) return;
  if (session.selected) return resetPoints([session.selected]);
  const names = symbols().filter((symbol) => value(`point/${symbol}`)?.by !== "model");
  if (!names.length) return;
  const close = dialog(t("reset-all"), () => [h("p", {}, t("reset-all-question", { count: names.length })),
    h("div", { class: "row end" }, h("button", { type: "button", class: "primary", onclick: () => { close(); resetPoints(names); } }, t("reset-all")))]);
}

export function goDoubtful() {
  if (session.open && !nextDoubtful()) toast(t("no-doubtful"));
}

// The selected point, or else every doubtful one, goes to where the shape of the others puts it.
async function reshape() {
  const wanted = session.selected ? [session.selected] : symbols().filter(isDoubtful);
  if (!wanted.length) return toast(t("no-doubtful"));
  const points = {};
  for (const symbol of symbols()) {
    const place = point(symbol);
    if (place?.visible) points[symbol] = [place.x, place.y];
  }
  try {
    const found = (await post("/api/reshape", { points, symbols: wanted })).points;
    const changes = Object.entries(found).map(([symbol, [x, y]]) => [`point/${symbol}`, { x, y, visible: true, by: "shape" }]);
    if (changes.length) perform("replace", Object.fromEntries(changes));
    else toast(t("no-shape"));
  } catch (error) {
    toast(error.message, { kind: "bad" });
  }
}

// ---- ruler
export function toggleRuler() {
  if (!session.open) return;
  if (isSigned()) return emit("refused", "signed-refused");
  ruler = ruler ? null : { from: null, to: null };
  emit("hint", ruler ? t("ruler-hint") : "");
  document.getElementById("stage").classList.toggle("placing", Boolean(ruler));
  drawRuler();
  update();
}

export function abandonRuler() {
  if (!ruler) return false;
  toggleRuler();
  return true;
}

// By keyboard: arrows bring the cross to each end, Enter sets it.
export function rulerKey(key, [dx, dy] = [0, 0], step = 1) {
  if (!ruler || (key !== "Enter" && !dx && !dy)) return false;
  const { width, height } = stageSize();
  ruler.cursor ??= ruler.to ?? toFilm({ x: width / 2, y: height / 2 });
  const { x, y } = toScreen(ruler.cursor);
  ruler.cursor = toFilm({ x: x + dx * step * 5, y: y + dy * step * 5 });
  if (ruler.from) ruler.to = ruler.cursor;
  if (key === "Enter" && ruler.from) finish(ruler.move);
  else {
    if (key === "Enter") ruler.from = ruler.to = ruler.cursor;
    drawRuler();
  }
  return true;
}

function pressed(place, event) {
  if (!ruler) return false;
  const stage = document.getElementById("stage");
  if (!ruler.from) {
    ruler = { from: place, to: place, start: [event.clientX, event.clientY] };
    const move = (moved) => {
      if (!ruler) return;
      const box = stage.getBoundingClientRect();
      ruler.to = toFilm({ x: moved.clientX - box.left, y: moved.clientY - box.top });
      drawRuler();
    };
    stage.addEventListener("pointermove", move);
    // both ways: press, drag, release; or two clicks
    stage.addEventListener("pointerup", (up) => {
      if (ruler?.start && Math.hypot(up.clientX - ruler.start[0], up.clientY - ruler.start[1]) > 8) finish(move);
    }, { once: true });
    ruler.move = move;
  } else {
    ruler.to = place;
    finish(ruler.move);
  }
  return true;
}

function finish(move) {
  const stage = document.getElementById("stage");
  stage.removeEventListener("pointermove", move);
  const { from, to } = ruler;
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  if (length < 5) return toggleRuler();
  const input = h("input", { type: "number", name: "mm", min: 1, max: 500, step: 0.1, value: 10, required: true });
  const close = dialog(t("ruler"), () => [h("form", { onsubmit: (event) => {
    event.preventDefault();
    const mm = Number(input.value), size = mm / length;
    close();
    if (perform("scale", { scale: { sx: size, sy: size, origin: "a ruler of two points", mm, ends: [from.x, from.y, to.x, to.y] } })) toast(t("scale-set", { size: number(size, 4) }));
  } }, h("p", {}, t("ruler-length", { length: number(length, 1) })), field(t("ruler-mm"), input),
  h("p", { class: "quiet" }, t("ruler-note")), h("div", { class: "row end" }, h("button", { class: "primary" }, t("set-scale"))))]);
  input.select();
  toggleRuler();
}

// A pixel size that is known from elsewhere.
function askPixelSize() {
  if (isSigned()) return emit("refused", "signed-refused");
  const input = h("input", { type: "number", name: "size", min: 0.005, max: 5, step: "any", value: scale() ? +scale().sx.toFixed(4) : 0.1, required: true });
  const close = dialog(t("pixel-size"), () => [h("form", { onsubmit: (event) => {
    event.preventDefault();
    close();
    perform("scale", { scale: { sx: Number(input.value), sy: Number(input.value), origin: "given by the user" } });
  } }, field(t("pixel-size-mm"), input), h("div", { class: "row end" }, h("button", { class: "primary" }, t("set-scale"))))]);
  input.select();
}

function drawRuler() {
  overlay ??= document.querySelector("#stage .marks").appendChild(h("g", { class: "ruler", "aria-hidden": "true" }, h("path", {})));
  const kept = !ruler && scale()?.ends;
  const ends = ruler?.from ? [ruler.from, ruler.to] : ruler?.cursor ? [ruler.cursor, ruler.cursor] : kept ? [{ x: kept[0], y: kept[1] }, { x: kept[2], y: kept[3] }] : null;
  set(overlay, "display", ends && session.open ? "inline" : "none");
  if (!ends) return;
  const [a, b] = ends.map(toScreen);
  const cross = ruler?.cursor ? `M${b.x - 12} ${b.y}h24M${b.x} ${b.y - 12}v24` : "";
  set(overlay.firstChild, "d", `M${a.x} ${a.y}L${b.x} ${b.y}${cross}`);
  overlay.classList.toggle("set", Boolean(kept));
}

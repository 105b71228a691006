// The film on a canvas: window, gamma, inversion, zoom, pan, turn. Film px: pixel (0, 0) is the centre of the first one.
import { pixels } from "/static/api.js";
import { h } from "/static/dom.js";
import { emit, on, point, session } from "/static/model.js";

export const DEFAULTS = { brightness: 0, contrast: 0, gamma: 1, invert: false, local: false, turn: "none" };
export const look = { ...DEFAULTS };
const view = { zoom: 1, angle: 0, x: 0, y: 0, fitted: true };
let stage, context;
const canvases = []; // of the stage's size: the film, and what is drawn above it
let raw = null, film = null, full = null, half = null, image = null, pattern = null;
let wanted = false;
let size = { width: 1, height: 1 };

export function buildView(parent) {
  stage = parent;
  context = addCanvas("film", { alpha: false });
  new ResizeObserver(() => {
    const box = stage.getBoundingClientRect();
    size = { width: Math.max(1, box.width), height: Math.max(1, box.height) };
    canvases.forEach(fill);
    if (view.fitted) fit();
    else changed();
  }).observe(stage);
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = stage.getBoundingClientRect();
    zoomAt(event.clientX - box.left, event.clientY - box.top, Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)));
  }, { passive: false });
  on("values", (fields) => {
    if (look.turn !== "none" && fields?.some((field) => /^point\/(S|N|Po|Or)$/.test(field))) turnTo(look.turn);
  });
}

// A canvas that covers the stage, above those before it; its context is drawn to in CSS px after clearCanvas.
export function addCanvas(name, options = {}) {
  const canvas = h("canvas", { class: `cover ${name}`, "aria-hidden": "true" });
  stage.append(canvas);
  canvases.push(canvas);
  fill(canvas);
  return canvas.getContext("2d", options);
}

function fill(canvas) {
  canvas.width = Math.round(size.width * devicePixelRatio);
  canvas.height = Math.round(size.height * devicePixelRatio);
}

export function clearCanvas(context) {
  context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
  context.clearRect(0, 0, size.width, size.height);
}

export function stageSize() {
  return size;
}

// Pixels of the last films and of the next one, newest last; they are on their way while the case itself is still asked for.
const KEPT = 4;
const kept = new Map();
function bytesOf(id, local) {
  const key = `${id} ${local}`;
  const bytes = kept.get(key) || pixels(id, local);
  kept.delete(key);
  kept.set(key, bytes);
  bytes.catch(() => kept.delete(key));
  while (kept.size > KEPT) kept.delete(kept.keys().next().value);
  return bytes;
}

export function preload(id) {
  bytesOf(id, look.local).catch(() => {});
}

on("opening", preload);

// Loads the open case's pixels; resolves when they are painted.
export async function showFilm() {
  const open = session.open;
  if (!open) {
    raw = film = full = null;
    changed();
    return;
  }
  const buffer = await bytesOf(open.id, look.local);
  if (session.open !== open) return;
  const found = open.film.bits === 8 ? new Uint8Array(buffer) : new Uint16Array(buffer);
  const first = film !== open.film;
  raw = found;
  film = open.film;
  if (first) {
    Object.assign(look, { ...DEFAULTS, local: look.local, turn: look.turn });
    view.fitted = true;
  }
  develop();
  if (first) turnTo(look.turn);
  emit("film", open.id);
}

// Gray values through window and gamma into a picture; full depth up to here.
function develop() {
  if (!film) return;
  const levels = film.bits === 8 ? 256 : 65536;
  const [low, high] = film.window;
  const width = (high - low) * 2 ** (-look.contrast / 50);
  const middle = (low + high) / 2 - (look.brightness / 100) * (high - low);
  const table = new Uint32Array(levels);
  for (let level = 0; level < levels; level++) {
    let gray = Math.min(1, Math.max(0, (level - middle) / width + 0.5));
    gray = 255 * gray ** (1 / look.gamma);
    const byte = Math.round(look.invert ? 255 - gray : gray);
    table[level] = 0xff000000 | (byte << 16) | (byte << 8) | byte;
  }
  if (!full || full.width !== film.width || full.height !== film.height) {
    full = new OffscreenCanvas(film.width, film.height);
    half = new OffscreenCanvas(Math.ceil(film.width / 2), Math.ceil(film.height / 2));
  }
  if (image?.width !== film.width || image.height !== film.height) image = new ImageData(film.width, film.height);
  const target = new Uint32Array(image.data.buffer);
  for (let i = 0; i < target.length; i++) target[i] = table[raw[i]];
  full.getContext("2d", { alpha: false }).putImageData(image, 0, 0);
  const small = half.getContext("2d", { alpha: false });
  small.imageSmoothingQuality = "low"; // at exactly one half this is the mean of four
  small.drawImage(full, 0, 0, half.width, half.height);
  pattern = null;
  changed();
}

export function setLook(changes) {
  const local = changes.local !== undefined && changes.local !== look.local;
  Object.assign(look, changes);
  emit("look", null);
  if (local) void showFilm();
  else requestDevelop();
}

let developing = false;
function requestDevelop() {
  if (developing) return;
  developing = true;
  requestAnimationFrame(() => { developing = false; develop(); });
}

// [a, b, c, d, e, f] as canvas takes it: film px -> CSS px of the stage
function matrix() {
  const cos = Math.cos(view.angle) * view.zoom, sin = Math.sin(view.angle) * view.zoom;
  return [cos, sin, -sin, cos, view.x, view.y];
}

export function toScreen({ x, y }) {
  const [a, b, c, d, e, f] = matrix();
  return { x: a * x + c * y + e, y: b * x + d * y + f };
}

export function toFilm({ x, y }) {
  const [a, b, c, d, e, f] = matrix();
  const det = a * d - b * c;
  return { x: (d * (x - e) - c * (y - f)) / det, y: (a * (y - f) - b * (x - e)) / det };
}

export function zoom() {
  return view.zoom;
}

function changed() {
  emit("view", null);
  if (wanted) return;
  wanted = true;
  requestAnimationFrame(paint);
}

function paint() {
  wanted = false;
  const ratio = devicePixelRatio;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.fillStyle = getComputedStyle(stage).backgroundColor;
  context.fillRect(0, 0, context.canvas.width, context.canvas.height);
  if (full && session.open) drawFilm(context, matrix().map((number) => number * ratio), view.zoom * ratio);
}

function drawFilm(target, transform, scale) {
  target.setTransform(...transform);
  target.imageSmoothingEnabled = scale < 4;
  target.imageSmoothingQuality = "medium";
  const source = scale < 0.5 ? half : full;
  target.drawImage(source, -0.5, -0.5, full.width, full.height);
}

// A magnified part of the film around a place, turned as the view is, with its middle at (x, y) in CSS px: fills the
// current path, which is faster than clipping.
export function magnify(target, place, times, { x, y }) {
  target.fillStyle = "#000";
  target.fill();
  if (!full) return;
  const scale = Math.max(2, view.zoom * times), cos = Math.cos(view.angle) * scale, sin = Math.sin(view.angle) * scale;
  const [px, py] = [place.x + 0.5, place.y + 0.5];
  pattern ??= target.createPattern(full, "no-repeat");
  pattern.setTransform(new DOMMatrix([cos, sin, -sin, cos, x - cos * px + sin * py, y - sin * px - cos * py]));
  target.imageSmoothingEnabled = false;
  target.fillStyle = pattern;
  target.fill();
}

export function zoomAt(x, y, factor) {
  const next = Math.min(24, Math.max(0.05, view.zoom * factor));
  const real = next / view.zoom;
  view.x = x - (x - view.x) * real;
  view.y = y - (y - view.y) * real;
  view.zoom = next;
  view.fitted = false;
  changed();
}

export function zoomBy(factor) {
  zoomAt(size.width / 2, size.height / 2, factor);
}

export function oneToOne() {
  zoomBy(1 / devicePixelRatio / view.zoom);
}

export function pan(dx, dy) {
  view.x += dx;
  view.y += dy;
  view.fitted = false;
  changed();
}

export function fit() {
  if (!session.open) return changed();
  const { width, height } = session.open.film;
  const cos = Math.abs(Math.cos(view.angle)), sin = Math.abs(Math.sin(view.angle));
  const [across, down] = [width * cos + height * sin, width * sin + height * cos];
  view.zoom = Math.min((size.width - 16) / across, (size.height - 16) / down);
  centre({ x: (width - 1) / 2, y: (height - 1) / 2 });
  view.fitted = true;
  changed();
}

export function centre(place) {
  view.x = view.y = 0;
  const screen = toScreen(place);
  view.x = size.width / 2 - screen.x;
  view.y = size.height / 2 - screen.y;
  view.fitted = false;
  changed();
}

// Bring a point into sight without moving the film more than needed.
export function reveal(place) {
  const { x, y } = toScreen(place);
  if (x > 40 && y > 40 && x < size.width - 40 && y < size.height - 40) return;
  centre(place);
}

// none, frankfort or sn: that line lies level on the screen
export function turnTo(name) {
  look.turn = name;
  const [from, to] = { frankfort: ["Po", "Or"], sn: ["S", "N"] }[name] || [];
  const [a, b] = [from && point(from), to && point(to)];
  let angle = 0;
  if (a && b) {
    angle = -Math.atan2(b.y - a.y, b.x - a.x);
    if (Math.abs(angle) > Math.PI / 2) angle -= Math.sign(angle) * Math.PI; // a face that looks left stays upright
  }
  if (angle !== view.angle) {
    const middle = toFilm({ x: size.width / 2, y: size.height / 2 });
    const fitted = view.fitted;
    view.angle = angle;
    if (fitted) fit();
    else centre(middle);
  } else if (view.fitted) fit();
  emit("look", null);
}

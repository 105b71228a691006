// What the server computes from the points: asked for again whenever they move, also while one is dragged.
import { post } from "/static/api.js";
import { said } from "/static/dom.js";
import { betweenFrames } from "/static/frames.js";
import { automatic, emit, on, scale, session, symbols, value } from "/static/model.js";
import { shownPoint } from "/static/points.js";

const LIVE_MS = 100; // between two questions while a point is dragged: live enough, and the frames of the drag come first
const SENTENCES_MS = 500;
let analysis = localStorage.getItem("analysis") || "";
let result = null;
let running = false, again = null, seen = null;

export function buildMeasure() {
  on("open", () => { result = null; });
  on("values", () => measureSoon(true));
  // first the film is seen, then its values are asked for
  on("film", (id) => { seen = id; measureSoon(true); });
  on("drawn", (dragged) => { if (dragged) measureSoon(false); });
  on("given-up", () => measureSoon(true));
}

export function currentAnalysis() {
  return session.start.analyses.find((item) => item.name === analysis) || session.start.analyses[0];
}

export function chooseAnalysis(name) {
  analysis = name;
  localStorage.setItem("analysis", name);
  measureSoon(true);
}

export function lastResult() {
  return result;
}

// At most one question at a time; the newest one follows.
function measureSoon(complete) {
  if (!session.open || session.open.id !== seen) return;
  again = { complete: complete || again?.complete || false };
  if (!running) void measureNow();
}

async function measureNow() {
  running = true;
  while (again) {
    if (!again.complete) await betweenFrames();
    const { complete } = again, open = session.open;
    again = null;
    if (!open) break;
    try {
      const found = inWords(await post("/api/measure", question(complete)));
      if (!complete) await betweenFrames();
      if (session.open !== open) continue;
      if (!complete && !result) continue;
      result = complete ? found : kept(found);
      emit("measured", result);
      if (!complete) document.getElementById("panel").getBoundingClientRect(); // laid out now, between two frames of the drag
      if (!complete) await new Promise((done) => setTimeout(done, LIVE_MS));
    } catch {
      await new Promise((done) => setTimeout(done, 500));
    }
  }
  running = false;
}

// Labels, notes and sentences in the page's language.
function inWords(found) {
  for (const row of found.rows) {
    for (const name of ["label", "meaning", "note", "source"]) if (row[name]) row[name] = said(row[name]);
    if (row.half < 0.05) row.half = null; // nothing is left of the model's errors
    if (row.norm) Object.assign(row.norm, { words: said(row.norm.words), sample: said(row.norm.sample) });
  }
  found.words = found.words.map((line) => said(line).replaceAll("\u00ad", "")); // those are for the table's narrow column
  found.missing = Object.fromEntries(Object.entries(found.missing).map(([name, needs]) => [said(name), said(needs)]));
  return found;
}

// While a point is dragged only what follows it is asked for; norms and intervals, which hardly move, stay as they were. Sentences
// change the height of what is below them: they follow more slowly.
let told = 0, asked = 0;
function kept(found) {
  const late = performance.now() - told > SENTENCES_MS;
  if (late) told = performance.now();
  const before = new Map(result.rows.map((row) => [row.name, row]));
  const rows = found.rows.filter((row) => before.has(row.name)).map((row) => ({ ...before.get(row.name), ...row, open: before.get(row.name).open }));
  return { ...found, outlines: found.outlines ?? result.outlines, rows, words: late ? found.words : result.words, missing: result.missing };
}

function question(complete) {
  const points = {}, radii = {}, size = scale();
  for (const symbol of symbols()) {
    const place = shownPoint(symbol);
    if (!place || !place.visible) continue;
    points[symbol] = [place.x, place.y];
    radii[symbol] = place.by === "model" ? automatic(symbol)?.radius ?? null : 0;
  }
  return {
    points, scale: size ? [size.sx, size.sy] : null, origin: size?.origin ?? null, analysis: currentAnalysis().name,
    age: value("age"), sex: value("sex"), radii: complete ? radii : null, coverage: complete ? coverage() : null, live: !complete, drawn: complete || ++asked % 3 === 0,
  };
}

// Share of films in which a landmark lies within its radius; none where the model has no radii.
function coverage() {
  return symbols().map((symbol) => automatic(symbol)?.coverage).find(Boolean) ?? null;
}

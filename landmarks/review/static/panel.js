// The panel beside the film: the analysis, live while a point is dragged; the case; its history.
import { post } from "/static/api.js";
import { field, h, number, t, tabs, toast } from "/static/dom.js";
import { setConstruction, setOutlines, setPlanes } from "/static/lines.js";
import { automatic, emit, isSigned, on, perform, point, scale, session, stacks, symbols, value } from "/static/model.js";
import { shownPoint, standOut } from "/static/points.js";

let panel, body, section = localStorage.getItem("section") || "analysis";
let analysis = localStorage.getItem("analysis") || "";
let result = null, highlighted = null;

export function buildPanel(parent) {
  panel = parent;
  body = h("div", { class: "panel-body", role: "tabpanel" });
  on("open", () => { result = null; forgetConstruction(); render(); });
  on("values", (fields) => {
    const light = fields?.length && fields.every((name) => name.startsWith("point/"));
    if (!light || section === "points") render();
    measureSoon(true);
  });
  // first the film is seen, then its values are asked for
  on("film", (id) => { seen = id; measureSoon(true); });
  on("drawn", (dragged) => { if (dragged) measureSoon(false); });
  on("given-up", () => measureSoon(true));
  on("history", () => { if (section === "history") render(); });
  on("summary", (id) => { if (id === session.open?.id) renderHead(); });
  render();
}

export function currentAnalysis() {
  return session.start.analyses.find((item) => item.name === analysis) || session.start.analyses[0];
}

export function lastResult() {
  return result;
}

function render() {
  if (!session.open) {
    panel.replaceChildren(h("p", { class: "quiet empty" }, t("open-a-case")));
    standOut(null);
    setPlanes([]);
    setOutlines([]);
    return;
  }
  const sections = ["analysis", "points", "case", "history"].map((name) => ({ name, title: t(`section-${name}`) }));
  const head = h("div", { class: "panel-head" });
  panel.replaceChildren(head, tabs(t("panel"), sections, section, choose), body);
  renderHead();
  body.setAttribute("aria-label", t(`section-${section}`));
  body.replaceChildren(...{ analysis: analysisParts, points: pointParts, case: caseParts, history: historyParts }[section]());
  if (section === "analysis") renderTable();
  else standOut(null);
}

function forgetConstruction() {
  highlighted = null;
  setConstruction([]);
}

function choose(name) {
  section = name;
  forgetConstruction();
  localStorage.setItem("section", name);
  render();
}

function renderHead() {
  const head = panel.querySelector(".panel-head");
  const summary = session.cases.get(session.open?.id);
  if (!head || !summary) return;
  const signed = value("signed");
  head.replaceChildren(
    h("div", {}, h("h2", {}, summary.title), h("span", { class: `state ${summary.state}` }, t(`state-${summary.state}`))),
    signed
      ? h("button", { type: "button", id: "reopen", onclick: () => perform("reopen", { signed: null }) }, t("reopen"))
      : h("button", { type: "button", id: "sign", class: "primary", onclick: sign }, t("sign")),
  );
}

export function sign() {
  if (!session.who) return emit("ask-name", sign);
  const open = symbols().filter((symbol) => automatic(symbol)?.doubtful && point(symbol)?.by === "model").length;
  perform("sign", { signed: { who: session.who } });
  if (open) toast(t("signed-with-doubt", { count: open }), { kind: "warn" });
}

// ---- analysis
function analysisParts() {
  const list = session.start.analyses.map(({ name, tab }) => ({ name, title: tab }));
  const chosen = currentAnalysis();
  standOut(chosen.name === "all" ? null : chosen.landmarks);
  setPlanes(chosen.planes);
  const bar = tabs(t("analyses"), list, chosen.name, (name) => {
    analysis = name;
    localStorage.setItem("analysis", name);
    forgetConstruction();
    render();
    measureSoon(true);
  });
  return [bar, h("div", { id: "scale-line" }), h("div", { id: "table" }), h("div", { id: "words" }), h("p", { id: "lacking", class: "quiet" }), chosen.note ? h("p", { class: "quiet" }, chosen.note) : ""];
}

let running = false, again = null, seen = null;
// At most one question at a time; the newest one follows.
function measureSoon(complete) {
  if (!session.open || session.open.id !== seen) return;
  again = { complete: complete || again?.complete || false };
  if (!running) void measureNow();
}

async function measureNow() {
  running = true;
  while (again) {
    const { complete } = again, open = session.open;
    again = null;
    if (!open) break;
    try {
      const found = await post("/api/measure", question(complete));
      if (session.open !== open) continue;
      keepIntervals(found, complete);
      result = found;
      setOutlines(found.outlines);
      if (section === "analysis") renderTable();
      emit("measured", result);
      // live enough, and the frames of the drag come first
      if (!complete) await new Promise((done) => setTimeout(done, 60));
    } catch {
      await new Promise((done) => setTimeout(done, 500));
    }
  }
  running = false;
}

// While a point is dragged the half widths of before stay: they hardly move.
function keepIntervals(found, complete) {
  if (complete || !result) return;
  const halves = new Map(result.rows.map((row) => [row.name, row.half]));
  for (const row of found.rows) row.half ??= halves.get(row.name) ?? null;
}

export function question(complete) {
  const points = {}, radii = {}, size = scale();
  for (const symbol of symbols()) {
    const place = shownPoint(symbol);
    if (!place || !place.visible) continue;
    points[symbol] = [place.x, place.y];
    radii[symbol] = place.by === "model" ? automatic(symbol)?.radius ?? null : 0;
  }
  return {
    points, scale: size ? [size.sx, size.sy] : null, origin: size?.origin ?? null, analysis: currentAnalysis().name,
    age: value("age"), sex: value("sex"), radii: complete ? radii : null, coverage: complete ? coverage() : null,
  };
}

// Share of films in which a landmark lies within its radius; none where the model has no radii.
function coverage() {
  return symbols().map((symbol) => automatic(symbol)?.coverage).find(Boolean) ?? null;
}

export function originWords() {
  const size = scale();
  return size ? t(`origin-${size.origin.replaceAll(" ", "-")}`, { size: number(size.sx, 4) }) : t("origin-unknown");
}

// What stands beside a norm: standard deviations where it has them, else inside, below or above.
export function standing(row) {
  if (row.deviation !== null) return `${row.deviation > 0 ? "+" : ""}${number(row.deviation)} SD`;
  return row.standing ? t(row.standing) : "";
}

function renderTable() {
  const table = document.getElementById("table");
  if (!table) return;
  renderScale();
  const lacking = Object.entries(result?.missing || {}).map(([name, needs]) => `${name} (${needs})`);
  fresh(document.getElementById("words"), result?.words || [], (lines) => [h("ul", {}, ...lines.map((line) => h("li", {}, line)))]);
  fresh(document.getElementById("lacking"), lacking.length && result.rows.length ? t("lacking", { names: lacking.join(", ") }) : "", (line) => [line]);
  if (!result) return table.replaceChildren();
  if (!symbols().length) return table.replaceChildren(h("p", { class: "quiet" }, t("no-points-yet")), session.start.model
    ? h("button", { type: "button", id: "predict", class: "primary", onclick: () => emit("predict", session.open.id) }, t("predict-this")) : h("p", { class: "quiet" }, t("no-model")));
  if (!result.rows.length) return table.replaceChildren(h("p", { class: "quiet" }, t("no-measurements")));
  const there = new Map([...table.querySelectorAll("tr[data-name]")].map((row) => [row.dataset.name, row]));
  if (there.size !== result.rows.length || result.rows.some((row) => !there.has(row.name))) {
    table.replaceChildren(h("table", {}, h("caption", { class: "sr" }, currentAnalysis().title),
      h("thead", {}, h("tr", {}, ...["measurement", "found", "norm", "deviation"].map((name) => h("th", { scope: "col" }, t(name))))),
      h("tbody", {}, ...result.rows.map(makeRow))));
    for (const row of table.querySelectorAll("tr[data-name]")) there.set(row.dataset.name, row);
  }
  for (const row of result.rows) fillRow(there.get(row.name), row);
}

// New content only where it differs: what is the same is neither laid out nor painted again, and keeps its focus.
function fresh(node, content, make) {
  const print = JSON.stringify(content);
  if (node.dataset.print === print) return;
  node.dataset.print = print;
  node.replaceChildren(...make(content));
}

function makeRow(row) {
  return h("tr", { "data-name": row.name },
    h("th", { scope: "row" }, h("button", { type: "button", class: "plain", onclick: () => highlight(row.name) }, row.label)),
    h("td", { class: "value" }), h("td", { class: "norm" }), h("td", {}, h("span", { class: "bar" }, h("i", {}), h("b", {})), h("span", { class: "words" })));
}

function fillRow(node, row) {
  const print = JSON.stringify([number(row.value), number(row.half), row.norm, standing(row), row.open, highlighted === row.name]);
  if (node.dataset.print === print) return;
  node.dataset.print = print;
  const [, found, norm, last] = node.children;
  found.textContent = `${number(row.value)}${row.unit}`;
  if (row.half !== null) found.append(h("small", {}, ` ± ${number(row.half)}`));
  norm.textContent = row.norm ? row.norm.words : "–";
  norm.title = row.norm?.sample || "";
  const bar = last.querySelector(".bar"), mark = bar.lastChild;
  bar.hidden = row.norm === null || row.norm.low === null;
  if (!bar.hidden) {
    const half = Math.max((row.norm.high - row.norm.low) / 2, 1e-6), off = (row.value - (row.norm.low + row.norm.high) / 2) / half;
    mark.style.left = `${50 + Math.min(1, Math.max(-1, off / 3)) * 50}%`;
    mark.className = Math.abs(off) <= 1 ? "in" : Math.abs(off) <= 2 ? "off" : "far";
  }
  last.querySelector(".words").textContent = standing(row).replace(" SD", "") + (row.open ? " ?" : "");
  node.classList.toggle("open-class", row.open);
  node.title = [row.meaning, row.open ? t("open-norm") : "", row.note, row.source].filter(Boolean).join(" · ");
  node.classList.toggle("chosen", highlighted === row.name);
}

function highlight(name) {
  highlighted = highlighted === name ? null : name;
  const row = result?.rows.find((item) => item.name === highlighted);
  setConstruction(row ? row.lines : []);
  const chosen = currentAnalysis();
  standOut(row ? row.landmarks : chosen.name === "all" ? null : chosen.landmarks);
  renderTable();
}

function renderScale() {
  const line = document.getElementById("scale-line"), size = scale();
  const parts = [originWords()];
  if (result?.scale?.sn_mm) parts.push(t(`sn-${result.scale.judgement}`, { length: number(result.scale.sn_mm) }));
  const bad = !size || ["doubtful", "impossible"].includes(result?.scale?.judgement);
  line.className = bad ? "warn" : "quiet";
  fresh(line, parts, () => [parts.join(" "), " ", h("button", { type: "button", class: "plain", onclick: () => emit("ruler", null) }, t("measure-scale")), h("button", { type: "button", class: "plain", onclick: () => emit("pixel-size", null) }, t("enter-scale"))]);
}

// ---- points
function pointParts() {
  const names = Object.keys(session.start.landmarks).filter((symbol) => automatic(symbol) || point(symbol));
  const others = Object.keys(session.start.landmarks).filter((symbol) => !names.includes(symbol));
  const line = (symbol) => {
    const there = point(symbol);
    const sort = !there ? "absent" : !there.visible ? "hidden" : there.by === "hand" ? "hand" : automatic(symbol)?.doubtful ? "doubtful" : "sure";
    return h("li", {}, h("button", { type: "button", class: `plain mark ${sort}`, onclick: () => emit(there ? "focus-point" : "place-point", symbol) },
      h("strong", {}, symbol), h("span", {}, session.start.landmarks[symbol]), h("em", {}, t(`kind-${sort}`))));
  };
  return [h("ul", { class: "points-list" }, ...names.map(line)),
    others.length ? h("h3", {}, t("not-placed")) : null, h("ul", { class: "points-list" }, ...others.map(line))].filter(Boolean);
}

// ---- the case
function caseParts() {
  const set = (name, read) => (event) => {
    const after = read(event.target.value.trim());
    if (after !== value(name)) perform(name === "note" ? "note" : "patient", { [name]: after });
  };
  const text = (written) => written || null;
  const figure = (written) => (written === "" || !Number.isFinite(Number(written)) ? null : Number(written));
  const locked = isSigned();
  const film = session.open.film;
  const input = (name, kind, read, more = {}) => field(t(name), h("input", { type: kind, value: value(name) ?? "", name, disabled: locked, onchange: set(name, read), ...more }));
  return [
    input("patient", "text", text, { maxlength: 200, autocomplete: "off" }), input("date", "date", text),
    h("div", { class: "row" }, input("age", "number", figure, { min: 0, max: 120, step: 0.1 }),
      field(t("sex"), h("select", { name: "sex", disabled: locked, onchange: set("sex", text) }, ...["", "f", "m"].map((sex) => h("option", { value: sex, selected: (value("sex") ?? "") === sex }, t(`sex-${sex || "unknown"}`)))))),
    field(t("stage"), h("select", { name: "stage", disabled: locked, onchange: (event) => perform("stage", { stage: event.target.value || null }) },
      ...["", "CS1", "CS2", "CS3", "CS4", "CS5", "CS6"].map((stage) => h("option", { value: stage, selected: (value("stage") ?? "") === stage }, stage || "–")))),
    field(t("note"), h("textarea", { name: "note", rows: 5, maxlength: 20000, onchange: set("note", text) }, value("note") ?? "")),
    h("dl", { class: "quiet" }, h("dt", {}, t("film-size")), h("dd", {}, `${film.width} × ${film.height} px, ${film.bits} bit`),
      film.device ? [h("dt", {}, t("device")), h("dd", {}, film.device)] : [], h("dt", {}, t("model")), h("dd", {}, value("model") || "–")),
    h("div", { class: "row" }, h("button", { type: "button", id: "export-case", onclick: () => emit("export", [session.open.id]) }, t("export-case")),
      h("button", { type: "button", id: "predict-again", disabled: locked || !session.start.model, onclick: () => emit("predict", session.open.id) }, t("predict-again"))),
    ...[...(value("view") && value("view") !== "as it is" ? [t("view-found", { view: value("view") })] : []), ...(film.warnings || [])].map((line) => h("p", { class: "warn" }, line)),
  ];
}

// ---- history
function historyParts() {
  const { undo } = stacks();
  const current = new Set(undo.map((action) => action.id));
  const lines = [...session.open.history].reverse().slice(0, 400).map((action) => h("li", { class: action.source === "hand" && !current.has(action.id) && action.kind === "move" ? "undone" : "" },
    h("time", { datetime: action.at }, new Date(action.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" })),
    h("span", {}, describeAction(action)), h("em", {}, action.who || (action.source === "file" ? t("file") : ""))));
  return [h("ol", { class: "history" }, ...lines)];
}

export function describeAction(action) {
  const names = action.changes.map(({ field: name }) => name).filter((name) => name.startsWith("point/")).map((name) => name.slice(6));
  const what = names.length > 3 ? t("points-count", { count: names.length }) : names.join(", ");
  return [t(`did-${action.kind}`), what].filter(Boolean).join(" ");
}

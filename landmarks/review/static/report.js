// One A4 page: the film with its tracing, the table, who corrected what; the browser prints it or saves it as PDF.
import { currentLanguage, h, iconButton, number, t } from "/static/dom.js";
import { placeLabels } from "/static/labels.js";
import { automatic, on, point, session, symbols, value } from "/static/model.js";
import { currentAnalysis, lastResult } from "/static/measure.js";
import { originWords, standing } from "/static/table.js";

let report, back = null;

export function buildReport(parent) {
  report = parent;
  on("print", open);
  report.addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
}

function open() {
  const result = lastResult();
  if (!session.open || !result) return;
  back = document.activeElement;
  const print = h("button", { type: "button", class: "primary", onclick: () => window.print() }, t("print-or-pdf"));
  report.replaceChildren(h("div", { class: "report-bar" }, print, iconButton("close", t("close"), close)), sheet(result));
  report.hidden = false;
  shorten(report.querySelector(".sheet"));
  document.body.classList.add("reporting");
  print.focus();
}

// One page: the last sentences but the summary give way, which the page says, and never the signature.
function shorten(sheet) {
  const lines = [...sheet.querySelectorAll(".sentence")], more = sheet.querySelector(".more"), height = sheet.clientWidth * (297 / 210) + 2;
  for (let left = 1; sheet.offsetHeight > height && lines.length > 1; left++) {
    lines.splice(-2, 1)[0].remove();
    more.textContent = t("report-more", { count: left });
  }
}

function close() {
  report.hidden = true;
  report.replaceChildren();
  document.body.classList.remove("reporting");
  back?.focus();
}

function sheet(result) {
  const analysis = currentAnalysis(), summary = session.cases.get(session.open.id), signed = value("signed");
  const many = result.rows.length > 24;
  const about = [[t("patient"), value("patient")], [t("date"), value("date")], [t("age"), value("age") === null ? null : number(value("age"))],
    [t("sex"), value("sex") && t(`sex-${value("sex")}`)], [t("stage"), value("stage")], [t("film"), summary.title]].filter(([, text]) => text);
  return h("article", { class: many ? "sheet many" : "sheet" },
    h("header", {}, h("h1", {}, t("report-title", { analysis: analysis.title })), h("dl", {}, ...about.flatMap(([name, text]) => [h("dt", {}, name), h("dd", {}, text)]))),
    h("div", { class: "film" }, drawing(analysis, result)),
    table(result),
    h("section", { class: "text" }, ...result.words.map((line) => h("p", { class: "sentence" }, line)), h("p", { class: "more" }), scaleLine(result), value("note") ? h("p", {}, `${t("note")}: ${value("note")}`) : null),
    h("footer", {}, ...corrections(), h("p", { class: signed ? "signature" : "signature open" }, signed ? t("signed-by", { who: signed.who, at: signedAt() }) : t("not-signed")),
      h("p", { class: "small" }, `${t("made-with", { version: session.start.version, model: value("model") || "–" })} ${t("not-a-device")}`)));
}

function drawing(analysis, result) {
  const { width, height } = session.open.film, unit = Math.max(width, height) / 1000;
  const node = h("svg", { viewBox: `-0.5 -0.5 ${width} ${height}`, role: "img", "aria-label": t("film") });
  const image = document.createElementNS("http://www.w3.org/2000/svg", "image");
  for (const [name, text] of Object.entries({ href: `/api/cases/${session.open.id}/picture`, x: -0.5, y: -0.5, width, height })) image.setAttribute(name, text);
  node.append(image);
  const at = (name) => {
    const ends = name.split("+").map(point);
    return ends.every((end) => end?.visible) ? [0, 1].map((axis) => ends.reduce((sum, end) => sum + (axis ? end.y : end.x), 0) / ends.length) : null;
  };
  for (const { points, dashed } of result.outlines) node.append(h("path", { class: "outline", d: `M${points.map((place) => place.join(" ")).join("L")}`, "stroke-width": 1.6 * unit, "stroke-dasharray": dashed ? `${6 * unit} ${5 * unit}` : null }));
  for (const [from, to] of analysis.planes) {
    const [a, b] = [at(from), at(to)];
    if (a && b) node.append(h("path", { class: "plane", d: `M${a.join(" ")}L${b.join(" ")}`, "stroke-width": 1.8 * unit }));
  }
  const placed = symbols().filter((symbol) => point(symbol)?.visible);
  const labels = placeLabels(placed.map((symbol) => ({ symbol, x: point(symbol).x / unit / 1.6, y: point(symbol).y / unit / 1.6, width: 8 * symbol.length + 3 })), new Map(), width / unit / 1.6);
  for (const symbol of placed) {
    const { x, y, by } = point(symbol), label = labels.get(symbol);
    node.append(h("circle", { class: by === "hand" ? "hand" : "auto", cx: x, cy: y, r: 5 * unit, "stroke-width": 1.8 * unit }));
    if (label) node.append(h("text", { x: x + (label.dx + 1) * 1.6 * unit, y: y + (label.dy + 4) * 1.6 * unit, "font-size": 20 * unit, "stroke-width": 4 * unit }, symbol));
  }
  return node;
}

function table(result) {
  const head = ["measurement", "found", "norm", "deviation"].map((name) => h("th", { scope: "col" }, t(name)));
  const line = (row) => h("tr", { class: ["below", "above"].includes(row.standing) ? "outside" : "" },
    h("th", { scope: "row" }, row.label.replaceAll("\u00ad", "")), h("td", {}, `${number(row.value)}${row.unit}`, row.half !== null ? h("small", {}, ` ± ${number(row.half)}`) : null),
    h("td", {}, row.norm ? row.norm.words : "–"), h("td", {}, standing(row) + (row.open ? " ?" : "")));
  const make = (rows) => h("table", {}, h("thead", {}, h("tr", {}, ...head.map((cell) => cell.cloneNode(true)))), h("tbody", {}, ...rows.map(line)));
  const half = Math.ceil(result.rows.length / 2);
  return h("div", { class: "values" }, ...(result.rows.length > 24 ? [make(result.rows.slice(0, half)), make(result.rows.slice(half))] : [make(result.rows)]));
}

function scaleLine(result) {
  const parts = [originWords()];
  if (result.scale?.sn_mm) parts.push(t(`sn-${result.scale.judgement}`, { length: number(result.scale.sn_mm) }));
  return h("p", {}, parts.join(" "));
}

// Who placed what: by name, from the history.
function corrections() {
  const by = new Map();
  for (const symbol of symbols()) {
    const place = point(symbol), last = session.open.history.findLast((action) => action.source === "hand" && action.changes.some(({ field }) => field === `point/${symbol}`));
    if (last && (!place || place.by === "hand")) by.set(last.who, [...(by.get(last.who) || []), place ? symbol : `${symbol} (${t("did-remove")})`]);
  }
  const doubtful = symbols().filter((symbol) => automatic(symbol)?.doubtful && point(symbol)?.by === "model");
  const lines = [...by].map(([who, names]) => h("p", {}, t(who ? "corrected-by" : "corrected-by-hand", { who, names: names.join(", ") })));
  if (!lines.length) lines.push(h("p", {}, t("nothing-corrected")));
  if (doubtful.length) lines.push(h("p", {}, t("still-doubtful", { names: doubtful.join(", ") })));
  return lines;
}

function signedAt() {
  const action = session.open.history.findLast(({ kind }) => kind === "sign");
  return action ? new Date(action.at).toLocaleString(currentLanguage()) : "";
}

// The table of measurements. While a point is dragged only words that differ are replaced, each in a box of fixed size (style.css),
// so that the table is not laid out again.
import { h, number, t } from "/static/dom.js";
import { setConstruction } from "/static/lines.js";
import { currentAnalysis, lastResult } from "/static/measure.js";
import { emit, scale, session, symbols } from "/static/model.js";
import { standOut } from "/static/points.js";

let highlighted = null;

export function tableParts() {
  const { note } = currentAnalysis();
  return [h("div", { id: "scale-line" }), h("div", { id: "table" }), h("div", { id: "words" }), h("p", { id: "lacking", class: "quiet" }), note ? h("p", { class: "quiet" }, note) : ""];
}

export function forgetConstruction() {
  highlighted = null;
  setConstruction([]);
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

export function renderTable() {
  const table = document.getElementById("table"), result = lastResult();
  if (!table) return;
  renderScale(result);
  const lacking = Object.entries(result?.missing || {}).map(([name, needs]) => `${name} (${needs})`);
  fresh(document.getElementById("words"), result?.words || [], (lines) => [h("ul", {}, ...lines.map((line) => h("li", {}, line)))]);
  fresh(document.getElementById("lacking"), lacking.length && result.rows.length ? t("lacking", { names: lacking.join(", ") }) : "", (line) => [line]);
  if (!result) return table.replaceChildren();
  if (!symbols().length) return table.replaceChildren(h("p", { class: "quiet" }, t("no-points-yet")), session.start.model
    ? h("button", { type: "button", id: "predict", class: "primary", onclick: () => emit("predict", session.open.id) }, t("predict-this")) : h("p", { class: "quiet" }, t("no-model")));
  if (!result.rows.length) return table.replaceChildren(h("p", { class: "quiet" }, t("no-measurements")));
  const there = rowsOf(table);
  if (there.size !== result.rows.length || result.rows.some((row) => !there.has(row.name))) {
    table.replaceChildren(h("table", {}, h("caption", { class: "sr" }, currentAnalysis().title),
      h("thead", {}, h("tr", {}, ...["measurement", "found", "norm", "deviation"].map((name) => h("th", { scope: "col" }, t(name))))),
      h("tbody", {}, ...result.rows.map(makeRow))));
  }
  const filled = rowsOf(table);
  for (const row of result.rows) fillRow(filled.get(row.name), row);
}

function rowsOf(table) {
  return new Map([...table.querySelectorAll("tr[data-name]")].map((row) => [row.dataset.name, row]));
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
    h("td", { class: "value" }, h("span", { class: "cell" })), h("td", { class: "norm" }, h("span", { class: "cell" })),
    h("td", {}, h("span", { class: "cell" }, h("span", { class: "bar" }, h("i", {}), h("b", {})), h("span", { class: "words" }))));
}

function fillRow(node, row) {
  const [, found, norm, last] = node.children;
  const half = row.half === null ? "" : ` ± ${number(row.half)}`;
  fresh(found.firstChild, [`${number(row.value)}${row.unit}`, half], ([text, small]) => [text, small ? h("small", {}, small) : ""]);
  fresh(norm.firstChild, row.norm ? row.norm.words : "–", (words) => [words]);
  fresh(last.querySelector(".words"), standing(row).replace(" SD", "") + (row.open ? " ?" : ""), (words) => [words]);
  fillBar(last.querySelector(".bar"), row);
  node.classList.toggle("open-class", row.open);
  node.classList.toggle("chosen", highlighted === row.name);
  const title = [row.meaning, row.open ? t("open-norm") : "", row.note, row.source].filter(Boolean).join(" · ");
  if (node.title !== title) node.title = title;
  if (norm.title !== (row.norm?.sample || "")) norm.title = row.norm?.sample || "";
}

// The middle third is inside the norm; the mark stops at three times its half width.
function fillBar(bar, { value, norm }) {
  const mark = bar.lastChild, known = norm !== null && norm.low !== null;
  bar.classList.toggle("none", !known);
  if (!known) return;
  const half = Math.max((norm.high - norm.low) / 2, 1e-6), off = (value - (norm.low + norm.high) / 2) / half;
  const move = `translateX(${(Math.min(1, Math.max(-1, off / 3)) * 21).toFixed(1)}px)`;
  if (mark.style.transform !== move) mark.style.transform = move;
  const sort = Math.abs(off) <= 1 ? "in" : Math.abs(off) <= 2 ? "off" : "far";
  if (mark.className !== sort) mark.className = sort;
}

function highlight(name) {
  highlighted = highlighted === name ? null : name;
  const row = lastResult()?.rows.find((item) => item.name === highlighted);
  setConstruction(row ? row.lines : []);
  const chosen = currentAnalysis();
  standOut(row ? row.landmarks : chosen.name === "all" ? null : chosen.landmarks);
  renderTable();
}

function renderScale(result) {
  const line = document.getElementById("scale-line"), size = scale();
  const parts = [originWords()];
  if (result?.scale?.sn_mm) parts.push(t(`sn-${result.scale.judgement}`, { length: number(result.scale.sn_mm) }));
  const bad = !size || ["doubtful", "impossible"].includes(result?.scale?.judgement);
  line.className = bad ? "warn" : "quiet";
  fresh(line, parts, () => [parts.join(" "), " ", h("button", { type: "button", class: "plain", onclick: () => emit("ruler", null) }, t("measure-scale")), h("button", { type: "button", class: "plain", onclick: () => emit("pixel-size", null) }, t("enter-scale"))]);
}

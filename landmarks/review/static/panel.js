// The panel beside the film: the analysis, the points, the case, its history.
import { caseParts, historyParts, pointParts } from "/static/casepanel.js";
import { h, number, t, tabs, toast } from "/static/dom.js";
import { setOutlines, setPlanes } from "/static/lines.js";
import { chooseAnalysis, currentAnalysis, lastResult } from "/static/measure.js";
import { automatic, emit, on, perform, point, session, symbols, value } from "/static/model.js";
import { standOut } from "/static/points.js";
import { forgetConstruction, renderTable, tableParts } from "/static/table.js";

let panel, body, section = localStorage.getItem("section") || "analysis";
let stale = false; // the case's form waits until what is being typed is written

export function buildPanel(parent) {
  panel = parent;
  body = h("div", { class: "panel-body", role: "tabpanel" });
  body.addEventListener("focusout", () => setTimeout(() => { if (stale && !typing()) render(); }));
  on("open", () => { forgetConstruction(); render(); });
  on("values", (fields) => {
    const light = fields?.length && fields.every((name) => name.startsWith("point/"));
    if (light && section !== "points") return;
    if (typing()) stale = true;
    else render();
  });
  on("measured", ({ outlines }) => {
    setOutlines(outlines);
    if (section === "analysis") renderTable();
  });
  on("history", () => { if (section === "history") render(); });
  on("summary", (id) => { if (id === session.open?.id) renderHead(); });
  render();
}

function typing() {
  return body.contains(document.activeElement) && document.activeElement.matches("input, textarea, select");
}

// Anew, with the focus where it was.
function render() {
  const node = panel.contains(document.activeElement) ? document.activeElement : null;
  const row = node?.closest("tr[data-name]"), name = row?.dataset.name ?? node?.dataset.name, signing = ["sign", "reopen"].includes(node?.id);
  fill();
  if (!node || panel.contains(document.activeElement)) return;
  const again = signing ? "#sign, #reopen" : node.id ? `#${CSS.escape(node.id)}` : name ? `${row ? "tr" : "[role=tab]"}[data-name="${CSS.escape(name)}"]` : null;
  const found = again && panel.querySelector(again);
  (row ? found?.querySelector("button") : found)?.focus();
}

function fill() {
  stale = false;
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
  const judged = lastResult()?.scale;
  if (judged?.judgement === "impossible") toast(t("sn-impossible", { length: number(judged.sn_mm) }), { kind: "warn" });
}

function analysisParts() {
  const list = session.start.analyses.map(({ name, tab }) => ({ name, title: tab }));
  const chosen = currentAnalysis();
  standOut(chosen.name === "all" ? null : chosen.landmarks);
  setPlanes(chosen.planes);
  const bar = tabs(t("analyses"), list, chosen.name, (name) => {
    forgetConstruction();
    chooseAnalysis(name);
    render();
  });
  return [bar, ...tableParts()];
}

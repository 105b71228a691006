// Starts the page and joins its parts.
import { buildAdapt, showAdapting } from "/static/adapt.js";
import { events, get, getPreloaded } from "/static/api.js";
import { buildCases, importFiles, predict, refresh, showQueue } from "/static/cases.js";
import { LANGUAGES, currentLanguage, dialog, field, h, iconButton, said, serverWords, setLanguage, t, toast } from "/static/dom.js";
import { buildDates } from "/static/dates.js";
import { buildExport } from "/static/export.js";
import { buildKeys, showKeys } from "/static/keys.js";
import { buildLines } from "/static/lines.js";
import { buildLive } from "/static/live.js";
import { emit, on, perform, receive, reloadCase, select, session, unsaved } from "/static/model.js";
import { describeAction } from "/static/casepanel.js";
import { buildMeasure } from "/static/measure.js";
import { buildPanel } from "/static/panel.js";
import { buildPointer, startPlacing } from "/static/pointer.js";
import { buildPoints } from "/static/points.js";
import { buildTools } from "/static/tools.js";
import { buildView, showFilm } from "/static/view.js";
import { buildReport } from "/static/report.js";
import { buildRuns } from "/static/runs.js";

const find = (id) => document.getElementById(id);

function settings() {
  const language = h("select", { "aria-label": t("language"), id: "language", onchange: () => { localStorage.setItem("language", language.value); location.reload(); } },
    LANGUAGES.map((name) => h("option", { value: name, selected: name === currentLanguage() }, name.toUpperCase())));
  find("settings").replaceChildren(
    h("button", { type: "button", id: "who", class: "plain", onclick: () => askName() }, session.who || t("your-name")),
    language, iconButton("sun", t("theme"), () => theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"), { id: "theme" }),
    iconButton("help", t("help"), showKeys, { id: "help" }), iconButton("panel", t("panel"), () => drawer("panel"), { id: "panel-button", "aria-controls": "panel" }),
  );
  find("menu").replaceChildren(...iconButton("menu", t("cases"), () => {}).childNodes);
  find("menu").onclick = () => drawer("side");
}

function theme(name) {
  document.documentElement.dataset.theme = name;
  localStorage.setItem("theme", name);
  emit("view", null);
  window.dispatchEvent(new Event("resize"));
}

// Films or trainings.
function enter(room) {
  const films = room === "films";
  find("cases-room").hidden = !films;
  find("runs-room").hidden = films;
  for (const [id, here] of [["films-room", films], ["trainings-room", !films]]) {
    if (here) find(id).setAttribute("aria-current", "page");
    else find(id).removeAttribute("aria-current");
  }
  document.body.classList.toggle("training", !films);
  emit("room", room);
}

// On a tablet the list and the panel slide over the film.
function drawer(id) {
  const open = find(id).classList.toggle("open");
  if (id === "side") find("menu").setAttribute("aria-expanded", String(open));
}

function askName(then) {
  const input = h("input", { value: session.who, maxlength: 200, required: true, autocomplete: "name" });
  const close = dialog(t("your-name"), () => [h("form", { onsubmit: (event) => {
    event.preventDefault();
    session.who = input.value.trim();
    localStorage.setItem("who", session.who);
    find("who").textContent = session.who || t("your-name");
    close();
    if (session.who) then?.();
  } }, h("p", { class: "quiet" }, t("name-why")), field(t("name"), input), h("div", { class: "row end" }, h("button", { class: "primary" }, t("ok"))))]);
}

// What one sees before the first film.
function invite() {
  find("invitation").hidden = Boolean(session.open) || session.cases.size > 0;
}

function wire() {
  find("invite").onclick = () => emit("import", null);
  on("list", invite);
  on("open", invite);
  find("films-room").onclick = () => enter("films");
  find("trainings-room").onclick = () => enter("runs");
  on("open", (id) => {
    find("side").classList.remove("open");
    document.body.classList.toggle("has-case", Boolean(id));
    showFilm().catch((error) => toast(error.message, { kind: "bad" }));
  });
  on("saving", ({ state, reason, detail }) => {
    const words = { saving: t("saving"), saved: t("saved"), refused: "" }[state] ?? t(`unsaved-${reason}`);
    find("saved").textContent = words;
    find("saved").className = state;
    if (state === "refused") toast(detail, { kind: "bad" });
  });
  on("conflict", ({ fields, keep }) => toast(t("conflict", { fields: fields.map((name) => name.replace("point/", "")).join(", ") }), { kind: "warn", actions: [[t("keep-mine"), keep], [t("take-theirs"), () => {}]] }));
  on("elsewhere", (action) => toast(t("elsewhere", { who: action.who || t("someone"), what: describeAction(action) }), { seconds: 3 }));
  on("undone", (action) => toast(t("undone", { what: describeAction(action) }), { seconds: 2.5 }));
  on("redone", (action) => toast(t("redone", { what: describeAction(action) }), { seconds: 2.5 }));
  on("refused", (word) => toast(t(word), { kind: "warn", seconds: 4, actions: [[t("reopen"), () => perform("reopen", { signed: null })]] }));
  on("hint", (words) => { find("hint").textContent = words; });
  on("ask-name", askName);
  on("focus-point", (symbol) => select(symbol, { focus: true }));
  on("place-point", startPlacing);
  on("predict", (id) => id && predict([id]));
  addEventListener("beforeunload", (event) => { if (unsaved()) event.preventDefault(); });
  addEventListener("paste", (event) => { if (event.clipboardData.files.length) void importFiles([...event.clipboardData.files]); });
}

async function loadCases() {
  listCases(await get("/api/cases"));
}

function listCases(cases) {
  session.cases = new Map(cases.map((item) => [item.id, item]));
  emit("list", null);
}

let away = false;
function listen() {
  events((event) => {
    if (event.event === "hello" && away) {
      away = false;
      void loadCases();
      void reloadCase();
    }
    if (event.event === "action") receive(event);
    if (event.event === "failed") toast(`${session.cases.get(event.case)?.title ?? ""}: ${serverWords(event.detail)}`, { kind: "bad" });
    if (event.event === "queue") showQueue(event);
    if (event.event === "adapt") showAdapting(event);
    if (event.event === "model") session.start.model = event.model;
    if (event.event === "list") void loadCases();
    if (event.event === "case") { session.cases.set(event.summary.id, event.summary); refresh(); }
  }, (lost) => {
    if (lost) away = true;
    document.body.classList.toggle("away", lost);
    if (lost && !unsaved()) find("saved").textContent = t("server-away");
    else if (!lost && find("saved").textContent === t("server-away")) find("saved").textContent = "";
  });
}

async function begin() {
  document.documentElement.dataset.theme = localStorage.getItem("theme") || "dark";
  setLanguage(currentLanguage());
  const cases = getPreloaded("/api/cases");
  session.start = await getPreloaded("/api/start");
  for (const [symbol, title] of Object.entries(session.start.landmarks)) session.start.landmarks[symbol] = said(title);
  for (const item of session.start.analyses) for (const name of ["title", "tab", "note"]) item[name] = said(item[name]);
  settings();
  buildView(find("stage"));
  buildLines();
  buildPoints(find("stage"));
  buildLive();
  buildPointer(find("stage"));
  buildMeasure();
  buildCases(find("side"));
  buildTools(find("tools"));
  buildPanel(find("panel"));
  buildReport(find("report"));
  buildExport();
  buildDates();
  buildRuns(find("runs-room"));
  buildAdapt();
  buildKeys();
  wire();
  listCases(await cases);
  showQueue(session.start.queue);
  listen();
  document.body.classList.add("ready");
}

begin().catch((error) => { find("toasts").textContent = error.message; });

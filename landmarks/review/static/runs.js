// The trainings room: the runs of a folder with curves and pictures; stop, resume, and use a run's model.
import { get, post } from "/static/api.js";
import { predict } from "/static/cases.js";
import { curve, short } from "/static/curves.js";
import { h, icon, t, toast } from "/static/dom.js";
import { on, session } from "/static/model.js";
import { newRun } from "/static/newrun.js";

const QUICK = 2000, SLOW = 6000;
let list, detail, note;
let runs = [], chosen = null, figure = "", timer = 0, shown = false;
let parts = null; // of the run that is shown

export function buildRuns(room) {
  list = h("ul", { class: "run-list" });
  note = h("p", { class: "quiet" });
  detail = h("main", { id: "run", tabindex: -1 });
  const create = h("button", { type: "button", id: "new-run", class: "primary", onclick: () => newRun((name) => { chosen = name; void look(); }) }, icon("plus"), t("new-training"));
  room.replaceChildren(h("section", { id: "runs-side", "aria-label": t("trainings") }, create, note, list), detail);
  on("room", (name) => {
    shown = name === "runs";
    clearTimeout(timer);
    if (shown) void look();
  });
  document.addEventListener("visibilitychange", () => { if (shown && !document.hidden) void look(); });
}

// Asks for the list and the chosen run, again and again while the room is seen.
async function look() {
  clearTimeout(timer);
  try {
    const found = await get("/api/runs");
    runs = found.runs;
    note.textContent = runs.length ? t("runs-in", { folder: found.folder }) : t("no-runs-yet", { folder: found.folder });
    if (!runs.some((run) => run.name === chosen)) chosen = runs[0]?.name ?? null;
    drawList();
    if (chosen) showRun(await get(`/api/runs/${encodeURIComponent(chosen)}`));
    else detail.replaceChildren(h("p", { class: "quiet empty" }, t("trainings-intro")));
  } catch (error) {
    note.textContent = error.message;
  }
  if (shown && !document.hidden) timer = setTimeout(() => void look(), runs.some((run) => run.state === "running") ? QUICK : SLOW);
}

function drawList() {
  const print = JSON.stringify([runs.map(({ name, state, epoch, epochs, best }) => [name, state, epoch, epochs, best]), chosen]);
  if (list.dataset.print === print) return;
  list.dataset.print = print;
  const focused = document.activeElement?.dataset.run;
  list.replaceChildren(...runs.map((run) => h("li", {}, h("button", { type: "button", class: "plain", "data-run": run.name, "aria-current": run.name === chosen ? "true" : null, onclick: () => { chosen = run.name; void look(); } },
    h("strong", {}, run.name), h("span", { class: `state ${run.state}` }, t(`run-${run.state}`)),
    h("span", { class: "line" }, [run.epochs ? t("epoch-of", run) : "", run.best === null || run.best === undefined ? "" : t("best", { value: short(run.best) })].filter(Boolean).join(" · "))))));
  if (focused) list.querySelector(`[data-run="${CSS.escape(focused)}"]`)?.focus();
}

function showRun(found) {
  if (found.run.name !== chosen) return;
  const known = Object.keys(found.settings).length > 0;
  if (parts?.name !== chosen || parts.known !== known || !parts.head.isConnected) build(found, known);
  const { run, curves } = found;
  parts.state.className = `state ${run.state}`;
  parts.state.textContent = t(`run-${run.state}`);
  parts.stop.hidden = run.state !== "running";
  parts.resume.hidden = !run.resumable;
  parts.use.hidden = !run.has_model;
  parts.progress.hidden = !run.epochs;
  parts.progress.max = run.epochs || 1;
  parts.progress.value = run.epoch;
  parts.progress.setAttribute("aria-label", t("epoch-of", run));
  parts.facts.replaceChildren(...facts(run, curves).flatMap(([name, text]) => [h("div", {}, h("dt", {}, name), h("dd", {}, text))]));
  drawCurves(run, curves);
  drawPictures(run, found.pictures);
  parts.console.textContent = found.console === null ? t("no-console") : found.console.join("\n") || t("run-starts");
}

function build({ run, settings }, known) {
  const name = run.name;
  const action = (id, word, kind = "") => h("button", { type: "button", id, class: kind, hidden: true, onclick: (event) => act(event.currentTarget, name, id.replace("-run", "")) }, t(word));
  parts = {
    name, known, state: h("span", { class: "state" }), stop: action("stop-run", "stop"), resume: action("resume-run", "resume", "primary"),
    use: h("button", { type: "button", id: "use-run", hidden: true, onclick: () => void useModel(`run ${name}`) }, t("use-model")),
    progress: h("progress", {}), facts: h("dl", { class: "facts" }), curves: h("div", { class: "curves" }),
    pictures: h("div", { class: "pictures" }), console: h("pre", { tabindex: 0, "aria-label": t("console") }),
  };
  parts.head = h("div", { class: "run-head" }, h("div", {}, h("h2", {}, name), parts.state), h("div", { class: "group" }, parts.use, parts.resume, parts.stop));
  const rows = Object.entries(settings).flatMap(([section, values]) => Object.entries(values).map(([key, value]) => h("tr", {}, h("th", { scope: "row" }, `${section}.${key}`), h("td", {}, typeof value === "object" ? JSON.stringify(value) : String(value)))));
  detail.setAttribute("aria-label", name);
  detail.replaceChildren(parts.head, parts.progress, parts.facts, parts.curves, parts.pictures,
    h("details", { open: true }, h("summary", {}, t("console")), parts.console), h("details", {}, h("summary", {}, t("settings")), h("table", { class: "settings" }, h("tbody", {}, ...rows))));
}

function facts(run, curves) {
  const memory = run.peak_memory_mib ? `${short(run.peak_memory_mib / 1024)} GiB` : "–";
  return [
    [t("epoch"), run.epochs ? `${run.epoch} / ${run.epochs}` : "–"],
    [t("time-left"), run.state === "running" ? (run.seconds_left === null ? t("after-first-epoch") : clock(run.seconds_left)) : "–"],
    [t("time-so-far"), run.seconds === null ? "–" : clock(run.seconds)],
    [run.score ? t("last-of", { figure: run.score }) : t("last-value"), short(run.value)], [t("best-value"), short(run.best)],
    [t("memory"), curves.recoveries ? t("recovered", { memory, times: curves.recoveries }) : memory],
  ];
}

export function clock(seconds) {
  const whole = Math.round(seconds), two = (number) => String(number).padStart(2, "0");
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
}

// Only a curve that has grown is drawn again: a choice of the figure stays open.
function drawCurves(run, curves) {
  const names = Object.keys(curves.valid).filter((name) => name !== "best");
  const print = JSON.stringify([curves.loss.at(-1), names, names[0] && curves.valid[names[0]].at(-1)]);
  if (parts.print === print) return;
  parts.print = print;
  if (!names.includes(figure)) figure = names[0] ?? "";
  const choice = h("select", { "aria-label": t("figure"), onchange: () => { figure = choice.value; valid.replaceWith((valid = draw())); } }, names.map((name) => h("option", { value: name, selected: name === figure }, name)));
  const draw = () => curve(figure ? t("on-validation", { figure }) : t("validation"), curves.valid[figure] ?? [], { marks: true });
  let valid = draw();
  parts.curves.replaceChildren(h("div", {}, curve(t("training-loss"), curves.loss), names.length > 1 ? h("div", { class: "quiet" }, t("lr-now", { lr: short(curves.lr.at(-1)?.[1]) })) : ""),
    h("div", {}, valid, names.length > 1 ? choice : ""));
}

function drawPictures(run, pictures) {
  const print = JSON.stringify(pictures);
  if (parts.pictures.dataset.print === print) return;
  parts.pictures.dataset.print = print;
  const address = (name, changed) => `/api/runs/${encodeURIComponent(run.name)}/pictures/${encodeURIComponent(name)}?${Math.round(changed * 1000)}`;
  parts.pictures.replaceChildren(...Object.entries(pictures).map(([name, changed]) => h("figure", {}, h("img", { src: address(name, changed), alt: t("picture-of", { name }), loading: "lazy" }), h("figcaption", {}, name.replaceAll("_", " ")))));
}

async function act(button, name, action) {
  button.disabled = true;
  try {
    await post(`/api/runs/${encodeURIComponent(name)}/${action}`, {});
    toast(t(action === "stop" ? "stopping" : "resuming", { name }), { seconds: 4 });
  } catch (error) {
    toast(error.message, { kind: "bad" });
  }
  button.disabled = false;
  await look();
}

export async function useModel(name) {
  try {
    await post("/api/models", { model: name });
    session.start.model = name;
    const untouched = [...session.cases.values()].filter((item) => ["new", "doubtful"].includes(item.state) && !item.problem && !item.missing).map((item) => item.id);
    toast(t("model-used", { name }), untouched.length ? { actions: [[t("predict-untouched", { count: untouched.length }), () => void predict(untouched)]] } : {});
  } catch (error) {
    toast(error.message, { kind: "bad" });
  }
}

// The list of cases: search, filter, sort, thumbnails; only the rows in sight exist.
import { post, sendFilm } from "/static/api.js";
import { h, icon, iconButton, said, serverWords, t, toast } from "/static/dom.js";
import { emit, on, openCase, session } from "/static/model.js";
import { preload } from "/static/view.js";

const ROW = 68;
let list, rows, counter, progress, search, filter, order;
let shownIds = [];

export function buildCases(side) {
  search = h("input", { type: "search", placeholder: t("search"), "aria-label": t("search"), oninput: refresh });
  filter = select("filter", ["all", "new", "doubtful", "corrected", "signed", "unpredicted"]);
  order = select("order", ["added", "doubt", "title", "patient", "date"]);
  const input = h("input", { type: "file", multiple: true, hidden: true, accept: "image/*,.dcm,.dicom,application/dicom", onchange: () => { importFiles([...input.files]); input.value = ""; } });
  counter = h("p", { class: "count", "aria-live": "polite" });
  progress = h("div", { class: "queue", hidden: true });
  rows = h("div", { class: "rows", role: "presentation" });
  list = h("div", { class: "list", role: "listbox", tabindex: 0, "aria-label": t("cases"), onscroll: draw, onkeydown: keyed }, rows);
  side.replaceChildren(
    h("div", { class: "side-head" },
      h("button", { type: "button", class: "primary", onclick: () => input.click() }, icon("add"), t("import")),
      h("button", { type: "button", id: "predict-all", onclick: predictAll }, icon("play"), t("predict-all")), input),
    search, h("div", { class: "row" }, filter, order), progress,
    h("div", { class: "count-row" }, counter, h("button", { type: "button", id: "models", class: "plain", onclick: () => emit("models", null) }, t("model")), h("button", { type: "button", id: "export-all", class: "plain", onclick: () => emit("export", shownIds) }, t("export-all"))), list,
  );
  new ResizeObserver(draw).observe(list);
  dropping();
}

function select(name, options) {
  const node = h("select", { "aria-label": t(name), onchange: refresh }, options.map((option) => h("option", { value: option }, t(`${name}-${option}`))));
  node.value = localStorage.getItem(`list-${name}`) || options[0];
  node.addEventListener("change", () => localStorage.setItem(`list-${name}`, node.value));
  return node;
}

on("list", () => refresh());
on("import", () => list.parentElement.querySelector("input[type=file]").click());
let soon = 0;
on("summary", () => {
  // many films predicted in a row redraw the list once
  cancelAnimationFrame(soon);
  soon = requestAnimationFrame(() => refresh());
});
on("open", () => draw());
// the next film is decoded and fetched while this one is looked at
on("film", (id) => {
  const next = session.cases.get(shownIds[shownIds.indexOf(id) + 1]);
  if (next && !next.problem && !next.missing) requestIdleCallback(() => preload(next.id), { timeout: 3000 });
});

const ORDERS = {
  added: (a, b) => a.id - b.id,
  doubt: (a, b) => (a.state === "signed") - (b.state === "signed") || (b.doubt ?? -1) - (a.doubt ?? -1) || a.id - b.id,
  title: (a, b) => a.title.localeCompare(b.title, undefined, { numeric: true }),
  patient: (a, b) => (a.patient || "\uffff").localeCompare(b.patient || "\uffff") || (a.date || "").localeCompare(b.date || ""),
  date: (a, b) => (b.date || "").localeCompare(a.date || "") || a.id - b.id,
};

export function refresh() {
  if (!list) return;
  const words = search.value.trim().toLowerCase();
  const state = filter.value;
  shownIds = [...session.cases.values()]
    .filter((item) => state === "all" || (state === "unpredicted" ? item.doubt === null : item.state === state))
    .filter((item) => !words || `${item.title} ${item.patient || ""} ${item.date || ""}`.toLowerCase().includes(words))
    .sort(ORDERS[order.value])
    .map((item) => item.id);
  counter.textContent = t("count", { shown: shownIds.length, all: session.cases.size });
  rows.style.height = `${shownIds.length * ROW}px`;
  draw();
}

function draw() {
  if (!list) return;
  const first = Math.max(0, Math.floor(list.scrollTop / ROW) - 4);
  const last = Math.min(shownIds.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW) + 4);
  const there = new Map([...rows.children].map((node) => [Number(node.dataset.id), node]));
  const wanted = new Set(shownIds.slice(first, last));
  for (const [id, node] of there) if (!wanted.has(id)) node.remove();
  for (let index = first; index < last; index++) {
    const item = session.cases.get(shownIds[index]);
    const node = there.get(item.id) || makeRow(item.id);
    fillRow(node, item, index);
    if (!node.isConnected) rows.append(node);
  }
  if (!shownIds.length && !rows.firstChild) rows.style.height = "";
  list.classList.toggle("empty", !shownIds.length);
  list.dataset.empty = session.cases.size ? t("nothing-found") : t("drop-here");
}

function makeRow(id) {
  const image = h("img", { alt: "", width: 48, height: 56, loading: "lazy", decoding: "async", src: `/api/cases/${id}/thumbnail` });
  image.addEventListener("error", () => image.classList.add("none"));
  return h("div", { class: "case", role: "option", id: `case-${id}`, "data-id": id, onclick: () => choose(id) }, image, h("div", { class: "about" }));
}

function fillRow(node, item, index) {
  node.style.transform = `translateY(${index * ROW}px)`;
  node.setAttribute("aria-selected", String(session.open?.id === item.id));
  node.setAttribute("aria-setsize", shownIds.length);
  node.setAttribute("aria-posinset", index + 1);
  if (session.open?.id === item.id) list.setAttribute("aria-activedescendant", node.id);
  const print = JSON.stringify(item);
  if (node.dataset.print === print) return;
  node.dataset.print = print;
  const doubt = item.doubt ? h("span", { class: "doubt", title: t("doubt-title") }, t("doubt", { share: Math.round(item.doubt * 100) })) : null;
  const line = [item.patient, item.date, item.view && item.view !== "as it is" ? said(item.view) : null].filter(Boolean).join(" · ");
  const state = item.problem || item.missing ? "problem" : item.state;
  node.lastChild.replaceChildren(
    h("strong", {}, item.title),
    h("span", { class: "line" }, serverWords(item.problem) || (item.missing ? t("missing") : line || item.added.slice(0, 10))),
    h("span", { class: "marks" }, h("span", { class: `state ${state}` }, t(`state-${state}`)), doubt, item.doubt === null && !item.problem ? h("span", { class: "quiet" }, t("unpredicted")) : null),
  );
}

function choose(id) {
  openCase(id).catch((error) => toast(error.message, { kind: "bad" }));
}

export function neighbour(step) {
  const index = shownIds.indexOf(session.open?.id);
  const next = shownIds[index < 0 ? 0 : index + step];
  if (next === undefined) return;
  choose(next);
  scrollTo(shownIds.indexOf(next));
}

function scrollTo(index) {
  const top = index * ROW;
  if (top < list.scrollTop) list.scrollTop = top;
  else if (top + ROW > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW - list.clientHeight;
}

function keyed(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  event.stopPropagation();
  neighbour(step);
}

async function predictAll() {
  const cases = shownIds.filter((id) => { const item = session.cases.get(id); return item.doubt === null && !item.problem && !item.missing; });
  if (!cases.length) return toast(t("nothing-to-predict"));
  await predict(cases);
}

export async function predict(cases) {
  try {
    await post("/api/predict", { cases });
  } catch (error) {
    toast(error.message, { kind: "bad" });
  }
}

export function showQueue({ waiting, running, done, failed }) {
  const left = waiting + running;
  progress.hidden = !left;
  if (!left) return;
  progress.replaceChildren(
    h("span", {}, t("predicting", { left })), h("progress", { max: done + left, value: done, "aria-label": t("predicting", { left }) }),
    iconButton("close", t("cancel"), () => void post("/api/cancel", {})),
  );
}

export async function importFiles(files) {
  const films = files.filter((file) => file.size);
  if (!films.length) return;
  let done = 0, first = null;
  const bar = h("progress", { max: films.length, value: 0, "aria-label": t("importing") });
  const box = h("div", { class: "queue" }, h("span", {}, t("importing")), bar);
  progress.before(box);
  const waiting = [...films], added = [];
  // two at a time keep the line full without crowding the server
  await Promise.all([1, 2].map(async () => {
    while (waiting.length) {
      const file = waiting.shift();
      try {
        const { case: item } = await sendFilm(file, file.name);
        session.cases.set(item.id, item);
        added.push(item.id);
        first ??= item.id;
      } catch (error) {
        toast(`${file.name}: ${error.message}`, { kind: "bad" });
      }
      bar.value = ++done;
    }
  }));
  box.remove();
  refresh();
  if (first !== null) choose(first);
  if (added.length && session.start.model) await predict(added.filter((id) => session.cases.get(id).doubt === null));
}

function dropping() {
  const over = (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    document.body.classList.add("dropping");
  };
  addEventListener("dragover", over);
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("dropping"); });
  addEventListener("drop", async (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const files = entries.length ? (await Promise.all(entries.map(filesOf))).flat() : [...event.dataTransfer.files];
    await importFiles(files);
  });
}

// A dropped folder with everything below it.
async function filesOf(entry) {
  if (entry.isFile) return [await new Promise((done, failed) => entry.file(done, failed))].filter((file) => !file.name.startsWith("."));
  const reader = entry.createReader(), found = [];
  for (;;) {
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!some.length) return found;
    for (const inner of some) found.push(...await filesOf(inner));
  }
}


// The model of the page: which one predicts, and a new one adapted to the corrections.
import { get, post } from "/static/api.js";
import { dialog, field, h, iconButton, t, toast } from "/static/dom.js";
import { on, session } from "/static/model.js";
import { useModel } from "/static/runs.js";

let line;
let last = "none";

export function buildAdapt() {
  line = h("div", { class: "queue", id: "adapting", hidden: true });
  document.querySelector("#side .count-row").before(line);
  on("models", open);
  showAdapting(session.start.adapt, false);
}

async function open() {
  let found;
  try {
    found = await get("/api/models");
  } catch (error) {
    return toast(error.message, { kind: "bad" });
  }
  const choose = (name, list, chosen) => h("select", { name }, list.map((item) => h("option", { value: item, selected: item === chosen }, item)));
  const used = choose("used", found.models, found.used), base = choose("base", found.models, found.used);
  const close = dialog(t("model"), () => [
    h("h3", {}, t("predicts-with")),
    found.models.length ? h("div", { class: "row" }, field(t("model"), used), h("button", { type: "button", id: "use-model", onclick: () => { close(); void useModel(used.value); } }, t("use-model"))) : h("p", {}, t("no-model")),
    h("h3", {}, t("adapt")), h("p", {}, t("adapt-what")),
    h("p", { class: "quiet" }, t("adapt-films", { corrected: found.corrected, kept: found.kept })),
    found.models.length ? h("div", { class: "row" }, field(t("adapt-base"), base), h("button", { type: "button", id: "adapt", class: "primary", disabled: found.corrected < 3, onclick: () => void begin(base.value, close) }, t("adapt-do"))) : "",
  ]);
}

async function begin(model, close) {
  try {
    await post("/api/adapt", { model });
    close();
  } catch (error) {
    toast(error.message, { kind: "bad" });
  }
}

export function showAdapting({ state, done, all, line: words, model }, announce = true) {
  line.hidden = state !== "running";
  if (state === "running") {
    const label = t("adapting", { done, all });
    line.replaceChildren(h("span", {}, label), h("progress", { max: all || 1, value: done, "aria-label": label }), iconButton("close", t("cancel"), () => void post("/api/adapt/cancel", {})));
  }
  if (announce && state !== last) {
    if (state === "done") toast(t("adapted", { model, line: words }), { kind: "info", actions: [[t("use-new-model"), () => void useModel(model)]] });
    if (state === "no gain") toast(t("adapt-no-gain", { line: words }), { seconds: 15 });
    if (state === "failed") toast(t("adapt-failed", { line: words }), { kind: "bad" });
  }
  last = state;
}

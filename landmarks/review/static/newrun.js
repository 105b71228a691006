// A new training: a recipe, the settings that matter, the data; checked by the server as on the command line.
import { get, post } from "/static/api.js";
import { dialog, field, h, t, toast } from "/static/dom.js";

export async function newRun(started) {
  let recipes;
  try {
    recipes = (await get("/api/runs")).recipes;
  } catch (error) {
    return toast(error.message, { kind: "bad" });
  }
  if (!recipes.length) return toast(t("no-recipes"), { kind: "warn" });
  const remembered = localStorage.getItem("recipe");
  const recipe = h("select", { name: "recipe", onchange: () => void fill() }, recipes.map((name) => h("option", { value: name, selected: name === remembered }, name)));
  const name = h("input", { name: "name", required: true, pattern: "[A-Za-z0-9][A-Za-z0-9_\\-]{0,63}", maxlength: 64, autocomplete: "off" });
  const parts = h("div", { class: "recipe" }), wrong = h("p", { class: "warn", role: "alert" });
  const submit = h("button", { type: "submit", class: "primary" }, t("start-training"));
  let named = "";

  async function fill() {
    submit.disabled = true;
    wrong.textContent = "";
    // at once: a name that is being typed is never touched
    if (!name.value || name.value === named) name.value = named = `${recipe.value}-${stamp()}`;
    try {
      const form = await get(`/api/recipes/${encodeURIComponent(recipe.value)}`);
      parts.replaceChildren(...fields(form));
      submit.disabled = false;
    } catch (error) {
      parts.replaceChildren();
      wrong.textContent = error.message;
    }
  }

  const close = dialog(t("new-training"), () => [h("form", { class: "new-run", onsubmit: async (event) => {
    event.preventDefault();
    submit.disabled = true;
    wrong.textContent = "";
    try {
      localStorage.setItem("recipe", recipe.value);
      const { name: made } = await post("/api/runs", sent(name.value, recipe.value, parts));
      close();
      started(made);
    } catch (error) {
      wrong.textContent = error.message;
      wrong.scrollIntoView({ block: "nearest" });
      submit.disabled = false;
    }
  } }, h("div", { class: "row" }, field(t("recipe"), recipe), field(t("run-name"), name)), parts, wrong, h("div", { class: "row end" }, submit))], { wide: true });
  await fill();
}

function stamp() {
  const now = new Date(), two = (number) => String(number).padStart(2, "0");
  return `${two(now.getMonth() + 1)}${two(now.getDate())}-${two(now.getHours())}${two(now.getMinutes())}`;
}

function fields(form) {
  const { train, valid, test } = form.cases;
  const data = h("select", { name: "data", onchange: () => { format.closest("label").hidden = !data.value.startsWith("folder/"); } },
    h("option", { value: "recipe" }, t("data-of-recipe", { data: [form.data.format, form.data.root].filter(Boolean).join(", ") })),
    h("option", { value: "cases" }, t("data-of-cases", { train, valid, test })),
    form.folders.map((folder) => h("option", { value: `folder/${folder}` }, folder)));
  const format = h("select", { name: "format" }, form.formats.map((name) => h("option", { value: name, selected: name === form.data.format }, name)));
  const from = h("select", { name: "start_from" }, h("option", { value: "" }, t("from-recipe")), form.starts.map((name) => h("option", { value: name }, name)));
  const about = h("p", { class: "quiet", id: "setting-help" }, t("settings-hint"));
  const formatField = field(t("format"), format);
  formatField.hidden = true;
  return [
    form.about ? h("p", { class: "quiet" }, form.about) : "",
    h("div", { class: "row" }, field(t("data"), data), formatField, field(t("start-from"), from)),
    h("div", { class: "grid" }, ...form.fields.map(({ name, value, choices, help }) => {
      const control = choices.length ? h("select", {}, choices.map((choice) => h("option", { value: choice, selected: choice === value }, choice)))
        : h("input", { value: Array.isArray(value) ? `[${value.join(",")}]` : String(value), autocomplete: "off", spellcheck: "false" });
      control.dataset.setting = name;
      control.title = help;
      control.setAttribute("aria-describedby", "setting-help");
      control.addEventListener("focus", () => { about.textContent = help; });
      return field(name, control);
    })),
    about,
  ];
}

function sent(name, recipe, parts) {
  const settings = {};
  for (const control of parts.querySelectorAll("[data-setting]")) settings[control.dataset.setting] = control.value;
  const choice = (key) => parts.querySelector(`[name=${key}]`).value;
  return { name, recipe, settings, data: choice("data"), format: choice("format"), start_from: choice("start_from") };
}

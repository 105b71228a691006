// The panel's other sections: the list of points, what is known of the case, its history.
import { field, h, said, t } from "/static/dom.js";
import { automatic, emit, isSigned, perform, point, session, stacks, value } from "/static/model.js";
import { kind } from "/static/points.js";

export function pointParts() {
  const names = Object.keys(session.start.landmarks).filter((symbol) => automatic(symbol) || point(symbol));
  const others = Object.keys(session.start.landmarks).filter((symbol) => !names.includes(symbol));
  const line = (symbol) => {
    const there = point(symbol), sort = kind(symbol);
    return h("li", {}, h("button", { type: "button", class: `plain mark ${sort}`, onclick: () => emit(there ? "focus-point" : "place-point", symbol) },
      h("strong", {}, symbol), h("span", {}, session.start.landmarks[symbol]), h("em", {}, t(`kind-${sort}`))));
  };
  return [h("ul", { class: "points-list" }, ...names.map(line)),
    others.length ? h("h3", {}, t("not-placed")) : null, h("ul", { class: "points-list" }, ...others.map(line))].filter(Boolean);
}

export function caseParts() {
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
    ...[...(value("view") && value("view") !== "as it is" ? [t("view-found", { view: said(value("view")) })] : []), ...(film.warnings || []).map(said)].map((line) => h("p", { class: "warn" }, line)),
  ];
}

export function historyParts() {
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

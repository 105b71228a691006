// Two films of one patient laid over each other: blink, fade, movements and changes.
import { post } from "/static/api.js";
import { dialog, field, h, number, said, t, tabs, toast } from "/static/dom.js";
import { on, session } from "/static/model.js";

const REFERENCES = ["cranial_base", "palate", "mandible", "symphysis", "best_fit"];
let blinking = 0;

export function buildDates() {
  on("compare", () => {
    const own = session.cases.get(session.open.id);
    const others = [...session.cases.values()].filter((item) => item.id !== own.id && item.doubt !== null);
    const same = own.patient ? others.filter((item) => item.patient === own.patient) : [];
    if (!others.length) return toast(t("no-second-film"));
    open(own, same.length ? same : others, same.length > 0);
  });
}

function title(item) {
  return [item.title, item.date].filter(Boolean).join(", ");
}

function open(own, others, same) {
  const second = h("select", { name: "second" }, others.map((item) => h("option", { value: item.id }, title(item))));
  const reference = h("select", { name: "reference" }, REFERENCES.map((name) => h("option", { value: name }, t(`reference-${name}`))));
  const fade = h("input", { type: "range", min: 0, max: 1, step: 0.02, value: 0.5, name: "fade" });
  const blink = h("button", { type: "button", "aria-pressed": "false" }, t("blink"));
  const picture = h("div", { class: "over" }), found = h("div", { class: "changes" }), note = h("p", { class: "warn" });
  const ownField = field(t("first-film"), h("output", {}, title(own))), otherField = field(t("second-film"), second);
  const referenceField = field(t("reference"), reference);
  referenceField.style.order = 2;
  let list = "movements", answer = null;
  const show = () => found.replaceChildren(
    tabs(t("compare"), ["movements", "changes"].map((name) => ({ name, title: t(name) })), list, (name) => { list = name; show(); }),
    answer ? (list === "movements" ? movementTable(answer) : changeTable(answer)) : "");
  const refresh = async () => {
    note.textContent = "";
    const other = others.find((item) => item.id === Number(second.value));
    // growth is read from the earlier film to the later one, whichever is open
    const later = Boolean(own.date && other.date && other.date < own.date);
    const [from, to] = later ? [other.id, own.id] : [own.id, other.id];
    ownField.firstChild.textContent = t(later ? "second-film" : "first-film");
    otherField.firstChild.textContent = t(later ? "first-film" : "second-film");
    ownField.style.order = later ? 1 : 0;
    try {
      answer = await post("/api/superimpose", { first: from, second: to, reference: reference.value });
      draw(picture, answer, from, to, Number(fade.value));
    } catch (error) {
      answer = null;
      picture.replaceChildren();
      note.textContent = error.message;
    }
    show();
  };
  second.onchange = reference.onchange = refresh;
  fade.oninput = () => setFade(picture, Number(fade.value));
  blink.onclick = () => {
    const on = blink.getAttribute("aria-pressed") !== "true";
    blink.setAttribute("aria-pressed", String(on));
    clearInterval(blinking);
    let side = 0;
    if (on) blinking = setInterval(() => setFade(picture, (side = 1 - side)), 600);
    else setFade(picture, Number(fade.value));
  };
  dialog(t("compare"), () => [
    h("p", { class: "quiet" }, same ? t("same-patient") : t("other-patient")),
    h("div", { class: "row" }, ownField, otherField, referenceField),
    h("div", { class: "fading" }, field(t("fade"), fade), blink), note, h("div", { class: "two" }, picture, found),
  ], { wide: true });
  document.querySelector("dialog:last-of-type").addEventListener("close", () => clearInterval(blinking));
  void refresh();
}

function draw(picture, answer, first, second, fade) {
  const { width, height } = answer.size;
  const image = (id, transform, name) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", "image");
    const [w, h_] = name === "first" ? [width, height] : [answer.second_size.width, answer.second_size.height];
    for (const [key, text] of Object.entries({ href: `/api/cases/${id}/picture`, x: -0.5, y: -0.5, width: w, height: h_, transform, class: name })) if (text) node.setAttribute(key, text);
    return node;
  };
  const unit = Math.max(width, height) / 1000;
  const marks = (points, name) => h("g", { class: name }, ...Object.values(points).map(([x, y]) => h("circle", { cx: x, cy: y, r: 5 * unit, "stroke-width": 2 * unit })));
  const arrows = h("g", { class: "arrows" }, ...Object.keys(answer.first_points).filter((symbol) => symbol in answer.second_points).map((symbol) => {
    const [a, b] = [answer.first_points[symbol], answer.second_points[symbol]];
    return h("path", { d: `M${a.join(" ")}L${b.join(" ")}`, "stroke-width": 2.5 * unit });
  }));
  picture.replaceChildren(h("svg", { viewBox: `-0.5 -0.5 ${width} ${height}`, role: "img", "aria-label": t("compare") },
    image(first, "", "first"), image(second, `matrix(${answer.matrix.join(" ")})`, "second"), arrows, marks(answer.first_points, "before"), marks(answer.second_points, "after")));
  setFade(picture, fade);
}

function setFade(picture, share) {
  const second = picture.querySelector("image.second");
  if (second) second.style.opacity = share;
}

function half(value) {
  return value === null ? null : h("small", {}, ` ± ${number(value)}`);
}

function movementTable({ movements }) {
  const side = (value, plus, minus) => `${number(Math.abs(value))} ${t(value >= 0 ? plus : minus)}`;
  return h("table", {}, h("thead", {}, h("tr", {}, ...["landmark", "forward-back", "up-down", "distance"].map((name) => h("th", { scope: "col" }, t(name))))),
    h("tbody", {}, ...movements.map((row) => h("tr", {}, h("th", { scope: "row" }, row.symbol), h("td", {}, side(row.forward, "forward", "back"), half(row.forward_half)),
      h("td", {}, side(row.down, "down", "up"), half(row.down_half)), h("td", {}, `${number(row.distance)} mm`, half(row.distance_half))))));
}

function changeTable({ changes }) {
  return h("table", {}, h("thead", {}, h("tr", {}, ...["measurement", "before", "after", "change"].map((name) => h("th", { scope: "col" }, t(name))))),
    h("tbody", {}, ...changes.map((row) => h("tr", {}, h("th", { scope: "row" }, said(row.name)), h("td", {}, number(row.before)), h("td", {}, number(row.after)),
      h("td", {}, `${row.change > 0 ? "+" : ""}${number(row.change)}${row.unit}`, half(row.half))))));
}

// Everything by keyboard. The list is also what the help shows.
import { dialog, h, t } from "/static/dom.js";
import { emit, on, redo, session, undo } from "/static/model.js";
import { neighbour } from "/static/cases.js";
import { confirmPoint, nudge, removePoint, resetPoints, toggleVisible } from "/static/edits.js";
import { abandon } from "/static/pointer.js";
import { requestDraw, shown } from "/static/points.js";
import { abandonRuler, goDoubtful, nextTurn, resetSelected, rulerKey, toggleRuler } from "/static/tools.js";
import { fit, look, oneToOne, setLook, zoomBy } from "/static/view.js";
import { sign } from "/static/panel.js";

export const KEYS = [
  ["Tab", "key-tab"], ["← ↑ → ↓", "key-nudge"], ["Shift + ←", "key-nudge-far"], ["Alt + ←", "key-nudge-fine"], ["N", "key-next"],
  ["Ctrl + Z", "undo"], ["Ctrl + Shift + Z", "redo"], ["Enter", "key-confirm"], ["R", "key-reset"], ["H", "key-hide"], ["Delete", "key-remove"],
  ["+ −", "key-zoom"], ["0", "key-fit"], ["1", "key-one"], ["I", "key-invert"], ["T", "key-turn"], ["M", "key-ruler"], ["L", "key-labels"],
  ["[ ]", "key-cases"], ["S", "key-sign"], ["D", "key-compare"], ["P", "key-print"], ["Esc", "key-escape"], ["?", "key-help"],
];

export function buildKeys() {
  addEventListener("keydown", (event) => {
    if (event.target.closest?.("input, textarea, select, dialog") || event.defaultPrevented || document.querySelector("dialog[open]")) return;
    if (!document.getElementById("report").hidden || document.getElementById("cases-room").hidden) return;
    if (handle(event)) event.preventDefault();
  });
  on("focus-help", showKeys);
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function handle(event) {
  const key = event.key, command = event.ctrlKey || event.metaKey;
  if (command) {
    if (key.toLowerCase() === "z") return void (event.shiftKey ? redo() : undo()) ?? true;
    if (key.toLowerCase() === "y") return void redo() ?? true;
    return false;
  }
  const step = event.shiftKey ? 10 : event.altKey ? 0.1 : 1;
  if (!event.target.closest?.("button:not(.icon), [role=tab]") && rulerKey(key, ARROWS[key], step)) return true;
  if (key in ARROWS && session.selected) {
    const [dx, dy] = ARROWS[key];
    nudge(dx * step, dy * step);
    return true;
  }
  if (event.altKey) return false;
  if (key === "Enter" && session.selected && event.target.closest?.(".point")) {
    confirmPoint(session.selected);
    return true;
  }
  const act = ACTIONS[key.length === 1 ? key.toLowerCase() : key];
  if (!act) return false;
  act();
  return true;
}

const ACTIONS = {
  n: goDoubtful, r: () => (session.selected ? resetPoints([session.selected]) : resetSelected()), h: () => session.selected && toggleVisible(session.selected),
  Delete: () => session.selected && removePoint(session.selected), Backspace: () => session.selected && removePoint(session.selected),
  "+": () => zoomBy(1.25), "=": () => zoomBy(1.25), "-": () => zoomBy(0.8), "0": fit, "1": oneToOne, i: () => setLook({ invert: !look.invert }), t: nextTurn, m: toggleRuler,
  l: () => { shown.labels = !shown.labels; requestDraw(); emit("look", null); }, "[": () => neighbour(-1), "]": () => neighbour(1), s: () => session.open && sign(),
  p: () => session.open && emit("print", null), d: () => session.open && emit("compare", null), Escape: () => { if (!abandon()) abandonRuler(); }, "?": showKeys,
};

export function showKeys() {
  dialog(t("help"), () => [h("dl", { class: "keys" }, ...KEYS.flatMap(([key, word]) => [h("dt", {}, h("kbd", {}, key.replace(/[A-Z][a-z]{3,}/g, (name) => t(`keyboard-${name}`)))), h("dd", {}, t(word))])),
    h("h3", {}, t("legend")), h("ul", { class: "legend" }, ...["sure", "doubtful", "hand", "hidden"].map((kind) => h("li", { class: `mark ${kind}` }, t(`kind-${kind}`)))),
    h("p", { class: "quiet" }, t("not-a-device"))]);
}

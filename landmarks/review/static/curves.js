// One curve of a run as SVG: points [[step, value], ...], a logarithmic axis where values span much.
import { h, t } from "/static/dom.js";

const WIDTH = 460, HEIGHT = 190, LEFT = 54, BOTTOM = 24, TOP = 10, RIGHT = 12;

export function curve(title, points, { marks = false } = {}) {
  const figure = h("figure", { class: "curve" }, h("figcaption", {}, title));
  if (!points.length) {
    figure.append(h("p", { class: "quiet" }, t("no-curve-yet")));
    return figure;
  }
  const values = points.map(([, value]) => value), steps = points.map(([step]) => step);
  let [low, high] = [Math.min(...values), Math.max(...values)];
  const log = low > 0 && high / low > 20;
  if (high === low) [low, high] = [low - Math.abs(low) * 0.1 - 1e-9, high + Math.abs(high) * 0.1 + 1e-9];
  const scaled = (value) => (log ? (Math.log(value) - Math.log(low)) / (Math.log(high) - Math.log(low)) : (value - low) / (high - low));
  const first = Math.min(0, steps[0]), last = Math.max(...steps, first + 1);
  const x = (step) => LEFT + ((step - first) / (last - first)) * (WIDTH - LEFT - RIGHT);
  const y = (value) => HEIGHT - BOTTOM - scaled(value) * (HEIGHT - BOTTOM - TOP);
  const path = points.map(([step, value], index) => `${index ? "L" : "M"}${x(step).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  const label = (text, at) => h("text", at, text);
  const middle = log ? Math.sqrt(low * high) : (low + high) / 2;
  figure.append(h("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": t("curve-label", { title, value: short(values.at(-1)), step: steps.at(-1), least: short(Math.min(...values)) }) },
    ...[low, middle, high].map((value) => h("path", { class: "grid", d: `M${LEFT} ${y(value).toFixed(1)}H${WIDTH - RIGHT}` })),
    ...[low, middle, high].map((value) => label(short(value), { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" })),
    label(String(first), { x: LEFT, y: HEIGHT - 6 }), label(t("steps", { step: last }), { x: WIDTH - RIGHT, y: HEIGHT - 6, "text-anchor": "end" }),
    h("path", { class: "drawn", d: path }),
    ...(marks ? points : points.slice(-1)).map(([step, value]) => h("circle", { cx: x(step).toFixed(1), cy: y(value).toFixed(1), r: 3 }))));
  return figure;
}

// Three digits that matter, as short as they can be written.
export function short(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 100000)) return value.toExponential(1);
  return String(Number(value.toPrecision(size >= 100 ? 4 : 3)));
}

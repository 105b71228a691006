// The magnifier beside a dragged point.
import { h } from "/static/dom.js";
import { magnify, stageSize, toScreen } from "/static/view.js";

const SIDE = 160; // CSS px
let lens, context;

export function buildLens(stage) {
  lens = h("canvas", { class: "lens", hidden: true, "aria-hidden": "true" });
  stage.append(lens);
}

export function hideLens() {
  if (lens && !lens.hidden) lens.hidden = true;
}

export function drawLens(place) {
  const { width } = stageSize(), ratio = devicePixelRatio;
  lens.hidden = false;
  // away from the pointer: on the other side of the film
  lens.classList.toggle("left", toScreen(place).x > width / 2);
  if (lens.width !== Math.round(SIDE * ratio)) {
    lens.width = lens.height = Math.round(SIDE * ratio);
    context = lens.getContext("2d", { alpha: false });
  }
  magnify(context, place, 3, ratio);
  drawCross(ratio);
}

// Open in the middle, so that it covers nothing of what is looked at.
function drawCross(ratio) {
  const middle = lens.width / 2;
  context.setTransform(ratio, 0, 0, ratio, middle, middle);
  for (const [style, wide] of [["#000a", 2.5], ["#ffd34d", 1]]) {
    context.strokeStyle = style;
    context.lineWidth = wide;
    context.beginPath();
    for (const [x, y] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      context.moveTo(x * 5, y * 5);
      context.lineTo(x * 30, y * 30);
    }
    context.stroke();
  }
}

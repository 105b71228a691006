// The magnifier beside a dragged point.
import { magnify, stageSize, toScreen } from "/static/view.js";

const RADIUS = 80, AWAY = 12; // CSS px

export function drawLens(context, place) {
  const { width } = stageSize();
  // away from the pointer: on the other side of the film
  const middle = { x: toScreen(place).x > width / 2 ? AWAY + RADIUS : width - AWAY - RADIUS, y: AWAY + RADIUS };
  context.save();
  context.beginPath();
  context.arc(middle.x, middle.y, RADIUS - 1, 0, 2 * Math.PI);
  magnify(context, place, 3, middle);
  context.strokeStyle = "#fffb";
  context.lineWidth = 2;
  context.stroke();
  drawCross(context, middle);
  context.restore();
}

// Open in the middle, so that it covers nothing of what is looked at.
function drawCross(context, middle) {
  context.translate(middle.x, middle.y);
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

// Labels that cover neither a point nor each other; one that finds no room is left out (hover and focus still name it).
const AROUND = [[1, 0], [-1, 0], [0.8, -0.8], [-0.8, -0.8], [0.8, 0.8], [-0.8, 0.8], [0, -1], [0, 1]];
const RINGS = [12, 22, 34];
const HEIGHT = 15;

// points: [{symbol, x, y, width}] in CSS px -> Map symbol -> {dx, dy} of the label's left middle, or null; `across`: how wide the film is
export function placeLabels(points, kept = new Map(), across = Infinity) {
  const taken = points.map(({ x, y }) => [x - 7, y - 7, x + 7, y + 7]);
  const placed = new Map();
  for (const point of points) {
    const choices = kept.has(point.symbol) && kept.get(point.symbol) ? [kept.get(point.symbol), ...offsets(point.width)] : offsets(point.width);
    let found = null;
    for (const { dx, dy } of choices) {
      const box = [point.x + dx, point.y + dy - HEIGHT / 2, point.x + dx + point.width, point.y + dy + HEIGHT / 2];
      if (box[2] > across || taken.some((other) => overlap(box, other))) continue;
      taken.push(box);
      found = { dx, dy };
      break;
    }
    placed.set(point.symbol, found);
  }
  return placed;
}

function offsets(width) {
  return RINGS.flatMap((ring) => AROUND.map(([x, y]) => ({
    dx: x > 0.5 ? ring * x : x < -0.5 ? ring * x - width : -width / 2,
    dy: ring * y,
  })));
}

function overlap(a, b) {
  return a[0] < b[2] && a[2] > b[0] && a[1] < b[3] && a[3] > b[1];
}

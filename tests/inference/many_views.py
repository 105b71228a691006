"""Films in every view, and pictures that are none: how often a model reads them right. As a command it prints a table:

    python tests/inference/many_views.py --model isbi19 --isbi data/ISBI2015 --aariz data/Aariz --crops data/aariz_cvm

A film is right where its points lie where those of the upright film lie, within 2 mm in the mean.
"""

import argparse
import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from landmarks.formats.reading import read_dataset
from landmarks.geometry import apply_map
from landmarks.inference.predictor import Predictor
from landmarks.inference.prepare import prepare
from landmarks.inference.view import View, _prepared, read_in_view
from landmarks.prediction import Prediction
from landmarks.radiograph import image_files, read_gray
from landmarks.radiograph.gray import edges_above_middle

VIEWS = [View(turns=t, mirrored=m, negative=n) for t, m, n in itertools.product(range(4), (False, True), (False, True))]
_RIGHT_PX = 20.0


class Remembering:
    """A predictor that reads all views of a picture in one batch, once: laid films have the same views."""

    def __init__(self, predictor: Predictor) -> None:
        self.predictor, self._known = predictor, {}

    def clear(self) -> None:
        self._known = {}

    def __call__(self, gray: np.ndarray) -> Prediction:
        key = (*gray.shape, hash(gray.tobytes()))
        if key not in self._known:
            self._predict([gray])
        return self._known[key]

    def look(self, gray: np.ndarray) -> None:
        """Reads all views of a picture."""
        upright = _prepared(gray)
        self._predict([View(turns=v.turns, mirrored=v.mirrored, negative=v.negative, box=upright.box,
                            stretched=upright.stretched).apply(gray) for v in VIEWS])  # fmt: skip

    def _predict(self, pictures: list[np.ndarray]) -> None:
        card = self.predictor.card
        pixels, maps = zip(*(prepare(picture, card.image_size, card.margin) for picture in pictures), strict=True)
        found = self.predictor.predict(np.stack(pixels)[:, None], np.stack(maps))
        for number, picture in enumerate(pictures):
            self._known[(*picture.shape, hash(picture.tobytes()))] = found.films([number])


def films_in_views(predict: Remembering, paths: list[Path], shape) -> None:
    """Counts films that are read right, by the words of the view that they were laid in."""
    right, total = Counter(), Counter()
    symbols = predict.predictor.landmarks.symbols
    for number, path in enumerate(paths, 1):
        gray = read_gray(path)
        predict.clear()
        upright = predict(gray).points_px[0]
        predict.look(gray)
        for laid in VIEWS[1:]:
            seen = laid.apply(gray)
            there = np.linalg.inv(np.vstack([laid.to_source(gray.shape), [0, 0, 1]]))[:2]
            reading = read_in_view(predict, seen, symbols, shape)
            away = np.linalg.norm(reading.found.points_px[0] - apply_map(there, upright), axis=1).mean()
            right[str(laid)] += bool(reading.is_cephalogram and away < _RIGHT_PX)
            total[str(laid)] += 1
        if number % 5 == 0 or number == len(paths):
            print(f"{number} films: {right.total()} of {total.total()} right", flush=True)
    for words, num in total.items():
        print(f"{right[words]:4d} of {num}  {words}")


def no_cephalograms(isbi: Path, crops: Path) -> Iterator[tuple[str, np.ndarray]]:
    """200 pictures that are no lateral cephalogram, with their kind."""
    rng = np.random.default_rng(0)
    for number in range(30):
        side = int(rng.choice((4, 8, 16, 64, 256, 800)))
        noise = rng.integers(0, 256, (side, max(4, side * 4 // 5)), dtype=np.uint8)
        yield "noise", cv2.resize(noise, (640, 800), interpolation=cv2.INTER_CUBIC if number % 2 else cv2.INTER_NEAREST)
    for _ in range(30):
        yield "text", _text(rng)
    for _ in range(40):
        yield "drawn photograph", _photograph(rng)
    records = [r for r in read_dataset("isbi2015", isbi, split="test1").records]
    for record in records[:40]:
        yield "crop without a head", _without_head(read_gray(record.image_path), record.points_px, rng)
    paths = image_files(crops, below=True)
    for path in paths[:: max(1, len(paths) // 60)][:60]:
        yield "cervical crop", read_gray(path)


def _text(rng: np.random.Generator) -> np.ndarray:
    page = np.full((900, 700), int(rng.choice((255, 235, 20))), np.uint8)
    ink, letters = 255 - int(page[0, 0]), list("abcdefghijklmnopqrstuvwxyz     ")
    for y in range(60, 860, int(rng.integers(22, 50))):
        line = "".join(rng.choice(letters, int(rng.integers(10, 60))))
        cv2.putText(page, line, (40, y), cv2.FONT_HERSHEY_SIMPLEX, float(rng.uniform(0.4, 1)), ink, 1, cv2.LINE_AA)
    return page


def _photograph(rng: np.random.Generator) -> np.ndarray:
    """Sky, ground, and things of all sizes with shading and some noise."""
    picture = np.repeat(np.linspace(*rng.uniform(40, 230, 2), 800)[:, None], 640, axis=1)
    for _ in range(int(rng.integers(4, 25))):
        centre, axes = (int(rng.integers(640)), int(rng.integers(800))), tuple(int(v) for v in rng.integers(10, 220, 2))
        gray, turn = float(rng.uniform(0, 255)), float(rng.uniform(0, 180))
        if rng.random() < 0.5:
            cv2.ellipse(picture, centre, axes, turn, 0, 360, gray, -1)
        else:
            corners = cv2.boxPoints((centre, (2.0 * axes[0], 2.0 * axes[1]), turn)).astype(np.int32)
            cv2.fillPoly(picture, [corners], gray)
    picture = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.5, 6)))
    return np.clip(picture + rng.normal(0, 4, picture.shape), 0, 255).astype(np.uint8)


def _without_head(gray: np.ndarray, points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A part of a film, at least a quarter of its sides, with two landmarks at most."""
    while True:
        height, width = (int(side * rng.uniform(0.25, 0.5)) for side in gray.shape)
        top, left = int(rng.integers(gray.shape[0] - height)), int(rng.integers(gray.shape[1] - width))
        inside = ((points >= (left, top)) & (points < (left + width, top + height))).all(axis=1)
        if inside.sum() <= 2:
            return gray[top : top + height, left : left + width]


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("model", "isbi", "aariz", "crops"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--films", type=int, default=50, help="films that are laid in every view")
    parser.add_argument("--every", type=int, default=1, help="of the 200 pictures that are none, take every n-th")
    parser.add_argument("--usual-shape", action="store_true", help="judge by lateral cephalograms at large, not by the model's")
    args = parser.parse_args()
    predictor = Predictor.load(args.model, device="cpu")
    predict, symbols = Remembering(predictor), predictor.landmarks.symbols
    shape = None if args.usual_shape else predictor.card.shape
    test1 = [r.image_path for r in read_dataset("isbi2015", args.isbi, split="test1").records]
    others = [r.image_path for r in read_dataset("aariz", args.aariz, split="all").records]
    brighter = [edges_above_middle(read_gray(path)) for path in [*test1, *others]]
    print(f"edges above the middle, gray levels: {min(brighter):.0f} to {max(brighter):.0f}")
    for name, paths in (("ISBI Test1", test1), ("Aariz", others)):
        readings = []
        for path in paths:
            predict.clear()
            readings.append((path, read_in_view(predict, read_gray(path), symbols, shape)))
        wrong = [f"{path.name}: {r.view}, {r.plausibility:.3f}" for path, r in readings if str(r.view) != "as it is"]
        known = sum(r.is_cephalogram for _, r in readings)
        values = [r.plausibility for _, r in readings]
        print(f"untouched {name}: {len(paths)}, recognised {known}, left as they are {len(paths) - len(wrong)}; "
              f"plausibility {min(values):.3f} to {max(values):.3f}", *wrong, sep="\n  ", flush=True)  # fmt: skip
    count_named(predict, Path(args.isbi), Path(args.crops), args.every, shape)
    films_in_views(predict, test1[:: len(test1) // args.films][: args.films], shape)


def count_named(predict: Remembering, isbi: Path, crops: Path, every: int, shape) -> None:
    named, total, highest = Counter(), Counter(), Counter()
    for kind, picture in itertools.islice(no_cephalograms(isbi, crops), 0, None, every):
        predict.clear()
        predict.look(picture)
        reading = read_in_view(predict, picture, predict.predictor.landmarks.symbols, shape)
        named[kind] += not reading.is_cephalogram
        total[kind] += 1
        highest[kind] = max(highest[kind], reading.plausibility)
        if total.total() % 20 == 0:
            print(f"{named.total()} of {total.total()} named", flush=True)
    for kind, num in total.items():
        print(f"{named[kind]:4d} of {num}  {kind} (plausibility at most {highest[kind]:.3f})")
    print(f"{named.total()} of {total.total()} named", flush=True)


if __name__ == "__main__":
    main()

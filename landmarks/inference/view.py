"""Which way a film lies: it is read as it is and, where that looks doubtful, in the other views; the best reading counts.

Shapes: K landmarks. Points are (x, y) in source px, sizes (height, width).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from landmarks.geometry import apply_map, compose, resize_map, turn_map
from landmarks.lateral_shape import lateral_shape
from landmarks.prediction import Prediction
from landmarks.shape import ENOUGH_LANDMARKS, ShapeModel

# Plausibility of readings by isbi19 (docs/results/films.md): untouched films of its own device 0.48 and more, of another
# device 0.33 and more, of weaker models 0.16 and more; negatives of its own device 0.36 at most, read as they are; pictures
# that are no cephalogram 0.07 at most as they are, and 0.14 in the best of all views.
_SURE = 0.45
_FILM = 0.12
_IN_OTHER_VIEW = 0.2
# Another view must be this much more plausible than the film as it is.
_BETTER = 1.5
# The usual ones first: the first that is sure ends the search.
_OTHER_VIEWS = (
    {"mirrored": True},
    {"negative": True},
    {"turns": 2},
    {"turns": 1},
    {"turns": 3},
    *({"turns": turns, "mirrored": True} for turns in (2, 1, 3)),
    *({"turns": turns, "mirrored": mirrored, "negative": True} for mirrored in (True, False) for turns in (0, 2, 1, 3)
      if turns or mirrored),
)  # fmt: skip
# mm within which the others must place a landmark for it to count: three times what heads differ by
_NEAR_MM = 10.0
_MOST_TILT = 60.0
# Where the shape of no landmark is known, peaks alone tell; they are higher than peaks times shape.
_PEAKS_ALONE = 1.8
# Gray levels: a row or column that spans fewer is border; a film whose middle 98 % span fewer is stretched, or blank.
_BORDER_LEVELS, _FAINT_LEVELS, _BLANK_LEVELS = 16, 100, 4
# A film is squeezed where heads in it are this much too low or too narrow; two looks find by how much.
_SQUEEZED, _MOST_SQUEEZED, _LOOKS = 1.3, 3.0, 2
# Part of a film that is white, within its borders, from which on it is overexposed: of films that are not, 0.13 at most.
_OVEREXPOSED, _WHITE = 0.2, 254
# Side to which a film is scaled down to look for its border, and the part of a side that a border must take to count.
_LOOK_PX, _BORDER_SHARE = 512, 0.08
_WHOLE = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """How a film lies, and what is done to read it: its border cut off, black and white exchanged, turned, mirrored."""

    turns: int = 0
    """Quarter turns counter-clockwise that bring it upright."""
    mirrored: bool = False
    negative: bool = False
    box: tuple[float, float, float, float] = _WHOLE
    """Top, left, bottom, right of what is read, as parts of the sides."""
    stretched: bool = False
    """Read with its contrast stretched."""
    aspect: float = 1.0
    """Factor of its height over its width that gives heads their usual form; 2 for a film at half its height."""

    def __str__(self) -> str:
        """Words for the user: "as it is", or "mirrored, turned by 90 degrees, negative"."""
        part = min(self.aspect, 1 / self.aspect)
        squeezed = f"squeezed to {100 * part:.0f} % of its {'height' if self.aspect > 1 else 'width'}" if part < 1 else ""
        turned = ("", "turned by 90 degrees clockwise", "upside down", "turned by 90 degrees counter-clockwise")[self.turns]
        words = ("mirrored" if self.mirrored else "", turned, "negative" if self.negative else "", squeezed)
        return ", ".join(word for word in words if word) or "as it is"

    def apply(self, gray: np.ndarray) -> np.ndarray:
        """Film uint8 [H, W] -> as it is read."""
        top, bottom, left, right = self._edges(gray.shape)
        part = gray[top:bottom, left:right]
        if self.stretched:
            part = _stretched(part)
        if self.aspect != 1:
            part = cv2.resize(part, self._formed(part.shape)[::-1], interpolation=cv2.INTER_LINEAR)
        part = np.rot90(255 - part if self.negative else part, self.turns)
        return np.ascontiguousarray(part[:, ::-1] if self.mirrored else part)

    def to_source(self, size: tuple[int, int]) -> np.ndarray:
        """Map [2, 3]: px of the view -> px of a film of this size."""
        top, bottom, left, right = self._edges(size)
        part = (bottom - top, right - left)
        back = turn_map(self._formed(part), self.turns, mirrored=self.mirrored)
        back = compose(resize_map(self._formed(part), part), back)
        return compose(np.array([[1.0, 0.0, left], [0.0, 1.0, top]]), back)

    def _formed(self, size: tuple[int, int]) -> tuple[int, int]:
        """Size (height, width) with the usual form of heads; never smaller."""
        return round(size[0] * max(1.0, self.aspect)), round(size[1] * max(1.0, 1 / self.aspect))

    def _edges(self, size: tuple[int, int]) -> tuple[int, int, int, int]:
        top, left, bottom, right = self.box
        return round(top * size[0]), round(bottom * size[0]), round(left * size[1]), round(right * size[1])


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """A film read in its view."""

    found: Prediction
    """N = 1, source px, whatever the view."""
    view: View
    plausibility: float
    """0 to 1: how high the peaks are, and how well the landmarks lie to each other."""
    is_cephalogram: bool
    """Where not, the points mean nothing and are not to be shown as results."""
    form: float = 1.0
    """How many times higher for its width the head, as it was read, would have to be to have the usual form."""
    white: float = 0.0
    """Part of the film that is white, within its borders."""

    @classmethod
    def of(
        cls, found: Prediction, symbols: tuple[str, ...], shape: ShapeModel | None = None, view: View | None = None
    ) -> "Reading":
        """A prediction in source px, judged."""
        shape = shape or lateral_shape()
        value, form = plausibility(found, symbols, shape), head_form(found, symbols, shape)
        return cls(found=found, view=view or View(), plausibility=value, is_cephalogram=value >= _FILM, form=form)

    @property
    def remark(self) -> str:
        """What the user should know, "" where the film lies as it should."""
        if not self.is_cephalogram:
            return "no lateral cephalogram is recognised in this image; its points are left out"
        words = str(self.view)
        told = [] if words == "as it is" else [f"{words}: recognised, and read so"]
        if self.view.aspect != 1:
            told.append("millimetres of it are wrong")
        if self.white > _OVEREXPOSED:
            told.append(f"overexposed: {100 * self.white:.0f} % of the film are white, and points there may be far off")
        return "; ".join(told)


def read_in_view(
    predict: Callable[[np.ndarray], Prediction], gray: np.ndarray, symbols: tuple[str, ...], shape: ShapeModel | None = None
) -> Reading:
    """Reads one film in the view in which it makes the most sense.

    Args:
        predict: gray uint8 [H, W] -> a prediction of N = 1, such as a Predictor.
        gray: the film, uint8 [H, W].
        symbols: the K landmarks of the prediction.
        shape: how the landmarks lie to each other; without one, the statistics of lateral cephalograms.

    Example:
        reading = read_in_view(predictor, read_gray("head.png"), predictor.landmarks.symbols)
        print(reading.view, reading.is_cephalogram)
    """
    shape = shape or lateral_shape()
    return replace(_best_reading(predict, gray, symbols, shape), white=_white_part(gray))


def _best_reading(
    predict: Callable[[np.ndarray], Prediction], gray: np.ndarray, symbols: tuple[str, ...], shape: ShapeModel
) -> Reading:
    as_it_is = _read_formed(predict, gray, symbols, shape)
    if as_it_is.plausibility >= _SURE:
        return as_it_is
    if contrast(gray) < _BLANK_LEVELS:
        return replace(as_it_is, is_cephalogram=False)
    best, upright = as_it_is, _prepared(gray)
    if upright != View():
        best = max(best, _read(predict, gray, upright, symbols, shape), key=lambda r: r.plausibility)
    found = best
    for changes in _OTHER_VIEWS:
        if found.plausibility >= _SURE:
            return found
        found = max(found, _read(predict, gray, replace(upright, **changes), symbols, shape), key=lambda r: r.plausibility)
    return found if found.plausibility >= max(_IN_OTHER_VIEW, _BETTER * best.plausibility) else best


def _read_formed(
    predict: Callable[[np.ndarray], Prediction], gray: np.ndarray, symbols: tuple[str, ...], shape: ShapeModel
) -> Reading:
    """The film as it is, or with the form of heads where it is squeezed."""
    best = _read(predict, gray, View(), symbols, shape)
    aspect = 1.0
    for _ in range(_LOOKS):
        aspect *= best.form
        if best.plausibility < _FILM or not _SQUEEZED < max(aspect, 1 / aspect) < _MOST_SQUEEZED:
            break
        found = _read(predict, gray, View(aspect=aspect), symbols, shape)
        if found.plausibility <= best.plausibility:
            break
        best = found
    return best


def head_form(found: Prediction, symbols: tuple[str, ...], shape: ShapeModel) -> float:
    """How many times higher for its width the head would have to be to have the usual form; 1 where that is not known."""
    model = shape.select(symbols)
    if len(model.symbols) < ENOUGH_LANDMARKS:
        return 1.0
    columns = [symbols.index(symbol) for symbol in model.symbols]
    points, weights = found.points_px[:, columns], np.clip(found.peaks[0, columns], 1e-6, 1)
    points = points * model.facing(points[0], weights)
    own, usual = model.place(points).apply(points)[0], model.mean
    own, usual = (part - np.average(part, axis=0, weights=weights) for part in (own, usual))
    slopes = (weights[:, None] * own * usual).sum(axis=0), (weights[:, None] * own**2).sum(axis=0)
    wide, high = slopes[0] / np.maximum(slopes[1], 1e-12)
    return float(high / wide) if min(wide, high) > 0 else 1.0


def is_sure(found: Prediction, symbols: tuple[str, ...], shape: ShapeModel | None = None) -> bool:
    """Whether a prediction of one film is so plausible that no other view is tried."""
    reading = Reading.of(found, symbols, shape)
    return reading.plausibility >= _SURE and max(reading.form, 1 / reading.form) <= _SQUEEZED


def _read(
    predict: Callable[[np.ndarray], Prediction], gray: np.ndarray, view: View, symbols: tuple[str, ...], shape: ShapeModel
) -> Reading:
    seen, to_source = predict(view.apply(gray)), view.to_source(gray.shape)
    scale = float(np.sqrt(abs(np.linalg.det(to_source[:, :2]))))
    found = replace(
        seen,
        points_px=apply_map(to_source, seen.points_px),
        spread_px=seen.spread_px * scale,
        target_px=seen.target_px * scale,
        inferred_px=seen.inferred_px * scale,
    )
    # judged as seen: upright
    return replace(Reading.of(seen, symbols, shape, view), found=found)


def plausibility(found: Prediction, symbols: tuple[str, ...], shape: ShapeModel) -> float:
    """0 to 1: mean over the landmarks of the peak's height times the closeness to where the others put it.

    A head that looks left is as plausible as one that looks right: which of the two a model was trained on, its peaks tell.
    """
    points, peaks = found.points_px[0], np.clip(found.peaks[0], 0, 1)
    model = shape.select(symbols)
    if len(model.symbols) < ENOUGH_LANDMARKS:
        return float(peaks.mean()) / _PEAKS_ALONE
    columns = [symbols.index(symbol) for symbol in model.symbols]
    return max(_in_shape(points[columns] * side, peaks[columns], model) for side in ((1, 1), (-1, 1)))


def _in_shape(points: np.ndarray, peaks: np.ndarray, model: ShapeModel) -> float:
    placed = model.place(points[None])
    tilt = np.degrees(np.arctan2(placed.linear[0, 1, 0], placed.linear[0, 0, 0]))
    if not abs(tilt) <= _MOST_TILT:
        return 0.0
    away = np.linalg.norm(placed.apply(points[None])[0] - model.mean, axis=1)
    return float((peaks * np.exp(-((away / _NEAR_MM) ** 2) / 2)).mean())


def contrast(gray: np.ndarray) -> float:
    """Gray levels that the middle 98 % span."""
    step = max(1, min(gray.shape) // _LOOK_PX)
    return float(np.ptp(np.percentile(gray[::step, ::step], (1, 99))))


def _white_part(gray: np.ndarray) -> float:
    step = max(1, min(gray.shape) // _LOOK_PX)
    return float((View(box=_content_box(gray)).apply(gray)[::step, ::step] >= _WHITE).mean())


def _stretched(gray: np.ndarray) -> np.ndarray:
    low, high = np.percentile(gray, (0.5, 99.5))
    return np.clip((gray - low) * (255 / max(high - low, 1.0)), 0, 255).astype(np.uint8)


def _prepared(gray: np.ndarray) -> View:
    """The upright view, without an empty border and with contrast."""
    box = _content_box(gray)
    view = View(box=box)
    return replace(view, stretched=contrast(View(box=box).apply(gray)) < _FAINT_LEVELS)


def _content_box(gray: np.ndarray) -> tuple[float, float, float, float]:
    """The part of a film without rows and columns of one gray value at its edges; the whole film where they are few."""
    scale = min(1.0, _LOOK_PX / max(gray.shape))
    size = [max(1, round(scale * side)) for side in gray.shape[::-1]]  # a strip keeps one row
    small = cv2.resize(gray, size, interpolation=cv2.INTER_AREA) if scale < 1 else gray
    edges = []
    for axis in (1, 0):
        low, high = np.percentile(small, (2, 98), axis=axis)
        filled = np.flatnonzero(high - low >= _BORDER_LEVELS)
        if not len(filled):
            return _WHOLE
        start, end = filled[0] / small.shape[1 - axis], (filled[-1] + 1) / small.shape[1 - axis]
        edges.append((start, end) if end - start <= 1 - _BORDER_SHARE else (0.0, 1.0))
    (top, bottom), (left, right) = edges
    return top, left, bottom, right

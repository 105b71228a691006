"""Frames and the 2x3 maps between them; the only place where a coordinate changes frame.

Pixel (0, 0) is the centre of the top-left pixel, x right, y down. Points are (x, y), sizes (height, width).
A map is a float64 array [2, 3]; `apply_map(m, p)` is p in the map's target frame.
"""

import numpy as np

HEATMAP_STRIDE = 4


def apply_map(map_23: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points [..., 2] through a map [2, 3]."""
    return points @ map_23[:, :2].T + map_23[:, 2]


def compose(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """The map that applies `inner`, then `outer`."""
    return np.concatenate([outer[:, :2] @ inner[:, :2], (outer[:, :2] @ inner[:, 2] + outer[:, 2])[:, None]], axis=1)


def invert(map_23: np.ndarray) -> np.ndarray:
    """The exact inverse map. Raises: np.linalg.LinAlgError where the map has none."""
    inverse = np.linalg.inv(map_23[:, :2])
    return np.concatenate([inverse, (-inverse @ map_23[:, 2])[:, None]], axis=1)


def resize_map(source_size: tuple[int, int], target_size: tuple[int, int]) -> np.ndarray:
    """Map of a resize: x' = (x + 0.5) s - 0.5, per axis, as cv2.resize does."""
    sy, sx = target_size[0] / source_size[0], target_size[1] / source_size[1]
    return np.array([[sx, 0.0, 0.5 * sx - 0.5], [0.0, sy, 0.5 * sy - 0.5]])


def turn_map(size: tuple[int, int], turns: int, *, mirrored: bool = False) -> np.ndarray:
    """Px of an image (height, width) after np.rot90(image, turns), and then flipped left to right -> px of the image."""
    height, width = size
    back = (
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
        [[0.0, -1.0, width - 1], [1.0, 0.0, 0.0]],
        [[-1.0, 0.0, width - 1], [0.0, -1.0, height - 1]],
        [[0.0, 1.0, 0.0], [-1.0, 0.0, height - 1]],
    )[turns % 4]
    turned_width = height if turns % 2 else width
    flip = [[-1.0, 0.0, turned_width - 1], [0.0, 1.0, 0.0]] if mirrored else [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    return compose(np.array(back), np.array(flip))


def cut_map(corner: tuple[float, float], scale: float) -> np.ndarray:
    """Source px -> px of a part cut out and magnified by `scale`, whose top-left pixel begins at `corner` (x, y).

    A pixel begins half a pixel before its centre: the whole image's corner is (0, 0).
    """
    x, y = corner
    return np.array([[scale, 0.0, (0.5 - x) * scale - 0.5], [0.0, scale, (0.5 - y) * scale - 0.5]])


def letterbox_scale(source_size: tuple[int, int], input_size: tuple[int, int]) -> float:
    """Largest scale at which the whole image fits into the input."""
    return min(input_size[0] / source_size[0], input_size[1] / source_size[1])


def letterbox_map(source_size: tuple[int, int], input_size: tuple[int, int]) -> np.ndarray:
    """Source px -> input px: one scale for both axes, the image centred, the rest padding."""
    scale = letterbox_scale(source_size, input_size)
    centre_source = (np.array(source_size[::-1]) - 1) / 2
    centre_input = (np.array(input_size[::-1]) - 1) / 2
    shift = centre_input - scale * centre_source
    return np.array([[scale, 0.0, shift[0]], [0.0, scale, shift[1]]])


def around_centre(
    input_size: tuple[int, int],
    *,
    degrees: float = 0.0,
    scale: tuple[float, float] = (1.0, 1.0),
    shift: tuple[float, float] = (0.0, 0.0),
    flip: bool = False,
) -> np.ndarray:
    """Input px -> input px: scale (x, y), flip and rotation about the centre, then a shift (x, y) in input px."""
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn @ np.diag([-scale[0] if flip else scale[0], scale[1]])
    centre = (np.array(input_size[::-1]) - 1) / 2
    return np.concatenate([linear, (centre - linear @ centre + np.array(shift))[:, None]], axis=1)


def input_to_heatmap(points_in, stride: int = HEATMAP_STRIDE):
    """Input px -> heatmap px; arrays and tensors alike."""
    return (points_in + 0.5) / stride - 0.5


def heatmap_to_input(points_hm, stride: int = HEATMAP_STRIDE):
    """Heatmap px -> input px; arrays and tensors alike."""
    return (points_hm + 0.5) * stride - 0.5


def inside(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Which points [..., 2] lie on the pixels of an image (height, width); NaN does not."""
    return ((points >= -0.5) & (points < np.array(size[::-1]) - 0.5)).all(axis=-1)

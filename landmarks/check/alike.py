"""Pictures that are alike: each with its nearest, without a table of all with all."""

import numpy as np

_NEIGHBOURS, ALIKE = 3, 0.6
# Pictures on a side of what is compared at a time.
_TILE = 1024
# Directions that hold nearly all of a picture: 98 % of the 32 x 32 thumbnails of ISBI 2015.
_DIRECTIONS, _SAMPLED = 128, 4096
# Rounding of a bound, and the share of a tile above which its likenesses are computed together.
_ROUNDING, _MANY = 1e-4, 0.01


def near_pairs(small: np.ndarray) -> list[tuple[int, int]]:
    """Of pictures [N, P] of unit length each with its nearest that are alike, as sorted pairs.

    A likeness is at most that of the pictures' main parts plus the product of what these leave out. Where this bound does
    not reach what a picture's nearest have, the likeness itself is not computed. Memory grows with N alone.
    """
    num = len(small)
    likeness = np.full((num, min(_NEIGHBOURS, num - 1)), ALIKE, dtype=np.float32)
    nearest = np.full(likeness.shape, -1)
    main = _main_parts(small)
    for first in range(0, num, _TILE):
        for start in range(first, num, _TILE):
            least = likeness.min(axis=1)
            rows, columns, alike = _candidates(small, main, least, first, start)
            for some, others in ((rows, columns), (columns, rows)):
                nearer = alike > least[some]
                _keep_nearest(likeness, nearest, some[nearer], others[nearer], alike[nearer])
    found = [(i, j) for i, others in enumerate(nearest.tolist()) for j in others if j >= 0]
    return sorted({(min(pair), max(pair)) for pair in found})


def _main_parts(small: np.ndarray) -> np.ndarray:
    """[N, D + 1]: the part of each picture along the main directions, and the length of what is left; of few, all of it."""
    if len(small) <= _TILE:
        return small
    sample = small[:: max(1, len(small) // _SAMPLED)]
    directions = np.linalg.eigh(sample.T @ sample)[1][:, -_DIRECTIONS:]
    main = small @ directions
    left = np.sqrt(np.maximum(1 - (main**2).sum(axis=1, keepdims=True), 0))
    return np.concatenate([main, left], axis=1, dtype=np.float32)


def _candidates(
    small: np.ndarray, main: np.ndarray, least: np.ndarray, first: int, start: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of a tile that may be among the nearest of either picture, each once: rows, columns, and their likeness."""
    across, down = slice(first, first + _TILE), slice(start, start + _TILE)
    bound = main[across] @ main[down].T
    if bound.max() <= min(least[across].min(), least[down].min()) - _ROUNDING:
        return np.empty(0, dtype=int), np.empty(0, dtype=int), np.empty(0, dtype=np.float32)
    least = np.minimum(least[across, None], least[None, down])
    if first == start:
        least[np.tril_indices(len(least))] = np.inf
    near = bound > least - _ROUNDING
    if np.count_nonzero(near) > _MANY * near.size:
        table = small[across] @ small[down].T
        rows, columns = np.nonzero(table > least)
        return first + rows, start + columns, table[rows, columns]
    rows, columns = np.nonzero(near)
    rows, columns = first + rows, start + columns
    return rows, columns, np.einsum("np,np->n", small[rows], small[columns])


def _keep_nearest(likeness: np.ndarray, nearest: np.ndarray, rows: np.ndarray, columns: np.ndarray, alike: np.ndarray) -> None:
    """Puts these pairs among the nearest [N, M] of `rows`, in place, where they are nearer than what is there."""
    order = np.lexsort((-alike, rows))
    rows, columns, alike = rows[order], columns[order], alike[order]
    changed, begin, num = np.unique(rows, return_index=True, return_counts=True)
    for rank in range(likeness.shape[1]):
        changed, begin, num = changed[num > rank], begin[num > rank], num[num > rank]
        worst = likeness[changed].argmin(axis=1)
        better = alike[begin + rank] > likeness[changed, worst]
        at = changed[better], worst[better]
        likeness[at], nearest[at] = alike[begin + rank][better], columns[begin + rank][better]

"""The planner's constants from what the memory part measured."""

import numpy as np

from landmarks.engine.constants import CardConstants

_MIB = 2**20
_LEAST_ROWS = 3


def fitted(results: dict) -> CardConstants | None:
    """Constants with which the planner predicts no less memory than was measured; None where too little was.

    Memory beside weights and activations is workspace + fragmentation * activations, time is passes * pass_seconds +
    arithmetic / rate, each by least squares with coefficients of 0 or more; the workspace is then raised until no step
    took more than is predicted.
    """
    from scipy.optimize import nnls  # a second to import, for the end of a run alone

    rows = measured_steps(results)
    context = _context(results)
    if len(rows) < _LEAST_ROWS or context is None:
        return None
    activations = np.array([row["predicted"]["activations"] / _MIB for row in rows])
    static = np.array([row["predicted"]["static"] / _MIB for row in rows])
    rest = np.array([row["reserved MiB"] for row in rows]) - static - activations
    (workspace, fragmentation), _ = nnls(np.stack([np.ones_like(rest), activations], 1), rest)
    workspace = max(0.0, workspace + float((rest - workspace - fragmentation * activations).max()))
    seconds = np.array([row["seconds"] for row in rows])
    causes = np.array([[row["predicted"]["accumulate"], row["predicted"]["flops"] / 1e12] for row in rows])
    # relative: a slow step must not count for more than a quick one
    (pass_seconds, per_tera), _ = nnls(causes / seconds[:, None], np.ones_like(seconds))
    if per_tera <= 0:
        return None
    return CardConstants(
        context_mib=round(context, 1),
        workspace_mib=round(workspace, 1),
        fragmentation=round(float(fragmentation), 4),
        pass_seconds=round(float(pass_seconds), 5),
        tflops=round(1 / float(per_tera), 2),
        source=source(results),
    )


def measured_steps(results: dict) -> list[dict]:
    """Figures of the steps that fitted, of the memory part."""
    items = results["parts"].get("memory", {}).get("items", {})
    figures = [item["figures"] for item in items.values() if item["state"] == "ok"]
    return [found for found in figures if "predicted" in found and found.get("fits")]


def source(results: dict) -> str:
    """Card, date and versions in words."""
    items = results["parts"].get("environment", {}).get("items", {})
    card, versions = (items.get(name, {}).get("figures", {}) for name in ("card", "versions"))
    name = f"{card['name']}, driver {card['driver']}" if card else "the processor"
    return (
        f"{name}, {results['date']}, torch {versions.get('torch')}, CUDA {versions.get('cuda')}, cuDNN {versions.get('cudnn')}"
    )


def _context(results: dict) -> float | None:
    """After real steps, when all kernels are loaded, else after the first ones."""
    for part, item in (("memory", "context after steps"), ("environment", "context")):
        figures = results["parts"].get(part, {}).get("items", {}).get(item, {}).get("figures") or {}
        if figures.get("context MiB") is not None:
            return figures["context MiB"]
    return None

"""Figures of stages against scikit-learn's, within 1e-9, and their weights against repeated films."""

import warnings

import numpy as np
import pytest
from sklearn import metrics as reference
from sklearn.preprocessing import label_binarize

from landmarks.cervical import STAGES
from landmarks.stage_metrics import calibration_error, first, stage_figures
from landmarks.stage_prediction import softmax

LABELS = list(range(1, 7))


def films(seed, num=200, rounded=False):
    """True stages and probabilities that know something of them; rounded ones have ties."""
    rng = np.random.default_rng(seed)
    stages = rng.choice(LABELS, num, p=[0.05, 0.05, 0.1, 0.3, 0.4, 0.1])
    scores = rng.normal(0, 1, (num, 6)) + 1.5 * np.eye(6)[stages - 1]
    return stages, softmax(scores.round(0) if rounded else scores)


@pytest.mark.parametrize(("seed", "num", "rounded"), [(0, 200, False), (1, 91, True), (2, 12, False)])
def test_overall_figures_are_scikit_learns(seed, num, rounded):
    stages, probabilities = films(seed, num, rounded)
    found, ours = 1 + probabilities.argmax(axis=1), first(stage_figures(stages, probabilities))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = {
            "accuracy": reference.accuracy_score(stages, found),
            "within_one": float((np.abs(stages - found) <= 1).mean()),
            "kappa_quadratic": reference.cohen_kappa_score(stages, found, labels=LABELS, weights="quadratic"),
            "kappa_linear": reference.cohen_kappa_score(stages, found, labels=LABELS, weights="linear"),
            "log_loss": reference.log_loss(stages, probabilities, labels=LABELS),
        }
        for mean in ("macro", "weighted"):
            values = reference.precision_recall_fscore_support(stages, found, average=mean, zero_division=0)
            wanted |= {f"{name}_{mean}": v for name, v in zip(("precision", "sensitivity", "f1"), values[:3], strict=True)}
    for name, value in wanted.items():
        assert ours[name] == pytest.approx(value, abs=1e-9), name
    np.testing.assert_array_equal(
        stage_figures(stages, probabilities).confusion[0], reference.confusion_matrix(stages, found, labels=LABELS)
    )


@pytest.mark.parametrize("rounded", [False, True])
def test_areas_are_scikit_learns(rounded):
    stages, probabilities = films(3, 150, rounded)
    ours, true = stage_figures(stages, probabilities), label_binarize(stages, classes=LABELS)
    roc = [reference.roc_auc_score(true[:, k], probabilities[:, k]) for k in range(6)]
    precision = [reference.average_precision_score(true[:, k], probabilities[:, k]) for k in range(6)]
    np.testing.assert_allclose(ours.by_stage["auc_roc"][0], roc, atol=1e-9)
    np.testing.assert_allclose(ours.by_stage["auc_pr"][0], precision, atol=1e-9)
    if not rounded:
        macro = reference.roc_auc_score(stages, probabilities, multi_class="ovr", average="macro", labels=LABELS)
        assert first(ours)["auc_roc_macro"] == pytest.approx(macro, abs=1e-9)


def test_specificity_and_npv_follow_from_the_two_by_two_tables():
    stages, probabilities = films(4)
    found, ours = 1 + probabilities.argmax(axis=1), stage_figures(stages, probabilities)
    tables = reference.multilabel_confusion_matrix(stages, found, labels=LABELS)
    for k, ((tn, fp), (fn, tp)) in enumerate(tables):
        assert ours.by_stage["specificity"][0, k] == pytest.approx(tn / (tn + fp), abs=1e-12)
        assert ours.by_stage["npv"][0, k] == pytest.approx(tn / (tn + fn), abs=1e-12)
        assert ours.by_stage["sensitivity"][0, k] == pytest.approx(tp / (tp + fn), abs=1e-12)


def test_a_weight_of_two_is_the_film_twice():
    stages, probabilities = films(5, 60)
    times = np.random.default_rng(0).integers(0, 3, 60)
    weighted = stage_figures(stages, probabilities, times[None].astype(float))
    repeated = stage_figures(np.repeat(stages, times), np.repeat(probabilities, times, axis=0))
    for name, value in repeated.overall.items():
        np.testing.assert_allclose(weighted.overall[name], value, atol=1e-12, err_msg=name)
    for name, value in repeated.by_stage.items():
        np.testing.assert_allclose(weighted.by_stage[name], value, atol=1e-12, err_msg=name)


def test_calibration_error_by_hand():
    """Two bins: 0.95 sure and 3 of 4 right; 0.55 sure and all of 4 right: (0.2 + 0.45) / 2."""
    confidence, correct = np.array([0.95] * 4 + [0.55] * 4), np.array([1, 1, 1, 0, 1, 1, 1, 1], dtype=bool)
    assert calibration_error(correct, confidence, np.ones((1, 8)))[0] == pytest.approx(0.325, abs=1e-12)


def test_one_stage_alone_has_the_figures_that_exist():
    ours = first(stage_figures(np.array([4, 4, 4]), softmax(np.eye(6)[[3, 3, 4]] * 4)))
    assert ours["accuracy"] == pytest.approx(2 / 3)
    assert ours["auc_roc_macro"] is None
    assert len(STAGES) == 6

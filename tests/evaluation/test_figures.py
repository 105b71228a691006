"""Figures against a second, plain implementation: loops, the statistics module of the standard library, nothing shared."""

import math
import statistics

import numpy as np
import pytest

from landmarks.evaluation.evaluate import evaluate_prediction
from landmarks.evaluation.figures import ErrorFigures
from landmarks.evaluation.judge import judge
from landmarks.evaluation.readers import reader_figures
from landmarks.formats.reading import read_dataset
from landmarks.formats.records import Record, RecordSet
from landmarks.prediction import Prediction
from landmarks.schema import ISBI19

SYMBOLS = ISBI19.symbols


@pytest.fixture(scope="module")
def evaluation():
    """30 hand-made images of three devices: oblong pixels, one without a pixel size, missing landmarks, two readers."""
    rng = np.random.default_rng(5)
    records, found = [], []
    for i in range(30):
        true = rng.uniform(100, 900, (19, 2))
        true[SYMBOLS.index("S")], true[SYMBOLS.index("N")] = (300, 300), (1000 + 3 * i, 310)
        if i % 4 == 0:
            true[7] = np.nan
        size = [(0.1, 0.1), (0.2, 0.15), None][i % 3]
        readers = {"senior": true + rng.normal(0, 8, true.shape), "junior": true + rng.normal(0, 8, true.shape)}
        records.append(
            Record(
                image_id=f"i{i}",
                image_path=None,
                points_px=true,
                pixel_size=size,
                device="abc"[i % 3],
                split="t",
                readers=readers,
            )
        )
        found.append(true + rng.normal(0, 12, true.shape) * rng.uniform(0.5, 2))
    records = RecordSet(landmarks=ISBI19, records=tuple(records))
    return evaluate_prediction(records, Prediction.of_points(np.array(found)))


def plain_figures(evaluation, images, columns) -> dict:
    """What the protocol says, once more, in the plainest words."""
    px, mm, normalised = [], [], []
    for i in images:
        record = evaluation.records.records[i]
        s, n = (record.points_px[SYMBOLS.index(symbol)] for symbol in "SN")
        for k in columns:
            if math.isnan(record.points_px[k][0]):
                continue
            dx, dy = (float(evaluation.prediction.points_px[i][k][a] - record.points_px[k][a]) for a in (0, 1))
            px.append(math.hypot(dx, dy))
            normalised.append(math.hypot(dx, dy) * 72 / math.dist(s, n))
            if record.pixel_size:
                mm.append(math.hypot(dx * record.pixel_size[0], dy * record.pixel_size[1]))

    def percentile(values, share):
        ordered = sorted(values)
        place = share * (len(ordered) - 1)
        low = math.floor(place)
        return ordered[low] + (place - low) * (ordered[min(low + 1, len(ordered) - 1)] - ordered[low])

    wanted = {"num_points": len(px), "mre_px": statistics.fmean(px), "sd_px": statistics.stdev(px)}
    wanted |= {"median_px": statistics.median(px), "p95_px": percentile(px, 0.95), "max_px": max(px)}
    wanted |= {"mre_sn_mm": statistics.fmean(normalised), "median_sn_mm": statistics.median(normalised)}
    shares = {"sdr_sn": normalised}
    if mm:
        wanted |= {"mre_mm": statistics.fmean(mm), "sd_mm": statistics.stdev(mm), "median_mm": statistics.median(mm)}
        wanted |= {"p95_mm": percentile(mm, 0.95), "max_mm": max(mm)}
        shares["sdr"] = mm
    for key, values in shares.items():
        wanted[key] = {r: 100 * sum(v <= r for v in values) / len(values) for r in (2.0, 2.5, 3.0, 4.0)}
    return wanted


def assert_same(found: ErrorFigures, wanted: dict) -> None:
    for key, value in wanted.items():
        assert getattr(found, key) == pytest.approx(value, abs=1e-9, rel=1e-9), key


def test_every_figure_equals_a_plain_implementation(evaluation, protocol):
    figures = judge(evaluation, protocol).figures
    everything = range(19)
    assert figures.overall.num_images == 30
    assert_same(figures.overall, plain_figures(evaluation, range(30), everything))
    for k, symbol in enumerate(SYMBOLS):
        assert_same(figures.landmarks[symbol], plain_figures(evaluation, range(30), [k]))
    for d, device in enumerate("abc"):
        assert figures.devices[device].num_images == 10
        assert_same(figures.devices[device], plain_figures(evaluation, range(d, 30, 3), everything))
    hard = [SYMBOLS.index(symbol) for symbol in ISBI19.members("hard12")]
    assert_same(figures.groups["hard12"], plain_figures(evaluation, range(30), hard))
    assert figures.devices["c"].mre_mm is None
    low, high = figures.overall.intervals.mre_mm
    assert low < figures.overall.mre_mm < high


def test_readers_are_the_floor_per_landmark(evaluation):
    figures = reader_figures(evaluation)
    for k, symbol in enumerate(SYMBOLS):
        apart, to_senior = [], []
        for i, record in enumerate(evaluation.records.records):
            if record.pixel_size and not math.isnan(record.points_px[k][0]):
                senior, junior = record.readers["senior"][k], record.readers["junior"][k]
                apart.append(math.dist(senior * record.pixel_size, junior * record.pixel_size))
                to_senior.append(
                    math.dist(senior * record.pixel_size, evaluation.prediction.points_px[i][k] * record.pixel_size)
                )
        part = figures.landmarks[symbol]
        assert part.between.mre_mm == pytest.approx(statistics.fmean(apart), abs=1e-9)
        assert part.model_to["senior"].mre_mm == pytest.approx(statistics.fmean(to_senior), abs=1e-9)
    assert figures.overall.floor == "above"  # the model's scatter is twice that of the readers
    assert not figures.identical


def test_junior_against_senior_of_the_real_set(real_data, protocol):
    """The whole of it, as if the junior reader were the model; known worst points of the set come out worst."""
    records = read_dataset("isbi2015", real_data / "isbi2015", ground_truth="senior")
    junior = np.stack([record.readers["junior"] for record in records.records])
    figures = judge(evaluate_prediction(records, Prediction.of_points(junior)), protocol).figures
    floor = {symbol: part.between.mre_mm for symbol, part in figures.readers.landmarks.items()}
    for symbol, part in figures.landmarks.items():
        assert part.mre_mm == pytest.approx(floor[symbol], abs=1e-9)
    assert len(records.records) == figures.overall.num_images == 300
    assert sorted(floor, key=floor.get)[-1] == "Pog`"
    assert 1.9 < figures.overall.mre_mm < 2.4
    assert figures.scale.devices["ISBI 2015"].verdict == "doubtful"  # S-N of 59 mm where anatomy has 72

"""The models that come with the package: by name, with card, terms and radii, small enough to ship."""

import numpy as np
import pytest

from landmarks.commands import models
from landmarks.inference.card import ModelFileError
from landmarks.inference.onnx import open_onnx
from landmarks.inference.predictor import Predictor
from landmarks.inference.released import DEFAULT, FOLDER, model_file, released_models
from landmarks.schema import ISBI19


def test_names_lead_to_files_and_unknown_ones_are_refused(tmp_path, monkeypatch):
    assert model_file(DEFAULT) == FOLDER / f"{DEFAULT}.onnx"
    assert model_file("somewhere/best.pt").name == "best.pt"
    monkeypatch.chdir(tmp_path)
    (tmp_path / DEFAULT).write_text("a file of that name comes first")
    assert model_file(DEFAULT).samefile(tmp_path / DEFAULT)
    with pytest.raises(ModelFileError, match=r"isbi20: no such file.*isbi19"):
        model_file("isbi20")


def test_default_model_predicts_by_name_with_radii_and_shape():
    pytest.importorskip("onnxruntime")
    predictor = Predictor.load(DEFAULT)
    assert predictor.landmarks.symbols == ISBI19.symbols
    assert predictor.card.shape is not None
    assert predictor.calibration is not None
    assert predictor.calibration.coverage == pytest.approx(0.9)
    found = predictor(np.full((600, 480), 90, np.uint8), as_it_is=True)
    assert found.points_px.shape == (1, 19, 2)


@pytest.mark.parametrize("name", released_models())
def test_is_small_and_says_its_terms(name, capsys):
    pytest.importorskip("onnxruntime")
    assert released_models()[name].stat().st_size < 10e6
    assert models.main([name]) == 0
    text = capsys.readouterr().out
    card = open_onnx(released_models()[name]).card
    for said in (card.settings["data"]["root"], card.calibration.protocol["root"]):
        assert "/" not in said  # no folder of the machine that trained it
    for words in ("Intended use", "medical device", "Test1", "95 %", "Terms:", "fail"):
        assert words in text, words
    assert models.main([]) == 0
    assert name in capsys.readouterr().out

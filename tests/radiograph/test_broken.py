"""No broken film crashes, or passes without its name; `broken_films.py 2000` reads many more."""

import pytest
from broken_films import read_all


@pytest.mark.filterwarnings("ignore")
def test_broken_films_are_named(tmp_path, capfd):
    results, wrong, _ = read_all(range(216), tmp_path)
    assert not wrong
    assert results["named"] > 100
    assert not any(name.startswith("read: cut") and count > 6 for name, count in results.items())
    assert capfd.readouterr().err == ""

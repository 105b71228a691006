"""The store keeps every change, whatever happens around it."""

import shutil
import sqlite3

import pytest

from landmarks.review.child import Child
from landmarks.review.folder import scan
from landmarks.review.library import Library
from landmarks.review.migrations import STEPS
from landmarks.review.store import ConflictError, Store, UnsavedError


def point(x: float, y: float) -> dict:
    return {"x": x, "y": y, "visible": True, "by": "hand"}


def move(store: Store, x: float, **more) -> dict:
    return store.record(1, who="Dr. A", source="hand", kind="move", changes={"point/S": point(x, 2.0)}, **more)


def refusal(store: Store, x: float) -> str | None:
    try:
        move(store, x)
    except UnsavedError as error:
        return str(error)
    return None


def test_history_holds_every_value_and_is_append_only(films):
    store = Store(films)
    before = store.values(1)["point/S"]
    move(store, 10.5)
    move(store, 11.5)
    last = store.history(1)[-2:]
    assert [change["before"]["x"] for action in last for change in action["changes"]] == [before["x"], 10.5]
    assert store.values(1)["point/S"]["x"] == 11.5
    assert store.summary(1)["state"] == "corrected"
    assert store.values(1)["auto/S"]["x"] == before["x"]
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        store.write([("UPDATE changes SET after = 1 WHERE action_id = ?", (last[0]["id"],))])
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        store.write([("DELETE FROM actions WHERE id = ?", (last[0]["id"],))])
    assert store.sound()
    store.close()


def test_a_history_is_read_as_one_state(films, monkeypatch):
    store, other = Store(films), Store(films)
    real = store.rows

    def rows(question, values=()):
        """Another program records between any two reads."""
        found = real(question, values)
        move(other, 12.0)
        return found

    monkeypatch.setattr(store, "rows", rows)
    known = len(other.history(1))
    assert len(store.history(1)) == known
    with store.snapshot():
        assert store.facts(1)["point/S"]["action"] == store.history(1)[-1]["id"]


def test_a_value_changed_elsewhere_is_never_overwritten(films):
    store = Store(films)
    seen = store.facts(1)["point/S"]["action"]
    first = move(store, 20.0, seen={"point/S": seen})
    with pytest.raises(ConflictError) as caught:
        move(store, 30.0, seen={"point/S": seen})
    assert caught.value.fields["point/S"] == {"value": point(20.0, 2.0), "action": first["id"]}
    assert store.values(1)["point/S"]["x"] == 20.0
    move(store, 30.0, seen={"point/S": first["id"]})
    assert store.values(1)["point/S"]["x"] == 30.0
    store.close()


def test_a_full_disk_is_told_and_loses_nothing(films):
    store = Store(films)
    move(store, 1.0)
    pages = store.rows("PRAGMA page_count")[0][0]
    store.rows(f"PRAGMA max_page_count = {pages}")
    saved = 1.0
    while saved < 2000 and (refused := refusal(store, saved + 1)) is None:
        saved += 1
    assert "full" in refused
    assert store.values(1)["point/S"]["x"] == saved
    store.close()
    again = Store(films)
    assert again.values(1)["point/S"]["x"] == saved
    assert again.sound()
    move(again, 5000.0)
    again.close()


def test_a_moved_folder_and_a_renamed_film_are_found_again(films, tmp_path):
    store = Store(films)
    child = Child("decode")
    Library(store, child).open(1)
    child.stop()
    move(store, 7.0)
    store.close()
    shutil.move(films, tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "below").mkdir()
    (tmp_path / "elsewhere" / "a.png").rename(tmp_path / "elsewhere" / "below" / "renamed.png")
    store = Store(tmp_path / "elsewhere")
    assert scan(store) == 0
    assert store.values(1)["point/S"]["x"] == 7.0
    assert store.rows("SELECT path FROM cases WHERE id = 1")[0][0] == "below/renamed.png"
    assert not any(row["missing"] for row in store.summaries())
    (tmp_path / "elsewhere" / "b.png").unlink()
    scan(store)
    assert [row["missing"] for row in store.summaries("ORDER BY c.id")] == [0, 1, 0]
    store.close()


def test_backup_is_whole_and_never_overwrites(films, tmp_path):
    store = Store(films)
    move(store, 3.0)
    store.backup(tmp_path / "copy.sqlite")
    with pytest.raises(ValueError, match="exists"):
        store.backup(tmp_path / "copy.sqlite")
    store.close()
    copy = sqlite3.connect(tmp_path / "copy.sqlite")
    assert copy.execute("SELECT value FROM facts WHERE case_id = 1 AND field = 'point/S'").fetchone()[0].startswith('{"x": 3.0')
    copy.close()


def test_stores_of_other_versions(tmp_path):
    store = Store(tmp_path)
    assert store.rows("PRAGMA user_version")[0][0] == len(STEPS)
    store.write([(f"PRAGMA user_version = {len(STEPS) + 1}", ())])
    store.close()
    with pytest.raises(ValueError, match="later version"):
        Store(tmp_path)
    store.file.write_bytes(b"no database" * 1000)
    with pytest.raises(ValueError, match="not a usable store"):
        Store(tmp_path)

"""Everything that the page knows about films, in one SQLite file beside them; each change durable before it is answered.

A case's values (points, scale, notes, signature ...) are fields. An action changes one or more of them; actions are
only added, so that every value has its history. `point/S` is where Sella is, `auto/S` where the model placed it.
"""

import datetime
import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from landmarks.review.fields import case_state
from landmarks.review.migrations import migrate
from landmarks.wholefile import put_in_place

STORE_FOLDER = "landmarks-review"
_FILE = "review.sqlite"


class ConflictError(Exception):
    """A field was changed elsewhere since the writer saw it; `fields` names each with its present value."""

    def __init__(self, fields: dict[str, dict]) -> None:
        super().__init__(", ".join(fields))
        self.fields = fields


class UnsavedError(Exception):
    """The disk refused; nothing of the change was kept."""


def now() -> str:
    """UTC, to the millisecond, ISO 8601."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")


class Store:
    """One folder's cases. Safe to call from several threads; each write is one durable transaction.

    Example:
        store = Store(Path("films"))
        store.record(1, who="Dr. A", source="hand", kind="note", changes={"note": "retake"})
    """

    def __init__(self, folder: Path) -> None:
        """Raises: ValueError where the store cannot be used; OSError where the folder is not writable."""
        self.folder = folder.resolve()
        self.home = self.folder / STORE_FOLDER
        self.home.mkdir(exist_ok=True)
        self.file = self.home / _FILE
        self._lock = threading.RLock()
        self._listeners: list[Callable[[dict], None]] = []
        try:
            self._db = sqlite3.connect(self.file, check_same_thread=False, isolation_level=None, timeout=10)
            self._db.row_factory = sqlite3.Row
            # FULL: a commit returns when the log has reached the disk
            for setting in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "trusted_schema = OFF"):
                self._db.execute(f"PRAGMA {setting}")
            migrate(self._db, self.file)
        except sqlite3.DatabaseError as error:
            raise ValueError(f"{self.file}: not a usable store ({error}); restore a backup") from error

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def listen(self, listener: Callable[[dict], None]) -> None:
        """`listener` is called with every event, after it is durable."""
        self._listeners.append(listener)

    def tell(self, event: dict) -> None:
        for listener in list(self._listeners):
            listener(event)

    def rows(self, question: str, values: Sequence = ()) -> list[sqlite3.Row]:
        with self._lock:
            return self._db.execute(question, values).fetchall()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Everything read within sees one state, whatever other threads and programs record meanwhile."""
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            self._db.execute("BEGIN")
            try:
                yield
            finally:
                self._db.execute("COMMIT")

    def write(self, statements: Sequence[tuple[str, Sequence]]) -> int:
        """Statements in one transaction; returns the last row's id. Raises: UnsavedError where the disk refuses."""
        with self._lock, _Transaction(self._db):
            last = 0
            for statement, values in statements:
                last = self._db.execute(statement, values).lastrowid
            return last

    def record(
        self,
        case_id: int,
        *,
        who: str,
        source: str,
        kind: str,
        changes: dict[str, object],
        seen: dict[str, int] | None = None,
        reverses: int | None = None,
        window: str = "",
    ) -> dict:
        """Append an action; returns it as the page sees it.

        Args:
            changes: new value by field, None removes it.
            seen: for each field the action that the writer knew as its last; left out, nothing is compared.
        Raises: ConflictError, KeyError where there is no such case, UnsavedError.
        """
        with self._lock:
            with _Transaction(self._db):
                action = self._append(case_id, who, source, kind, changes, seen, reverses)
            self.tell({"event": "action", "case": case_id, "window": window, **action, "summary": self.summary(case_id)})
        return action

    def _append(self, case_id, who, source, kind, changes, seen, reverses) -> dict:
        if not self._db.execute("SELECT 1 FROM cases WHERE id = ?", (case_id,)).fetchone():
            raise KeyError(case_id)
        facts = self.facts(case_id)
        stale = {} if seen is None else {f: facts.get(f) or _NOTHING for f in changes if _last(facts, f) != seen.get(f, 0)}
        if stale:
            raise ConflictError(stale)
        at = now()
        row = self._db.execute(
            "INSERT INTO actions (case_id, at, who, source, kind, reverses) VALUES (?, ?, ?, ?, ?, ?)",
            (case_id, at, who, source, kind, reverses),
        )
        number, listed = row.lastrowid, []
        for field, value in changes.items():
            before = facts[field]["value"] if field in facts else None
            listed.append({"field": field, "before": before, "after": value})
            texts = [None if item is None else json.dumps(item, allow_nan=False) for item in (before, value)]
            self._db.execute("INSERT INTO changes VALUES (?, ?, ?, ?)", (number, field, *texts))
            # a removed value stays as null, so that a window that still knows it is told
            fact = (case_id, field, texts[1] or "null", number)
            self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?, ?, ?)", fact)
        state, doubt = case_state({name: fact["value"] for name, fact in self.facts(case_id).items()})
        self._db.execute("UPDATE cases SET state = ?, doubt = ? WHERE id = ?", (state, doubt, case_id))
        return {"id": number, "at": at, "who": who, "source": source, "kind": kind, "reverses": reverses, "changes": listed}

    def facts(self, case_id: int) -> dict[str, dict]:
        """Present values of a case: field -> value and the action that set it."""
        rows = self.rows("SELECT field, value, action_id FROM facts WHERE case_id = ?", (case_id,))
        return {row["field"]: {"value": json.loads(row["value"]), "action": row["action_id"]} for row in rows}

    def values(self, case_id: int) -> dict[str, object]:
        """Present values of a case by field, removed ones left out."""
        return {field: fact["value"] for field, fact in self.facts(case_id).items() if fact["value"] is not None}

    def history(self, case_id: int) -> list[dict]:
        """A case's actions from the first on, each with its changes."""
        question = "SELECT c.* FROM changes c JOIN actions a ON a.id = c.action_id WHERE a.case_id = ?"
        with self.snapshot():
            made = self.rows("SELECT * FROM actions WHERE case_id = ? ORDER BY id", (case_id,))
            changed = self.rows(question, (case_id,))
        keys = ("id", "at", "who", "source", "kind", "reverses")
        actions = {row["id"]: {key: row[key] for key in keys} | {"changes": []} for row in made}
        for row in changed:
            before, after = (None if row[key] is None else json.loads(row[key]) for key in ("before", "after"))
            actions[row["action_id"]]["changes"].append({"field": row["field"], "before": before, "after": after})
        return list(actions.values())

    def summary(self, case_id: int) -> dict:
        found = self.summaries("WHERE c.id = ?", (case_id,))
        if not found:
            raise KeyError(case_id)
        return found[0]

    def summaries(self, where: str = "", values: Sequence = ()) -> list[dict]:
        """What the list shows of each case."""
        fields = ("patient", "date", "view", "age", "sex")
        columns = "".join(f", f{i}.value AS {name}" for i, name in enumerate(fields))
        joins = "".join(
            f" LEFT JOIN facts f{i} ON f{i}.case_id = c.id AND f{i}.field = '{name}'" for i, name in enumerate(fields)
        )
        question = f"SELECT c.id, c.title, c.state, c.doubt, c.problem, c.missing, c.added{columns} FROM cases c{joins} {where}"
        found = [dict(row) for row in self.rows(question, values)]
        for row in found:
            for key in fields:
                if row[key] is not None:
                    row[key] = json.loads(row[key])
        return found

    def backup(self, target: Path) -> None:
        """A consistent copy of the whole store, taken while the page runs. Raises: ValueError where `target` exists."""
        if target.exists():
            raise ValueError(f"{target}: exists already; name another file")
        part = target.with_name(f".{target.name}.part")
        copy = sqlite3.connect(part)
        try:
            with self._lock:
                self._db.backup(copy)
        finally:
            copy.close()
        with part.open("r+b") as file:
            os.fsync(file.fileno())
        put_in_place(part, target)

    def sound(self) -> bool:
        """Whether SQLite finds the file intact and every reference kept."""
        intact = self.rows("PRAGMA integrity_check")[0][0] == "ok"
        return intact and not self.rows("PRAGMA foreign_key_check")


_NOTHING = {"value": None, "action": 0}


def _last(facts: dict[str, dict], field: str) -> int:
    return facts[field]["action"] if field in facts else 0


class _Transaction:
    """BEGIN IMMEDIATE ... COMMIT; any error rolls back, and a refusing disk becomes UnsavedError."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._run("BEGIN IMMEDIATE")

    def __exit__(self, kind, error, _trace) -> None:
        if error is None:
            try:
                self._run("COMMIT")
                return
            except UnsavedError:
                self._undo()
                raise
        self._undo()
        if isinstance(error, sqlite3.OperationalError):
            raise UnsavedError(str(error)) from error

    def _run(self, word: str) -> None:
        try:
            self._db.execute(word)
        except sqlite3.OperationalError as error:
            raise UnsavedError(str(error)) from error

    def _undo(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

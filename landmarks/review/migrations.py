"""The store's tables, one step a version; `PRAGMA user_version` counts the steps that a file has."""

import sqlite3

# Never edit a step that was released: add one.
STEPS = (
    """
    CREATE TABLE cases (
        id INTEGER PRIMARY KEY,
        path TEXT NOT NULL UNIQUE,          -- relative to the folder, so that a folder that moves is found again
        title TEXT NOT NULL,
        size INTEGER NOT NULL,
        modified REAL NOT NULL,
        checksum TEXT,                      -- SHA-256 of the file, once it was read
        missing INTEGER NOT NULL DEFAULT 0,
        added TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'new',  -- new, doubtful, corrected or signed: follows from the values
        doubt REAL,                         -- 0 (sure) to 1
        problem TEXT                        -- why the film cannot be read
    );
    CREATE INDEX cases_checksum ON cases (checksum);
    -- The history: who changed what, from which value to which. Rows are only ever added.
    CREATE TABLE actions (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        case_id INTEGER NOT NULL REFERENCES cases (id),
        at TEXT NOT NULL,
        who TEXT NOT NULL,
        source TEXT NOT NULL CHECK (source IN ('hand', 'model', 'file')),
        kind TEXT NOT NULL,
        reverses INTEGER REFERENCES actions (id)
    );
    CREATE INDEX actions_case ON actions (case_id);
    CREATE TABLE changes (
        action_id INTEGER NOT NULL REFERENCES actions (id),
        field TEXT NOT NULL,
        before TEXT,                        -- JSON; NULL where there was no value
        after TEXT,
        PRIMARY KEY (action_id, field)
    ) WITHOUT ROWID;
    CREATE TRIGGER actions_fixed BEFORE UPDATE ON actions BEGIN SELECT RAISE(ABORT, 'the history is append-only'); END;
    CREATE TRIGGER actions_kept BEFORE DELETE ON actions BEGIN SELECT RAISE(ABORT, 'the history is append-only'); END;
    CREATE TRIGGER changes_fixed BEFORE UPDATE ON changes BEGIN SELECT RAISE(ABORT, 'the history is append-only'); END;
    CREATE TRIGGER changes_kept BEFORE DELETE ON changes BEGIN SELECT RAISE(ABORT, 'the history is append-only'); END;
    -- The present value of every field, and the action that set it: follows from the history.
    CREATE TABLE facts (
        case_id INTEGER NOT NULL REFERENCES cases (id),
        field TEXT NOT NULL,
        value TEXT NOT NULL,
        action_id INTEGER NOT NULL REFERENCES actions (id),
        PRIMARY KEY (case_id, field)
    ) WITHOUT ROWID;
    CREATE TABLE jobs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        case_id INTEGER REFERENCES cases (id),
        state TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed', 'cancelled')),
        at TEXT NOT NULL,
        detail TEXT NOT NULL DEFAULT ''
    );
    CREATE INDEX jobs_state ON jobs (state);
    """,
)


def migrate(db: sqlite3.Connection, file: object) -> None:
    """Bring a store up to this version, each step in one transaction.

    Raises: ValueError where the store was written by a later version.
    """
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > len(STEPS):
        raise ValueError(f"{file}: written by a later version of landmarks (store {version}); update landmarks")
    for number, step in enumerate(STEPS[version:], start=version + 1):
        db.executescript(f"BEGIN IMMEDIATE; {step}; PRAGMA user_version = {number}; COMMIT;")

"""The SQLite file: where it is, its tables, and what to do when it is damaged."""

from __future__ import annotations

import fcntl
import sqlite3
from contextlib import closing
from pathlib import Path

from jupyter_deploy.errors import TargetError

SCHEMA = 1
BUSY_SECONDS = 5.0

_TABLES = """
CREATE TABLE deployments (
    name TEXT PRIMARY KEY,
    target TEXT NOT NULL,
    host TEXT NOT NULL,
    port INTEGER NOT NULL,
    workers INTEGER NOT NULL,
    limits TEXT NOT NULL,
    wanted TEXT NOT NULL CHECK (wanted IN ('live', 'stopped')),
    version TEXT NOT NULL,
    api_key_digest TEXT,
    created REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE versions (
    deployment TEXT NOT NULL REFERENCES deployments (name) ON DELETE CASCADE,
    version TEXT NOT NULL,
    number INTEGER NOT NULL,
    previous TEXT,
    bundle TEXT NOT NULL,
    environment TEXT NOT NULL,
    proof TEXT,
    notebook TEXT,
    deployed_at REAL NOT NULL,
    PRIMARY KEY (deployment, version)
) WITHOUT ROWID;
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    deployment TEXT NOT NULL,
    time REAL NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX events_of ON events (deployment, id);
CREATE TABLE samples (
    deployment TEXT NOT NULL,
    resolution INTEGER NOT NULL,
    time REAL NOT NULL,
    seconds REAL NOT NULL,
    requests INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    latency TEXT NOT NULL,
    in_flight INTEGER NOT NULL,
    workers INTEGER NOT NULL,
    cpu REAL NOT NULL,
    memory INTEGER NOT NULL,
    PRIMARY KEY (deployment, resolution, time)
) WITHOUT ROWID;
"""

Connection = sqlite3.Connection


def data_dir() -> Path:
    """Give the folder that holds everything lasting: the registry, logs and metrics.

    `JUPYTER_DATA_DIR` moves it with the rest of Jupyter's data.
    """
    # Imported here: the supervisor gets its folders as arguments and runs on the standard library alone.
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / "nbdeploy"


def registry_path(folder: Path | None = None) -> Path:
    """Give the registry's file in data folder `folder` (by default `data_dir()`)."""
    return (folder or data_dir()) / "registry.db"


def open_registry(path: Path) -> Connection:
    """Open the registry at `path`, making it when it is not there.

    Raises
    ------
    TargetError
        When the file is damaged or was written by a newer release. It is never deleted or replaced.

    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        # Autocommit: every write below is one statement, or says BEGIN itself through `with connection`.
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS)
    except sqlite3.Error as error:
        raise _unreadable(path, error) from error
    try:
        _use_write_ahead_log(connection, path)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        _create_tables(connection, path)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise _unreadable(path, error) from error
    except TargetError:
        connection.close()
        raise
    return connection


def _use_write_ahead_log(connection: Connection, path: Path) -> None:
    """Turn write-ahead logging on, one process at a time: SQLite does not wait for others while it changes the mode."""
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        with path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            connection.execute("PRAGMA journal_mode = WAL")


def _create_tables(connection: Connection, path: Path) -> None:
    found = _schema_of(connection)
    if found == 0:
        # Two processes may come here at once: the second waits for the write lock and then finds the tables.
        with closing(connection.cursor()) as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            if _schema_of(connection) == 0:
                for statement in _TABLES.split(";\n"):
                    cursor.execute(statement)
                cursor.execute(f"PRAGMA user_version = {SCHEMA}")
            cursor.execute("COMMIT")
    elif found != SCHEMA:
        raise TargetError(
            f"the registry of deployments has schema {found}; this nbdeploy reads schema {SCHEMA}",
            where=str(path),
            advice="update nbdeploy in this environment: pip install --upgrade nbdeploy",
        )


def _schema_of(connection: Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _unreadable(path: Path, error: sqlite3.Error) -> TargetError:
    if "locked" in str(error):
        return TargetError(f"the registry of deployments is in use: {error}", where=str(path),
                           advice="another process has been writing for long; try again in a moment")
    return TargetError(
        f"the registry of deployments cannot be read: {error}",
        where=str(path),
        advice=f"it is left as it is. Restore it from a backup, or move it away (mv '{path}' '{path}.damaged') to "
               "begin anew; bundles and running services are not in it and stay",
    )

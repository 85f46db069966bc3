"""The SQLite file: where it is, its tables, and what to do when it is damaged."""

from __future__ import annotations

import fcntl
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from jupyter_deploy.errors import DiskFull, TargetError

SCHEMA = 4
_ROLLOUTS = """
CREATE TABLE rollouts (
    deployment TEXT PRIMARY KEY REFERENCES deployments (name) ON DELETE CASCADE,
    version TEXT NOT NULL,
    bundle TEXT NOT NULL,
    environment TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('canary', 'shadow')),
    share REAL NOT NULL,
    rules TEXT NOT NULL,
    scale TEXT NOT NULL,
    limits TEXT NOT NULL,
    proof TEXT,
    notebook TEXT,
    begun REAL NOT NULL
) WITHOUT ROWID;
"""
_SINCE: dict[int, tuple[str, ...]] = {
    2: ("ALTER TABLE samples ADD COLUMN batches INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE samples ADD COLUMN batched INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE samples ADD COLUMN gpu REAL", "ALTER TABLE samples ADD COLUMN gpu_memory INTEGER"),
    3: ("ALTER TABLE deployments ADD COLUMN scale TEXT NOT NULL DEFAULT '{}'",),
    4: (_ROLLOUTS,),
}
"""What makes each schema of the one before."""
BUSY_SECONDS = 5.0
ROOM = 1 << 20
"""Bytes that SQLite needs beside the file itself: with less, it fails with words that do not say why."""

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
    created REAL NOT NULL,
    scale TEXT NOT NULL DEFAULT '{}'
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
    batches INTEGER NOT NULL DEFAULT 0,
    batched INTEGER NOT NULL DEFAULT 0,
    gpu REAL,
    gpu_memory INTEGER,
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
        raise explain_failure(path, error) from error
    try:
        _use_write_ahead_log(connection, path)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        _create_tables(connection, path)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise explain_failure(path, error) from error
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
    if found < SCHEMA:
        # Two processes may come here at once: the second waits for the write lock and then finds the tables.
        with closing(connection.cursor()) as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            for statement in _list_changes(_schema_of(connection)):
                cursor.execute(statement)
            cursor.execute(f"PRAGMA user_version = {SCHEMA}")
            cursor.execute("COMMIT")
    elif found != SCHEMA:
        raise TargetError(
            f"the registry of deployments has schema {found}; this nbdeploy reads schema {SCHEMA}",
            where=str(path),
            advice="update nbdeploy in this environment: pip install --upgrade nbdeploy",
        )


def _list_changes(found: int) -> list[str]:
    """Give the statements that make the present schema of another one, or of an empty file."""
    if found == 0:
        return [*_TABLES.split(";\n"), _ROLLOUTS]
    return [statement for number in range(found + 1, SCHEMA + 1) for statement in _SINCE[number]]


def _schema_of(connection: Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def explain_failure(path: Path, error: sqlite3.Error) -> TargetError:
    """Say why the registry at `path` cannot be used: only a file that is damaged is called so."""
    text = str(error)
    if "full" in text or not _has_room(path):
        return DiskFull("the disk is full, so the registry of deployments cannot be used", where=str(path),
                        advice="free some space, then try again; nothing is lost, and what was live still is")
    if "locked" in text or "busy" in text:
        return TargetError(f"the registry of deployments is in use: {text}", where=str(path),
                           advice="another process has been writing for a long time; try again in a moment")
    if "malformed" not in text and "not a database" not in text:
        return TargetError(f"the registry of deployments cannot be used: {text}", where=str(path),
                           advice="check that this user may write that file and its folder, then try again")
    return TargetError(
        f"the registry of deployments cannot be read: {text}",
        where=str(path),
        advice=f"it is left as it is. Restore it from a backup, or move it away (mv '{path}' '{path}.damaged') to "
               "start afresh; bundles and running services are not in it and stay",
    )


def _has_room(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free >= ROOM
    except OSError:
        return True

"""What can go wrong, said so that a person knows what to do next.

A message says what was wanted, what was found, where (cell, line, field) and what to do.
Front ends print it without a traceback.
"""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Iterator, Sequence
from typing import Any


class DeployError(Exception):
    """The base of every error that this package raises on purpose.

    Parameters
    ----------
    message
        What was wanted and what was found.
    where
        The place: a cell with its line, a tag, a path or a field. Shown after the message.
    advice
        What to do next. Shown on a line of its own.

    """

    def __init__(self, message: str, *, where: str | None = None, advice: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.advice = advice
        self.stage: str | None = None
        """The stage of the recipe that fell short."""

    def __str__(self) -> str:
        gap = "\n\n" if "\n" in self.message else " "
        text = self.message if self.where is None else f"{self.message}{gap}({self.where})"
        return text if self.advice is None else f"{text}\n  → {self.advice}"

    def _render_traceback_(self) -> list[str]:
        """Tell IPython what to show in place of a traceback."""
        return [f"{type(self).__name__}: {self}"]


class UsageError(DeployError):
    """The command, the magic or an option was used wrongly (exit code 2)."""


class NotebookError(DeployError):
    """The notebook document cannot be read, or its roles are wrong."""


class CaptureError(DeployError):
    """Something the service needs cannot be read out of the kernel."""


class RequirementError(DeployError):
    """A module that the service imports cannot be traced to something installable."""


class BundleError(DeployError):
    """A bundle cannot be written, or what was read is not what was written."""


class ServiceError(DeployError):
    """The packaged service did not start or did not answer."""


class ProofError(DeployError):
    """The packaged service answered, but not what the notebook answered.

    Parameters
    ----------
    differences
        Where: rows of `proof.Difference`.
    unsteady
        The service itself answered the same calls differently when they were repeated.
    failures
        The log's records of the calls that raised in the service: `entry`, `message`, `cell`, `where`, `traceback`.

    """

    def __init__(self, message: str, *, where: str | None = None, advice: str | None = None,
                 differences: Sequence[Any] = (), unsteady: bool = False, failures: Sequence[Any] = ()) -> None:
        super().__init__(message, where=where, advice=advice)
        self.differences = tuple(differences)
        self.unsteady = unsteady
        self.failures = tuple(failures)


class TargetError(DeployError):
    """A target refused or failed to run a deployment."""


class DiskFull(TargetError):
    """There is no room left for what has to be written."""


@contextlib.contextmanager
def telling_when_full() -> Iterator[None]:
    """Turn what the system raises when a disk is full into `DiskFull`; also a decorator."""
    try:
        yield
    except OSError as error:
        place = _find_full(error)
        if place is None:
            raise
        raise DiskFull("the disk is full", where=place or None, advice="free some space") from error


def _find_full(error: OSError) -> str | None:
    """Name the file for which there is no room, as far as it is known; None when that is not what went wrong."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return str(error.filename2 or error.filename or "")
    # What copies a tree goes on, and tells in the end of each file: from where, to where, and the text of its error.
    failures = error.args[0] if isinstance(error, shutil.Error) and isinstance(error.args[0], list) else []
    reasons = [f"[Errno {code}]" for code in (errno.ENOSPC, errno.EDQUOT)]
    return next((str(to) for _, to, why in failures if any(reason in why for reason in reasons)), None)


class ImageError(DeployError):
    """A container engine is not there, or cannot build, run or push an image."""

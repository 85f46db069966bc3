"""Why a proof did not hold: what the author is told, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from jupyter_deploy.errors import ProofError
from jupyter_deploy.packaged import Packaged
from jupyter_deploy.proof import Proof, is_rounding, table

_UNKNOWN_NAME = re.compile(r"(?:NameError|UndefinedVariableError): name '(\w+)' is not defined")
_UNKNOWN_FILE = re.compile(r"FileNotFoundError: .*No such file or directory: '([^']+)'")


def explain_disproof(proof: Proof, packaged: Packaged, log: Iterable[dict[str, Any]], *, unsteady: bool) -> ProofError:
    """Say where service and notebook differ, with the tracebacks of calls that failed in the service.

    Parameters
    ----------
    log
        The last records of the service's log.
    unsteady
        The service answered the same call differently the second time.

    """
    failures = [record for record in log if record.get("error_id") in proof.error_ids]
    figures = f"{proof.equal} of {proof.calls} golden calls equal"
    parts = [
        f"the packaged service does not answer what the notebook answered: {figures}, so nothing was deployed",
        table(proof.differences),
    ]
    told = [
        f"{one.get('entry')} failed ({one.get('cell') or one.get('where')}):\n{one.get('traceback', '').strip()}"
        for one in failures
    ]
    parts += list(dict.fromkeys(told))[:3]
    if unsteady:
        parts.append("the service itself answers the same call differently from one time to the next")
    parts += [f"this may be why: {one}" for one in packaged.capture.findings if one.code != "large-state"]
    parts += sorted({hint for one in failures if (hint := _explain(str(one.get("traceback", ""))))})
    likely = ("random numbers, the clock and changing globals cannot be proven: pass them as arguments, or draw the "
              "numbers from a generator in a global, such as rng = np.random.default_rng(). ")
    if is_rounding(proof.differences) and not unsteady:
        likely = ("only the last digits differ, as they do when numbers are added up in another order: round the "
                  "result in the function. ")
    if proof.timed_out:
        likely = "the call waits for something that the service does not have; if it is just slow, raise --timeout. "
    error = ProofError(
        "\n\n".join(parts),
        where=str(packaged.bundle.folder),
        advice=f"{'' if failures else likely}The bundle is kept for inspection; what was live before still is",
        differences=proof.differences,
        unsteady=unsteady,
        failures=failures,
    )
    error.stage = "prove"
    return error


def _explain(traceback: str) -> str | None:
    """Say what to do about an error that only the service has, because something of the notebook stayed behind."""
    if found := _UNKNOWN_NAME.search(traceback):
        return (f"{found[1]} was looked up by a name in a string, so nbdeploy could not see that it is needed: use the "
                "name in the code, or tag its cell deploy:include")
    if found := _UNKNOWN_FILE.search(traceback):
        return (f"the file {found[1]} is not in the service: a file comes along if it lies beside the notebook and the "
                "code names it by a relative path, or a golden call reads it")
    if "SQLite objects created in a thread" in traceback:
        return "calls run in other threads than the one that opened the database: open it with check_same_thread=False"
    return None

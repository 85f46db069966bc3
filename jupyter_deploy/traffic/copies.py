"""A copy of a deployment's live version, to be loaded in its place: on this machine, under a name of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from jupyter_deploy.environment import Environment
from jupyter_deploy.errors import TargetError
from jupyter_deploy.registry import find_deployment, find_version, open_registry, registry_path
from jupyter_deploy.targets.local.options import LocalOptions
from jupyter_deploy.targets.local.scaling import Auto, read_scale
from jupyter_deploy.targets.local.target import LocalTarget
from jupyter_deploy.targets.target import Status


@contextmanager
def running_copy(status: Status, *, workers: int | Auto | None) -> Iterator[Callable[[], Status]]:
    """Run the version that is live once more, with the same limits and as many workers, and take it away in the end.

    Gives what tells how it is.
    """
    target = LocalTarget()
    with closing(open_registry(registry_path())) as registry:
        record = find_deployment(registry, status.name)
        found = find_version(registry, status.name, status.version)
    if status.target != target.name or found is None or record is None:
        raise TargetError(f"a copy runs on this machine, and {status.name} is deployed to {status.target}",
                          advice="leave --copy out")
    limits = {key: value for key, value in status.details.get("limits", {}).items() if value is not None}
    known = LocalOptions.__dataclass_fields__
    scale = read_scale(record.scale, record.workers)
    if workers is None and scale.fixed:
        workers = scale.min
    said = scale.dump() if workers is None else {"workers": workers}
    options = LocalOptions(**said, **{key: value for key, value in limits.items() if key in known})
    name = f"{status.name[:40].rstrip('-')}-copy-{os.getpid()}"
    plan = target.plan(Path(found.bundle), name=name, environment=Environment.parse(found.environment), options=options)
    candidate = target.stage(plan)
    try:
        target.apply(plan, candidate, None)
        yield lambda: target.status(name)[0]
    finally:
        target.discard(candidate)
        target.delete(name)

"""What lies on disk and is needed no more: bundles and carved environments that no version of a deployment uses."""

from __future__ import annotations

import shutil
import tempfile
import time
from contextlib import closing
from pathlib import Path

from jupyter_deploy.environment import Environment
from jupyter_deploy.registry import list_deployments, list_rollouts, list_versions, open_registry, registry_path

BUNDLE_SECONDS = 7 * 86400.0
"""An unused bundle stays for a week: one that was not proven is there to be looked at."""
ENVIRONMENT_SECONDS = 3600.0
"""An unused environment stays for an hour: its service may not be recorded yet. To carve it again costs little."""


def remove_leftovers(data: Path, *, age: float | None = None) -> tuple[Path, ...]:
    """Remove the bundles and environments in data folder `data` that no version of any deployment uses.

    Those written or used again within their time stay; `age` (seconds) takes the place of both times. Gives what was
    removed.
    """
    bundles: set[Path] = set()
    environments: set[Path] = set()
    with closing(open_registry(registry_path(data))) as registry:
        for record in list_deployments(registry):
            for version in list_versions(registry, record.name):
                bundles.add(Path(version.bundle).resolve())
                environments.update(Path(path).resolve() for path in Environment.parse(version.environment).paths)
        for rollout in list_rollouts(registry):
            bundles.add(Path(rollout.bundle).resolve())
            environments.update(Path(path).resolve() for path in Environment.parse(rollout.environment).paths)
    return (*_remove(data / "bundles", bundles, BUNDLE_SECONDS if age is None else age),
            *_remove(data / "environments", environments, ENVIRONMENT_SECONDS if age is None else age))


def _remove(root: Path, kept: set[Path], age: float) -> list[Path]:
    before = time.time() - age
    unused = [folder for folder in (sorted(root.iterdir()) if root.is_dir() else ())
              if folder.resolve() not in kept and folder.is_dir() and folder.stat().st_mtime < before]
    for folder in unused:
        # Renamed first: whoever comes in between finds the whole folder or none.
        part = Path(tempfile.mkdtemp(prefix=".removing-", dir=root))
        folder.rename(part / folder.name)
        shutil.rmtree(part, ignore_errors=True)
    return unused

"""What can be tried beside a live version, and what cannot: asked before anything starts, and when it is put there."""

from __future__ import annotations

from jupyter_deploy.errors import TargetError
from jupyter_deploy.registry import Record
from jupyter_deploy.targets.local.listeners import build_url


def check_beside(name: str, live: Record | None, mode: str, *, version: str | None, host: str | None,
                 port: int | None, digest: str | None) -> None:
    """Refuse what cannot be tried beside a live version (`TargetError`).

    Parameters
    ----------
    live
        The deployment's row; None when nothing is live.
    version
        Of what is to be tried; None when it is not known yet.
    host, port
        Where it is to answer; None: where the live version does.
    digest
        Of its API key.

    """
    plainly = f"deploy it without --{mode}"
    if live is None:
        raise TargetError(f"--{mode}: {name} has no live version beside which another could be tried", advice=plainly)
    if live.version == version:
        raise TargetError(f"--{mode}: version {version} is live already; there is nothing to try",
                          advice="change the function or the model, then deploy again")
    if (host or live.host, port or live.port) != (live.host, live.port):
        raise TargetError(f"--{mode}: both versions answer at {build_url(live.host, live.port)}, so --host and --port "
                          "cannot change", advice=f"leave them out, or {plainly}")
    if live.api_key_digest != digest:
        raise TargetError(f"--{mode}: callers reach both versions with one API key, which cannot change",
                          advice=f"give the key that they have, or {plainly}")

"""What an engine refuses, as a sentence that says what to do."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence

from jupyter_deploy.errors import DeployError, ImageError

_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
"""Engines send what a step wrote to standard error in red."""
_OWN = "nbdeploy: "
"""What `layers.py` begins a line with that is meant for the author."""
_NO_SPACE = re.compile("no space left on device", re.IGNORECASE)
_UNREACHED = re.compile(r"(?:invalid from flag value |pull access denied for )(\S+?)[:,] (.+)", re.DOTALL)
"""What an engine says of an image that a step copies from."""
_FULL = "its disk is full: docker system df shows what takes the space, docker system prune frees it"
_CERTIFICATE = re.compile(r"certificate verify failed: (.+?) \(_ssl")
_NO_REGISTRY = re.compile(r"dial tcp|no such host|connection refused|i/o timeout|TLS handshake", re.IGNORECASE)
_GPU = re.compile(r"device driver|nvidia|\bCDI\b", re.IGNORECASE)
_TOOLKIT = ("install the NVIDIA container toolkit (nvidia-ctk runtime configure --runtime=docker, then restart the "
            "engine), or deploy with --no-gpu")


@contextlib.contextmanager
def explained(doing: str, *, kind: type[DeployError] = ImageError, where: str | None = None,
              advice: str | None = None, gpus: bool = False, missing: bool = False) -> Iterator[None]:
    """Turn what the SDK raises into `kind`.

    `gpus` says that GPUs were asked for, which is then the likely reason. With `missing`, the SDK's `NotFound` goes on
    as it is: that something is not there is for the caller to judge.
    """
    import docker.errors
    import requests

    try:
        yield
    except docker.errors.APIError as error:
        if missing and isinstance(error, docker.errors.NotFound):
            raise
        text = str(error.explanation or error)
        if gpus and _GPU.search(text):
            raise kind(f"the service needs a GPU, and the container engine cannot give it one: {text}", where=where,
                       advice=_TOOLKIT) from error
        raise kind(f"the container engine could not {doing}: {text}",
                   advice=_FULL if _NO_SPACE.search(text) else advice) from error
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        raise kind(f"the container engine could not {doing}: {name_reason(error)}", where=where,
                   advice=advice or "see whether it still runs: docker info") from error


def name_reason(error: BaseException) -> str:
    """Say in a few words why an engine does not answer."""
    text = str(error).removeprefix("Error while fetching server API version: ")
    if "FileNotFoundError" in text or "No such file" in text:
        return "nothing listens there"
    if "PermissionError" in text or "Permission denied" in text:
        return "no permission to use it"
    if found := _CERTIFICATE.search(text):
        return f"its certificate cannot be trusted: {found.group(1)}"
    if "ConnectionRefused" in text or "Connection refused" in text:
        return "connection refused"
    return text.splitlines()[0][:200] if text else type(error).__name__


def strip_colours(text: str) -> str:
    """Take away what colours a terminal, and the space around."""
    return _COLOUR.sub("", text).strip()


def explain_foreign(log: str) -> ImageError | None:
    """Say that an image is for other machines than the engine's; None when a log tells of nothing like it."""
    if "exec format error" not in log.lower():
        return None
    return ImageError("the engine's machine cannot run programs of that platform, and the proof runs the service",
                      advice="set up emulation (docker run --privileged --rm tonistiigi/binfmt --install all), or "
                             "build on such a machine")


def explain_build(message: str, log: Sequence[str]) -> ImageError:
    """Say why a build ended: what `layers.py` said, else the end of the engine's log."""
    own = [line.removeprefix(_OWN) for line in log if line.startswith(_OWN)]
    if own:
        return ImageError(f"the image cannot be built: {own[-1]}")
    if foreign := explain_foreign("\n".join([message, *log])):
        return foreign
    if unreached := _UNREACHED.match(message):
        name, reason = unreached.groups()
        return ImageError(f"the image cannot be built: {name}, which it copies from, cannot be pulled: {reason}",
                          advice=f"docker pull {name} says more; once it is there, the build takes it from the engine")
    text = "\n".join([f"the image cannot be built: {message}", *log[-12:]])
    if _NO_SPACE.search(text):
        return ImageError("the image cannot be built: the container engine has no space left", advice=_FULL)
    return ImageError(text)


def explain_push(reference: str, message: str) -> ImageError:
    """Say why a proven image did not get into its registry, and that it is not lost."""
    stays = f"the image stays here under its name, proven: docker push {reference} tries again"
    if _NO_REGISTRY.search(message):
        return ImageError(f"the registry of {reference} cannot be reached from the container engine: {message}",
                          advice=f"see that it runs and that the name is right; {stays}")
    return ImageError(f"the registry refused {reference}: {message}",
                      advice=f"docker login REGISTRY, or name another place with --tag REGISTRY/NAME:TAG; {stays}")

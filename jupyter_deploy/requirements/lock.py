"""The requirements as text: one pinned distribution a line, with the reason why it is there."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from jupyter_deploy.requirements.distributions import Distribution, Requirements, Source


def write_lock(requirements: Requirements) -> str:
    """Write `requirements.lock`: the same requirements, the same text, and no path of this machine."""
    lines = [f"# What the service needs, pinned to what the notebook ran on (Python {requirements.python})."]
    lines += [_line(one) for one in requirements.distributions]
    return "\n".join(lines) + "\n"


def _line(one: Distribution) -> str:
    pinned, origin = f"{one.name}=={one.version}", ""
    source = one.source
    if source.kind == "vcs":
        pinned, origin = f"{one.name} @ {source.vcs}+{_public(source.url)}@{source.commit}", f"version {one.version}"
        pinned += f"#subdirectory={source.subdirectory}" if source.subdirectory else ""
    elif source.kind == "archive":
        fragments = [source.digest, f"subdirectory={source.subdirectory}" if source.subdirectory else ""]
        pinned, origin = f"{one.name} @ {_public(source.url)}", f"version {one.version}"
        pinned += "#" + "&".join(filter(None, fragments)) if any(fragments) else ""
    elif source.kind == "editable":
        origin = f"editable project, sources {source.digest}" if source.digest else "editable project"
    elif source.kind == "local":
        origin = f"installed from {_name(source)}, not from an index"
    reason = " ".join(one.reason.split())
    return f"{pinned}  # {'; '.join(filter(None, (origin, reason)))}"


def _name(source: Source) -> str:
    file = source.url.endswith((".whl", ".gz", ".zip"))
    return f"the local file {source.url.rpartition('/')[2]}" if file else "a local folder"


def _public(url: str) -> str:
    """Take user and password out of a URL; the user of an SSH address is part of it."""
    parts = urlsplit(url)
    if "@" not in parts.netloc or (parts.scheme == "ssh" and parts.password is None):
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))

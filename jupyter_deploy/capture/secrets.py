"""Values that look like credentials: they are never captured, the service reads them from its environment."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

_NAME = re.compile(
    r"(?:^|_)(?:password|passwd|pwd|secret|token|api_?key|access_?key|private_?key|credentials?|auth)(?:_|$)",
    re.IGNORECASE,
)
_VALUE = re.compile(
    r"""AKIA[0-9A-Z]{16}              # AWS access key id
      | \bsk-[A-Za-z0-9_-]{20,}       # OpenAI and others
      | \bgh[pousr]_[A-Za-z0-9]{30,}  # GitHub
      | \bglpat-[A-Za-z0-9_-]{20}     # GitLab
      | \bhf_[A-Za-z0-9]{30,}         # Hugging Face
      | \bxox[abprs]-[A-Za-z0-9-]{10,}  # Slack
      | \bAIza[0-9A-Za-z_-]{35}       # Google
      | \beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.  # a JSON web token
      | -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----
      | [a-z][a-z0-9+.-]*://[^/\s:@]+:(?![{<$*%])[^/\s:@]+@  # user and password in a URL, and not a place for one
    """,
    re.VERBOSE,
)
# In a pickle the byte before a text is its length, which may happen to be a letter.
_VALUE_BYTES = re.compile(_VALUE.pattern.replace(r"\b", r"(?<![A-Za-z0-9_]{2})").encode(), re.VERBOSE)
_MARKS = (
    b"AKIA",
    b"sk-",
    b"ghp_",
    b"gho_",
    b"ghu_",
    b"ghs_",
    b"ghr_",
    b"glpat-",
    b"hf_",
    b"xox",
    b"AIza",
    b"eyJ",
    b"PRIVATE KEY",
    b"://",
)
"""What is in everything that `_VALUE` matches: to look for these first is many times faster in a large model."""


def is_secret(name: str, value: str) -> bool:
    """Whether text under this name looks like a credential, by its name, by its form or by where it came from."""
    return _is_secret(name, value, _known_secrets())


def looks_secret(text: str) -> bool:
    """Whether text holds something of the form of a credential, or what a variable named like one holds."""
    return _looks_secret(text, _known_secrets())


def find_secrets(value: object, path: str) -> Iterator[str]:
    """Walk plain containers and give the paths of what looks like a credential (`config['token']`)."""
    return _find_secrets(value, path, _known_secrets())


def _find_secrets(value: object, path: str, known: Sequence[str]) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if isinstance(item, str) and _is_secret(str(key), item, known):
                yield f"{path}[{key!r}]"
            else:
                yield from _find_secrets(item, f"{path}[{key!r}]", known)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value[:1000]):
            yield from _find_secrets(item, f"{path}[{index}]", known)
    elif isinstance(value, str) and _looks_secret(value, known):
        yield path


def _is_secret(name: str, value: str, known: Sequence[str]) -> bool:
    return _looks_secret(value, known) or _names_secret(name, value)


def _looks_secret(text: str, known: Sequence[str]) -> bool:
    return bool(_VALUE.search(text)) or any(secret in text for secret in known)


def _names_secret(name: str, value: str) -> bool:
    return bool(_NAME.search(name)) and len(value) >= 6 and not value.isspace()


def _known_secrets() -> list[str]:
    """Give what environment variables named like credentials hold."""
    return [value for key, value in os.environ.items() if _names_secret(key, value)]


@dataclass(frozen=True)
class SecretFound:
    """Something in a file that has the form of a credential, or is one."""

    shown: str
    """Its beginning."""
    line: int
    """The line that it stands in, counted from 1."""


def find_secret_bytes(data: bytes, known: Sequence[bytes] = ()) -> SecretFound | None:
    """Find the first thing in `data` that has the form of a credential, or what a variable named like one holds.

    `known` are further credentials.
    """
    found = _VALUE_BYTES.search(data) if any(mark in data for mark in _MARKS) else None
    secrets = [found.group()] if found else [one for one in (*known, *map(str.encode, _known_secrets())) if one in data]
    if not secrets:
        return None
    line = data.count(b"\n", 0, data.index(secrets[0])) + 1
    return SecretFound(secrets[0][:8].decode("ascii", "replace") + "…", line)

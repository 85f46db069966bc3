"""The contract of a service: what its callers rely on, recorded with a release and kept with the notebook."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_deploy.check.changes import Interface
from jupyter_deploy.errors import DeployError, UsageError
from jupyter_deploy.runtime.manifest import MANIFEST, BundleDamaged, Manifest, read_manifest
from jupyter_deploy.runtime.openapi import answer_schema
from jupyter_deploy.runtime.types import parameters_schema

FORMAT = 1
SUFFIX = ".contract.json"
_SECONDS = 30


class ContractDamaged(DeployError):
    """A contract cannot be read."""


@dataclass(frozen=True)
class Golden:
    """A call with its answer."""

    entry: str
    request: Mapping[str, Any]
    answer: Any


@dataclass(frozen=True)
class Contract:
    """What callers rely on."""

    service: str
    entries: Mapping[str, Interface]
    classes: Mapping[str, Sequence[Any]] | None
    """The classes of each model; None where the source does not tell."""
    golden: tuple[Golden, ...]

    def dump(self) -> str:
        """Write it as JSON in lines that a reviewer can read: the same contract, the same text."""
        return json.dumps({"format": FORMAT, **dataclasses.asdict(self)}, indent=1, ensure_ascii=False) + "\n"


def dump_contracts(contracts: Sequence[Contract]) -> str:
    """Write the contracts of a notebook's services as one document; a single one is the document."""
    if len(contracts) == 1:
        return contracts[0].dump()
    services = [dataclasses.asdict(one) for one in contracts]
    return json.dumps({"format": FORMAT, "services": services}, indent=1, ensure_ascii=False) + "\n"


def contract_file(notebook: Path, label: str = "") -> Path:
    """Name the contract's file: beside the notebook, one for each labelled set of parameters."""
    return notebook.with_name(f"{notebook.stem}{'.' + label if label else ''}{SUFFIX}")


def read_contracts(file: Path) -> tuple[Contract, ...]:
    """Read the contracts of a notebook's services; none when there is no such file (raises `ContractDamaged`)."""
    try:
        return parse_contracts(file.read_text(encoding="utf-8"), str(file))
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise ContractDamaged(f"the contract cannot be read: {error}", where=str(file)) from error


def parse_contracts(text: str, where: str) -> tuple[Contract, ...]:
    """Read the text of a contract file (raises `ContractDamaged`)."""
    advice = "take it back from version control, or record a new one with --update"
    try:
        raw = json.loads(text)
        if raw["format"] != FORMAT:
            raise ContractDamaged(f"the contract has format {raw['format']!r}; this release reads format {FORMAT}",
                                  where=where, advice=advice)
        return tuple(_parse(one) for one in raw.get("services", [raw]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ContractDamaged(f"this is not a contract: {type(error).__name__}: {error}", where=where,
                              advice=advice) from error


def _parse(raw: Mapping[str, Any]) -> Contract:
    entries = {str(name): Interface(dict(one["request"]), dict(one["answer"])) for name, one in raw["entries"].items()}
    golden = tuple(Golden(str(one["entry"]), dict(one["request"]), one["answer"]) for one in raw["golden"])
    classes = raw["classes"]
    return Contract(str(raw["service"]), entries, None if classes is None else dict(classes), golden)


def describe_entries(manifest: Manifest) -> dict[str, Interface]:
    """Give the schemas of a bundle's entries, as its service shows them."""
    return {entry.name: Interface(parameters_schema(entry), answer_schema(entry)) for entry in manifest.entries}


def find_contracts(source: str, notebook: Path, label: str = "", *,
                   api_key: str | None = None) -> tuple[Contract, ...]:
    """Find what `--against` names: the URL of a service, the folder of a bundle, or a git ref.

    Parameters
    ----------
    api_key
        What a protected service wants to see.

    Raises
    ------
    ContractDamaged
        When it is there and cannot be read.
    UsageError
        When there is no such thing.

    """
    if source.startswith(("http://", "https://")):
        return (_ask_service(source.rstrip("/"), api_key),)
    if (Path(source) / MANIFEST).exists():
        return (read_bundle(Path(source)),)
    return _ask_git(source, contract_file(notebook, label))


def _ask_service(url: str, api_key: str | None) -> Contract:
    """Read the service's own description; its examples are golden calls, at most three for an entry."""
    headers = {} if api_key is None else {"X-API-Key": api_key}
    request = urllib.request.Request(f"{url}/openapi.json", headers=headers)  # noqa: S310 - http only
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as response:  # noqa: S310
            document = json.load(response)
        posts = {path[1:]: item["post"] for path, item in document["paths"].items() if "post" in item}
        entries = {name: Interface(_body(post)["schema"], _answer(post)["schema"]) for name, post in posts.items()}
        golden = [Golden(name, _body(post)["examples"][example]["value"], answer["value"])
                  for name, post in posts.items() for example, answer in _answer(post).get("examples", {}).items()]
        return Contract(str(document["info"]["title"]), entries, None, tuple(golden))
    except urllib.error.HTTPError as error:
        advice = "it is protected: give its key with --api-key" if error.code in (401, 403) else None
        raise UsageError(f"--against {url}: the service refuses to describe itself: {error}", advice=advice) from error
    except (urllib.error.URLError, OSError) as error:
        raise UsageError(f"--against {url}: the service does not answer: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise ContractDamaged(f"the service does not describe itself as an nbdeploy service does: {error!r}",
                              where=f"{url}/openapi.json") from error


def _body(post: Any) -> Any:
    return post["requestBody"]["content"]["application/json"]


def _answer(post: Any) -> Any:
    return post["responses"]["200"]["content"]["application/json"]


def read_bundle(folder: Path) -> Contract:
    """Read what callers of a bundle know of it; of its classes it does not tell (raises `ContractDamaged`)."""
    try:
        manifest = read_manifest(folder)
        golden = tuple(Golden(call.entry, one["request"], one["answer"]) for call in manifest.golden
                       for one in [json.loads((folder / call.file).read_bytes())])
    except (BundleDamaged, OSError, ValueError, KeyError) as error:
        raise ContractDamaged(f"the bundle cannot be read: {error}", where=str(folder)) from error
    return Contract(manifest.name, describe_entries(manifest), None, golden)


def _ask_git(ref: str, file: Path) -> tuple[Contract, ...]:
    where = f"{ref}:{file.name}"
    try:
        shown = subprocess.run(["git", "show", "--end-of-options", f"{ref}:./{file.name}"], cwd=file.resolve().parent,
                               capture_output=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"--against {ref}: git cannot be asked: {error}") from error
    if shown.returncode:
        raise UsageError(f"--against {ref}: it is not a URL or a bundle's folder, and git says: "
                         f"{shown.stderr.decode('utf-8', 'replace').strip()}",
                         advice=f"name a commit in which {file.name} is, such as HEAD or origin/main")
    return parse_contracts(shown.stdout.decode("utf-8", "replace"), where)

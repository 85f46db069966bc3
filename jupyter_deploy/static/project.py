"""A service project from a saved notebook: what its source alone tells. Nothing is executed, so no value is in it."""

from __future__ import annotations

import ast
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import packages_distributions, version
from pathlib import Path

from jupyter_deploy.errors import NotebookError
from jupyter_deploy.static.document import Document
from jupyter_deploy.static.entries import find_entries
from jupyter_deploy.static.names import DEFINITIONS, Bound, Names

TEMPLATES = Path(__file__).parents[1] / "export" / "template"
_DOCKERFILE = """\
FROM python:{python}-slim

WORKDIR /service
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
COPY . ./

USER 1000
EXPOSE 8080
CMD ["python", "serve.py", "0.0.0.0", "8080"]
"""


@dataclass(frozen=True)
class Project:
    """The files of a service, by their names."""

    files: Mapping[str, str]
    entries: tuple[str, ...]
    state: Mapping[str, str]
    """Values that the notebook makes when it runs, and that the project lacks: where each is made."""


@dataclass(frozen=True)
class _Slice:
    """The code that the entries reach, and what it leaves open."""

    statements: tuple[Bound, ...]
    names: frozenset[str]
    """What is reached: of an import of several names, only these are taken."""
    state: Mapping[str, Bound]
    unknown: tuple[str, ...]


def make_project(document: Document, name: str) -> Project:
    """Make the project of a notebook (raises `NotebookError` when nothing is to be served)."""
    names = Names(document)
    served, findings = find_entries(document, names)
    wrong = [one for one in findings if one.severity == "error"]
    if wrong or not served:
        first = (wrong or findings)[0]
        raise NotebookError(first.message, where=first.cell or str(document.path), advice=first.advice)
    for one in served:
        if names.last(one.name) is None:
            raise NotebookError(f"no cell defines {one.name}, which %deploy is to serve", where=one.cell.at(one.line))
    entries = [one.name for one in served]
    piece = _slice(names, entries)
    state = {key: bound.where for key, bound in sorted(piece.state.items())}
    routes = {"predict" if entry in state else entry: f"predict_{entry}" if entry in state else entry
              for entry in entries}
    code = _write_service(document, piece, [entry for entry in entries if entry in state])
    serve = (TEMPLATES / "serve.py").read_text(encoding="utf-8")
    python = ".".join(map(str, document.version or sys.version_info[:2]))
    files = {
        "service.py": code,
        "serve.py": serve.replace("ENTRIES = {}  # written at export", f"ENTRIES = {routes!r}"),
        "requirements.txt": "\n".join(_list_requirements(code, document.path.parent)) + "\n",
        "Dockerfile": _DOCKERFILE.format(python=python),
        **_copy_modules(code, document.path.parent),
    }
    readme = _write_readme(name, tuple(routes), state, piece.unknown)
    return Project({**files, "README.md": readme}, tuple(routes), state)


def _slice(names: Names, entries: list[str]) -> _Slice:
    """Sort what the entries reach into code and values; in the order of the notebook."""
    code: dict[int, Bound] = {}
    state: dict[str, Bound] = {}
    unknown = []
    reached = names.reach(entries, through_values=False)
    for name in reached:
        bound = names.last(name)
        if bound is None:
            unknown.append(name)
        elif _is_code(bound.statement):
            code[id(bound.statement)] = bound
        else:
            state[name] = bound
    ordered = sorted(code.values(), key=lambda one: (one.cell.position, one.statement.lineno))
    return _Slice(tuple(ordered), frozenset(reached), state, tuple(sorted(unknown)))


def _is_code(statement: ast.stmt) -> bool:
    """Whether a statement can stand in a module as it is: a definition, an import, or a constant."""
    if isinstance(statement, (*DEFINITIONS, ast.Import, ast.ImportFrom)):
        return True
    value = getattr(statement, "value", None)
    if not isinstance(statement, (ast.Assign, ast.AnnAssign)) or value is None:
        return False
    try:
        ast.literal_eval(value)
    except ValueError:
        return False
    return True


def _write_service(document: Document, piece: _Slice, models: list[str]) -> str:
    lines = [f'"""The entries of {document.path.name}, from its source alone: README.md says what is missing."""', ""]
    imports = [one for one in piece.statements if isinstance(one.statement, (ast.Import, ast.ImportFrom))]
    if piece.state:
        lines += ["import pickle", "from pathlib import Path", ""]
    lines += [_write_import(one.statement, piece.names) for one in imports]
    if piece.state:
        lines += ["", '_STATE = Path(__file__).parent / "state"', "", "",
                  "def _load(name, where):", '    file = _STATE / f"{name}.pkl"', "    if not file.exists():",
                  '        raise SystemExit(f"{file} is missing: the notebook makes {name} in {where}; see README.md")',
                  "    return pickle.loads(file.read_bytes())", ""]
    rest = [one for one in piece.statements if one not in imports]
    lines += [text for one in rest if not isinstance(one.statement, DEFINITIONS) for text in ("", _source(one))]
    lines += [f'{name} = _load("{name}", "{bound.where}")' for name, bound in sorted(piece.state.items())]
    lines += [text for one in rest if isinstance(one.statement, DEFINITIONS) for text in ("", "", _source(one))]
    for model in models:
        lines += ["", "", f"def predict_{model}(data):", f"    return {model}.predict(data)"]
    return "\n".join(lines) + "\n"


def _write_import(statement: ast.stmt, names: frozenset[str]) -> str:
    assert isinstance(statement, (ast.Import, ast.ImportFrom))
    wanted = [one for one in statement.names if (one.asname or one.name.partition(".")[0]) in names]
    if isinstance(statement, ast.Import):
        return ast.unparse(ast.Import(wanted))
    return ast.unparse(ast.ImportFrom(statement.module, wanted, statement.level))


def _source(bound: Bound) -> str:
    """Give a statement as it is written, with its decorators and comments."""
    statement = bound.statement
    decorators = getattr(statement, "decorator_list", [])
    first = min([statement.lineno, *(one.lineno for one in decorators)])
    text = textwrap.dedent("\n".join(bound.cell.source.splitlines()[first - 1:statement.end_lineno]))
    try:
        alone = len(ast.parse(text).body) == 1
    except SyntaxError:
        alone = False
    return text if alone else ast.unparse(statement)


def _modules(code: str) -> Iterator[str]:
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    yield from sorted(found - set(sys.stdlib_module_names))


def _list_requirements(code: str, folder: Path) -> Iterator[str]:
    """Pin what is installed here; what is not keeps its module's name, unpinned."""
    known = packages_distributions()
    for module in _modules(code):
        if (folder / f"{module}.py").is_file() or (folder / module).is_dir():
            continue
        owners = sorted(set(known.get(module, ())))
        yield from (f"{owner}=={version(owner)}" for owner in owners)
        if not owners:
            yield f"{module}  # not installed where this was exported: check the name, and pin it"


def _copy_modules(code: str, folder: Path) -> dict[str, str]:
    return {f"{module}.py": (folder / f"{module}.py").read_text(encoding="utf-8")
            for module in _modules(code) if (folder / f"{module}.py").is_file()}


def _write_readme(name: str, entries: tuple[str, ...], state: Mapping[str, str], unknown: tuple[str, ...]) -> str:
    lines = [f"# {name}", "",
             "Written by `jupyter nbconvert --to deploy` from the notebook's source. Nothing was executed.", "",
             "    python serve.py                 # http://127.0.0.1:8080", f"    docker build -t {name} .", "",
             "Entries: " + ", ".join(f"`POST /{entry}`" for entry in entries), "", "## What is missing", "",
             "**No state**: models, scalers, tables and whatever else the notebook makes when it runs. Nor are there",
             "recorded answers, so nothing here is proven to answer as the notebook does. `%deploy`, or `nbdeploy up`,",
             "runs the notebook, takes the values along, and proves it; `nbdeploy export` then writes a complete",
             "project.", ""]
    if state:
        lines += ["The service reads these values. Write each in the notebook, and put it into `state/`:", "",
                  "    import pickle, pathlib", '    pathlib.Path("state").mkdir(exist_ok=True)',
                  *(f'    pathlib.Path("state/{key}.pkl").write_bytes(pickle.dumps({key}))   # made in {where}'
                    for key, where in state.items()), ""]
    else:
        lines += ["This service reads none.", ""]
    if unknown:
        lines += ["No cell defines these names, which the entries use: " + ", ".join(unknown), ""]
    return "\n".join(lines)

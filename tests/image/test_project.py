from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import pytest

from jupyter_deploy.bundle import Bundle
from jupyter_deploy.errors import ImageError
from jupyter_deploy.image.dockerfile import service_part
from jupyter_deploy.image.project import Project, check_secrets, leave_out, make_project
from jupyter_deploy.runtime.manifest import MANIFEST, Entry, GoldenCall, Manifest, Parameter, parse_manifest

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def make(folder: Path, files: dict[str, str], *entries: Entry, golden: bool = True) -> Project:
    """Put a project together of a bundle with these files."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    calls = tuple(GoldenCall("one", path, "cell [2]: one(41)") for path in files if path.startswith("golden/"))
    manifest = Manifest("tiny", PYTHON, entries, golden=calls, files=dict.fromkeys(files, "0" * 64))
    return make_project(Bundle(folder, manifest), (), "base:1", golden=golden)


FILES = {"service.py": "x = 1\n", "README.md": "-d '{\"x\": 41}'\n", "requirements.lock": "", "runtime/app.py": "",
         "golden/one-001.json": '{"request": {"x": 41}, "answer": 41}'}


def test_an_image_takes_what_it_runs_on_under_the_bundles_version(tmp_path: Path) -> None:
    project = make(tmp_path, FILES)
    assert sorted(project.service) == [MANIFEST, "golden/one-001.json", "service.py"]
    inside = parse_manifest(bytes(project.service[MANIFEST]))
    assert inside.version == project.bundle.version
    assert set(inside.files) == {"service.py", "runtime/app.py", "golden/one-001.json"}


def test_without_its_golden_calls_nothing_tells_of_them(tmp_path: Path) -> None:
    project = make(tmp_path, FILES, golden=False)
    assert sorted(project.service) == [MANIFEST, "service.py"]
    assert b"41" not in bytes(project.service[MANIFEST]).replace(project.bundle.version.encode(), b"")
    assert leave_out(project.bundle.manifest, golden=False).version == project.bundle.version


@pytest.mark.parametrize(("path", "advice"), [("service.py", "os.environ"), ("modules/own.py", "os.environ"),
                                              ("golden/one-001.json", "--no-golden")])
def test_a_credential_does_not_enter(path: str, advice: str, tmp_path: Path) -> None:
    project = make(tmp_path, {**FILES, path: "\nkey = 'AKIA0123456789ABCDEF'\n"})
    with pytest.raises(ImageError, match=rf"credential \(AKIA0123….*\({path}, line 2\)") as caught:
        check_secrets(project, ())
    assert advice in str(caught.value.advice)


def test_what_the_proof_is_given_does_not_enter_either(tmp_path: Path) -> None:
    project = make(tmp_path, {**FILES, "data/notes.txt": "the harbour is quiet-harbour"})
    check_secrets(project, ("short", "other-harbour"))
    with pytest.raises(ImageError, match=r"data/notes\.txt"):
        check_secrets(project, ("quiet-harbour",))


def read_schema(project: Project) -> dict[str, object]:
    """Read the label as an engine does."""
    line = next(line for line in service_part(project.layout, "content:1").splitlines() if "nbdeploy.schema=" in line)
    assert len(line.encode()) < 65_535
    quoted = line.partition("=")[2].removesuffix(" \\")
    found: dict[str, object] = json.loads(json.loads(quoted.replace("\\$", "$")))
    return found


def test_the_schema_keeps_every_letter(tmp_path: Path) -> None:
    columns = {"kind": "frame", "columns": ["two  spaces", "a\nbreak", "cost $", 'say "x"', "größe"]}
    entry = Entry("one", "one", (Parameter("x", columns),), {"kind": "int"})
    assert read_schema(make(tmp_path, FILES, entry)) == {"one": {"parameters": {"x": columns}, "returns": {"kind": "int"}}}


def test_a_schema_too_long_for_a_label_is_named_by_its_digest(tmp_path: Path) -> None:
    wide = {"kind": "frame", "columns": [f"column {number}" for number in range(5000)]}
    schema = read_schema(make(tmp_path, FILES, Entry("one", "one", (Parameter("x", wide),), {"kind": "int"})))
    assert dataclasses.asdict(Parameter("x", wide))["type"] == wide
    assert list(schema) == ["one"]
    assert set(schema["one"]) == {"sha256", "see"}  # type: ignore[call-overload]

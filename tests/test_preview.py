"""What the panel asks of a kernel, in a real kernel with a real document."""

from __future__ import annotations

import json
from typing import Any

from live_notebook import LiveNotebook

from jupyter_deploy import __version__
from jupyter_deploy.report import Stage


def ask(notebook: LiveNotebook, function: str, *arguments: str, panel: str = __version__) -> list[dict[str, Any]]:
    """Execute what the panel executes and give the messages that it would get."""
    messages: list[dict[str, Any]] = []

    def keep(message: dict[str, Any]) -> None:
        if message["msg_type"] == "display_data":
            messages.append(message["content"]["data"]["application/vnd.nbdeploy+json"])

    code = (f"__import__('jupyter_deploy.preview', fromlist=['_']).{function}"
            f"({json.dumps(list(arguments))}, {notebook.path.name!r}, {panel!r})")
    reply = notebook.client.execute_interactive(code, timeout=120, output_hook=keep, allow_stdin=False, store_history=False)
    assert reply["content"]["status"] == "ok", reply["content"]
    return messages


def test_a_preview_tells_what_goes_to_production_and_from_which_cells(notebook: LiveNotebook) -> None:
    notebook.run("table = {n: n * n for n in range(500)}", "unused = 1")
    notebook.run("def square(x: int) -> int:\n    return table[x]", tags=["deploy:entry"])
    notebook.run("square(3)")
    notebook.save()
    (shown,) = ask(notebook, "show_preview")
    assert shown["event"] == "preview"
    assert shown["entries"] == ["square"]
    assert [(one["name"], one["reason"]) for one in shown["state"]] == [("table", "square → table")]
    assert shown["state"][0]["size"] > 0
    assert [golden["entry"] for golden in shown["golden"]] == ["square"]
    (cell,) = [cell for cell in shown["cells"] if "square" in cell["names"]]
    assert cell["id"] == notebook.cells[2]["id"]
    assert not cell["stale"]
    assert notebook.value("sorted(name for name in globals() if 'preview' in name)") == []

    notebook.cells[2].source += "  # squared"
    notebook.save()
    (shown,) = ask(notebook, "show_preview", "--", "square")
    (cell,) = [cell for cell in shown["cells"] if "square" in cell["names"]]
    assert (cell["id"], cell["stale"]) == (notebook.cells[2]["id"], True)  # no front end told the kernel the cells' ids


def test_a_preview_of_nothing_says_what_to_do(notebook: LiveNotebook) -> None:
    notebook.save()
    (shown,) = ask(notebook, "show_preview")
    assert (shown["event"], shown["type"]) == ("error", "CaptureError")
    assert "tag the cell" in shown["advice"]


def test_a_deploy_tells_its_stages_and_what_came_of_it(notebook: LiveNotebook) -> None:
    notebook.run("def double(x: int) -> int:\n    return 2 * x", "double(4)")
    notebook.save()
    *stages, released = ask(notebook, "show_deploy", "--name", "twice", "--", "double")
    assert [stage["name"] for stage in stages] == ["capture", "requirements", "bundle", "start", "calls", "prove", "live"]
    assert (released["event"], released["name"]) == ("released", "twice")
    assert (released["proof"]["calls"], released["proof"]["equal"]) == (1, 1)
    assert [cell["names"] for cell in released["cells"]] == [["double"]]


def test_another_version_of_the_panel_is_refused_before_anything_is_done(notebook: LiveNotebook) -> None:
    (failed,) = ask(notebook, "show_deploy", panel="0.0.9")
    assert (failed["event"], failed["type"]) == ("error", "OtherVersion")
    assert "this panel is of 0.0.9" in failed["message"]


def test_secrets_are_a_section_of_rows(notebook: LiveNotebook) -> None:
    notebook.run("FLAT_API_KEY = 'abcdef-123456'", "def told() -> int:\n    return len(FLAT_API_KEY)", "told()")
    notebook.save()
    (shown,) = ask(notebook, "show_preview", "told")
    assert [(one["title"], [row["name"] for row in one["rows"]]) for one in shown["sections"]] == [
        ("Environment variables", ["FLAT_API_KEY"])]


def test_a_difference_is_told_place_by_place(notebook: LiveNotebook) -> None:
    notebook.run("import os\ndef where() -> str:\n    return str(os.getpid())", "where()")
    notebook.save()
    *_, failed = ask(notebook, "show_deploy", "where")
    assert (failed["event"], failed["type"]) == ("error", "ProofError")
    assert failed["differences"][0]["path"] == "answer"
    assert failed["differences"][0]["notebook"] != failed["differences"][0]["service"]


def test_a_stage_fits_a_notebook_beside_the_panel() -> None:
    for name, text in [("requirements", "13 packages"), ("capture", "12 definitions, 3 values, 10 golden calls"),
                       ("bundle", "version f42d441f9e28, 285 kB, no GPU"), ("start", "ready in a clean environment")]:
        assert len(str(Stage(name, text, 12.3))) <= 62

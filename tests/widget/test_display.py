"""What an endpoint displays: a live panel before a person, text and HTML where a notebook runs by itself."""

from __future__ import annotations

from typing import Any

from live_notebook import LiveNotebook

from jupyter_deploy.widget import KEPT, WIDGET


def show(notebook: LiveNotebook, source: str, *, person: bool) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Execute a cell; gives the MIME bundle that it shows and the models that it opens."""
    shown: dict[str, Any] = {}
    opened: list[dict[str, Any]] = []

    def keep(message: dict[str, Any]) -> None:
        if message["msg_type"] == "execute_result":
            shown.update(message["content"]["data"])
        elif message["msg_type"] == "comm_open":
            opened.append({"id": message["content"]["comm_id"], **message["content"]["data"]["state"]})

    reply = notebook.client.execute_interactive(source, timeout=60, output_hook=keep, allow_stdin=person)
    assert reply["content"]["status"] == "ok"
    return shown, opened


def test_the_panel_stands_beside_text_and_html(notebook: LiveNotebook) -> None:
    notebook.run("%load_ext jupyter_deploy", "def half(x):\n    return x / 2", "half(1.0)", "e = %deploy half --name halves")
    alone, none = show(notebook, "e", person=False)
    assert (sorted(alone), none) == (["text/html", "text/plain"], [])
    assert notebook.value("'anywidget' in __import__('sys').modules") is False
    shown, opened = show(notebook, "e", person=True)
    assert {key: shown[key] for key in alone} == alone
    (panel,) = (one for one in opened if "picture" in one)
    assert shown[WIDGET]["model_id"] == panel["id"]
    assert panel["picture"]["status"]["name"] == "halves"
    assert panel["picture"]["status"]["versions"][0]["proof"].items() >= {"calls": 1, "equal": 1}.items()
    assert "export default" in panel["_esm"]
    assert ".nbdeploy-panel" in panel["_css"]
    for source in ("e.metrics()", "%deploy --metrics halves", "%deploy --start halves"):
        again, more = show(notebook, source, person=True)
        assert again[WIDGET]["model_id"] == panel["id"], source
        assert not more, source
        assert again[KEPT] == {"name": "halves"}
        assert "<table>" in again["text/html"]
        assert "halves" in again["text/plain"]

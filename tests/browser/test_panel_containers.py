"""A deployment in containers from the panel: how far it is, what came of it, and that it goes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import engine
import pytest
from jupyter_app import Application, find_obstacle, open_browser, open_page, start_application
from test_panel import begin, check_accessibility, choose_theme, open_panel, press, run_all

from jupyter_deploy.targets.target import find_target

OBSTACLE = find_obstacle(built=True) or engine.why_not()
pytestmark = [pytest.mark.skipif(OBSTACLE is not None, reason=str(OBSTACLE)), pytest.mark.timeout(300)]
NAME = f"halves-{os.getpid()}"


@pytest.fixture
def lab(jupyter_folders: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Application]:
    monkeypatch.setenv("NBDEPLOY_BASE", engine.BASE)
    with start_application("lab", jupyter_folders / "containers") as application:
        yield application
    target = find_target("docker")
    for status in target.status():
        target.delete(status.name)


@pytest.fixture
def page() -> Iterator[Any]:
    with open_browser() as browser:
        yield open_page(browser)


def test_deploy_watch_and_remove(page: Any, lab: Application) -> None:
    choose_theme(lab, "light")
    begin(page, lab, "halves.ipynb", "import numpy as np\n\ndef half(x: float) -> float:\n    return float(np.float64(x) / 2)", "half(3)")
    open_panel(page)
    run_all(page, 2)
    page.get_by_role("textbox", name="Serve").fill("half")
    page.get_by_role("textbox", name="Name").fill(NAME)
    page.get_by_text("Options", exact=True).click()
    page.get_by_label("Target").select_option("docker")
    press(page, "Deploy")
    page.locator(".jp-Deploy-progress .jp-mod-running").filter(has_text="Wheels").wait_for()
    page.get_by_text(f"{NAME} is live").wait_for(timeout=200_000)
    page.get_by_text("Stages", exact=True).click()
    stages = page.locator(".jp-Deploy-progress li > span:first-child").all_inner_texts()
    assert [one for one in stages if one not in ("Base", "Calls")] == [
        "Capture", "Requirements", "Bundle", "Wheels", "Environment", "Content", "Service", "Prove", "Start", "Prove", "Go live"]
    check_accessibility(page)
    press(page, "Show it")
    press(page, "Call half")
    page.locator(".jp-Deploy-verdict").filter(has_text="as in the notebook").wait_for()
    check_accessibility(page)

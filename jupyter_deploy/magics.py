"""`%deploy` and `%%deploy`: parse, call the recipe, show the endpoint."""

from __future__ import annotations

import ast
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from IPython.core.magic import Magics, line_cell_magic, magics_class

from jupyter_deploy.candidate import CandidateEndpoint
from jupyter_deploy.capture.kernel import CellRun, Kernel, read_kernel
from jupyter_deploy.capture.magics import clean_source
from jupyter_deploy.capture.recorder import WATCH, Recorder
from jupyter_deploy.document import find_document
from jupyter_deploy.endpoint import Endpoint, Metrics, find_endpoint
from jupyter_deploy.errors import CaptureError, DeployError, UsageError
from jupyter_deploy.listing import format_logs, format_statuses
from jupyter_deploy.options import build_magic_parser, read_deploy_options, split_line
from jupyter_deploy.packaged import package
from jupyter_deploy.progress import tell
from jupyter_deploy.recipe import DeployOptions, Release, StagedRelease, deploy, make_plan, stage_release
from jupyter_deploy.report import Stage, describe_plan, list_warnings, summarise
from jupyter_deploy.scraps import Scraps
from jupyter_deploy.targets.deployments import find_target_of, find_targets
from jupyter_deploy.targets.target import Report, find_target

RESULT = "NBDEPLOY_RESULT"
"""Environment variable: the file in which `nbdeploy up` waits for the outcome."""
OVERRIDES = "NBDEPLOY_OVERRIDES"
"""Environment variable: options of `nbdeploy up`, which go before those of the notebook's own `%deploy` lines."""
DRY_RUN = "NBDEPLOY_DRY_RUN"
"""Environment variable: set to 1, `%deploy` does everything but going live."""
BUILD = "NBDEPLOY_BUILD"
"""Environment variable: the options of `nbdeploy build` as JSON; `%deploy` builds an image in place of going live."""
CHECK = "NBDEPLOY_CHECK"
"""Environment variable: the JSON of what `nbdeploy check`, or `up --promote-if`, asks of the kernel it starts."""

_CHANGES = ("stop", "start", "rollback", "promote", "abort")


class Interrupted(KeyboardInterrupt):
    """The author stopped `%deploy`; shown as a sentence."""

    def _render_traceback_(self) -> list[str]:
        return ["interrupted: nothing was deployed; what was live before still is"]


@magics_class
class DeployMagics(Magics):
    """Holds the magic and the recorder of golden calls."""

    shell: Any

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self.recorder = Recorder(lambda: len(shell.history_manager.input_hist_raw) - 1)
        self.scraps = Scraps()
        self._runs: dict[int, CellRun] = {}
        self._begun = time.time()  # within the cell that loads the extension
        self._staged: StagedRelease | None = None

    def start_recording(self) -> None:
        """Record calls, and the cells that run, from now on."""
        self.shell.user_ns[WATCH] = self.shell.user_ns_hidden[WATCH] = self.recorder.watch
        self.shell.ast_transformers.append(self.recorder)
        self.shell.events.register("pre_run_cell", self._note_begin)
        self.shell.events.register("post_run_cell", self._note_cell)
        self.scraps.watch(self.shell)

    def stop_recording(self) -> None:
        """Leave the shell as it was."""
        self.scraps.stop()
        self.shell.events.unregister("pre_run_cell", self._note_begin)
        self.shell.events.unregister("post_run_cell", self._note_cell)
        self.shell.ast_transformers.remove(self.recorder)
        self.shell.user_ns.pop(WATCH, None)
        self.shell.user_ns_hidden.pop(WATCH, None)

    def read_kernel(self, document: Path | None = None) -> Kernel:
        """Read what ran in this kernel; `document` is the notebook file when somebody knows better."""
        return read_kernel(self.shell, document=document or self._document(), runs=self._runs)

    def _document(self) -> Path | None:
        return find_document(self.shell.user_ns, self.shell.history_manager.input_hist_raw)

    def _note_begin(self, _info: Any) -> None:
        self._begun = time.time()

    def _note_cell(self, result: Any) -> None:
        """Keep the cell's id and when it began, and parse it now, while nobody waits."""
        if result.execution_count:
            self._runs[result.execution_count] = CellRun(getattr(result.info, "cell_id", None), self._begun)
        clean_source(result.info.raw_cell or "", self.shell.input_transformer_manager.transform_cell)

    @line_cell_magic
    def deploy(self, line: str, cell: str | None = None) -> Any:
        """Serve a function or a model of this notebook as a proven live HTTP endpoint; see %deploy --help."""
        debug = "--debug" in line
        try:
            return self._deploy(line, cell)
        except DeployError as error:
            if debug:
                error._render_traceback_ = None  # type: ignore[assignment, method-assign]  # IPython then shows it all
            raise
        except KeyboardInterrupt:
            raise Interrupted from None

    def _deploy(self, line: str, cell: str | None) -> Any:
        arguments = build_magic_parser().parse_args(split_line(line))
        if arguments.help:
            sys.stdout.write(build_magic_parser().format_help())
            return None
        for verb in (*_CHANGES, "list", "logs", "metrics"):
            if name := getattr(arguments, verb):
                left_out = verb in _CHANGES and is_dry_run()
                return _leave_out(verb, name) if left_out else _do_verb(verb, name, arguments.target)
        names = tuple(arguments.names)
        if cell is not None:
            self._run(cell)
            names = names or _functions_of(cell, self.shell)
        options = _override(read_deploy_options(arguments, names))
        kernel = self.read_kernel()
        if arguments.dry_run:
            return self._dry_run(kernel, options)
        if CHECK in os.environ:
            from jupyter_deploy.check.kernel import check_here

            return check_here(kernel, options, _reporter([]), self.recorder, self.scraps.values)
        if BUILD in os.environ:
            from jupyter_deploy.building.kernel import build_here

            return _hand_over(build_here(kernel, options, _print_stage, self.recorder))
        return self._stage(kernel, options) if is_dry_run() else self._go_live(kernel, options)

    def _run(self, cell: str) -> None:
        """Run the cell under `%%deploy`; IPython shows an error itself."""
        if not self.shell.run_cell(cell).success:
            raise CaptureError("the cell failed, so nothing was deployed", advice="fix the cell and run it again")

    def _dry_run(self, kernel: Kernel, options: DeployOptions) -> None:
        packaged = package(kernel, options.capture, _print_stage, self.recorder)
        plan = make_plan(find_target(options.target), packaged, options)
        sys.stdout.write(describe_plan(packaged, plan) + "\n")

    def _go_live(self, kernel: Kernel, options: DeployOptions) -> Endpoint:
        stages: list[Stage] = []
        release = deploy(kernel, options, _reporter(stages), self.recorder, self.scraps.values)
        _tell(release, stages)
        return Endpoint(release.deployment.name, target=find_target(options.target), api_key=options.api_key,
                        release=release)

    def _stage(self, kernel: Kernel, options: DeployOptions) -> Endpoint:
        """Do all but going live; the candidate answers the notebook's further cells, and ends with the kernel."""
        stages: list[Stage] = []
        if self._staged is not None:
            self._staged.discard()
            self._staged = None
        started = time.perf_counter()
        self._staged = staged = stage_release(kernel, options, _reporter(stages), self.recorder)
        release = staged.as_release(time.perf_counter() - started)
        _tell(release, stages, live=False)
        return CandidateEndpoint(staged.plan.name, target=staged.target, api_key=options.api_key, release=release)


def _reporter(stages: list[Stage]) -> Report:
    def report(name: str, text: str, seconds: float) -> None:
        stages.append(Stage(name, text, seconds))
        _print_stage(name, text, seconds)

    return report


def _tell(release: Release, stages: list[Stage], *, live: bool = True) -> None:
    """Show the warnings, and hand `nbdeploy up` what it waits for."""
    for warning in list_warnings(release.packaged):
        sys.stderr.write(f"warning: {warning}\n")
    _hand_over(summarise(release, stages, live=live))


def _hand_over(summary: dict[str, Any]) -> None:
    if RESULT in os.environ:
        Path(os.environ[RESULT]).write_text(json.dumps(summary), encoding="utf-8")


def is_dry_run() -> bool:
    """Whether nothing may go live or change, because `NBDEPLOY_DRY_RUN` is set."""
    return os.environ.get(DRY_RUN, "").lower() not in ("", "0", "false", "no")


def _leave_out(verb: str, name: str) -> None:
    sys.stdout.write(f"{DRY_RUN} is set, so nothing changes: --{verb} {name} is left out\n")


def _functions_of(cell: str, shell: Any) -> tuple[str, ...]:
    """The public functions that a `%%deploy` cell defines."""
    _, tree = clean_source(cell, shell.input_transformer_manager.transform_cell)
    names = tuple(node.name for node in tree.body
                  if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and not node.name.startswith("_"))
    if not names:
        raise UsageError("this cell defines no function to serve",
                         advice="define one under %%deploy, or name an entry: %%deploy predict")
    return names


def _do_verb(verb: str, name: Any, target: str | None) -> Metrics | Endpoint | None:
    if verb == "list":
        sys.stdout.write(format_statuses(status for one in find_targets(target) for status in one.status()) + "\n")
        return None
    place = find_target_of(name, target)
    if CHECK in os.environ and verb in _CHANGES:
        sys.stdout.write(f"a check changes nothing: --{verb} {name} is left out\n")
        return None
    match verb:
        case "stop":
            sys.stdout.write(f"{place.stop(name).name} is stopped; %deploy --start {name} brings it back\n")
        case "promote":
            return find_endpoint(name, target=target).promote()
        case "start" | "rollback" | "abort":
            getattr(place, verb)(name)
            return find_endpoint(name, target=target)
        case "logs":
            sys.stdout.write(format_logs(place.logs(name)) + "\n")
        case "metrics":
            return find_endpoint(name, target=target).metrics()
    return None


def _print_stage(stage: str, text: str, seconds: float) -> None:
    line = str(Stage(stage, text, seconds))
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
    tell(line)


def _override(options: DeployOptions) -> DeployOptions:
    """Let the options of `nbdeploy up` go before the notebook's own."""
    if OVERRIDES not in os.environ:
        return options
    import dataclasses

    given = json.loads(os.environ[OVERRIDES])
    captured = dataclasses.replace(options.capture, **given["capture"])
    return dataclasses.replace(options, capture=captured, settings={**options.settings, **given["settings"]},
                               **given["deploy"])

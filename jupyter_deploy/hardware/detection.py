"""Whether a service needs a GPU, can use one, or goes without: told by its values, its code and its packages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_deploy.hardware.builds import Build, find_builds, find_capability, find_driver
from jupyter_deploy.hardware.calls import find_calls
from jupyter_deploy.runtime.manifest import Evidence, Hardware, Span, find_cell

if TYPE_CHECKING:  # `nbdeploy ls` describes hardware and captures nothing
    from jupyter_deploy.capture.capture import Capture
    from jupyter_deploy.capture.devices import Placement
    from jupyter_deploy.requirements import Requirements

_SAYS = {"needed": "needs a GPU", "usable": "can use a GPU", "none": "no GPU"}


@dataclass(frozen=True)
class Code:
    """What may hold device calls."""

    service: str
    spans: tuple[Span, ...] = ()
    modules: Mapping[str, bytes] | None = None
    """Local modules by their path."""


@dataclass(frozen=True)
class Value:
    """A captured value that lies on a device."""

    name: str
    reason: str
    placements: tuple[Placement, ...]


def detect_hardware(captured: Capture, requirements: Requirements) -> Hardware | None:
    """Tell what hardware a captured service wants; None when none of its packages could use a GPU.

    Nothing of this machine goes into the answer, only what the service is made of: the same notebook and packages
    give the same answer anywhere.
    """
    reasons = {piece.name: piece.reason for piece in captured.code.pieces}
    values = [Value(name, reasons.get(name, name), value.placements)
              for name, value in sorted(captured.code.state.items()) if value.placements]
    code = Code(captured.text, captured.spans, captured.local.files)
    return judge(find_builds(requirements), values, code, gpu=captured.gpu, memory=captured.gpu_memory)


def judge(builds: Iterable[Build], values: Iterable[Value], code: Code, *, gpu: bool | None = None,
          memory: int | None = None) -> Hardware | None:
    """Weigh the evidence; `gpu` is what the author said, and goes before it."""
    builds = tuple(builds)
    if not builds and gpu is None:
        return None
    weighed = [*_of_option(gpu), *_of_values(values, builds), *_of_code(code, builds), *_of_builds(builds)]
    weights = {weight for weight, _ in weighed}
    if gpu is not None:
        need = "needed" if gpu else "none"
    else:
        need = next((one for one in ("needed", "usable") if one in weights), "none")
    evidence = tuple(one for _, one in weighed)
    if need == "none":
        return Hardware("none", evidence)
    return _with_versions(need, evidence, builds, memory)


def _with_versions(need: Any, evidence: tuple[Evidence, ...], builds: tuple[Build, ...], memory: int | None
                   ) -> Hardware:
    cuda = max((build.cuda for build in builds if build.cuda), key=_version, default=None)
    driver = find_driver(cuda)[0] if cuda else None
    return Hardware(need, evidence, cuda, driver, find_capability(cuda) if cuda else None, memory)


def _version(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


_Weighed = tuple[str, Evidence]
"""What a piece of evidence speaks for (`needed`, `usable`, or nothing), and the evidence."""


def _of_option(gpu: bool | None) -> Iterator[_Weighed]:
    if gpu is not None:
        yield "", Evidence("option", "the author says --gpu" if gpu else "the author says --no-gpu")


def _of_values(values: Iterable[Value], builds: tuple[Build, ...]) -> Iterator[_Weighed]:
    weights = {"pinned": "needed", "free": "usable", "never": ""}
    states = {module: build.framework.state for build in builds for module in build.framework.modules}
    for value in values:
        for one in value.placements:
            kind = one.kind + "s" * (one.count != 1)
            text = f"{value.name} has {one.count} {one.framework} {kind} on {one.device}"
            if one.kind == "device":
                text = f"{value.name} names the device {one.device}"
            yield weights[states.get(one.framework, "pinned")], Evidence("state", text, value.reason)


def _of_code(code: Code, builds: tuple[Build, ...]) -> Iterator[_Weighed]:
    if not builds:
        return
    for call in find_calls(code.service):
        yield _weigh_call(call.guarded), Evidence("call", _say_call(call.text, call.guarded),
                                                  find_cell(code.spans, call.line) or f"service.py, line {call.line}")
    for path, data in sorted((code.modules or {}).items()):
        if path.endswith(".py"):
            for call in find_calls(data.decode("utf-8", "replace")):
                text = _say_call(call.text, call.guarded)
                yield _weigh_call(call.guarded), Evidence("call", text, f"{path}, line {call.line}")


def _weigh_call(guarded: bool) -> str:
    return "usable" if guarded else "needed"


def _say_call(text: str, guarded: bool) -> str:
    return f"the code says {text}" + (", if there is a GPU" if guarded else "")


def _of_builds(builds: tuple[Build, ...]) -> Iterator[_Weighed]:
    for build in builds:
        framework, one = build.framework, build.distribution
        title = f"{one.name} {one.version}"
        if framework.alone:
            yield "needed", Evidence("framework", f"{title} works on a GPU only", one.reason)
        elif framework.state == "never":
            yield "", Evidence("framework", f"{title} answers on the processor, whatever it was trained on", one.reason)
        elif build.cuda is None:
            # Where the build for the processor is a distribution of its own, the other one has CUDA.
            says = "does not tell with which CUDA it is built" if "distribution" in framework.cuda else (
                "is a build without CUDA")
            yield "", Evidence("build", f"{title} {says}", one.reason)
        elif framework.automatic:
            yield "usable", Evidence("framework", f"{title} uses a GPU by itself where there is one", one.reason)
        if build.cuda is not None:
            yield "", Evidence("build", _say_build(title, build.cuda, build.source), one.reason)


def _say_build(title: str, cuda: str, source: str) -> str:
    least, own = find_driver(cuda)
    driver = f"; driver {least} or newer" if least else ""
    return f"{title} is built with CUDA {cuda} ({source}){driver}" + (f", {own} came with it" if own else "")


def describe_hardware(hardware: Hardware | None) -> list[str]:
    """Say it in lines: the result, then the evidence."""
    if hardware is None:
        return ["no GPU: no package of the service could use one"]
    facts = [_SAYS[hardware.gpu]]
    facts += [f"CUDA {hardware.cuda}"] if hardware.cuda else []
    facts += [f"driver {hardware.driver} or newer"] if hardware.driver else []
    facts += [f"compute capability {hardware.capability} or higher"] if hardware.capability else []
    facts += [f"{hardware.memory / 2**30:.3g} GiB of GPU memory"] if hardware.memory else []
    lines = [f"{one.text}   {one.where or ''}".rstrip() for one in hardware.evidence]
    return [", ".join(facts), *(f"  {line}" for line in lines or ["nothing in the service is on a GPU"])]

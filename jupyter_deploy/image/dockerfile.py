"""The Dockerfile: a pure function of what is in the bundle, in parts that change ever more often.

The order is base, system libraries, locked packages, bytecode, runtime, state, slice: an edited cell rebuilds the last,
small layer only. Each part is an image of its own while nbdeploy builds; together they are one Dockerfile.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

USER = "65532:65532"
"""Nobody's: a platform may run the image as another user, which needs no entry in `/etc/passwd` either."""
PORT = 8080
"""What SageMaker, KServe, Cloud Run and the Lambda adapter expect; `PORT` in the environment is another."""
LAMBDA_ADAPTER = "public.ecr.aws/awsguru/aws-lambda-adapter:1.1.0"
LAMBDA_SETTINGS = {"READINESS_CHECK_PATH": "/v2/health/ready", "READINESS_CHECK_HEALTHY_STATUS": "200-399",
                   "ASYNC_INIT": "true", "PASS_THROUGH_PATH": "/invocations"}
"""How the adapter, whose variables begin with `AWS_LWA_`, gets on with the service."""
SERVICE = "service-files"
LAID = "/layers/service"
"""Where the files of the last layer lie below which they are copied to `/`."""
_GPU = " NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility"
"""What NVIDIA's runtime asks an image; without it there is no driver in the container on some platforms."""
SCRIPT, LOCK, WHEELS = "image/layers.py", "image/requirements.lock", "image/wheels"
"""What an image is made of beside the bundle, by its place in the build context and in an exported project."""

PYTHON = ("python3", "-I", "-S")
"""How Python is called in an image."""
_MAIN = [*PYTHON, "/service/runtime/__main__.py"]
_ENTRYPOINT = [*_MAIN, "--path", "/environment", "--host", "0.0.0.0"]  # noqa: S104 - the platform guards the port
LABEL = 60_000
"""Bytes of a label: an engine reads no line of more than 65,535."""


@dataclass(frozen=True)
class Layout:
    """What goes into an image."""

    base: str
    content: tuple[str, ...]
    """Folders of the bundle with a layer each, in their order: `runtime`, `state`, `data`, `modules`."""
    service: tuple[str, ...]
    """Files and folders of the last layer; `service.py` is the first."""
    system: tuple[str, ...] = ()
    """Packages of the base's distribution: libraries that the environment links to."""
    lambda_adapter: bool = False
    gpu: bool = False
    """Whether the service can use a GPU."""
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def layers(self) -> tuple[str, ...]:
        """Name the layers above the base, in their order."""
        return (*(["system"] if self.system else []), "environment", "bytecode",
                *(["lambda-adapter"] if self.lambda_adapter else []), *self.content, "service")


def dockerfile(layout: Layout) -> str:
    """Write the whole Dockerfile: the same layout, the same text."""
    return "\n".join([environment_part(layout), content_part(layout), _service_stage(layout),
                      service_part(layout, "content", f"--from={SERVICE} --chown=0:0 {LAID}/")])


def environment_part(layout: Layout) -> str:
    """Write the part that changes with the packages, and how the service is started."""
    lines = [
        f"FROM {layout.base} AS wheels",
        f"COPY {SCRIPT} {LOCK} /project/",
        f"COPY {WHEELS} /project/wheels",
        _run([*PYTHON, "/project/layers.py", "environment"]),
        "",
        f"FROM {layout.base} AS environment",
        *_install(layout.system),
        "COPY --from=wheels --chown=0:0 /layers/environment/ /",
        "COPY --from=wheels --chown=0:0 /layers/bytecode/ /",
        *_add_lambda_adapter(layout),
        f"ENV HOME=/tmp{_GPU if layout.gpu else ''}",
        f"USER {USER}",
        f"EXPOSE {PORT}",
        f"HEALTHCHECK --interval=15s --timeout=5s --start-period=120s CMD {json.dumps([*_MAIN, 'health'])}",
        f"ENTRYPOINT {json.dumps(_ENTRYPOINT)}",
        'CMD ["serve"]',
    ]
    return "\n".join(lines) + "\n"


def content_part(layout: Layout, environment: str = "environment") -> str:
    """Write the part that changes with the state; `environment` is the stage or image before it."""
    lines = [
        f"FROM {layout.base} AS content-files",
        f"COPY {SCRIPT} /project/",
        *[f"COPY {name} /project/{name}" for name in layout.content],
        _run([*PYTHON, "/project/layers.py", "copy", *layout.content]),
        "",
        f"FROM {environment} AS content",
        *[f"COPY --from=content-files --chown=0:0 /layers/{name}/ /" for name in layout.content],
    ]
    return "\n".join(lines) + "\n"


def service_part(layout: Layout, content: str, source: str = f"--chown=0:0 {LAID.lstrip('/')}/") -> str:
    """Write the part that changes with the code; `content` is the stage or image before it.

    Its files lie in the build context as they will lie in the layer, unless `source` says where else: then no program
    has to run between an edit and the proof.
    """
    return "\n".join([f"FROM {content}", f"COPY {source} /", *_labels(layout.labels)]) + "\n"


def _service_stage(layout: Layout) -> str:
    """Write the stage that lays them out so in an exported project."""
    files = [name for name in layout.service if "." in name]
    folders = [name for name in layout.service if "." not in name]
    lines = [
        f"FROM {layout.base} AS {SERVICE}",
        f"COPY {SCRIPT} {' '.join(files)} /project/",
        *[f"COPY {name} /project/{name}" for name in folders],
        _run([*PYTHON, "/project/layers.py", "copy", ",".join(layout.service)]),
    ]
    return "\n".join(lines) + "\n"


def _run(command: list[str]) -> str:
    return f"RUN {json.dumps(command)}"


def _install(packages: tuple[str, ...]) -> list[str]:
    if not packages:
        return []
    names = " ".join(sorted(packages))
    return [f"RUN apt-get update && apt-get install --yes --no-install-recommends {names} \\",
            "    && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/log/*"]


def _add_lambda_adapter(layout: Layout) -> list[str]:
    """Add the Lambda Web Adapter, which does nothing elsewhere.

    By itself it would take any answer for ready, let Lambda begin a start anew that takes ten seconds, and send
    the events that are no HTTP requests (a direct `Invoke`) to a route that does not exist.
    """
    if not layout.lambda_adapter:
        return []
    settings = " ".join(f"AWS_LWA_{name}={value}" for name, value in LAMBDA_SETTINGS.items())
    return [f"COPY --from={LAMBDA_ADAPTER} /lambda-adapter /opt/extensions/lambda-adapter", f"ENV {settings}"]


def _labels(labels: Mapping[str, str]) -> list[str]:
    if not labels:
        return []
    return ["LABEL " + " \\\n      ".join(f"{key}={quote(value)}" for key, value in sorted(labels.items()))]


def quote(text: str) -> str:
    """Write a text as a Dockerfile has it; it has no line breaks."""
    text = " ".join(text.splitlines())
    for character in ("\\", '"', "$"):
        text = text.replace(character, "\\" + character)
    return f'"{text}"'

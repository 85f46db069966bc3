"""What the workers of a version run: the command line, the limits, the environment variables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_deploy.errors import TargetError
from jupyter_deploy.runtime.manifest import BundleDamaged, read_manifest
from jupyter_deploy.runtime.options import Options, name_batch
from jupyter_deploy.targets.local.listeners import Listener
from jupyter_deploy.targets.local.scaling import Scale, count_threads

_PASSED = frozenset({
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
})
_THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS", "RAYON_NUM_THREADS", "POLARS_MAX_THREADS",
    "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS",
)
"""How many threads libraries compute with; without these, each process takes as many as there are cores."""


@dataclass(frozen=True)
class Limits:
    """What a worker admits; `None` leaves the runtime's default."""

    max_body: int | None = None
    """Bytes."""
    max_queue: int | None = None
    timeout: float | None = None
    """Seconds a call."""
    batch: int | None = None
    """Requests that are answered together."""
    memory: int | None = None
    """Bytes, above which a worker is replaced."""

    @property
    def call_seconds(self) -> float:
        """How long a call may take."""
        return Options.timeout if self.timeout is None else self.timeout


@dataclass(frozen=True)
class Spec:
    """What the workers of one version run."""

    name: str
    version: str
    bundle: Path
    environment: dict[str, Any]
    """`python`, `paths` and `kind`, as `dataclasses.asdict(Environment)` gives them."""
    scale: Scale
    limits: Limits
    log: Path
    metrics: Path
    """The folder of the deployment's metrics files."""
    api_key_digest: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The deployment's environment variables; never written down."""
    grips: Mapping[str, str] = field(default_factory=dict)
    """What is known of entries that were measured before."""

    def command(self, listener: Listener, control: int, metrics_file: Path, *, forkable: bool = False) -> list[str]:
        """Give the command line of a worker."""
        python = str(self.environment["python"])
        command = [python, "-I", "-S", str(self.bundle / "runtime" / "__main__.py"), "serve"]
        for path in self.environment["paths"]:
            command += ["--path", str(path)]
        command += ["--name", self.name, "--host", listener.host, "--port", str(listener.port)]
        command += ["--listen-fd", str(listener.socket.fileno()), "--control-fd", str(control)]
        command += ["--metrics-file", str(metrics_file), *(["--forkable"] if forkable else [])]
        limits = {"--max-body": self.limits.max_body, "--max-queue": self.limits.max_queue,
                  "--timeout": self.limits.timeout, "--batch": name_batch(self.limits.batch),
                  "--api-key-digest": self.api_key_digest}
        for option, value in limits.items():
            if value is not None:
                command += [option, str(value)]
        for entry, grip in sorted(self.grips.items()):
            command += ["--grip", f"{entry}={grip}"]
        return command

    @property
    def folder(self) -> Path:
        """Where a worker runs: data files are named relative to the notebook."""
        data = self.bundle / "data"
        return data if data.is_dir() else self.bundle

    @property
    def worker_variables(self) -> dict[str, str]:
        """What a worker finds in `os.environ`: several share the cores, unless a variable of the author's says more."""
        threads = str(count_threads(self.scale))
        shared = dict.fromkeys(_THREADS, threads) if self.scale.max != 1 else {}
        return {**shared, **self.variables}


def pass_variables(environ: Mapping[str, str], required: Iterable[str] = ()) -> dict[str, str]:
    """Choose what workers see of an environment: what a process needs to run, and the variables in `required`.

    Nothing else, so that the proof shows a variable that the service reads and the bundle does not ask for.
    """
    wanted = set(required)
    return {
        key: value for key, value in environ.items()
        if key in _PASSED or key in wanted or key.startswith("LC_") or key.endswith("_NUM_THREADS")
    }


def check_variables(name: str, bundle: Path, known: Mapping[str, str]) -> None:
    """Refuse what would start without a variable that only its notebook set: such values are kept in memory only."""
    try:
        wanted = read_manifest(bundle).environment
    except BundleDamaged:
        return  # the worker says what is wrong with it
    if missing := [key for key in wanted if key not in known]:
        raise TargetError(
            f"{name} reads the environment variable {missing[0]}, which is not set here: "
            "its value was kept in memory only",
            advice=f"run its notebook up to the cell that sets {missing[0]}, then %deploy --start {name} there; "
                   f"or restart the Jupyter server with {missing[0]} set")

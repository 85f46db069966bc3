"""The servers that are compared: how each is started, asked and understood, as its own documentation recommends."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.rivals.installation import install
from benchmarks.rivals.running import run_quietly
from benchmarks.servers import find_port

HERE = Path(__file__).parent / "services"
Rows = list[list[float]]


@dataclass(frozen=True)
class Bundle:
    """A model that nbdeploy has deployed: its bundle, and the command of a worker that serves it, but for the port."""

    folder: Path
    worker: tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """Where the models are and what a server may write to."""

    folder: Path
    model: str
    compiled: Bundle
    exact: Bundle

    @property
    def file(self) -> str:
        """The trained model."""
        return str(self.folder / f"{self.model}.joblib")

    def own(self, name: str) -> Path:
        """Give a folder of a server's own."""
        found = self.folder / f"{name}-{self.model}"
        found.mkdir(exist_ok=True)
        return found


@dataclass(frozen=True)
class Start:
    """A command, where it runs, and what it finds in its environment."""

    command: Sequence[str]
    folder: Path
    variables: dict[str, str]


def _rows_in(rows: Rows) -> Any:
    return {"rows": rows}


def _tensor_in(rows: Rows) -> Any:
    flat = [number for row in rows for number in row]
    tensor = {"name": "rows", "shape": [len(rows), len(rows[0])], "datatype": "FP64", "data": flat}
    return {"id": "1", "inputs": [tensor], "outputs": [{"name": "predict_proba"}]}


def _tensor_out(answer: Any) -> list[float]:
    chances: list[float] = answer["outputs"][0]["data"][1::2]
    return chances


@dataclass(frozen=True)
class Peer:
    """A server, and how it is used."""

    name: str
    title: str
    environment: str | None
    """The virtual environment; None: nbdeploy's own."""
    start: Callable[[Place, int], Start]
    path: str = "/predict"
    ask: Callable[[Rows], Any] = _rows_in
    read: Callable[[Any], list[float]] = list
    tolerance: float = 0.0
    """How far answers may be from the notebook's."""
    kind: str = "peer"
    """What it is compared as: `ours`, `peer`, `control` or `ceiling`."""

    def body(self, rows: Rows) -> str:
        """Write a request."""
        return json.dumps(self.ask(rows))

    def route(self, model: str) -> str:
        """Give the path of a model."""
        return self.path.format(model=model)


def _python(environment: str) -> str:
    return str(install(environment) / "bin" / "python")


def _ours(form: str) -> Callable[[Place, int], Start]:
    def start(place: Place, port: int) -> Start:
        bundle: Bundle = getattr(place, form)
        return Start([*bundle.worker, "--port", str(port)], bundle.folder, {})

    return start


def _script(environment: str, script: str, *options: str) -> Callable[[Place, int], Start]:
    def start(place: Place, port: int) -> Start:
        return Start([_python(environment), str(HERE / script), place.file, str(port), *options], HERE, {})

    return start


def _fastapi_compiled(place: Place, port: int) -> Start:
    script = str(HERE / "fastapi_compiled.py")
    return Start([_python("onnx"), script, str(place.compiled.folder), place.model, str(port)], HERE, {})


def _raw(server: str, kind: str) -> Callable[[Place, int], Start]:
    def start(place: Place, port: int) -> Start:
        if kind == "compiled":
            model = [str(place.compiled.folder), place.model]
        else:
            model = [str(place.own("onnx") / "model.onnx")]
            if not Path(model[0]).exists():
                run_quietly([_python("convert"), str(HERE / "to_onnx.py"), place.file, model[0]])
        return Start([_python("onnx"), str(HERE / "raw.py"), server, str(port), kind, *model], HERE, {})

    return start


def _bentoml(module: str) -> Callable[[Place, int], Start]:
    def start(place: Place, port: int) -> Start:
        command = [_python("bentoml"), "-m", "bentoml", "serve", f"{module}:Cancer", "--host", "127.0.0.1", "--port",
                   str(port)]
        own = {"BENCH_MODEL": place.file, "BENTOML_HOME": str(place.own("bentoml")), "BENTOML_DO_NOT_TRACK": "True"}
        return Start(command, HERE, own)

    return start


def _mlserver(mode: str, options: dict[str, Any]) -> Callable[[Place, int], Start]:
    def start(place: Place, port: int) -> Start:
        folder = place.own(f"mlserver-{mode}")
        settings = {"host": "127.0.0.1", "http_port": port, "grpc_port": find_port(), "metrics_port": find_port(),
                    "parallel_workers": 0, "debug": False}
        model = {"name": "cancer", "implementation": "mlserver_sklearn.SKLearnModel",
                 "parameters": {"uri": place.file, "version": "1"}, **options}
        for name, told in (("settings", settings), ("model-settings", model)):
            (folder / f"{name}.json").write_text(json.dumps(told))
        return Start([str(install("mlserver") / "bin" / "mlserver"), "start", str(folder)], folder, {})

    return start


def _mlflow(place: Place, port: int) -> Start:
    folder = place.own("mlflow") / "model"
    if not folder.exists():
        run_quietly([_python("mlflow"), str(HERE / "mlflow_model.py"), place.file, str(folder)])
    bin_folder = install("mlflow") / "bin"
    command = [str(bin_folder / "mlflow"), "models", "serve", "--model-uri", str(folder), "--port", str(port),
               "--env-manager", "local", "--workers", "1"]
    # The command starts `python` and `uvicorn` by name.
    return Start(command, folder.parent, {"PATH": f"{bin_folder}:/usr/bin:/bin", "MLFLOW_DISABLE_TELEMETRY": "true"})


BATCHING = {"max_batch_size": 64, "max_batch_time": 0.005}
PEERS = (
    Peer("nbdeploy", "**nbdeploy**, compiled", None, _ours("compiled"), "/{model}_risk", kind="ours"),
    Peer("nbdeploy-exact", "**nbdeploy** `--exact`: scikit-learn", None, _ours("exact"), "/{model}_risk", kind="ours"),
    Peer("fastapi", "FastAPI by hand (uvloop, httptools)", "fastapi", _script("fastapi", "fastapi_plain.py")),
    Peer("bentoml", "BentoML", "bentoml", _bentoml("bentoml_alone")),
    Peer("bentoml-batching", "BentoML, adaptive batching", "bentoml", _bentoml("bentoml_batching")),
    Peer("mlserver", "MLServer", "mlserver", _mlserver("alone", {}), "/v2/models/cancer/infer", _tensor_in,
         _tensor_out),
    Peer("mlserver-batching", "MLServer, adaptive batching", "mlserver", _mlserver("batching", BATCHING),
         "/v2/models/cancer/infer", _tensor_in, _tensor_out),
    Peer("litserve", "LitServe", "litserve", _script("litserve", "litserve_server.py", "alone"),
         read=lambda answer: list(answer["chances"])),
    Peer("litserve-batching", "LitServe, batching", "litserve", _script("litserve", "litserve_server.py", "batching"),
         read=lambda answer: list(answer["chances"])),
    Peer("mlflow", "MLflow models serve", "mlflow", _mlflow, "/invocations", lambda rows: {"inputs": rows},
         lambda answer: [pair[1] for pair in answer["predictions"]]),
    Peer("ray", "Ray Serve", "ray", _script("ray", "ray_app.py", "alone")),
    Peer("ray-batching", "Ray Serve, batching", "ray", _script("ray", "ray_app.py", "batching")),
    Peer("fastapi-compiled", "control: FastAPI tuned, the same compiled model", "onnx", _fastapi_compiled,
         kind="control"),
    Peer("raw", "ceiling: raw ASGI on uvicorn, the same compiled model", "onnx", _raw("uvicorn", "compiled"),
         kind="ceiling"),
    Peer("raw-onnx", "ceiling: raw ASGI on uvicorn, skl2onnx in single precision", "onnx", _raw("uvicorn", "onnx"),
         tolerance=1e-5, kind="ceiling"),
    Peer("granian-onnx", "ceiling: the same on granian", "onnx", _raw("granian", "onnx"), tolerance=1e-5,
         kind="ceiling"),
)

"""Images of the same model as other tools lay them out, on the same base and with the same wheels."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
STYLES = ("mlflow", "bentoml")
MORE = ("uvicorn", "click", "h11", "typing_extensions")
"""What the application by hand needs beside the model's own packages."""


@dataclass(frozen=True)
class Context:
    """A folder with all that the images take."""

    folder: Path
    base: str

    def build(self, style: str, tag: str, *options: str) -> float:
        """Build an image; gives seconds."""
        pip = next(path.name for path in (self.folder / "pip").glob("pip-*.whl"))
        text = (HERE / f"{style}.Dockerfile").read_text(encoding="utf-8")
        (self.folder / "Dockerfile").write_text(text.format(base=self.base, pip=f"/pip/{pip}/pip"), encoding="utf-8")
        begun = time.perf_counter()
        done = subprocess.run(["docker", "build", "--network", "none", "--tag", tag, *options, "."], cwd=self.folder,
                              check=False, capture_output=True, text=True, timeout=900)
        if done.returncode:
            told = (done.stdout + done.stderr)[-2000:]
            raise RuntimeError(f"the image as {style} lays it out cannot be built:\n{told}")
        return time.perf_counter() - begun

    def edit(self) -> None:
        """Change a line of the service."""
        with (self.folder / "service" / "app.py").open("a", encoding="utf-8") as file:
            file.write(f"# edited at {time.time()}\n")


def prepare(project: Path, model: Path, folder: Path, base: str) -> Context:
    """Gather the wheels of an exported project, the model, the application and pip."""
    shutil.copytree(project / "image" / "wheels", folder / "wheels")
    (folder / "service").mkdir()
    shutil.copyfile(HERE / "app.py", folder / "service" / "app.py")
    shutil.copyfile(model, folder / "service" / "cancer.joblib")
    for names, place in ((MORE, "wheels"), (("pip",), "pip")):
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
                        "--dest", str(folder / place), *names], check=True, timeout=300)
    names = sorted({path.name.split("-")[0] for path in (folder / "wheels").glob("*.whl")})
    (folder / "service" / "requirements.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    return Context(folder, base)

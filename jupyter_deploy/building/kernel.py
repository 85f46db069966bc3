"""What `%deploy` does in a kernel that runs for `nbdeploy build`: capture, package, and build a proven image."""

from __future__ import annotations

import json
import os
from typing import Any

from jupyter_deploy.capture.kernel import Kernel
from jupyter_deploy.capture.recorder import Recorder
from jupyter_deploy.errors import ProofError, RequirementError, ServiceError
from jupyter_deploy.image import BuildOptions, build_image
from jupyter_deploy.image.listing import dump_image, report_steps
from jupyter_deploy.magics import BUILD
from jupyter_deploy.packaged import package, put_back_models
from jupyter_deploy.recipe import MISSING, ROUNDS, DeployOptions, ModuleMissing, add_missing
from jupyter_deploy.report import list_warnings
from jupyter_deploy.targets.target import Report


def build_here(kernel: Kernel, options: DeployOptions, report: Report, recorder: Recorder) -> dict[str, Any]:
    """Build an image in place of `%deploy`, and give it as JSON, with the warnings of the capture.

    It is built here, in the kernel's own environment, because packages that no index has are taken from there.

    Raises
    ------
    DeployError
        As `packaged.package` and `image.build_image`.

    """
    packaged = package(kernel, options.capture, report, recorder)
    wanted = BuildOptions(**json.loads(os.environ[BUILD]), environment=dict(packaged.capture.secrets))
    for _ in range(ROUNDS):
        try:
            image = build_image(packaged.bundle.folder, options=wanted, report=report, say=report_steps(report))
        except (ServiceError, ProofError) as error:
            if missing := MISSING.search(error.message):
                module = ModuleMissing(missing.group(1), "imported in the image", error)
                packaged = add_missing(packaged, module, report)
            elif packaged.plain is not None:
                packaged = put_back_models(packaged, error, report)
            else:
                raise
        else:
            return {**dump_image(image), "name": packaged.capture.name, "live": False,
                    "warnings": list_warnings(packaged)}
    raise RequirementError(f"the image asked for more packages {ROUNDS} times in a row",
                           advice="import them in a cell of the notebook, so that they are found at once")

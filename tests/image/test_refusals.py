from __future__ import annotations

import pytest

from jupyter_deploy.errors import ImageError
from jupyter_deploy.image.building import BuildLog
from jupyter_deploy.image.engine import split_reference


@pytest.mark.parametrize(("reference", "parts"), [
    ("churn", ("churn", "latest")),
    ("churn:1", ("churn", "1")),
    ("localhost:5000/churn", ("localhost:5000/churn", "latest")),
    ("localhost:5000/churn:1", ("localhost:5000/churn", "1")),
    ("python@sha256:0123", ("python", "sha256:0123")),
    ("localhost:5000/python@sha256:0123", ("localhost:5000/python", "sha256:0123")),
])
def test_a_reference_is_split(reference: str, parts: tuple[str, str]) -> None:
    assert split_reference(reference) == parts


def test_what_a_step_says_in_red_is_the_error() -> None:
    events = [{"stream": "Step 1/2 : FROM base"}, {"stream": " ---> 0123456789ab\n"},
              {"stream": "\x1b[91mnbdeploy: one-1.whl cannot be used in this base image: it needs glibc 2.41\n\x1b[0m"},
              {"error": "The command returned a non-zero code: 1"}]
    with pytest.raises(ImageError) as caught:
        BuildLog(lambda _: None).read(events)
    assert caught.value.message == ("the image cannot be built: one-1.whl cannot be used in this base image: "
                                    "it needs glibc 2.41")


def test_a_machine_that_cannot_run_the_platform_is_said() -> None:
    with pytest.raises(ImageError, match="cannot run programs of that platform"):
        BuildLog(lambda _: None).read([{"error": "exec /usr/bin/python3: exec format error"}])


def test_what_a_build_made_is_told_apart_from_its_bases() -> None:
    log = BuildLog(lambda _: None)
    log.read({"stream": text} for text in [
        "Step 1/4 : FROM base AS files\n", " ---> 0123456789ab\n", "Step 2/4 : COPY a /a\n", " ---> 0123456789ac\n",
        "Step 3/4 : FROM other\n", " ---> 0123456789ad\n", "Step 4/4 : COPY --from=files /a /\n", " ---> 0123456789ae\n",
        "Successfully built 0123456789ae\n"])
    assert (log.image, log.stages, log.made) == ("0123456789ae", ["0123456789ac"], ["0123456789ac", "0123456789ae"])

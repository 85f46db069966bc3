from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_deploy.errors import DiskFull, ImageError, telling_when_full
from jupyter_deploy.image.building import BuildLog
from jupyter_deploy.image.engine import split_reference
from jupyter_deploy.image.refusals import explain_push


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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_said() -> None:
    with pytest.raises(DiskFull, match=r"the disk is full"), telling_when_full():
        Path("/dev/full").write_text("more")
    with pytest.raises(FileNotFoundError), telling_when_full():
        Path("/dev/no-such/file").write_text("more")


def test_what_a_step_says_in_red_is_the_error() -> None:
    events = [{"stream": "Step 1/2 : FROM base"}, {"stream": " ---> 0123456789ab\n"},
              {"stream": "\x1b[91mnbdeploy: one-1.whl cannot be used in this base image: it needs glibc 2.41\n\x1b[0m"},
              {"error": "The command returned a non-zero code: 1"}]
    with pytest.raises(ImageError) as caught:
        BuildLog(lambda _: None).read(events)
    assert caught.value.message == ("the image cannot be built: one-1.whl cannot be used in this base image: "
                                    "it needs glibc 2.41")


@pytest.mark.parametrize(("message", "said", "advice"), [
    ('invalid from flag value registry.example/adapter:1.0: Get "https://registry.example/v2/": no such host',
     "registry.example/adapter:1.0, which it copies from, cannot be pulled: Get", "docker pull registry.example/adapter:1.0 "),
    ("OSError: [Errno 28] No space left on device", "container engine has no space left", "its disk is full"),
])
def test_why_a_build_ended_is_said(message: str, said: str, advice: str) -> None:
    with pytest.raises(ImageError) as caught:
        BuildLog(lambda _: None).read([{"error": message}])
    assert said in caught.value.message
    assert advice in str(caught.value.advice)


def test_podman_tells_of_its_steps_in_its_own_way() -> None:
    log = BuildLog(lambda _: None)
    log.read([*({"stream": text} for text in [
        "[1/2] STEP 1/2: FROM base AS files\n", "[1/2] STEP 2/2: COPY a /a\n", "--> 49ce4fd6242\n",
        "[2/2] STEP 1/2: FROM base\n", "[2/2] STEP 2/2: COPY --from=files /a /\n", "[2/2] COMMIT\n", "--> 4f88ae1e684\n",
        "4f88ae1e6848b6f906691b6171824047547fceafaa8cfd82822ccd9ed0208f61\n"]),
        {"aux": {"ID": "sha256:4f88ae1e6848b6f906691b6171824047547fceafaa8cfd82822ccd9ed0208f61"}}])
    assert log.stages == ["49ce4fd6242"]
    assert log.image == "sha256:4f88ae1e6848b6f906691b6171824047547fceafaa8cfd82822ccd9ed0208f61"


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


@pytest.mark.parametrize(("said", "told"), [
    ("Get \"http://127.0.0.1:9/v2/\": dial tcp 127.0.0.1:9: connect: connection refused", "cannot be reached"),
    ("Get \"https://registry.invalid/v2/\": dial tcp: lookup registry.invalid: no such host", "cannot be reached"),
    ("no basic auth credentials", "refused"),
    ("denied: requested access to the resource is denied", "refused"),
])
def test_a_registry_that_is_away_asks_for_no_login(said: str, told: str) -> None:
    error = explain_push("registry.invalid/churn:1", said)
    assert (told in error.message, "docker login" in str(error.advice)) == (True, told == "refused")
    assert "the image stays here under its name, proven" in str(error.advice)

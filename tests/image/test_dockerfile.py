from __future__ import annotations

import dataclasses

from jupyter_deploy.image.dockerfile import Layout, content_part, dockerfile, environment_part, service_part

LAYOUT = Layout("python:3.11-slim", ("runtime", "state"), ("service.py", "bundle.json", "golden"),
                labels={"b": 'say "$HOME" \\', "a": "1"})
TEXT = r'''FROM python:3.11-slim AS wheels
COPY image/layers.py image/requirements.lock /project/
COPY image/wheels /project/wheels
RUN ["python3", "-I", "-S", "/project/layers.py", "environment"]

FROM python:3.11-slim AS environment
COPY --from=wheels --chown=0:0 /layers/environment/ /
COPY --from=wheels --chown=0:0 /layers/bytecode/ /
ENV HOME=/tmp
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=5s --start-period=120s CMD ["python3", "-I", "-S", "/service/runtime/__main__.py", "health"]
ENTRYPOINT ["python3", "-I", "-S", "/service/runtime/__main__.py", "--path", "/environment", "--host", "0.0.0.0"]
CMD ["serve"]

FROM python:3.11-slim AS content-files
COPY image/layers.py /project/
COPY runtime /project/runtime
COPY state /project/state
RUN ["python3", "-I", "-S", "/project/layers.py", "copy", "runtime", "state"]

FROM environment AS content
COPY --from=content-files --chown=0:0 /layers/runtime/ /
COPY --from=content-files --chown=0:0 /layers/state/ /

FROM python:3.11-slim AS service-files
COPY image/layers.py service.py bundle.json /project/
COPY golden /project/golden
RUN ["python3", "-I", "-S", "/project/layers.py", "copy", "service.py,bundle.json,golden"]

FROM content
COPY --from=service-files --chown=0:0 /layers/service/ /
LABEL a="1" \
      b="say \"\$HOME\" \\"
'''


def test_the_whole_text() -> None:
    assert dockerfile(LAYOUT) == TEXT


def test_its_parts_are_built_upon_each_other() -> None:
    assert "FROM env:1 AS content\n" in content_part(LAYOUT, "env:1")
    assert service_part(LAYOUT, "content:1").startswith("FROM content:1\nCOPY --chown=0:0 layers/service/ /\nLABEL ")


def test_system_libraries_come_before_the_packages() -> None:
    text = environment_part(dataclasses.replace(LAYOUT, system=("libgomp1", "libgl1")))
    install = text.index("apt-get install --yes --no-install-recommends libgl1 libgomp1 \\\n")
    assert install < text.index("/layers/environment/")
    assert "system" not in LAYOUT.layers
    assert dataclasses.replace(LAYOUT, system=("libgomp1",)).layers[0] == "system"


def test_the_lambda_adapter_waits_for_readiness() -> None:
    text = environment_part(dataclasses.replace(LAYOUT, lambda_adapter=True))
    assert "/opt/extensions/lambda-adapter\n" in text
    assert ("ENV AWS_LWA_READINESS_CHECK_PATH=/v2/health/ready AWS_LWA_READINESS_CHECK_HEALTHY_STATUS=200-399 "
            "AWS_LWA_ASYNC_INIT=true AWS_LWA_PASS_THROUGH_PATH=/invocations\n") in text


def test_a_label_keeps_its_spaces_and_stays_in_a_line() -> None:
    text = service_part(dataclasses.replace(LAYOUT, labels={"lines": "one\ntwo  three"}), "content:1")
    assert 'lines="one two  three"' in text


def test_a_service_that_can_use_a_gpu_asks_for_the_driver() -> None:
    assert "NVIDIA_" not in environment_part(LAYOUT)
    text = environment_part(dataclasses.replace(LAYOUT, gpu=True))
    assert "ENV HOME=/tmp NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility\n" in text

from __future__ import annotations

import dataclasses
from contextlib import closing

import pytest

from jupyter_deploy.registry import (
    Event,
    Record,
    VersionRecord,
    add_event,
    add_version,
    delete_deployment,
    find_deployment,
    list_deployments,
    list_events,
    list_versions,
    open_registry,
    records,
    save_deployment,
)

RECORD = Record("tiny", "local", "127.0.0.1", 8100, 1, "a", limits={"timeout": 3.0}, created=5.0)


@pytest.fixture
def registry(tmp_path):
    with closing(open_registry(tmp_path / "registry.db")) as registry:
        yield registry


def add(registry, version, previous=None):
    add_version(registry, VersionRecord("tiny", version, f"/bundles/{version}", {"python": "python"}, previous=previous))


def numbers(registry):
    return {item.version: (item.number, item.previous) for item in list_versions(registry, "tiny")}


def test_a_deployment_is_kept_and_replaced_but_not_its_creation(registry):
    save_deployment(registry, RECORD)
    assert find_deployment(registry, "tiny") == RECORD
    changed = dataclasses.replace(RECORD, port=8101, wanted="stopped", created=9.0)
    save_deployment(registry, changed)
    assert list_deployments(registry) == [dataclasses.replace(changed, created=5.0)]
    assert find_deployment(registry, "other") is None


def test_versions_are_numbered_and_remember_what_they_replaced(registry):
    save_deployment(registry, RECORD)
    add(registry, "a")
    add(registry, "b", "a")
    add(registry, "b", "b")
    assert numbers(registry) == {"b": (2, "a"), "a": (1, None)}
    add(registry, "a", "b")
    assert numbers(registry) == {"a": (3, "b"), "b": (2, "a")}


def test_events_are_bounded(registry, monkeypatch):
    monkeypatch.setattr(records, "EVENTS_KEPT", 3)
    for number in range(5):
        add_event(registry, Event("tiny", float(number), "deployed", str(number)))
        add_event(registry, Event("other", float(number), "deployed", str(number)))
    assert [event.text for event in list_events(registry, "tiny")] == ["2", "3", "4"]
    assert [event.text for event in list_events(registry, "tiny", limit=1)] == ["4"]


def test_deleting_leaves_nothing_of_it_and_all_of_others(registry):
    for name in ("tiny", "other"):
        save_deployment(registry, dataclasses.replace(RECORD, name=name))
        add_event(registry, Event(name, 1.0, "deployed", ""))
    add(registry, "a")
    delete_deployment(registry, "tiny")
    assert [record.name for record in list_deployments(registry)] == ["other"]
    assert list_versions(registry, "tiny") == list_events(registry, "tiny") == []
    assert len(list_events(registry, "other")) == 1

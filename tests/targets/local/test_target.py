from __future__ import annotations

import httpx


def test_deploys_and_stops(local):
    deployment = local.deploy("one")
    assert httpx.post(f"{deployment.url}/answer", json={"x": 3}).json()["x"] == 3
    (status,) = local.target.status()
    assert (status.state, status.workers, status.version) == ("live", 1, deployment.version)
    assert local.target.stop("tiny").state == "stopped"

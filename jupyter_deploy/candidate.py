"""The endpoint of a candidate: it answers calls, and nothing of it is live."""

from __future__ import annotations

from typing import Any

from jupyter_deploy.endpoint import Endpoint, Metrics, write_table
from jupyter_deploy.runtime.manifest import Manifest


class CandidateEndpoint(Endpoint):
    """What `%deploy` gives in a dry run and in a check: it answers calls, and changes nothing that is live."""

    def stop(self) -> None:
        """Leave what is live alone."""

    def rollback(self, version: str | None = None) -> Endpoint:  # noqa: ARG002 - as of an endpoint that is live
        """Leave what is live alone."""
        return self

    def promote(self) -> Endpoint:
        """Leave what is live alone."""
        return self

    def abort(self) -> Endpoint:
        """Leave what is live alone."""
        return self

    def metrics(self) -> Metrics:
        """Give no figures: it is not live."""
        return Metrics(self.name, ())

    def _manifest(self) -> Manifest:
        assert self.release is not None
        return self.release.packaged.bundle.manifest

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {"text/plain": repr(self), "text/html": write_table(self._rows())}

    def _rows(self) -> list[tuple[str, str]]:
        assert self.release is not None
        proof = self.release.proof
        return [("endpoint", f"{self.name} (a dry run: nothing went live)"),
                ("version", self.release.deployment.version),
                ("proof", f"{proof.equal} of {proof.calls} golden calls answered as in the notebook")]

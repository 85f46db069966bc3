"""All routes of a service."""

from __future__ import annotations

from collections.abc import Callable

from .entries import Service
from .messages import Routes
from .metrics import Metrics
from .protocols import health, kserve, mlflow, oip, pages, prometheus, typed


def build_routes(
    service: Service, metrics: Metrics, *, guarded: bool, live: Callable[[], bool], ready: Callable[[], bool]
) -> Routes:
    """Collect the routes of all protocols."""
    routes = Routes()
    typed.add_routes(service, routes)
    health.add_routes(routes, live=live, ready=ready)
    oip.add_routes(service, routes, ready=ready)
    kserve.add_routes(service, routes, ready=ready)
    mlflow.add_routes(service, routes)
    pages.add_routes(service, routes, guarded=guarded)
    prometheus.add_routes(metrics, routes)
    return routes

"""The sockets that deployments listen on."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest

from jupyter_deploy.errors import TargetError
from jupyter_deploy.targets.local.listeners import LOOPBACK, bind_listener


def test_a_port_is_taken_from_when_it_is_bound() -> None:
    """Somebody else's supervisor learns it before the proof, and not when its candidate goes live."""
    with closing(bind_listener(LOOPBACK, None)) as first:
        with pytest.raises(TargetError, match=f"cannot listen on {LOOPBACK}, port {first.port}: Address already in use"):
            bind_listener(LOOPBACK, first.port)
        with closing(bind_listener(LOOPBACK, None)) as second:
            assert second.port != first.port
            second.listen()
        first.listen()


def test_a_port_is_taken_again_while_its_last_connections_wait_to_be_forgotten() -> None:
    with closing(bind_listener(LOOPBACK, None)) as first:
        first.listen()
        first.socket.setblocking(True)
        with socket.create_connection((first.host, first.port)) as caller:
            first.socket.accept()[0].close()  # who closes first keeps the connection in TIME_WAIT
            assert caller.recv(1) == b""
    with closing(bind_listener(LOOPBACK, first.port)) as again:
        again.listen()
        socket.create_connection((again.host, again.port)).close()

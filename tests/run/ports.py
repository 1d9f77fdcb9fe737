"""Ports for workers of one host."""

import socket

from journey_engine.run.brokers import free_port


def pair_of_ports() -> int:
    """The first of two free ports in a row."""
    while True:
        port = free_port()
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port

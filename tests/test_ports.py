"""Ports are given to one process, and one after the other."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

from tests.ports import BLOCK, FIRST, LAST, free_port

ROOT = Path(__file__).parents[1]
PRINT = "from tests.ports import free_port; print(free_port()); input()"


def test_a_port_is_not_given_again_before_all_others_are() -> None:
    ports = [free_port() for _ in range(BLOCK // 2)]
    assert len(set(ports)) == len(ports)
    assert all(FIRST <= port < LAST for port in ports)


def test_a_port_on_which_somebody_listens_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port() + 1))
        assert free_port() != taken.getsockname()[1]


def test_processes_have_blocks_of_their_own() -> None:
    others = [
        subprocess.Popen(
            [sys.executable, "-c", PRINT], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    ports = [int(other.stdout.readline()) for other in others if other.stdout is not None]
    for other in others:
        other.communicate("\n")
    assert len({(port - FIRST) // BLOCK for port in (*ports, free_port())}) == 3

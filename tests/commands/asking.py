"""Commands as lines of words, and what becomes of them."""

from __future__ import annotations

from respq.protocol.runs import Run
from tests.conftest import Peer, Workbench


def ask(peer: Peer, line: str) -> bytes:
    """Send the words of `line`; `''` is the empty word."""
    return peer.send(*_words(line))


def ask_each(peer: Peer, *lines: str) -> list[bytes]:
    """The replies to several commands."""
    return [ask(peer, line) for line in lines]


def logged(engine: Workbench, peer: Peer, line: str) -> list[list[bytes]]:
    """What a command leaves for the log."""
    engine.server.drain = list  # keep the effects
    engine.server.effects.clear()
    argv = [word.encode() for word in _words(line)]
    peer.client.table[argv[0]][len(argv)][0](peer.client, argv)
    commands = []
    for _, _, _, effect in engine.server.effects:
        if effect is not None:
            commands += effect.commands if isinstance(effect, Run) else [effect]
    engine.server.effects.clear()
    return commands


def _words(line: str) -> list[str]:
    return ["" if word == "''" else word for word in line.split()]

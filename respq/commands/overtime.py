"""A script that runs for longer than `busy-reply-threshold`: other clients are served meanwhile.

They get BUSY for nearly everything: a gate lets pass what the flag ALLOW_BUSY permits, of which SCRIPT KILL
(FUNCTION KILL for a function) and SHUTDOWN NOSAVE end the script. The event loop is entered again from inside
a command (`serve_meanwhile`, a tick without timers), hence what belongs to that command is put aside for so
long: effects that are not logged yet, replies that stand before its own, the frozen time. The client itself
counts as parked, so that what it sends is kept for later.
"""

from __future__ import annotations

from respq.command import ALLOW_BUSY, Argv, Client, Spec
from respq.errors import CommandError
from respq.state import Rejected, Server
from respq.waiting import Parking


class Overtime:
    """The rest of a script's run. `wrote` (see `kill`) is asked of the script's host."""

    def __init__(self, server: Server, client: Client, name: bytes, killer: str, running_ms: int) -> None:
        self._server = server
        self.client = client
        self.killer = killer  # the command that ends it
        self.killed = False
        self.abandoned = False  # by SHUTDOWN NOSAVE: the log must not have half of the script
        server.log(
            "warning",
            f"A script has been running for {running_ms} ms: {killer} ends it. Its name: {name.decode()}",
        )
        server.busy = self
        server.set_gate("busy", self._refuse)

    def serve_others(self) -> bool:
        """Let the event loop turn once; whether the script must end."""
        server, client = self._server, self.client
        effects, replies = server.effects[:], client.out[:]
        now_ms, timed_ns = server.clock.now_ms, server.stats.timed_ns
        tracked, server.tracking.seen = server.tracking.seen, 0
        server.effects.clear()
        client.out.clear()
        client.parked = Parking([], [], 0, b"")
        server.serve_meanwhile()
        client.parked = None
        client.out[:0] = replies
        server.effects[:0] = effects
        server.tracking.seen = tracked
        server.clock.stand_at(now_ms)
        server.stats.timed_ns = timed_ns
        return self.killed or self.abandoned

    def kill(self, killer: str, wrote: bool) -> None:
        """SCRIPT KILL or FUNCTION KILL. Raises CommandError if the script has tried to change anything."""
        self.check(killer)
        if wrote:
            raise CommandError(
                "Sorry the script already executed write commands against the dataset. You can either wait "
                "the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.",
                "UNKILLABLE",
            )
        self.killed = True

    def check(self, killer: str) -> None:
        """Raise CommandError unless it is what this command ends: a script, or a function."""
        if killer != self.killer:
            raise CommandError(self.refusal, "BUSY")

    def end(self, mark: int) -> None:
        """The script has ended; its effects begin at `mark`."""
        server, client = self._server, self.client
        server.busy = None
        server.set_gate("busy", None)
        server.clock.refresh()
        if self.abandoned:
            del server.effects[mark:]
        if client.held:
            server.waiting.resumed.append(client)

    @property
    def refusal(self) -> str:
        """What others are told, after BUSY."""
        return f"Redis is busy running a script. You can only call {self.killer} or SHUTDOWN NOSAVE."

    def _refuse(self, client: Client, argv: Argv, spec: Spec) -> None:
        """The gate."""
        if ALLOW_BUSY not in spec.flags:
            raise Rejected(self.refusal, "BUSY")

"""The two ways in which a request fails.

`CommandError` is the only way in which a command refuses: it is raised before the first change,
carries the reply ready made, and the connection goes on. `ProtocolError` means that the bytes
themselves are not a request: the reply is sent and the connection closed. Anything else that
escapes a command is a bug of ours.
"""

from __future__ import annotations

ONE_LINE = bytes.maketrans(b"\r\n", b"  ")


class CommandError(Exception):
    """A refusal, encoded as the error reply `-PREFIX message`, in one line as Redis makes it."""

    counted = False  # the statistics have it already: a script passed on the error of its command

    def __init__(self, message: str | bytes, prefix: str = "ERR") -> None:
        text = message if isinstance(message, bytes) else message.encode()
        super().__init__(text)
        self.prefix = prefix
        self.reply = b"-%b %b\r\n" % (prefix.encode(), text.rstrip(b"\r\n").translate(ONE_LINE))

    def __str__(self) -> str:
        """The message, for the log."""
        message: bytes = self.args[0]
        return message.decode("utf-8", "backslashreplace")


class ProtocolError(Exception):
    """Bytes that are no request. `reply` goes out before the connection is closed; it may be empty."""

    def __init__(self, message: str | bytes) -> None:
        text = message if isinstance(message, bytes) else message.encode()
        super().__init__(text)
        self.reply = b"-ERR %b\r\n" % text.translate(ONE_LINE)


def shown(word: bytes) -> bytes:
    """What Redis shows of a client's word in an error text: up to a NUL byte, where strings in C end."""
    return word.partition(b"\0")[0]


def wrong_type() -> CommandError:
    """The key holds another type than the command works on."""
    return CommandError("Operation against a key holding the wrong kind of value", "WRONGTYPE")


def syntax_error() -> CommandError:
    """The options of the command make no sentence."""
    return CommandError("syntax error")


def not_an_integer() -> CommandError:
    """An argument is no canonical signed 64-bit integer."""
    return CommandError("value is not an integer or out of range")


def not_a_float() -> CommandError:
    """An argument is no finite number."""
    return CommandError("value is not a valid float")


def no_such_key() -> CommandError:
    """The command needs the key to exist."""
    return CommandError("no such key")


def out_of_range() -> CommandError:
    """A number is outside of what the command accepts."""
    return CommandError("index out of range")

"""Streams of replies are read the same whatever was read before."""

from __future__ import annotations

import pytest

from compat.oracle.wire import parse_all

REPLIES = [
    b"+OK\r\n",
    b"$-1\r\n",
    b"$1\r\na\r\n",
    b"*2\r\n:1\r\n*1\r\n$2\r\nab\r\n",
    b"%1\r\n+k\r\n:1\r\n",
    b":2\r\n",
]
WHOLE = b"".join(REPLIES)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        WHOLE,
        WHOLE[:-1],
        WHOLE[:-3],
        *(b"".join(REPLIES[:at] + REPLIES[at + 1 :]) for at in range(len(REPLIES))),
        *(b"".join([*REPLIES[:at], b":3\r\n", *REPLIES[at:]]) for at in range(len(REPLIES))),
        *(b"".join([*REPLIES[:at], b"-ERR\r\n", *REPLIES[at + 1 :]]) for at in range(len(REPLIES))),
        WHOLE + b":1\r\n:2\r\n",
        WHOLE + b"nonsense\r\n",
    ],
)
def test_what_two_streams_have_in_common_is_read_once_and_alike(
    data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = tuple(node for reply in _split(data) for node in parse_all(reply))
    for other in (WHOLE, WHOLE[:-1], WHOLE[:-4]):
        monkeypatch.setattr("compat.oracle.wire._remembered", {})
        parse_all(other)
        assert parse_all(data, like=other) == alone


def _split(data: bytes) -> list[bytes]:
    """The replies of a stream, and what is left of it."""
    ends = [end for end in range(1, len(data) + 1) if all(kind != b"?" for kind, _ in parse_all(data[:end]))]
    return [data[a:b] for a, b in zip([0, *ends], [*ends, len(data)], strict=True) if a < b]

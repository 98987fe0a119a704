"""The manifest, as redis-server 8.2.3 reads and writes it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respq.effects import manifest
from respq.effects.files import AofError
from respq.effects.manifest import BASE, HISTORY, INCREMENT, LogFile, Manifest

PATH = Path("/data/appendonlydir/appendonly.aof.manifest")
BASE_LINE = b"file appendonly.aof.1.base.aof seq 1 type b\n"
INCR_LINE = b"file appendonly.aof.1.incr.aof seq 1 type i\n"
BASE_FILE = LogFile("appendonly.aof.1.base.aof", 1, BASE)
INCR_FILE = LogFile("appendonly.aof.1.incr.aof", 1, INCREMENT)
BOTH = Manifest(BASE_FILE, (INCR_FILE,))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (BASE_LINE + INCR_LINE, BOTH),
        (INCR_LINE + BASE_LINE, BOTH),
        ((BASE_LINE + INCR_LINE).replace(b"\n", b"\r\n"), BOTH),
        (b"# a comment\n" + BASE_LINE + b"#\n" + INCR_LINE, BOTH),
        (b"# nothing else\n", Manifest()),
        (b" \t" + BASE_LINE + INCR_LINE, BOTH),
        (b"TYPE b SEQ 1 FILE appendonly.aof.1.base.aof\n" + INCR_LINE, BOTH),
        (BASE_LINE[:-1] + b" and more\n" + INCR_LINE, BOTH),
        (BASE_LINE.replace(b"type b", b"type base") + INCR_LINE, BOTH),
        (b'file "appendonly.aof.1.base.aof" seq 1 type b\n' + INCR_LINE, BOTH),
        (b"file 'appendonly.aof.1.base.aof' seq 1 type b\n" + INCR_LINE, BOTH),
        (BASE_LINE, Manifest(BASE_FILE)),
        (INCR_LINE, Manifest(None, (INCR_FILE,))),
        (
            BASE_LINE + b"file old seq 1 type h\n",
            Manifest(BASE_FILE, (), (LogFile("old", 1, HISTORY),)),
        ),
        (
            b"file x seq 7 type i startoffset 12 endoffset 20\n",
            Manifest(None, (LogFile("x", 7, INCREMENT, 12),)),
        ),
        (b'file "k\\xc3\\xa4se" seq 1 type b\n', Manifest(LogFile("käse", 1, BASE))),
        (b'file "a \\"b\\"\\t" seq 1 type b\n', Manifest(LogFile('a "b"\t', 1, BASE))),
    ],
)
def test_what_redis_accepts_is_read(data: bytes, expected: Manifest) -> None:
    assert manifest.parse(data, PATH) == expected


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "manifest is empty"),
        (b"\n", "line 1: not 'file"),
        (BASE_LINE + b"\n" + INCR_LINE, "line 2: not 'file"),
        (BASE_LINE + INCR_LINE[:-1], "line 2: cut off"),
        (b"file " + b"x" * 1100 + b" seq 1 type i\n", "line 1: longer than 1024"),
        (b"file x seq 1 type\n", "line 1: not 'file"),
        (b"file x seq 1\n", "line 1: not 'file"),
        (b"file x seq 1 seq 1\n", "line 1: not 'file"),
        (b"file ../x seq 1 type b\n", "is a path"),
        (b"file x seq 0 type b\n", "line 1: not 'file"),
        (b"file x seq x type b\n", "line 1: not 'file"),
        (b"file x seq 1 type x\n", "unknown type 'x'"),
        (b"file x seq 1 type B\n", "unknown type 'B'"),
        (BASE_LINE + BASE_LINE, "line 2: a second base"),
        (BASE_LINE + INCR_LINE + INCR_LINE, "line 3: sequence number 1 does not grow"),
        (b'file "x seq 1 type b\n', "line 1: not 'file"),
        (b'file "x"y seq 1 type b\n', "line 1: not 'file"),
    ],
)
def test_what_redis_refuses_is_refused_by_line(data: bytes, message: str) -> None:
    with pytest.raises(AofError, match=message) as caught:
        manifest.parse(data, PATH)
    assert str(PATH) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("a.aof", b"a.aof"),
        ("#x.aof", b"#x.aof"),
        ("my file.aof", b'"my file.aof"'),
        ("käse.aof", b'"k\\xc3\\xa4se.aof"'),
        ('q"uo.aof', b'"q\\"uo.aof"'),
        ("a\tb.aof", b'"a\\tb.aof"'),
        ("x\x01y.aof", b'"x\\x01y.aof"'),
    ],
)
def test_names_are_quoted_as_redis_quotes_them(name: str, written: bytes) -> None:
    data = Manifest(LogFile(name, 1, BASE)).format()
    assert data == b"file " + written + b" seq 1 type b\n"


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\\\0"), min_size=1, max_size=60)
NUMBERS = st.integers(1, 10**18 - 1)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    base = draw(st.none() | st.builds(LogFile, NAMES, NUMBERS, st.just(BASE), st.none()))
    offsets = st.none() | st.integers(0, 10**18)
    increments = tuple(
        LogFile(draw(NAMES), seq, INCREMENT, draw(offsets))
        for seq in sorted(draw(st.sets(NUMBERS, max_size=4)))
    )
    history = draw(st.lists(st.builds(LogFile, NAMES, NUMBERS, st.just(HISTORY), st.none()), max_size=4))
    return Manifest(base, increments, tuple(history))


@given(manifests())
def test_what_is_written_is_read_back(written: Manifest) -> None:
    data = written.format()
    if data:
        assert manifest.parse(data, PATH) == written


@given(
    st.binary(max_size=200)
    | st.lists(st.sampled_from([*BASE_LINE.split(), b"\n", b'"', b"\\x"])).map(b" ".join)
)
def test_any_bytes_are_a_manifest_or_refused(data: bytes) -> None:
    try:
        manifest.parse(data, PATH)
    except AofError:
        pass

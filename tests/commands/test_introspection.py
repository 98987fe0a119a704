"""COMMAND: `command_info.jsonl` is what redis-server 8.2.3 answers to COMMAND INFO, one command a line.

To record it anew: send `COMMAND INFO name` for each name of COMMAND LIST, sorted, and write each reply as
JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from respq.commands import SPECS
from respq.commands.documentation import document
from respq.protocol.resp import RESP2
from respq.syntax import Argument, parse
from tests.conftest import Peer, Workbench
from tests.resp import decoded

RECORD = Path(__file__).with_name("command_info.jsonl")
SPEC_OF_REDIS = {entry[0]: entry for entry in map(json.loads, RECORD.read_text().splitlines())}
COMMANDS = sorted(name.lower() for name in SPECS if "|" not in name and name.lower() in SPEC_OF_REDIS)

# Commands that came after 8.2.3, as the documentation of Redis 8.10 describes them: arity, flags, first and
# last key and step, ACL categories, flags of the key.
NEWER = {
    "blmovem": (
        *(-6, {"write", "denyoom", "blocking"}, 1, 2, 1),
        *({"@write", "@list", "@slow", "@blocking"}, ["RW", "access", "delete"]),
    ),
    "lmovem": (
        *(-5, {"write", "denyoom"}, 1, 2, 1),
        *({"@write", "@list", "@slow"}, ["RW", "access", "delete"]),
    ),
    "delex": (
        *(-2, {"write", "fast"}, 1, 1, 1, {"@write", "@string", "@fast"}),
        ["RW", "delete", "variable_flags"],
    ),
    "delifeq": (
        3,
        {"write", "fast"},
        1,
        1,
        1,
        {"@write", "@string", "@fast"},
        ["RW", "delete"],
    ),  # of Valkey 9
    "digest": (2, {"readonly", "fast"}, 1, 1, 1, {"@read", "@string", "@fast"}, ["RO", "access"]),
    "msetex": (  # where Redis 8.2 has zeros for what is counted
        *(-4, {"write", "denyoom", "movablekeys"}, 1, 1, 2),
        *({"@write", "@string", "@slow"}, ["OW", "update"]),
    ),
    "increx": (
        *(-2, {"write", "denyoom", "fast"}, 1, 1, 1),
        *({"@write", "@string", "@fast"}, ["RW", "access", "update"]),
    ),
    **dict.fromkeys(
        ("sunioncard", "sdiffcard"),  # likewise
        (-3, {"readonly", "movablekeys"}, 1, 1, 1, {"@read", "@set", "@slow"}, ["RO", "access"]),
    ),
    "commandlog": (-2, set(), 0, 0, 0, {"@slow"}, []),  # of Valkey 8.1
    **dict.fromkeys(("backup", "hotkeys"), (-2, set(), 0, 0, 0, {"@slow"}, [])),
    "himport": (-2, set(), 0, 0, 0, {"@slow"}, []),
    "xcfgset": (-2, {"write", "fast"}, 1, 1, 1, {"@write", "@stream", "@fast"}, ["RW", "update"]),
    "xidmprecord": (
        *(5, {"write", "denyoom", "fast"}, 1, 1, 1),
        *({"@write", "@stream", "@fast"}, ["RW", "update"]),
    ),
    "xnack": (-7, {"write", "fast"}, 1, 1, 1, {"@write", "@stream", "@fast"}, ["RW", "update"]),
}

NEWER_SUBCOMMANDS = {"client|capa", "client|import-source"}  # of Valkey; whose container is older


def walk(arguments: list[Argument]) -> Iterator[Argument]:
    """These and those within them."""
    for argument in arguments:
        yield argument
        yield from walk(argument.alternatives or argument.parts)


def with_known_subcommands(entry: list[Any]) -> list[Any]:
    """The description with those of its subcommands that are declared here, in the order of names."""
    names = {name.lower() for name in SPECS} - NEWER_SUBCOMMANDS
    known = [with_known_subcommands(sub) for sub in entry[9] if sub[0] in names]
    return [*entry[:9], sorted(known)]


@pytest.fixture(scope="module")
def reader() -> Peer:
    """One connection for all questions that change nothing."""
    return Workbench().peer()


@pytest.mark.parametrize("name", COMMANDS)
def test_info_equals_that_of_redis(name: str, reader: Peer) -> None:
    (ours,) = decoded(reader.send("COMMAND", "INFO", name))
    assert with_known_subcommands(ours) == with_known_subcommands(SPEC_OF_REDIS[name])


@pytest.mark.parametrize("name", sorted({name.lower() for name in SPECS if "|" not in name} - set(COMMANDS)))
def test_info_of_what_came_later_is_that_of_the_documentation(name: str, alice: Peer) -> None:
    ((_, arity, flags, first, last, step, categories, _, specs, _),) = decoded(
        alice.send("COMMAND", "INFO", name)
    )
    assert (arity, set(flags), first, last, step, set(categories), specs[0][1] if specs else []) == NEWER[
        name
    ]


@pytest.mark.parametrize(
    ("name", "rest", "keys", "step"),
    [
        ("MSETEX", "2 k 1 l 2 EX 5", ["k", "l"], 2),
        ("SUNIONCARD", "2 k l", ["k", "l"], 1),
        ("SDIFFCARD", "1 k", ["k"], 1),
    ],
)
def test_counted_keys_of_what_came_later(
    name: str, rest: str, keys: list[str], step: int, alice: Peer
) -> None:
    assert decoded(alice.send("COMMAND", "GETKEYS", name, *rest.split())) == keys
    (info,) = decoded(alice.send("COMMAND", "INFO", name))
    ((_, _, _, begin, _, find),) = info[8]
    assert begin == ["type", "index", "spec", ["index", 1]]
    assert find == ["type", "keynum", "spec", ["keynumidx", 0, "firstkey", 1, "keystep", step]]


def test_info_of_a_subcommand_and_of_none(alice: Peer) -> None:
    reply = alice.send("COMMAND", "INFO", "Client|Kill", "nosuch", "client|nosuch")
    assert reply == (
        b"*3\r\n*10\r\n$11\r\nclient|kill\r\n:-3\r\n*4\r\n+admin\r\n+noscript\r\n+loading\r\n+stale\r\n"
        b":0\r\n:0\r\n:0\r\n*4\r\n+@admin\r\n+@slow\r\n+@dangerous\r\n+@connection\r\n*0\r\n*0\r\n*0\r\n"
        b"$-1\r\n$-1\r\n"
    )


def test_info_in_resp3_has_sets_and_maps(alice: Peer) -> None:
    alice.send("HELLO", 3)
    assert alice.send("COMMAND", "INFO", "get", "nosuch") == (
        b"*2\r\n*10\r\n$3\r\nget\r\n:2\r\n~2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n"
        b"~3\r\n+@read\r\n+@string\r\n+@fast\r\n~0\r\n"
        b"~1\r\n%3\r\n$5\r\nflags\r\n~2\r\n+RO\r\n+access\r\n"
        b"$12\r\nbegin_search\r\n%2\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n%1\r\n$5\r\nindex\r\n:1\r\n"
        b"$9\r\nfind_keys\r\n%2\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n%3\r\n$7\r\nlastkey\r\n:0\r\n"
        b"$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n~0\r\n_\r\n"
    )


def test_without_a_name_all_commands_are_described(alice: Peer) -> None:
    everything = decoded(alice.send("COMMAND"))
    assert sorted(entry[0] for entry in everything) == sorted([*COMMANDS, *NEWER])
    assert decoded(alice.send("COMMAND", "INFO")) == everything
    assert alice.send("COMMAND", "COUNT") == b":%d\r\n" % len(everything)


RO_ACCESS = b"*1\r\n*2\r\n$1\r\nk\r\n*2\r\n+RO\r\n+access\r\n"
RW_ACCESS_UPDATE = b"*1\r\n*2\r\n$1\r\nk\r\n*3\r\n+RW\r\n+access\r\n+update\r\n"
NO_KEYS = b"-ERR The command has no key arguments\r\n"
BAD_COUNT = b"-ERR Invalid number of arguments specified for command\r\n"
BAD_WORDS = b"-ERR Invalid arguments specified for command\r\n"
NO_COMMAND = b"-ERR Invalid command specified\r\n"
SYNTAX = b"-ERR syntax error\r\n"

ANSWERS = {
    "GETKEYS": b"-ERR wrong number of arguments for 'command|getkeys' command\r\n",
    "GETKEYS get k": b"*1\r\n$1\r\nk\r\n",
    "GETKEYS get": BAD_COUNT,
    "GETKEYS get k l": BAD_COUNT,
    "GETKEYS nosuch k": NO_COMMAND,
    "GETKEYS ping": NO_KEYS,
    "GETKEYS client": NO_KEYS,
    "GETKEYS client nosuch": NO_COMMAND,
    "GETKEYS client kill k": NO_KEYS,
    "GETKEYS spublish channel message": NO_KEYS,
    "GETKEYS ssubscribe channel": NO_KEYS,
    "GETKEYS zunion 1x k": b"*1\r\n$1\r\nk\r\n",  # as atoi reads it, in 32 bits
    "GETKEYS zunion 0000000000000000000000000000001 k": b"*1\r\n$1\r\nk\r\n",
    "GETKEYS zunion 4294967297 k": b"*1\r\n$1\r\nk\r\n",
    "GETKEYS zunion 99999999999999999999 k": BAD_WORDS,
    "GETKEYS zunion -1 k": BAD_WORDS,
    "GETKEYS zunion x k": BAD_WORDS,
    "GETKEYS object encoding k": b"*1\r\n$1\r\nk\r\n",
    "GETKEYS memory usage k": b"*1\r\n$1\r\nk\r\n",
    "GETKEYS mset a 1 b 2": b"*2\r\n$1\r\na\r\n$1\r\nb\r\n",
    "GETKEYS mset a 1 b": b"*2\r\n$1\r\na\r\n$1\r\nb\r\n",
    "GETKEYS blpop a b 0": b"*2\r\n$1\r\na\r\n$1\r\nb\r\n",
    "GETKEYS lmove a b left right": b"*2\r\n$1\r\na\r\n$1\r\nb\r\n",
    "GETKEYS blmpop 0 2 a b left": b"*2\r\n$1\r\na\r\n$1\r\nb\r\n",
    "GETKEYS lmpop 3 a b left": b"*3\r\n$1\r\na\r\n$1\r\nb\r\n$4\r\nleft\r\n",
    "GETKEYS lmpop 4 a b left": BAD_WORDS,
    "GETKEYS lmpop 0 a b left": BAD_WORDS,
    "GETKEYS lmpop x a b left": BAD_WORDS,
    "GETKEYSANDFLAGS get k": RO_ACCESS,
    "GETKEYSANDFLAGS set k v": b"*1\r\n*2\r\n$1\r\nk\r\n*2\r\n+OW\r\n+update\r\n",
    "GETKEYSANDFLAGS set k v get": RW_ACCESS_UPDATE,
    "GETKEYSANDFLAGS bitfield k overflow sat get u8 0": RO_ACCESS,
    "GETKEYSANDFLAGS bitfield k get set u8": RO_ACCESS,
    "GETKEYSANDFLAGS bitfield k get u8": RW_ACCESS_UPDATE,
    "GETKEYSANDFLAGS bitfield k get u8 0 set u8 0 1": RW_ACCESS_UPDATE,
    "GETKEYSANDFLAGS lmove a b left right":
        b"*2\r\n*2\r\n$1\r\na\r\n*3\r\n+RW\r\n+access\r\n+delete\r\n*2\r\n$1\r\nb\r\n*2\r\n+RW\r\n+insert\r\n",
    "GETKEYSANDFLAGS ping": NO_KEYS,
    "GETKEYSANDFLAGS nosuch": NO_COMMAND,
    "LIST FILTERBY": SYNTAX,
    "LIST nosuch": SYNTAX,
    "LIST FILTERBY nosuch x": SYNTAX,
    "LIST FILTERBY pattern a b": SYNTAX,
    "LIST FILTERBY aclcat nosuch": b"*0\r\n",
    "LIST FILTERBY aclcat @list": b"*0\r\n",
    "LIST FILTERBY module nosuch": b"*0\r\n",
    "LIST FILTERBY pattern CLIENT|k*": b"*1\r\n$11\r\nclient|kill\r\n",
    "DOCS nosuch": b"*0\r\n",
    "NOSUCH": b"-ERR unknown subcommand 'NOSUCH'. Try COMMAND HELP.\r\n",
    "COUNT x": b"-ERR wrong number of arguments for 'command|count' command\r\n",
}  # fmt: skip


@pytest.mark.parametrize("line", ANSWERS)
def test_one_command(line: str, alice: Peer) -> None:
    assert alice.send("COMMAND", *line.split()) == ANSWERS[line]


def test_list_names_subcommands_as_well(alice: Peer) -> None:
    assert sorted(decoded(alice.send("COMMAND", "LIST"))) == sorted(name.lower() for name in SPECS)
    assert sorted(decoded(alice.send("COMMAND", "LIST", "FILTERBY", "ACLCAT", "transaction"))) == [
        "discard", "exec", "multi", "unwatch", "watch"
    ]  # fmt: skip


@pytest.mark.parametrize("name", sorted(SPECS))
def test_every_command_is_documented(name: str, reader: Peer) -> None:
    shown, (*fields,) = decoded(reader.send("COMMAND", "DOCS", name))
    docs = dict(zip(fields[::2], fields[1::2], strict=True))
    assert shown == name.lower()
    assert docs["summary"]
    assert docs["since"]
    assert docs["group"]


def test_docs_describe_the_arguments(alice: Peer) -> None:
    (_, docs) = decoded(alice.send("COMMAND", "DOCS", "getex"))
    key, expiration = docs[docs.index("arguments") + 1]
    assert key == ["name", "key", "type", "key", "display_text", "key", "key_spec_index", 0]
    assert expiration[:6] == ["name", "expiration", "type", "oneof", "flags", ["optional"]]
    seconds, *_, persist = expiration[7]
    assert seconds == ["name", "seconds", "type", "integer", "display_text", "seconds", "token", "EX"]
    assert persist == ["name", "persist", "type", "pure-token", "display_text", "persist", "token", "PERSIST"]


def test_docs_tell_what_is_deprecated_and_what_is_not_for_applications(alice: Peer) -> None:
    (_, docs) = decoded(alice.send("COMMAND", "DOCS", "quit"))
    assert docs[8:] == [
        *("doc_flags", ["deprecated"], "deprecated_since", "7.2.0"),
        *("replaced_by", "just closing the connection"),
    ]
    (_, docs) = decoded(alice.send("COMMAND", "DOCS", "replconf"))
    assert docs[8:] == ["doc_flags", ["syscmd"]]


def test_docs_tell_which_version_brought_an_argument(alice: Peer) -> None:
    (_, docs) = decoded(alice.send("COMMAND", "DOCS", "auth"))
    username, password = docs[docs.index("arguments") + 1]
    assert username[6:] == ["since", "6.0.0", "flags", ["optional"]]
    assert password[6:] == []
    (_, docs) = decoded(alice.send("COMMAND", "DOCS", "client|kill"))
    ((*_, [old_format, _]),) = docs[docs.index("arguments") + 1]
    assert old_format == [
        *("name", "old-format", "type", "string", "display_text", "ip:port", "deprecated_since", "2.8.12")
    ]


NAMED = sorted(
    name for name, spec in SPECS.items() if spec.docs.argument_groups or spec.docs.argument_versions
)


@pytest.mark.parametrize("name", NAMED)
def test_what_is_said_of_arguments_is_said_of_some(name: str) -> None:
    docs = SPECS[name].docs
    groups = docs.argument_groups.split()
    arguments = list(walk(parse(docs.syntax)))
    assert len([one for one in arguments if one.parts or one.alternatives]) == len(groups)
    described = repr(decoded(document(RESP2, SPECS[name])))
    assert [version for version in docs.argument_versions if f"'name', '{version}'" not in described] == []


def test_docs_are_a_map_of_maps(alice: Peer) -> None:
    alice.send("HELLO", 3)
    docs = decoded(alice.send("COMMAND", "DOCS", "slowlog", "nosuch"))
    assert list(docs) == ["slowlog"]
    assert sorted(docs["slowlog"]["subcommands"]) == [
        "slowlog|get", "slowlog|help", "slowlog|len", "slowlog|reset"
    ]  # fmt: skip


WITH_HELP = [name for name, spec in SPECS.items() if name.endswith("|HELP") and spec.group != "cluster"]


@pytest.mark.parametrize("name", WITH_HELP)
def test_help_has_a_heading_and_ends_with_help(name: str, alice: Peer) -> None:
    container = name.removesuffix("|HELP")
    lines = alice.send(container, "HELP").decode().split("\r\n")[1:-1]
    assert lines[0] == f"+{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"
    assert lines[-2] == "+HELP"
    assert lines[-1].startswith("+    ")


@pytest.mark.parametrize("name", ["EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO"])
@pytest.mark.parametrize("rest", [["0"], ["x"], ["-1"], ["5", "a"], ["0", "a"]])
def test_scripts_and_functions_may_have_no_keys(alice: Peer, name: str, rest: list[str]) -> None:
    for question in ("GETKEYS", "GETKEYSANDFLAGS"):
        assert alice.send("COMMAND", question, name, "f", *rest) == b"*0\r\n"
    assert alice.send("COMMAND", "GETKEYS", name, "f", "1", "k", "v") == b"*1\r\n$1\r\nk\r\n"

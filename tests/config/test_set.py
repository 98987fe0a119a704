"""CONFIG SET and CONFIG GET: values, error texts and atomicity, as redis-server 8.2.3 has them.

`answers.jsonl` is what the reference answered (`python -m compat.oracle.directives` writes it).
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from respq.config import Config, ConfigError
from respq.config.directives import BY_ANY_NAME, DIRECTIVES, Fixed, Inert, Live

ANSWERS = [json.loads(line) for line in Path(__file__).with_name("answers.jsonl").read_text().splitlines()]
OF_ONE = [line for line in ANSWERS if isinstance(line[0], str)]
OF_SEVERAL = [line for line in ANSWERS if isinstance(line[0], list)]
DIFFERENT_DEFAULTS = {"appendonly", "bind", "dir", "port"}


def answer(config: Config, words: list[str]) -> str:
    """What CONFIG SET leads to, in the form of the table."""
    try:
        config.set(list(zip(words[::2], words[1::2], strict=True)))
    except ConfigError as error:
        return "-" + str(error).translate({10: " ", 13: " "})
    return "+" + config.get(words[0])[words[0]]


def expected(words: list[str], said: str) -> str:
    """What the reference said, or that the value is not one that respq has."""
    for name in words[::2]:
        directive = BY_ANY_NAME.get(name.lower())
        if said.startswith("+") and directive is not None and directive.role is Fixed:
            shown = directive.kind.show(directive.default)
            return f"+{shown}" if said == f"+{shown}" else refused(name, directive.about)
        if directive is not None and name == "locale-collate" and "Invalid locale" in said:
            return refused(name, directive.about)
    return said


def refused(name: str, reason: str) -> str:
    return f"-CONFIG SET failed (possibly related to argument '{name}') - {reason}"


@pytest.mark.parametrize(("name", "answers"), OF_ONE, ids=[line[0] for line in OF_ONE])
def test_a_directive_answers_to_every_value_as_the_reference_does(name: str, answers: dict[str, str]) -> None:
    for value, said in answers.items():
        whole = said if said.startswith("+") else refused(name, said)
        assert answer(Config(), [name, value]) == expected([name, value], whole), value


@pytest.mark.parametrize(("words", "said"), OF_SEVERAL, ids=[" ".join(line[0])[:40] for line in OF_SEVERAL])
def test_one_config_set_answers_as_the_reference_does(words: list[str], said: str) -> None:
    assert answer(Config(), words) == expected(words, said)


def test_every_directive_of_the_reference_is_known_and_no_other() -> None:
    newer = {"stream-idmp-duration", "stream-idmp-maxsize"}  # of Redis 8.6
    newer |= {"aof-load-corrupt-tail-max-size", "lookahead"}  # of Redis 8.4
    newer.add("key-memory-histograms")  # of Redis 8.6
    newer |= {"slowlog-entry-max-argc", "slowlog-entry-max-string-len"}  # of Redis 8.8
    newer |= {"backupdirname", "backup-sealed-ttl", "preload-file"}  # of Redis 8.10
    newer.add("compat-version")  # our own
    newer |= set(Config().get("commandlog-*"))  # of Valkey 8.1
    newer |= {"extended-redis-compatibility", "import-mode"}  # of Valkey, with the same meaning
    assert set(Config().get("*")) == {name for name, _ in OF_ONE} | {"tls-port"} | newer


def test_defaults_are_those_of_the_reference_but_for_a_few() -> None:
    shown = Config().get("*")
    different = {
        name
        for name, answers in OF_ONE
        if f"+{shown[name]}" not in answers.values() and "can't set" not in next(iter(answers.values()))
    }
    assert different <= DIFFERENT_DEFAULTS


def test_what_is_written_is_kept_in_a_directory_for_clients_of_this_machine() -> None:
    config = Config()
    assert (config.appendonly, config.appendfsync) == (True, "everysec")
    assert (config.bind, config.protected_mode) == (("127.0.0.1", "-::1"), True)
    assert config.dir == str(Path("respq-data").absolute())


def test_attributes_have_the_types_that_the_table_says() -> None:
    config = Config()
    config.set({"requirepass": "é", "timeout": "7", "client-output-buffer-limit": "slave 1mb 2k 3"})
    assert config.requirepass == "é".encode()
    assert config.timeout == 7
    assert config.client_output_buffer_limit["replica"] == (1 << 20, 2000, 3)
    assert config.client_output_buffer_limit["normal"] == (0, 0, 0)


@pytest.mark.parametrize("directive", DIRECTIVES.values(), ids=list(DIRECTIVES))
def test_every_line_of_the_table_is_sound(directive: object) -> None:
    line = DIRECTIVES[getattr(directive, "name", "")]
    words = line.kind.show(line.default).split(" ") if line.kind.several else [line.kind.show(line.default)]
    if line.name not in {"dir", "replicaof"}:
        assert line.kind.read(words, line.default) == line.default
    assert bool(line.about) is (line.role is not Inert)
    assert line.role in {Live, Inert, Fixed}


# -- GET -------------------------------------------------------------------------------------------


def test_a_plain_name_is_answered_as_it_was_spelled() -> None:
    assert Config().get("MaxClients") == {"MaxClients": "10000"}


def test_patterns_ignore_case_and_answer_in_lower_case() -> None:
    assert Config().get("MAXCL*", "p?rt", "[h]z") == {"maxclients": "10000", "port": "6379", "hz": "10"}


def test_a_directive_is_answered_once_however_often_it_is_asked_for() -> None:
    assert list(Config().get("port", "PORT", "por*")) == ["port"]


def test_old_names_are_known_beside_the_present_ones() -> None:
    assert Config().get("slave-p*", "replica-priority") == {
        "slave-priority": "100",
        "replica-priority": "100",
    }


def test_what_matches_nothing_is_left_out() -> None:
    assert Config().get("nope", "nope*", "por\\t", "") == {}


# -- SET is all or nothing -------------------------------------------------------------------------


@pytest.fixture
def config() -> Config:
    return Config()


def test_nothing_changes_when_one_value_is_wrong(config: Config) -> None:
    config.on_change("timeout", lambda: pytest.fail("a hook ran"))
    with pytest.raises(ConfigError, match="possibly related to argument 'maxclients'"):
        config.set([("timeout", "5"), ("maxclients", "x")])
    assert (config.timeout, config.maxclients) == (0, 10000)


def test_a_hook_runs_once_after_all_values_are_there(config: Config) -> None:
    seen: list[tuple[int, int]] = []

    def hook() -> None:
        seen.append((config.timeout, config.tcp_keepalive))

    config.on_change("timeout", hook)
    config.on_change("tcp-keepalive", hook)
    config.set([("timeout", "5"), ("tcp-keepalive", "6")])
    assert seen == [(5, 6)]


def test_a_hook_does_not_run_for_a_value_that_was_there_before(config: Config) -> None:
    config.on_change("timeout", lambda: pytest.fail("a hook ran"))
    config.set([("timeout", "0")])


def test_a_hook_that_refuses_takes_everything_back(config: Config) -> None:
    steps: list[int] = []

    def refuse() -> None:
        raise ConfigError("no socket for it")

    config.on_change("timeout", lambda: steps.append(config.timeout))
    config.on_change("port", refuse)
    with pytest.raises(ConfigError) as caught:
        config.set([("timeout", "5"), ("PORT", "7000")])
    assert str(caught.value) == refused("port", "no socket for it")[1:]
    assert (config.timeout, config.port) == (0, 6379)
    assert steps == [5, 0]


def test_a_protected_directive_changes_only_if_that_was_allowed_at_start(config: Config) -> None:
    config.set({"enable-protected-configs": "local"}, at_start=True)
    with pytest.raises(ConfigError, match="can't set protected config"):
        config.set([("dbfilename", "other.rdb")], local=False)
    config.set([("dbfilename", "other.rdb")], local=True)
    assert config.dbfilename == "other.rdb"


def test_the_directory_never_changes_while_the_server_runs(config: Config, tmp_path: Path) -> None:
    config.set({"enable-protected-configs": "yes"}, at_start=True)
    before = config.dir
    with pytest.raises(ConfigError, match="stays in its directory"):
        config.set([("dir", str(tmp_path))])
    (tmp_path / "file").touch()
    for path, reason in (
        ("", "No such file or directory"),
        (f"{tmp_path}/none", "No such file or directory"),
        (f"{tmp_path}/file", "Not a directory"),
    ):
        with pytest.raises(ConfigError) as caught:
            config.set([("dir", path)])
        assert str(caught.value) == refused("dir", reason)[1:]
    assert config.dir == before


def test_at_start_immutable_directives_can_be_set_and_no_hook_runs(config: Config) -> None:
    config.on_change("databases", lambda: pytest.fail("a hook ran"))
    config.set({"databases": "4", "appendonly": "no"}, at_start=True)
    assert (config.databases, config.appendonly) == (4, False)

"""What the README prints is what happens; compat/clients/ runs the parts that need redis-cli and Celery."""

from __future__ import annotations

from pathlib import Path

from respq.config import Config
from respq.engine import Engine
from tests import readme
from tests.ports import free_port
from tests.readme import CELERY, QUEUE, RQ, TOUR, USERS


def test_two_commands_set_everything_up() -> None:
    install = "python3 -m venv .venv && .venv/bin/pip install"
    start, test, *_ = readme.under("Set up", "sh")
    assert start == f"{install} . && .venv/bin/respq serve\n"
    assert test == f"{install} '.[test]' && .venv/bin/pytest\n"


def test_another_port_is_given_as_the_tests_give_it() -> None:
    *_, text = readme.under("Set up", "sh")
    port = readme.DOCUMENTED_PORT
    assert [line.partition("#")[0].strip() for line in text.splitlines()] == [
        f".venv/bin/respq serve --port {port}",
        f"redis-cli -p {port}",
        f"export REDIS_URL=redis://localhost:{port}",
    ]


def test_every_block_is_run_by_some_test() -> None:
    run = {("Set up", "sh"), (TOUR, "console"), (QUEUE, "python"), (QUEUE, "console"), USERS}
    run |= {(heading, language) for heading in (CELERY, RQ) for language in ("python", "console")}
    shown = {("Configuration", "sh"), ("Architecture", "text")}  # docker, and a picture
    assert {block[:2] for block in readme.blocks()} == run | shown


def test_a_job_survives_its_worker_and_the_server(tmp_path: Path) -> None:
    readme.write_programs(QUEUE, tmp_path)
    with readme.shell(tmp_path, free_port()) as shell:
        for text in readme.under(QUEUE, "console"):
            for command, output in readme.steps(text):
                assert shell.run(command) == output, command


def test_the_users_may_do_their_part_of_the_work_and_nothing_else(tmp_path: Path) -> None:
    (text,) = readme.under(*USERS)
    file = tmp_path / "users.acl"
    file.write_text(text)
    engine = Engine(Config.load(None, ["--appendonly", "no", "--aclfile", str(file)]))
    replies = {}
    for name, password in (("producer", "secret1"), ("worker", "secret2")):
        client = engine.connect()
        for command in ("LPUSH jobs 1", "BLMOVE jobs jobs:taken:a 1 RIGHT LEFT", "SCAN 0", "DEL jobs"):
            engine.receive(client, f"HELLO 2 AUTH {name} {password}\r\n{command}\r\n".encode())
            replies[name, command.partition(" ")[0]] = b"-NOPERM" not in client.out[-1]
    assert [replies["producer", name] for name in ("LPUSH", "BLMOVE", "SCAN", "DEL")] == [True] + [False] * 3
    assert [replies["worker", name] for name in ("LPUSH", "BLMOVE", "SCAN", "DEL")] == [True] * 3 + [False]


def test_the_tables_are_made_from_the_declarations() -> None:
    text = readme.README.read_text(encoding="utf-8")
    assert text == readme.regenerated(text), "run python -m tests.readme"

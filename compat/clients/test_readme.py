"""The parts of the README's tour that need redis-cli, Celery and RQ."""

from __future__ import annotations

from pathlib import Path

import pytest

from compat.servers import start_respq
from tests import readme
from tests.ports import free_port


def test_redis_cli_shows_what_the_readme_says(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    server = start_respq(data)
    try:
        with readme.shell(tmp_path, server.port) as shell:
            for text in readme.under(readme.TOUR, "console"):
                for command, output in readme.steps(text):
                    assert shell.run(command) == output, command
    finally:
        server.stop()


@pytest.mark.parametrize("heading", [readme.CELERY, readme.RQ])
def test_an_application_prints_what_the_readme_says(heading: str, tmp_path: Path) -> None:
    readme.write_programs(heading, tmp_path)
    with readme.shell(tmp_path, free_port()) as shell:
        for text in readme.under(heading, "console"):
            for command, output in readme.steps(text):
                assert shell.run(command) == output, command

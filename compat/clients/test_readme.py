"""The parts of the README's tour that need redis-cli and Celery."""

from __future__ import annotations

from pathlib import Path

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


def test_celery_prints_what_the_readme_says(tmp_path: Path) -> None:
    readme.write_programs(readme.CELERY, tmp_path)
    with readme.shell(tmp_path, free_port()) as shell:
        for text in readme.under(readme.CELERY, "console"):
            for command, output in readme.steps(text):
                assert shell.run(command) == output, command

"""The title that `ps` shows; templates are those that redis-server 8.2.3 took, refused and filled in."""

from __future__ import annotations

import pytest

from respq.config import Config, ConfigError
from respq.title import printable, title_of

SHOWN = {
    "{title} {listen-addr} {server-mode}": "respq 127.0.0.1:6379",
    "{config-file}": "-",
    "{port}": "6379",
    "{tls-port}": "0",
    "a{{b": "a{b",
    "a{{title}": "a{title}",
    "a}b": "a}b",
    "{{": "{",
    "{title} x  ": "respq x",
    "  y {title}": "y respq",
    "a  b": "a  b",
}


def titled(**directives: str) -> str:
    config = Config()
    config.set(directives, at_start=True)
    return title_of(config)


@pytest.mark.parametrize("template", SHOWN)
def test_a_template_is_filled_in(template: str) -> None:
    assert titled(**{"proc-title-template": template}) == SHOWN[template]


@pytest.mark.parametrize(
    "template",
    [
        "{title}",
        "{title} {server-mode}",
        "{unixsocket}",
        "{title",
        "{server-mode}",
        "{title}{title}",
        " ",
        "{x}",
    ],
)
def test_one_that_says_nothing_beside_the_title_is_refused(template: str) -> None:
    with pytest.raises(ConfigError, match="template format is invalid or contains unknown variables"):
        titled(**{"proc-title-template": template})


@pytest.mark.parametrize(
    ("directives", "title"),
    [
        ({"bind": "*"}, "respq *:6379"),
        ({"bind": "-::1 127.0.0.1"}, "respq -::1:6379"),
        ({"port": "0", "unixsocket": "/run/jobs.sock"}, "respq unixsocket:/run/jobs.sock"),
        ({"unixsocket": "/run/jobs.sock", "proc-title-template": "{unixsocket}"}, "/run/jobs.sock"),
    ],
)
def test_it_says_where_the_server_listens(directives: dict[str, str], title: str) -> None:
    assert titled(**directives) == title


def test_bytes_that_are_not_utf8_do_not_keep_it_from_being_shown() -> None:
    template = b"{port} \xff\xc3\xa9".decode(errors="surrogateescape")
    assert printable(titled(**{"proc-title-template": template})) == "6379 \ufffdé"

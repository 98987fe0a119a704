"""The users that a configuration describes: `requirepass`, and `user` lines or an ACL file.

What of it is wrong keeps a server from starting, in one line that names the place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from respq.acl.catalogue import Catalogue
from respq.acl.file import AclFile, AclFileError
from respq.acl.selectors import RuleError
from respq.acl.users import Users
from respq.config import ConfigError
from respq.config.kinds import decoded, encoded
from respq.describe import CATEGORIES, categories
from respq.words import quoted, split_words

if TYPE_CHECKING:
    from respq.config import Config, UserLine
    from respq.state import Spec


def users_of(config: Config, specs: Mapping[str, Spec]) -> Users:
    """The users as they are at the start. Raises ConfigError."""
    by_name = {name.lower().encode(): spec for name, spec in specs.items()}
    catalogue = Catalogue(
        by_name,
        [category.encode() for category in CATEGORIES],
        lambda name: [category.encode() for category in categories(by_name[name])],
    )
    users = Users(catalogue, all_channels=config.acl_pubsub_default == "allchannels")
    if config.requirepass:
        users.set_default_password(config.requirepass)
    if config.aclfile and config.users:
        raise ConfigError("users are defined by `aclfile` or by `user` lines, not by both")
    if config.aclfile:
        try:
            users.replace(AclFile(config.aclfile, config.compat_version).read(users))
        except AclFileError as error:
            raise ConfigError(f"aclfile: {decoded(error.text)}") from None
    for name, line in config.users.items():
        _define(users, name, line)
    return users


def _define(users: Users, name: str, line: UserLine) -> None:
    """Have a user that a line of the configuration describes. Raises ConfigError."""
    if not users.may_have(encoded(name)):
        raise ConfigError(f"{line.place}: user: names have neither blanks nor zero bytes in them")
    try:
        users.set(encoded(name), [b"reset", *map(encoded, line.rules)])
    except RuleError as error:
        rule = f"{decoded(error.rule)}: " if error.rule else ""
        raise ConfigError(f"{line.place}: user {name}: {rule}{decoded(error.text)}") from None


def lines_of(users: Users) -> list[str]:
    """All users for CONFIG REWRITE, each in the words that follow `user` on its line."""
    return [_in_a_line(user.shown()) for user in users]


def _in_a_line(shown: bytes) -> str:
    """What ACL LIST shows of a user, without the first word; quoted, where a line would be misread."""
    words = shown.split(b" ")[1:]
    return decoded(b" ".join([word if split_words(word) == [word] else quoted(word) for word in words]))

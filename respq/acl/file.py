"""The ACL file: one line for each user, as ACL LIST shows them; from Redis 8.8 on also comments.

Reading looks at every line and tells everything that is wrong at once, in the words of redis-server 8.2.3.
(That crashes at a selector that is not closed; here it is told like any other mistake.) Writing replaces the
file at once or not at all.
"""

from __future__ import annotations

from pathlib import Path

from respq.acl.selectors import NO_SUCH_COMMAND, RuleError
from respq.acl.users import DEFAULT, User, Users, merged
from respq.config.files import replace_file
from respq.errors import shown

NOTHING_CHANGED = b"WARNING: ACL errors detected, no change to the previously active ACL rules was performed"


COMMENTS_SINCE = 8, 8  # the version of Redis


class AclFileError(Exception):
    """The file cannot be read or written, or says nothing that makes sense; `text` is for people."""

    def __init__(self, text: bytes) -> None:
        super().__init__(text)
        self.text = text


class AclFile:
    """The file under a path, as a version of Redis reads it.

    Lines that begin with `#` are comments, which writing leaves out, or mistakes.
    """

    def __init__(self, path: str, version: tuple[int, ...]) -> None:
        self._path = path
        self._has_comments = version >= COMMENTS_SINCE
        self._label = path.encode(errors="surrogateescape")  # as messages name it

    def read(self, users: Users) -> list[User]:
        """The users that the file describes, who are not among `users` yet. Raises AclFileError.

        `default`, if there is no line about it, is as it is without any file. O(bytes).
        """
        try:
            text = shown(Path(self._path).read_bytes())
        except OSError as error:
            reason = (error.strerror or "").encode()
            raise AclFileError(b"Error loading ACLs, opening file '%b': %b" % (self._label, reason)) from None
        found: dict[bytes, User] = {}
        mistakes: list[bytes] = []
        lines = [line.strip(b" \t\r\n") for line in text.split(b"\n")]
        for number, line in enumerate(lines, 1):
            if line and not (self._has_comments and line.startswith(b"#")):
                self._read_line(line, number, users, found, mistakes)
        if mistakes:
            raise AclFileError(b" ".join([*mistakes, NOTHING_CHANGED]))
        found.setdefault(DEFAULT, users.unrestricted(DEFAULT))
        return list(found.values())

    def _read_line(
        self, line: bytes, number: int, users: Users, found: dict[bytes, User], mistakes: list[bytes]
    ) -> None:
        """Add the user that one line describes to `found`, and what is wrong with it to `mistakes`."""
        place = b"%b:%d" % (self._label, number)
        words = line.split(b" ")
        if words[0] != b"user" or len(words) < 2:
            mistakes.append(place + b" should start with user keyword followed by the username.")
            return
        name = words[1]
        if not users.may_have(name):
            mistakes.append(b"'%b: username '%b' contains invalid characters." % (place, name))
            return
        if name in found:
            mistakes.append(b"WARNING: Duplicate user '%b' found on line %d." % (name, number))
            return
        user = found[name] = users.fresh(name)
        told = False  # of all mistakes but unknown names, the first is enough
        try:
            for rule in merged(words[2:]):
                try:
                    users.apply(user, rule)
                except RuleError as error:
                    if error.text == NO_SUCH_COMMAND:
                        applied = b"Error in applying operation '%b': %b" % (rule, error.text)
                        mistakes.append(b"%b: %b." % (place, applied))
                    elif not told:
                        mistakes.append(b"%b: %b." % (place, error.text))
                        told = True
        except RuleError as error:
            mistakes.append(b"%b: %b" % (place, error.text))
        users.compile(user)

    def write(self, users: Users) -> None:
        """Write all users into the file. Raises AclFileError, whose text is for the log."""
        try:
            replace_file(Path(self._path), b"".join([user.shown() + b"\n" for user in users]))
        except OSError as error:
            reason = (error.strerror or "").encode()
            raise AclFileError(b"Cannot write the ACL file %b: %b" % (self._label, reason)) from None

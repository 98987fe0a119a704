"""The libraries of functions that a server keeps: loaded, deleted, dumped and restored.

A library is its code: that is what the log, snapshots and FUNCTION DUMP hold, and what is run again to have
its functions. Names of libraries are as they are written; those of functions, which all libraries share, are
the same in either case. (redis-server 8.2.3 compares them so, except within a library: there two functions
whose names differ in case are kept, and a crash follows when they are deleted. Here the second is refused.)

What is loaded or restored takes effect as a whole or not at all, because it is put together in a catalogue of
its own first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from respq.commands.scripthost import ScriptHost
from respq.commands.scripting import host_of
from respq.errors import CommandError
from respq.rdb import payload
from respq.rdb.cursor import BadFormatError
from respq.scripting.libraries import LibraryRuntime, LoadError, Registered
from respq.scripting.runtime import CompileError
from respq.scripting.shebang import Flags, read_library_shebang
from respq.state import Server

LOAD_MS: Final = 500  # that the code of a library may run when it is loaded


class Function:
    """One function of a library."""

    __slots__ = ("callback", "description", "flags", "library", "name")

    killer = "FUNCTION KILL"

    def __init__(self, library: bytes, registered: Registered) -> None:
        self.library = library
        self.name, self.callback, self.flags, self.description = registered


class Library:
    """The code of a library, and the functions that it registered, in order."""

    __slots__ = ("code", "functions", "name")

    def __init__(self, name: bytes, code: bytes, registered: Iterable[Registered]) -> None:
        self.name = name
        self.code = code
        self.functions = [Function(name, each) for each in registered]


class Catalogue:
    """Libraries by name; their functions by name in lower case."""

    def __init__(self, libraries: Iterable[Library] = ()) -> None:
        self.libraries: dict[bytes, Library] = {}
        self.functions: dict[bytes, Function] = {}
        for library in libraries:
            self.add(library)

    def add(self, library: Library) -> None:
        """Take in a library of another name. Raises CommandError if one of its functions exists."""
        for function in library.functions:
            if function.name.lower() in self.functions:
                raise CommandError(b"Function %b already exists" % function.name)
        self.libraries[library.name] = library
        self.functions |= {function.name.lower(): function for function in library.functions}

    def without(self, names: Iterable[bytes]) -> Catalogue:
        """A copy of all but the libraries of these names. O(functions)."""
        left_out = set(names)
        return Catalogue(library for name, library in self.libraries.items() if name not in left_out)


class Libraries:
    """The libraries of `server`."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._runtime: LibraryRuntime | None = None  # from the first library on
        self.catalogue = Catalogue()

    @property
    def host(self) -> ScriptHost:
        """Who executes the commands of functions."""
        return host_of(self._server)

    @property
    def runtime(self) -> LibraryRuntime:
        """The Lua state in which the libraries live."""
        if self._runtime is None:
            self._runtime = LibraryRuntime(self.host, self._server.redis_version)
        return self._runtime

    @property
    def memory_used(self) -> int:
        """Bytes that Lua has for the libraries."""
        return 0 if self._runtime is None else self._runtime.memory_used()

    def __iter__(self) -> Iterator[Library]:
        return iter(self.catalogue.libraries.values())

    def __len__(self) -> int:
        return len(self.catalogue.libraries)

    def find(self, name: bytes) -> Function:
        """The function of that name. Raises CommandError."""
        function = self.catalogue.functions.get(name) or self.catalogue.functions.get(name.lower())
        if function is None:
            raise CommandError("Function not found")
        return function

    def flags_of(self, name: bytes) -> Flags:
        """What the function of that name says that it needs. Raises CommandError."""
        return self.find(name).flags

    # -- changing ----------------------------------------------------------------------------------

    def load(self, code: bytes, *, replace: bool) -> bytes:
        """Run a library and keep it; its name. Raises CommandError."""
        name, text = read_library_shebang(code)
        if name in self.catalogue.libraries and not replace:
            raise CommandError(b"Library '%b' already exists" % name)
        library = self._run(name, code, text)
        catalogue = self.catalogue.without([name])
        catalogue.add(library)
        self.catalogue = catalogue
        return name

    def _run(self, name: bytes, code: bytes, text: bytes) -> Library:
        """The library with this code; the server waits for it only as long as it serves clients."""
        within_ms = 0 if self._server.loading else LOAD_MS
        try:
            registered = self.runtime.load(text, within_ms)
        except CompileError as error:
            raise CommandError(b"Error compiling function: %b" % error.args[0]) from None
        except LoadError as error:
            raise CommandError(b"Error registering functions: %b" % error.args[0]) from None
        if not registered:
            raise CommandError("No functions registered")
        return Library(name, code, registered)

    def delete(self, name: bytes) -> None:
        """Forget a library. Raises CommandError."""
        if name not in self.catalogue.libraries:
            raise CommandError("Library not found")
        self.catalogue = self.catalogue.without([name])

    def flush(self) -> None:
        """Forget all libraries, and Lua with them."""
        self.catalogue = Catalogue()
        self._runtime = None

    def restore(self, data: bytes, policy: bytes) -> None:
        """Take in the libraries of a payload. Raises CommandError.

        FLUSH: in place of all others; APPEND: besides them; REPLACE: in place of those of the same names.
        """
        restored = Catalogue()
        for code in _codes(data):
            name, text = read_library_shebang(code)
            if name in restored.libraries:
                raise CommandError(b"Library '%b' already exists" % name)
            restored.add(self._run(name, code, text))
        if policy == b"FLUSH":
            self.catalogue = restored
            return
        if policy == b"APPEND":
            for name in restored.libraries:
                if name in self.catalogue.libraries:
                    raise CommandError(b"Library %b already exists" % name)
        catalogue = self.catalogue.without(restored.libraries)
        for library in restored.libraries.values():
            catalogue.add(library)
        self.catalogue = catalogue


def _codes(data: bytes) -> Iterator[bytes]:
    """The code of each library in a payload. Raises CommandError."""
    try:
        payload.check(data)
    except BadFormatError:
        raise CommandError("DUMP payload version or checksum are wrong") from None
    try:
        yield from payload.read_libraries(data)
    except BadFormatError as error:
        raise CommandError(str(error)) from None

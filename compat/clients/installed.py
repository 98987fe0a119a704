"""What the programs of other languages need, and how each is made ready to run.

Debian's packages are listed in debian-packages.txt, which `.ci/run` installs as well. Node.js's
come from npm, as the package-lock.json beside a program says, into node_modules there.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
DEBIAN_GOPATH = "/usr/share/gocode"
BUILD_SECONDS = 240


def require_debian_packages() -> None:
    """Fail with the line that installs what is missing; other systems are trusted to have all of it."""
    if shutil.which("dpkg-query") is None:
        return
    wanted = (HERE / "debian-packages.txt").read_text(encoding="utf-8").split()
    found = subprocess.run(
        ["dpkg-query", "--show", "--showformat", "${binary:Package} ${db:Status-Status}\n", *wanted],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split("\n")
    present = {line.split()[0].split(":")[0] for line in found if line.endswith(" installed")}
    if missing := [name for name in wanted if name not in present]:
        raise RuntimeError(f"missing: apt install --no-install-recommends {' '.join(missing)}")


def command(name: str, origin: str) -> str:
    """The path of a program; fails with where it comes from."""
    if (path := shutil.which(name)) is None:
        raise RuntimeError(f"{name} is missing: {origin}")
    return path


def build_c(source: Path, directory: Path) -> list[str]:
    binary = directory / source.stem
    compile_ = [command("cc", "apt install gcc libc6-dev"), "-Wall", "-Wextra", "-Werror"]
    _run([*compile_, str(source), "-lhiredis", "-o", str(binary)])
    return [str(binary)]


def build_go(source: Path, directory: Path) -> list[str]:
    binary = directory / source.stem
    go = command("go", "apt install golang-go golang-github-gomodule-redigo-dev")
    settings = {"GO111MODULE": "off", "GOPATH": DEBIAN_GOPATH, "GOCACHE": str(directory / "cache")}
    _run([go, "build", "-o", str(binary), str(source)], settings)
    return [str(binary)]


def interpret(source: Path, _directory: Path) -> list[str]:
    names = {".py": sys.executable, ".rb": "ruby", ".php": "php", ".pl": "perl"}
    name = names[source.suffix]
    return [command(name, f"apt install {name}"), str(source)]


def install_node(source: Path, _directory: Path) -> list[str]:
    origin = "Node.js 20 or later with npm, such as Debian's packages nodejs and npm"
    node, npm = command("node", origin), command("npm", origin)
    wanted = source.parent / "package-lock.json"
    installed = source.parent / "node_modules" / ".package-lock.json"
    with wanted.open("rb") as lock:  # several processes may run tests
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not installed.exists() or installed.stat().st_mtime < wanted.stat().st_mtime:
            _run([npm, "ci", "--prefix", str(source.parent), "--ignore-scripts", "--no-audit", "--no-fund"])
    return [node, str(source)]


def _run(argv: list[str], settings: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        argv,
        env={**os.environ, **(settings or {})},
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{argv}:\n{done.stdout}{done.stderr}"

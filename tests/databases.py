"""Databases for tests: a SQLite file, or a database of its own on a PostgreSQL server that runs for the tests alone."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

_numbers = count()


def postgres_programs() -> Path | None:
    """The folder of PostgreSQL's programs, which Debian keeps off the path; None where there is none."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return folders[-1] if folders else None


class PostgresServer:
    """A server that listens on a socket in `folder`; `url` has {} for the name of a database.

    It runs as `postgres` where the tests run as root, which it refuses.
    """

    def __init__(self, programs: Path, folder: Path) -> None:
        self.url = f"postgresql://postgres@/{{}}?host={folder}"
        self._programs, self._folder = programs, folder
        self._as_user: list[str] = []
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(folder, user.pw_uid, user.pw_gid)
            self._as_user = ["runuser", "-u", "postgres", "--"]
        self._run("initdb", "--username", "postgres", "--auth", "trust", "--encoding", "UTF8", "--no-sync")

    def start(self) -> None:
        self._run("pg_ctl", "start", "--wait", "--log", f"{self._folder}/log", "--options", f"-k {self._folder} -h ''")

    def stop(self) -> None:
        """At once, whoever is connected."""
        self._run("pg_ctl", "stop", "--mode", "immediate")

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as_user, str(self._programs / program), *arguments, "--pgdata", f"{self._folder}/data"]
        # Into a file, not a pipe: the server that pg_ctl starts would hold the pipe open for as long as it runs.
        with tempfile.TemporaryFile() as out:
            done = subprocess.run(command, stdout=out, stderr=out, cwd=self._folder, check=False)
            out.seek(0)
            assert done.returncode == 0, out.read().decode()


@contextmanager
def postgres_server(programs: Path) -> Iterator[PostgresServer]:
    """A server that runs, in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="onrecord-postgres-") as folder:
        server = PostgresServer(programs, Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()


def new_database(server: str) -> str:
    """The URL of an empty database on that server."""
    import psycopg

    name = f"test{next(_numbers)}"
    with psycopg.connect(server.format("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return server.format(name)

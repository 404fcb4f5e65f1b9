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


@contextmanager
def postgres_server(programs: Path) -> Iterator[str]:
    """The URL of a server that listens on a socket in a temporary folder, with {} for the name of a database.

    It runs as `postgres` where the tests run as root, which it refuses.
    """
    with tempfile.TemporaryDirectory(prefix="onrecord-postgres-") as name:
        folder = Path(name)
        as_user: list[str] = []
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(folder, user.pw_uid, user.pw_gid)
            as_user = ["runuser", "-u", "postgres", "--"]

        def run(program: str, *arguments: str) -> None:
            # Into a file, not a pipe: the server that pg_ctl starts would hold the pipe open for as long as it runs.
            with tempfile.TemporaryFile() as out:
                done = subprocess.run([*as_user, str(programs / program), *arguments], stdout=out, stderr=out, cwd=folder, check=False)
                out.seek(0)
                assert done.returncode == 0, out.read().decode()

        run("initdb", "--pgdata", f"{folder}/data", "--username", "postgres", "--auth", "trust", "--encoding", "UTF8", "--no-sync")
        run("pg_ctl", "start", "--wait", "--pgdata", f"{folder}/data", "--log", f"{folder}/log", "--options", f"-k {folder} -h ''")
        try:
            yield f"postgresql://postgres@/{{}}?host={folder}"
        finally:
            run("pg_ctl", "stop", "--mode", "immediate", "--pgdata", f"{folder}/data")


def new_database(server: str) -> str:
    """The URL of an empty database on that server."""
    import psycopg

    name = f"test{next(_numbers)}"
    with psycopg.connect(server.format("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return server.format(name)

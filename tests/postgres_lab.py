"""A real PostgreSQL for tests: its own cluster on a unix socket, as an unprivileged user, stopped by its pid."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from remediator.journal.postgres.place import PostgresPlace

OWNER = "fleetmend"


def programs() -> Path | None:
    """The folder of ``postgres`` and ``initdb``; None where the Debian package postgresql is not installed."""
    found = shutil.which("postgres")
    known = [Path(found).resolve().parent] if found else []
    known += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in known if (folder / "initdb").exists()), None)


class PostgresServer:
    """One cluster in ``folder``; ``start``, ``stop`` and ``kill`` as often as a test likes."""

    def __init__(self, folder: Path, bin_folder: Path, primary: "PostgresServer | None" = None) -> None:
        self.folder = folder
        self._bin = bin_folder
        self._user = _unprivileged()
        self.process: subprocess.Popen[bytes] | None = None
        if self._user is not None:
            os.chown(folder, self._user, -1)
        data = str(folder / "data")
        if primary is None:
            self._run("initdb", "-D", data, "-U", OWNER, "--auth=trust", "--no-sync", "-E", "UTF8")
        else:
            name = f"host={primary.folder} user={OWNER} application_name={folder.name}"
            self._run("pg_basebackup", "-D", data, "-d", name, "-R", "-X", "stream", "-c", "fast", "--no-sync")

    def start(self, *settings: str) -> None:
        """Listens when this returns; ``settings`` are written ``name=value``."""
        fixed = (f"unix_socket_directories={self.folder}", "listen_addresses=", "fsync=on", "max_connections=40")
        given = [word for each in (*fixed, *settings) for word in ("-c", each)]
        log = (self.folder / "log").open("ab")
        arguments = [str(self._bin / "postgres"), "-D", str(self.folder / "data"), *given]
        with log:
            self.process = subprocess.Popen(arguments, user=self._user, stdout=log, stderr=log, cwd=self.folder)
        self._wait()

    def stop(self) -> None:
        """At once, and cleanly: sessions are ended."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """As by kill -9: what was committed must be there all the same."""
        # SIGQUIT ends every part without a checkpoint; SIGKILL would leave shared memory and children behind.
        self._end(signal.SIGQUIT)

    def set(self, name: str, value: str) -> None:
        """Change a setting that a running server can change."""
        with self.place().connect("test") as db:
            db.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())
            db.execute("SELECT pg_reload_conf()")
        time.sleep(0.2)

    @contextmanager
    def standby(self, name: str) -> "Iterator[PostgresServer]":
        """A running copy of this one that follows it, and calls itself so."""
        folder = self.folder / name
        folder.mkdir()
        server = PostgresServer(folder, self._bin, self)
        try:
            server.start()
            yield server
        finally:
            server.kill()

    def promote(self) -> None:
        """From a standby to a server of its own."""
        with self.place().connect("test") as db:
            db.execute("SELECT pg_promote()")

    def place(self, database: str = "postgres") -> PostgresPlace:
        return PostgresPlace(f"postgresql://{OWNER}@/{database}?host={self.folder}")

    def empty(self, name: str) -> PostgresPlace:
        """A database with nobody and nothing of ours in it; made once, for that takes its time."""
        with self.place().connect("test") as db:
            if db.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
                db.execute(f'CREATE DATABASE "{name}"'.encode())
            db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        with self.place(name).connect("test") as db:
            db.execute("DROP SCHEMA IF EXISTS fleetmend CASCADE")
        return self.place(name)

    def _run(self, program: str, *arguments: str) -> None:
        words = [str(self._bin / program), *arguments]
        subprocess.run(words, user=self._user, check=True, capture_output=True, timeout=60, cwd=self.folder)

    def _wait(self) -> None:
        for _ in range(150):
            try:
                psycopg.connect(self.place().url, connect_timeout=2).close()
            except psycopg.OperationalError:
                time.sleep(0.1)
            else:
                return
        raise AssertionError((self.folder / "log").read_text()[-2000:])

    def _end(self, number: int) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.send_signal(number)
            process.wait(20)


def _unprivileged() -> int | None:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall()}
    return names.get("postgres", names["nobody"])


@contextmanager
def running_postgres(bin_folder: Path, *settings: str) -> Iterator[PostgresServer]:
    """A cluster that is gone afterwards; not below pytest's folders, which only their owner may enter."""
    with tempfile.TemporaryDirectory(prefix="fleetmend-pg-") as name:
        server = PostgresServer(Path(name), bin_folder)
        try:
            server.start(*settings)
            yield server
        finally:
            server.kill()

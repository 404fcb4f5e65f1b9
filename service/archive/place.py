"""Addresses -> files: a path, or what `pyarrow.fs` opens (s3://, gs://, hdfs://, file://). What is in a file is not known here."""

import glob
import hashlib
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import fs

from service.errors import Fault, InvalidInput

KINDS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "tsv", ".parquet": "parquet"}
_EDGE_BYTES = 65_536


@dataclass(frozen=True)
class Source:
    """A file to read. `digest` is that of its first and last bytes: with size and time it tells one that was changed since."""

    address: str
    kind: str
    n_bytes: int
    changed: float
    digest: str


def opened(address: str) -> tuple[fs.FileSystem, str]:
    """The file system of an address, and the path in it. Raises `InvalidInput`."""
    if "://" not in address:
        return fs.LocalFileSystem(), os.path.abspath(address)
    try:
        system, path = fs.FileSystem.from_uri(address)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InvalidInput(Fault(address, _why(error), "a path, or an address as s3://bucket/folder")) from None
    return system, str(path)


@contextmanager
def reading(address: str) -> Iterator[Any]:
    """A file to read and seek in. Raises `InvalidInput` where it cannot be opened."""
    system, path = opened(address)
    try:
        file = system.open_input_file(path)
    except (OSError, pa.ArrowException) as error:
        raise InvalidInput(Fault(address, _why(error), "a file that can be read")) from None
    with file:
        yield file


def sources_of(addresses: Sequence[str], without: str) -> list[Source]:
    """The files that are meant by files, folders (with all below them) and globs, each once, in order; none of those below the folder `without`."""
    found: dict[str, Source] = {}
    own = f"{without.partition('?')[0].rstrip('/')}/" if "://" in without else f"{without.rstrip('/')}/"
    for address in addresses:
        sources = [source for source in _sources(address) if not source.address.startswith(own)]
        if not sources:
            raise InvalidInput(Fault(address, "no such file", f"a file, a folder or a glob with files that end in {', '.join(KINDS)}"))
        found |= {source.address: source for source in sources}
    return list(found.values())


class Folder:
    """The folder that an archive is written to. A file in it is there whole or not at all."""

    def __init__(self, address: str) -> None:
        self._fs, self._path = opened(address)
        self.address = address if "://" in address else self._path
        self.is_local = isinstance(self._fs, fs.LocalFileSystem)

    def of(self, name: str) -> str:
        """The path of a file in it, in its file system."""
        return f"{self._path}/{name}"

    def names(self, folder: str) -> set[str]:
        """Of the whole files in `folder` below it; none where it is not there."""
        found = self._fs.get_file_info(fs.FileSelector(self.of(folder), allow_not_found=True))
        return {info.base_name for info in found if info.is_file and not info.base_name.startswith(".")}

    def has(self, name: str) -> bool:
        """Whether the whole file is there."""
        return bool(self._fs.get_file_info(self.of(name)).is_file)

    def read(self, name: str) -> bytes | None:
        """None where there is no such file."""
        if not self.has(name):
            return None
        with self._fs.open_input_file(self.of(name)) as file:
            return bytes(file.read())

    def open(self, name: str) -> Any:
        """A file to read and seek in."""
        return self._fs.open_input_file(self.of(name))

    @contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """A file that is there once the block has ended well, and not before: on a disk it has another name until then."""
        folder, _, base = self.of(name).rpartition("/")
        self._fs.create_dir(folder, recursive=True)
        if not self.is_local:  # nothing is sent before all is there: pyarrow completes an upload that it is told to drop
            content = BytesIO()
            yield content
            with self._fs.open_output_stream(self.of(name)) as stream:
                stream.write(content.getbuffer())
            return
        partial = Path(folder) / f".{base}.{uuid.uuid4().hex}.partial"
        try:
            with partial.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self.of(name))
        finally:
            partial.unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        """Nothing where there is no such file."""
        with suppress(FileNotFoundError):
            self._fs.delete_file(self.of(name))

    def sweep(self, folder: str) -> None:
        """Removes what writers that were killed have left in `folder`."""
        for path in glob.glob(f"{glob.escape(self.of(folder))}/.*.partial") if self.is_local else ():
            with suppress(FileNotFoundError):
                os.unlink(path)


def _sources(address: str) -> Iterator[Source]:
    system, path = opened(address)
    is_remote = not isinstance(system, fs.LocalFileSystem)
    scheme, query = (f"{address.partition('://')[0]}://", "".join(address.partition("?")[1:])) if is_remote else ("", "")
    try:
        for info in sorted(_infos(system, path), key=lambda info: str(info.path)):
            kind = KINDS.get(PurePosixPath(info.path).suffix.lower())
            if kind is None and info.path == path:
                raise InvalidInput(Fault(address, "another kind of file", f"one that ends in {', '.join(KINDS)}"))
            if kind is not None:
                changed = info.mtime.timestamp() if info.mtime else 0.0
                yield Source(f"{scheme}{info.path}{query}", kind, int(info.size), changed, _edges(system, info.path, info.size))
    except (OSError, pa.ArrowException) as error:
        raise InvalidInput(Fault(address, _why(error), "files that can be read")) from None


def _infos(system: fs.FileSystem, path: str) -> list[fs.FileInfo]:
    info = system.get_file_info(path)
    if info.is_file:
        return [info]
    if info.type == fs.FileType.Directory:
        return [found for found in system.get_file_info(fs.FileSelector(path, recursive=True)) if found.is_file and not _is_hidden(found.path, path)]
    if not any(char in path for char in "*?["):
        return []
    if isinstance(system, fs.LocalFileSystem):
        return [found for found in system.get_file_info(glob.glob(path, recursive=True)) if found.is_file]
    base = path[: min(path.find(char) for char in "*?[" if char in path)].rpartition("/")[0]
    below = system.get_file_info(fs.FileSelector(base, recursive=True, allow_not_found=True))
    return [found for found in below if found.is_file and fnmatch(found.path, path)]


def _is_hidden(path: str, folder: str) -> bool:
    """As Parquet's readers have it: what starts with a dot or an underscore is not data."""
    return any(part.startswith((".", "_")) for part in PurePosixPath(path[len(folder) :]).parts)


def _edges(system: fs.FileSystem, path: str, n_bytes: int) -> str:
    with system.open_input_file(path) as file:
        first = file.read(_EDGE_BYTES)
        file.seek(max(0, n_bytes - _EDGE_BYTES))
        return hashlib.sha256(first + file.read(_EDGE_BYTES)).hexdigest()


def _why(error: Exception) -> str:
    """What went wrong, without what pyarrow adds of itself."""
    return (error.strerror if isinstance(error, OSError) and error.strerror else str(error)).splitlines()[0]

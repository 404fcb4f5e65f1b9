"""Chunks -> files of verdicts, on the cores that Ray has, here or in a cluster: the one module that knows Ray.

Through Ray go chunks and what became of them, a few hundred bytes each, and never a row: whoever has a chunk reads it, judges it and writes its verdicts by
itself. So memory does not grow with the input, a small object store is enough, and all that is needed to go on after a kill is the files that are there.
Ray's own readers and writers would give none of that: their blocks have no identity that is the same in the next run.

Chunks are tasks and not calls of actors. A task goes to whatever cores are free, those of a node that came later too, and is done again elsewhere when its
node dies; Ray keeps processes for them, and each of these opens one session and keeps it. A pool of actors of fixed size would wait for cores that are gone.

A task takes several cores, where statements are read: threads of one process share the weights in the cache of their cores, and are a third faster for it than
as many processes. Articles are parsed, mostly in Python, of which a process runs one thread at a time: there, a task takes one core.
"""

import json
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from logging import CRITICAL, getLogger
from pathlib import Path
from typing import Any

import ray
import ray.data
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from service.archive.judge import KnownFirst, judge_of
from service.archive.place import Folder
from service.archive.plan import Chunk, Plan, chunk_row, read_chunk
from service.archive.work import Done, Work, archive_chunk
from service.classifier import Classifier
from service.errors import InvalidModelFolder, NotReady, OnRecordError
from service.model_folder import CARD, ModelFolder, open_model_folder, sha256

_log = getLogger("onrecord")
_STORE_BYTES = 100_000_000  # of Ray's object store: descriptions of chunks, and on a cluster the model
_SCRATCH = ".work"
_MOST_THREADS = 8  # of a task: about as many cores as share a cache

_judges: dict[str, tuple[Classifier, KnownFirst]] = {}  # by the digest of the model; of this process


@dataclass(frozen=True)
class _Shared:
    """What every task gets. `model` is a folder of this machine, or its files; `scratch` is for what is known already (empty: the node's own place)."""

    work: Work
    model: Any
    scratch: str
    plan_digest: str
    n_threads: int


@contextmanager
def cores(address: str | None, n_cores: int) -> Iterator[int]:
    """Ray, while the block runs: one of `n_cores` started here, or the cluster at `address`; how many cores it has. Raises `NotReady`."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody is told of it
    getLogger("ray").setLevel(CRITICAL)  # what goes wrong is told by us
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": CRITICAL}
    try:
        if address is None:
            ray.init("local", num_cpus=n_cores, object_store_memory=_STORE_BYTES, include_dashboard=False, _node_ip_address="127.0.0.1", **quiet)
        else:
            _check_reachable(address)
            # The nodes need the libraries that serving needs; this code itself goes with the job, so that they read as we do.
            ray.init(address, runtime_env={"py_modules": [str(Path(__file__).resolve().parent.parent)]}, **quiet)
    except (RayError, ConnectionError, OSError, RuntimeError, ValueError) as error:
        raise NotReady(f"Ray cannot be {'started' if address is None else f'reached at {address}'}: {str(error).splitlines()[0]}") from None
    try:
        yield int(ray.cluster_resources().get("CPU", 0))
    finally:
        ray.shutdown()


def _check_reachable(address: str) -> None:
    """Raises `OSError` at once where nobody listens; Ray would try for minutes. What is no HOST:PORT (`auto`) is left to it."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10).close()


def archived(plan: Plan, chunks: Sequence[Chunk], work: Work, folder: ModelFolder, *, is_here: bool) -> Iterator[Done]:
    """What became of `chunks`, in the order in which they are done. `is_here`: on this machine alone. Raises what an `archive_chunk` raised, as a sentence."""
    out = Folder(work.out)
    scratch = out.of(_SCRATCH) if is_here and out.is_local else ""  # what one node keeps is on its own disk: SQLite does not share one over a network
    n_threads = 1 if work.columns.articles else threads_of([int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]])
    shared = _Shared(work, str(folder.path.resolve()) if is_here else ray.put(_files(folder)), scratch, plan.digest, n_threads)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.target_max_block_size = 1 << 20  # what a task may return; by the default, Ray's store would seem too small for one a core
    getLogger("ray.data").setLevel(CRITICAL)
    items = [{"chunk": json.dumps(chunk_row(chunk))} for chunk in chunks]
    # A block a chunk: Ray gives a block to a task.
    dataset = ray.data.from_items(items, override_num_blocks=len(items))
    results = dataset.map(_do, fn_args=(shared,), num_cpus=n_threads)
    try:
        for row in results.iter_rows():
            if row["error"]:
                raise NotReady(row["error"])
            yield Done(**json.loads(row["done"]))
    except RayError as error:
        raise NotReady(f"Ray has given up ({type(error).__name__}): {str(error).strip().splitlines()[0]}") from None


def threads_of(sizes: Sequence[int]) -> int:
    """How many cores a task takes, so that of nodes with `sizes` cores as few as can be are idle; the most of those."""
    return max(range(1, _MOST_THREADS + 1), key=lambda n: (sum(size - size % n for size in sizes), n))


def clear(plan: Plan, work: Work, *, is_here: bool) -> None:
    """Removes what the nodes have kept for going on."""
    out = Folder(work.out)
    if out.is_local:
        shutil.rmtree(out.of(_SCRATCH), ignore_errors=True)
    if is_here and out.is_local:
        return
    remove = ray.remote(num_cpus=0, max_retries=0)(_remove)
    nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
    waiting = [remove.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote(plan.digest) for node in nodes]
    ray.wait(waiting, num_returns=len(waiting), timeout=30)


def _do(row: dict[str, Any], shared: _Shared) -> dict[str, str]:
    """One chunk, in a process of Ray's."""
    chunk = read_chunk(json.loads(row["chunk"]))
    try:
        judge = _judge(shared.work.model_digest, shared)
        done = archive_chunk(shared.work, chunk, judge, ray.get_runtime_context().get_node_id())
    except OnRecordError as error:
        return {"done": "", "error": str(error)}
    except Exception as error:  # noqa: BLE001 - a full disk, a broken file, a fault of ours; Ray would wrap it in a page of its own
        _log.exception("chunk %d of %s", chunk.number, chunk.source.address)
        return {"done": "", "error": f"{chunk.source.address} from {chunk.start} to {chunk.stop}: {error} ({type(error).__name__})"}
    return {"done": json.dumps(asdict(done)), "error": ""}


def _judge(digest: str, shared: _Shared) -> tuple[Classifier, KnownFirst]:
    """The session of this process, which one task leaves to the next."""
    if digest not in _judges:
        scratch = Path(shared.scratch) if shared.scratch else _node_folder(shared.plan_digest)
        path = Path(shared.model) if isinstance(shared.model, str) else _unpacked(scratch, ray.get(shared.model))
        if sha256(path / CARD) != digest:
            raise InvalidModelFolder(f"{path}: it is not the model that the archive was planned with")
        _judges[digest] = judge_of(open_model_folder(path), scratch / "known.sqlite", shared.n_threads)
    return _judges[digest]


def _files(folder: ModelFolder) -> dict[str, bytes]:
    return {name: (folder.path / name).read_bytes() for name in (*folder.card.files, CARD)}


def _unpacked(scratch: Path, files: Mapping[str, bytes]) -> Path:
    """The model's folder on this node; whole or not there, as its neighbours may look for it."""
    path = scratch / "model"
    if not path.is_dir():
        with tempfile.TemporaryDirectory(dir=scratch) as partial:
            for name, content in files.items():
                file = Path(partial) / "model" / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
            try:
                (Path(partial) / "model").rename(path)
            except OSError:
                if not path.is_dir():  # else a neighbour was faster
                    raise
    return path


def _node_folder(digest: str) -> Path:
    """The place on a node for one plan, which no other user can have put anything into."""
    own = Path(tempfile.gettempdir()) / f"onrecord-{os.getuid()}"
    own.mkdir(exist_ok=True, mode=0o700)
    if own.stat().st_uid != os.getuid() or own.stat().st_mode & 0o077:
        raise NotReady(f"{own}: it is open to others; remove it, or name another place in TMPDIR")
    folder = own / digest[:16]
    folder.mkdir(exist_ok=True)
    return folder


def _remove(digest: str) -> None:
    shutil.rmtree(_node_folder(digest), ignore_errors=True)

"""Files of statements or articles -> files of verdicts: planned, done on every core, gone on with after a kill, summed up."""

import argparse
import fcntl
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from service.errors import Conflict, Fault, InvalidInput, StoreUnavailable
from service.model_folder import ModelFolder
from service.pool import available_cores
from service.settings import Settings

if TYPE_CHECKING:
    from service.archive.columns import Columns
    from service.archive.place import Folder
    from service.archive.plan import Plan
    from service.archive.work import Done


def archive(options: argparse.Namespace, settings: Settings, folder: ModelFolder) -> int:
    """Writes the verdicts of all rows of the inputs. Returns 0; after Ctrl-C what is done is there, and the same command goes on from it."""
    if missing := [name for name in ("ray", "pyarrow") if find_spec(name) is None]:
        raise InvalidInput(Fault("archive", f"no {' and no '.join(missing)}", "the extra `archive`: pip install 'on-record[archive]'"))
    from service.archive.dry_run import estimate  # noqa: PLC0415 - the other commands run without pyarrow and Ray
    from service.archive.place import Folder  # noqa: PLC0415
    from service.archive.plan import plan_of  # noqa: PLC0415

    for name in ("cores", "chunk_bytes"):
        if getattr(options, name) is not None and getattr(options, name) < 1:
            raise InvalidInput(Fault(f"--{name.replace('_', '-')}", str(getattr(options, name)), "a whole number from 1 on"))
    columns = _columns(options)
    out = Folder(options.out)
    n_cores = options.cores or settings.n_threads or available_cores()
    if options.dry_run:
        print(estimate(plan_of(out, options.input, columns, folder, options.chunk_bytes), folder).sentence(n_cores))
        return 0
    with _alone(out) if out.is_local else nullcontext():
        plan = plan_of(out, options.input, columns, folder, options.chunk_bytes)
        try:
            _write(options, out, plan, folder, n_cores)
        except BrokenPipeError:  # whoever reads what is printed is gone
            raise
        except OSError as error:
            raise StoreUnavailable(f"{out.address}: it cannot be written to ({error.strerror or error}); what is done is kept") from None
    return 0


def _write(options: argparse.Namespace, out: "Folder", plan: "Plan", folder: ModelFolder, n_cores: int) -> None:
    dones = _done(options, out, plan, folder, n_cores)
    print(_summed_up(options.out, out, plan, dones))
    if options.report:
        from service.archive.report import write_report  # noqa: PLC0415 - likewise

        write_report(out, plan)
        print(f"report: {options.out}/report.html")


def _done(options: argparse.Namespace, out: "Folder", plan: "Plan", folder: ModelFolder, n_cores: int) -> list["Done"]:
    """What became of every chunk, of which those that are done already are not done again."""
    from service.archive.finish import Total  # noqa: PLC0415 - likewise
    from service.archive.plan import PARTS, PLAN, write_plan  # noqa: PLC0415
    from service.archive.progress import Progress  # noqa: PLC0415
    from service.archive.work import Work, read_done  # noqa: PLC0415

    if out.read(PLAN) is None:
        write_plan(out, plan)
    for name in (PARTS, "rejected"):
        out.sweep(name)
    there = out.names(PARTS)
    with ThreadPoolExecutor() as threads:  # of an object store each answer takes its time
        dones = list(threads.map(partial(read_done, out), (chunk for chunk in plan.chunks if chunk.part in there)))
    work = Work(plan.columns, plan.schema, plan.model, plan.model_digest, out.address, options.strict)
    _refuse_rejected(work.strict, dones, plan, out)
    missing = [chunk for chunk in plan.chunks if chunk.part not in there]
    if not missing:
        return dones
    from service.archive.run import archived, clear, cores  # noqa: PLC0415 - Ray takes two seconds to import

    total = Total()
    for done in dones:
        total = total.plus(done)
    n_bytes = sum(chunk.n_bytes for chunk in plan.chunks)
    is_here = options.address is None
    with cores(options.address, n_cores), Progress(n_bytes, total, sum(done.n_bytes for done in dones)) as progress:
        try:
            for done in archived(plan, missing, work, folder, is_here=is_here):
                progress.add(done)
                dones.append(done)
        except KeyboardInterrupt:
            print(f"\nstopped: {len(out.names(PARTS)):,} of {len(plan.chunks):,} chunks are done; the same command goes on from there", file=sys.stderr)
            raise
        clear(plan, work, is_here=is_here)
    return dones


def _summed_up(name: str, out: "Folder", plan: "Plan", dones: list["Done"]) -> str:
    from service.archive.finish import REJECTED, Total, write_rejected  # noqa: PLC0415 - likewise
    from service.archive.plan import PARTS  # noqa: PLC0415

    total = Total()
    for done in dones:
        total = total.plus(done)
    first = write_rejected(out, plan, dones)
    kind = "articles" if plan.columns.articles else "rows"
    read = f"{total.n_rows:,} {kind}" + (f", {total.n_statements:,} statements" if plan.columns.articles else "")
    text = f"{name}/{PARTS}: {read}, {total.share_known:.0%} duplicates, model {plan.model}"
    return text if first is None else f"{text}\n{total.n_rejected:,} of the {kind} could not be read, see {name}/{REJECTED}; the first: {first}"


def _refuse_rejected(strict: bool, dones: list["Done"], plan: "Plan", out: "Folder") -> None:
    from service.archive.finish import write_rejected  # noqa: PLC0415 - likewise

    if strict and (first := write_rejected(out, plan, dones)) is not None:
        raise InvalidInput(Fault(out.address, f"one that cannot ({first})", "rows that can be read"))


def _columns(options: argparse.Namespace) -> "Columns":
    from service.archive.columns import Columns  # noqa: PLC0415 - likewise

    given = {name: getattr(options, f"{name}_column") for name in ("text", "context", "title", "speaker", "date", "source")}
    return Columns(options.articles, **{name: value for name, value in given.items() if value is not None})


@contextmanager
def _alone(out: "Folder") -> Iterator[None]:
    """Raises `Conflict` where another run writes to the folder; one that dies lets go of it."""
    path = Path(out.of(".lock"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.open("w")
    except OSError as error:
        raise InvalidInput(Fault("--out", f"{out.address} ({error.strerror})", "a folder that can be written to")) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(f"{out.address}: another run is writing to it; wait for its end") from None
        yield

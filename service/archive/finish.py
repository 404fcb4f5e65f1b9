"""The files of all chunks -> what became of the archive as a whole, and `rejected.jsonl`."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from service.archive.place import Folder
from service.archive.plan import Plan
from service.archive.rows import lines_at
from service.archive.text import Reject
from service.archive.work import Done

REJECTED = "rejected.jsonl"


@dataclass(frozen=True)
class Total:
    """Of all chunks that are done. `n_known` statements of `n_statements` were told from others with the same text and context."""

    n_rows: int = 0
    n_rejected: int = 0
    n_statements: int = 0
    n_known: int = 0

    def plus(self, done: Done) -> "Total":
        """With one chunk more."""
        known = done.n_statements - done.n_run
        return Total(self.n_rows + done.n_rows, self.n_rejected + done.n_rejected, self.n_statements + done.n_statements, self.n_known + known)

    @property
    def share_known(self) -> float:
        """In [0, 1]."""
        return self.n_known / max(1, self.n_statements)


def write_rejected(out: Folder, plan: Plan, dones: Iterable[Done]) -> str | None:
    """Writes the rows that could not be read, in the order of the input, each with file, line and reason. Returns the first as a sentence; None without any."""
    numbers = {done.number for done in dones if done.n_rejected}
    if not numbers:
        out.remove(REJECTED)
        return None
    first = None
    with out.writing(REJECTED) as file:
        for source, chunks in groupby((chunk for chunk in plan.chunks if chunk.number in numbers), key=lambda chunk: chunk.source):
            rejects = [Reject(**json.loads(line)) for chunk in chunks for line in (out.read(chunk.rejects) or b"").splitlines()]
            lines = {} if source.kind == "parquet" else lines_at(source.address, [reject.at for reject in rejects])
            for reject in rejects:
                line = lines.get(reject.at, reject.at + 1)  # of a Parquet file, the row
                file.write(json.dumps({"file": source.address, "line": line, "reason": reject.reason}, ensure_ascii=False).encode() + b"\n")
                first = first or f"{source.address} line {line}: {reject.reason}"
    return first

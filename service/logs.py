"""Log records -> lines: JSON for programs, plain words for a terminal."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Literal

LogForm = Literal["json", "text"]
REQUESTS = "onrecord.requests"
_encode = json.JSONEncoder(default=repr).encode  # `json.dumps` makes such an encoder each time


class _Json(logging.Formatter):
    """One object a line; `facts` of a record are fields of it."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {"time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"), "level": record.levelname.lower()}
        line |= {"message": record.getMessage(), **getattr(record, "facts", {})}
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return _encode(line)  # in ASCII: no line break and no control character of a caller's gets into the log


class _Text(logging.Formatter):
    """`INFO: request id=… path="/v1/predict" …`"""

    def format(self, record: logging.LogRecord) -> str:
        facts = "".join(f" {name}={_encode(value)}" for name, value in getattr(record, "facts", {}).items())
        return f"{super().format(record)}{facts}"


def set_up(form: LogForm) -> None:
    """Everything from INFO upwards goes to standard error in that form; as text, for somebody at a terminal, of the requests those alone that failed."""
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False  # no line has them: they need not be asked for
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text("%(levelname)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger(REQUESTS).setLevel(logging.INFO if form == "json" else logging.WARNING)
    for library in ("alembic", "uvicorn"):  # that a database is up to date is no news, nor that a server starts
        logging.getLogger(library).setLevel(logging.WARNING)

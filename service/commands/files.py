"""Paths on the command line -> texts; "-" is standard input."""

import sys
from pathlib import Path

from service.errors import Fault, InvalidInput

STDIN = "-"


def whole_text(path: str) -> str:
    """The whole of a file, or of standard input. Raises `InvalidInput` where it cannot be read or is no UTF-8."""
    try:
        content = sys.stdin.buffer.read() if path == STDIN else Path(path).read_bytes()
    except OSError as error:
        raise InvalidInput(Fault(path, error.strerror or "an error", "a file that can be read")) from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(Fault("standard input" if path == STDIN else path, f"byte 0x{content[error.start]:02X}", "UTF-8 text")) from None

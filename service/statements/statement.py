"""A statement, and what makes a text fit to be one. Finding statements in an article is not done here."""

import re
from dataclasses import dataclass

from service.errors import Fault, InvalidInput, shown

MAX_TEXT_CHARS = 20_000  # twice the longest text that the API promises to answer; a model reads far less of it
# Unicode's categories Cc, but for tab and line ends, and Cs.
_UNFIT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True)
class Statement:
    """What a source is reported to have said.

    `text` holds the words or the reported clause, `context` the sentence or two that it stands in (None: unknown), `speaker` who said it as far as
    known. Raises `InvalidInput` where a field is blank, too long, or holds characters that no text has.
    """

    text: str
    context: str | None = None
    speaker: str | None = None

    def __post_init__(self) -> None:
        fields = {"text": self.text, "context": self.context, "speaker": self.speaker}
        faults = [fault for name, value in fields.items() if value is not None and (fault := text_fault(name, value))]
        if not self.text.strip() and not faults:
            faults = [blank_fault("text", self.text)]
        if faults:
            raise InvalidInput(*faults)

    @property
    def frame(self) -> str | None:
        """The context where it adds something to the text, else None."""
        if self.context is None or self.context.strip() in ("", self.text.strip()):
            return None
        return self.context


def text_fault(where: str, value: str) -> Fault | None:
    """What makes `value`, which stands at `where`, unfit to be read by a model; None where nothing does. A blank text is fit."""
    if len(value) > MAX_TEXT_CHARS:
        return Fault(where, f"{len(value)} characters", f"at most {MAX_TEXT_CHARS} characters")
    if found := _UNFIT.search(value):
        code = ord(found[0])
        kind = "lone surrogate" if code >= 0xD800 else "control character"
        return Fault(where, f"the {kind} U+{code:04X} at character {found.start()}", "printable Unicode text")
    return None


def blank_fault(where: str, value: str) -> Fault:
    """The fault of a statement without words."""
    return Fault(where, shown(value), "a text that is not blank")

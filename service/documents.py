"""A file's bytes -> the article in it: its text, title and date. And the language that a text seems to be in. What is said in it is not looked for here."""

import io
import re
from dataclasses import dataclass
from statistics import median
from typing import Any

from service.errors import Fault, InvalidInput
from service.statements.article import MAX_ARTICLE_CHARS

MAX_HTML_BYTES = 4_000_000  # lxml builds a tree of twenty times that
MAX_PAGES = 300
_LEAST_CHARS = 60  # a shorter text may be a name, which has no language
_MOST_CHARS = 4_000
_HTML = re.compile(rb"<(!doctype html|html|head|body|article|p|div)\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?:…][\"”’»)\]]*$")
_HYPHENATED = re.compile(r"(\w)[-\u00ad]$")


@dataclass(frozen=True)
class Document:
    """`kind` is text, html or pdf; `date` is ISO 8601, where the file tells one."""

    kind: str
    text: str
    title: str | None = None
    date: str | None = None


def read_document(content: bytes) -> Document:
    """The article in a file that holds plain text, HTML or PDF; which of them is seen from its first bytes.

    Of HTML only the main text is kept, by trafilatura; of PDF the text layer, with broken lines joined. Raises `InvalidInput` where there is none.
    """
    if b"%PDF-" in content[:1024]:
        document = _from_pdf(content)
    elif _HTML.search(content[:2048]):
        document = _from_html(content)
    else:
        document = Document("text", _decoded(content))
    if not document.text.strip():
        wanted = "a PDF with a text layer, not with pictures of pages" if document.kind == "pdf" else "a file with an article in it"
        raise InvalidInput(Fault("file", f"{document.kind} without text", wanted))
    if len(document.text) > MAX_ARTICLE_CHARS:
        raise InvalidInput(Fault("file", f"{len(document.text):,} characters of text", f"at most {MAX_ARTICLE_CHARS:,}; split it"))
    return document


def language_of(text: str) -> str | None:
    """The ISO 639-1 code of the language that the beginning of `text` seems to be in; None where it is too short to tell."""
    start = text[:_MOST_CHARS]
    if sum(map(str.isalpha, start)) < _LEAST_CHARS:
        return None
    import py3langid  # noqa: PLC0415 - tables that the command line need not read

    return str(py3langid.classify(start)[0])


def load_languages() -> None:
    """Reads the tables that the first text would otherwise wait for, most of a second."""
    language_of("The letters of a hundred languages are read from the disk, which takes its time.")


def _from_html(content: bytes) -> Document:
    if len(content) > MAX_HTML_BYTES:
        raise InvalidInput(Fault("file", f"HTML of {len(content):,} bytes", f"at most {MAX_HTML_BYTES:,}; save the text alone"))
    import trafilatura  # noqa: PLC0415 - 100 MB, for those who send HTML

    found: Any = trafilatura.bare_extraction(content, with_metadata=True, include_comments=False, include_tables=False)
    if found is None or not found.text:
        return Document("html", "")
    lines = found.text.split("\n")
    if found.title and lines[0].strip() == found.title.strip():
        lines = lines[1:]
    return Document("html", "\n\n".join(lines).strip(), found.title, found.date)


def _from_pdf(content: bytes) -> Document:
    from pypdf import PdfReader  # noqa: PLC0415
    from pypdf.errors import PyPdfError  # noqa: PLC0415

    try:
        reader = PdfReader(io.BytesIO(content))
        if reader.is_encrypted and not reader.decrypt(""):
            raise InvalidInput(Fault("file", "a PDF with a password", "one without"))
        if len(reader.pages) > MAX_PAGES:
            raise InvalidInput(Fault("file", f"a PDF of {len(reader.pages)} pages", f"at most {MAX_PAGES}"))
        pages = [page.extract_text() for page in reader.pages]
        title = reader.metadata.title if reader.metadata else None
    except InvalidInput:
        raise
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, NotImplementedError) as error:
        raise InvalidInput(Fault("file", f"a PDF that cannot be read ({type(error).__name__})", "a whole PDF, without a password")) from None
    return Document("pdf", _unbroken("\n".join(pages)), str(title) if title else None)


def _unbroken(text: str) -> str:
    """Lines of a page joined to paragraphs: one ends at an empty line, or where a sentence ends in a line that is shorter than most."""
    lines = [line.strip() for line in text.replace("\r", "\n").split("\n")]
    usual = median([len(line) for line in lines if line] or [0])
    paragraphs, current = [], ""
    for line in lines:
        current = _HYPHENATED.sub(r"\1", current) + line if _HYPHENATED.search(current) and line[:1].islower() else f"{current} {line}"
        if not line or (_SENTENCE_END.search(line) and len(line) < 0.8 * usual):
            paragraphs.append(current.strip())
            current = ""
    paragraphs.append(current.strip())
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def _decoded(content: bytes) -> str:
    """UTF-8 (or UTF-16 with its mark), else what Windows writes in the west."""
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"", "utf-8-sig")):
        if content.startswith(mark):
            try:
                return content.decode(encoding)
            except UnicodeDecodeError:
                continue
    if b"\0" in content[:4096]:
        raise InvalidInput(Fault("file", "bytes that are no text", "plain text, HTML or PDF"))
    return content.decode("cp1252", errors="replace")

"""Files become articles: the main text of a page, the text layer of a PDF; and a text is known to be English, or not."""

from pathlib import Path

import pytest

from service.documents import MAX_HTML_BYTES, language_of, read_document
from service.errors import InvalidInput
from service.settings import Settings
from service.statements.article import MAX_ARTICLE_CHARS
from tests.fakes import fake_client

LINES = [
    "The minister denied on Monday that the dam was leak-",
    "ing, and asked the farmers of the valley to be calm.",
    "It held.",
    "Ana Ruiz, who leads them, was not calm at all.",
]
HTML = """<!doctype html><html><head><title>Minister denies leak | The Daily Fish</title>
<meta property="article:published_time" content="2026-03-02T10:00:00Z"></head><body>
<nav><a href="/">Home</a> <a href="/sport">Sport</a></nav>
<article><h1>Minister denies leak</h1>
<p>The minister denied on Monday that the dam was leaking, at a long and winding press conference in the ministry.</p>
<p>“Leave the valley by Friday or we will flood it,” warned Ana Ruiz, who leads a group of farmers in the region.</p></article>
<aside>Subscribe now for the best of our cookies</aside><script>alert("boo")</script></body></html>"""


def pdf(lines: list[str]) -> bytes:
    """A page of text as a PDF, the smallest that readers take."""
    shown = " ".join(f"({line}) Tj T*" for line in lines)
    stream = f"BT /F1 12 Tf 14 TL 72 720 Td {shown} ET".encode("latin-1")
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        b"<</Title(Minister denies leak)>>",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj%s endobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    n = len(objects) + 1
    return out + b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Size %d/Root 1 0 R/Info 6 0 R>>\nstartxref\n%d\n%%%%EOF" % (n, table, n, len(out))


def test_of_a_web_page_the_article_is_kept_and_nothing_else() -> None:
    found = read_document(HTML.encode())
    assert (found.kind, found.title, found.date) == ("html", "Minister denies leak", "2026-03-02")
    assert found.text.startswith("The minister denied on Monday")
    assert found.text.count("\n\n") == 1
    for alien in ("Home", "cookies", "boo", "<p>"):
        assert alien not in found.text


def test_broken_lines_of_a_pdf_are_joined_and_its_paragraphs_kept() -> None:
    found = read_document(pdf(LINES))
    assert (found.kind, found.title) == ("pdf", "Minister denies leak")
    assert found.text == (
        "The minister denied on Monday that the dam was leaking, and asked the farmers of the valley to be calm. It held."
        "\n\nAna Ruiz, who leads them, was not calm at all."
    )


@pytest.mark.parametrize(
    ("content", "text"),
    [("“No,” she said.".encode(), "“No,” she said."), ("“No”".encode("utf-16"), "“No”"), ("\ufeff“No”".encode(), "“No”"), ("“No”".encode("cp1252"), "“No”")],
)
def test_plain_text_is_read_in_the_encodings_that_people_have(content: bytes, text: str) -> None:
    assert read_document(content).text == text


@pytest.mark.parametrize(
    ("content", "came"),
    [
        (b"", "text without text"),
        (b"  \n ", "text without text"),
        (b"<html><body><script>1</script></body></html>", "html without text"),
        (pdf([]), "pdf without text"),
        (b"%PDF-1.7 and no more", "a PDF that cannot be read"),
        (b"\x00\x01\x02\xff" * 20, "bytes that are no text"),
        (b"word " * (MAX_ARTICLE_CHARS // 5 + 1), "characters of text"),
        (b"<html>" + b"<p>x</p>" * (MAX_HTML_BYTES // 8), "HTML of"),
    ],
)
def test_a_file_without_an_article_is_refused_with_the_reason(content: bytes, came: str) -> None:
    with pytest.raises(InvalidInput, match=came):
        read_document(content)


def test_the_language_of_a_text_is_told_where_it_is_long_enough() -> None:
    assert language_of("The minister denied on Monday that the dam was leaking, and nobody in the valley believed him.") == "en"
    assert language_of("Der Minister bestritt am Montag, dass der Damm undicht sei, und niemand im Tal glaubte ihm.") == "de"
    assert language_of("Le ministre a nié lundi que le barrage fuyait, et personne dans la vallée ne l'a cru.") == "fr"
    assert language_of("Nein.") is None
    assert language_of("1234 " * 100) is None


def test_a_file_goes_in_over_http_and_is_read_as_an_article(tmp_path: Path) -> None:
    with fake_client(settings=Settings(labels=f"sqlite:///{tmp_path}/labels.db")) as client:
        found = client.post("/v1/documents", content=HTML.encode()).json()
        assert (found["kind"], found["title"], found["language"]) == ("html", "Minister denies leak", "en")
        answer = client.post("/v1/articles", json={"article": found["article"], "title": found["title"]}).json()
        assert (answer["language"], len(answer["statements"])) == ("en", 2)
        refused = client.post("/v1/documents", content=pdf([]))
        assert refused.status_code == 422
        assert refused.json()["errors"] == [{"where": "file", "came": "pdf without text", "wanted": "a PDF with a text layer, not with pictures of pages"}]


def test_a_file_over_the_limit_is_refused_unread(tmp_path: Path) -> None:
    with fake_client(settings=Settings(labels=f"sqlite:///{tmp_path}/labels.db", max_import_bytes=1_000)) as client:
        assert client.post("/v1/documents", content=b"x" * 1_001).status_code == 413

"""Article -> statements: one test a construction, in text written for this project; places that always hold; texts that are no articles."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.errors import InvalidInput
from service.statements.article import MAX_ARTICLE_CHARS, Attribution, statements_in
from service.statements.statement import MAX_TEXT_CHARS

Wanted = list[tuple[str, str, str | None, str | None]]  # text, form, cue, name of the speaker


def found_in(article: str) -> Wanted:
    return [(a.text, a.form, a.cue.text if a.cue else None, a.speaker.name if a.speaker else None) for a in statements_in(article)]


INDIRECT: list[tuple[str, Wanted]] = [
    ("Police said the bridge was closed.", [("the bridge was closed", "indirect", "said", "Police")]),
    ("Police said on Monday that the bridge was closed.", [("that the bridge was closed", "indirect", "said", "Police")]),
    ("The bridge was closed, police said.", [("The bridge was closed", "indirect", "said", "police")]),
    ("There is, the minister conceded, no plan.", [("There is … no plan", "indirect", "conceded", "the minister")]),
    ("The bridge was closed, according to police.", [("The bridge was closed", "indirect", "according to", "police")]),
    ("According to Marta Ruiz, the mayor, the bridge was closed.", [("the bridge was closed", "indirect", "According to", "Marta Ruiz")]),
    ("Opposition leader Ana Ruiz accused the bank of hiding losses.", [("the bank of hiding losses", "indirect", "accused", "Ana Ruiz")]),
    ("The bank was accused of hiding losses.", [("hiding losses", "indirect", "accused", None)]),
    ("The bank denied hiding losses.", [("hiding losses", "indirect", "denied", "The bank")]),
    ("The bank denied the report.", [("the report", "indirect", "denied", "The bank")]),
    ("The bank denied any role in the deal.", [("any role in the deal", "indirect", "denied", "The bank")]),
    ("The company confirmed the arrest of its finance chief.", [("the arrest of its finance chief", "indirect", "confirmed", "The company")]),
    ("The ministry confirmed it had sold arms.", [("it had sold arms", "indirect", "confirmed", "The ministry")]),
    ("Ruiz urged residents to leave the valley.", [("residents to leave the valley", "indirect", "urged", "Ruiz")]),
    ("Ruiz called on residents to leave the valley.", [("residents to leave the valley", "indirect", "called on", "Ruiz")]),
    ("Ruiz called for an inquiry into the collapse.", [("an inquiry into the collapse", "indirect", "called for", "Ruiz")]),
    ("The union threatened to walk out on Friday.", [("to walk out on Friday", "indirect", "threatened", "The union")]),
    ("The minister dismissed the report as a fabrication.", [("the report as a fabrication", "indirect", "dismissed", "The minister")]),
    ("The minister called the report a lie.", [("the report a lie", "indirect", "called", "The minister")]),
    ("The mayor was urged to resign.", [("to resign", "indirect", "urged", None)]),
    ("The general is said to be ill.", [("The general … to be ill", "indirect", "said", None)]),
    ("She was warned by police that the road was closed.", [("that the road was closed", "indirect", "warned", "police")]),
    ("Ruiz told the BBC she would not resign.", [("she would not resign", "indirect", "told", "Ruiz")]),
    ("Ruiz warned of more attacks.", [("more attacks", "indirect", "warned of", "Ruiz")]),
    ("The ministry rejected allegations that it had sold arms.", [("allegations that it had sold arms", "indirect", "rejected", "The ministry")]),
    ("The minister's claim that the bank lied was false.", [("that the bank lied", "indirect", "claim", "The minister")]),
    ("The report was denied by the bank.", [("The report", "indirect", "denied", "the bank")]),
    ("Iran: no drones sent to the front", [("no drones sent to the front", "indirect", None, "Iran")]),
    ("Police: two men held over fire", [("two men held over fire", "indirect", None, "Police")]),
    ("Ruiz declined to comment.", []),
    ("The bridge was closed on Monday.", []),
]

DIRECT: list[tuple[str, Wanted]] = [
    ("“We regret the delay,” Ruiz said.", [("We regret the delay", "direct", "said", "Ruiz")]),
    ("Ruiz said, “We regret the delay.”", [("We regret the delay.", "direct", "said", "Ruiz")]),
    ("In a tweet, Ruiz wrote: “We are not leaving.”", [("We are not leaving.", "direct", "wrote", "Ruiz")]),
    ("“We regret the delay,” a statement read.", [("We regret the delay", "direct", "read", "a statement")]),
    ("“We will come back,” Ruiz said. “And we will rebuild it.”", [("We will come back … And we will rebuild it.", "direct", "said", "Ruiz")]),
    ("“We will,” said Hugh Hill, a doctor, “come back.”", [("We will … come back.", "direct", "said", "Hugh Hill")]),
    ("“No one was hurt.” – Commissioner Ana Ruiz", [("No one was hurt.", "direct", None, "Ana Ruiz")]),
    ("Ruiz: ‘I will not resign’", [("I will not resign", "direct", None, "Ruiz")]),
    ("From the desk of Ana Ruiz: “Dear friends, we are leaving.”", [("Dear friends, we are leaving.", "direct", None, "Ana Ruiz")]),
    ("“It is late,” deadpanned Ruiz.", [("It is late", "direct", "deadpanned", "Ruiz")]),
    ("Ruiz sighed, “It is late.”", [("It is late.", "direct", "sighed", "Ruiz")]),
    ("“Is there a plan?” asked Ruiz. The minister left.", [("Is there a plan?", "direct", "asked", "Ruiz")]),
    ("RUIZ: Let us begin. Is there a plan?", [("Let us begin. Is there a plan?", "direct", None, "RUIZ")]),
    ("''No,'' Ruiz said. ''We won't.''", [("No … We won't.", "direct", "said", "Ruiz")]),
]

FRAGMENTS: list[tuple[str, Wanted]] = [
    ("He described the deal as “a gift”.", [("the deal as “a gift”", "fragment", "described", "He")]),
    ("Ruiz said the deal was “a gift” to the bank.", [("the deal was “a gift” to the bank", "fragment", "said", "Ruiz")]),
    ("Ruiz said that the deal was “a gift” and “a scandal”.", [("that the deal was “a gift” and “a scandal”", "fragment", "said", "Ruiz")]),
    (
        "Ruiz warned the bank that if it sold the dam, “the town will burn.”",
        [("that if it sold the dam, “the town will burn.”", "fragment", "warned", "Ruiz")],
    ),
    ("The film “The Long Road” opens on Friday.", []),
    ("Mary “Minnie” Alder won the race.", []),
    ("The so-called “experts” left early.", []),
]


@pytest.mark.parametrize(("article", "wanted"), INDIRECT + DIRECT + FRAGMENTS, ids=[article for article, _ in INDIRECT + DIRECT + FRAGMENTS])
def test_each_construction_gives_its_statement(article: str, wanted: Wanted) -> None:
    assert found_in(article) == wanted


def test_a_source_who_reports_another_gives_both_levels() -> None:
    assert found_in("A police source said that the suspect had admitted taking the money.") == [
        ("that the suspect had admitted taking the money", "indirect", "said", "A police source"),
        ("taking the money", "indirect", "admitted", "the suspect"),
    ]


def test_what_the_reporter_adds_is_a_statement_of_its_own() -> None:
    article = "Ruiz denied that the bank had sold arms, calling the charge a lie, and said that it would sue."
    assert found_in(article) == [
        ("that the bank had sold arms", "indirect", "denied", "Ruiz"),
        ("the charge a lie", "indirect", "calling", "Ruiz"),
        ("that it would sue", "indirect", "said", "Ruiz"),
    ]


def test_a_speech_over_two_paragraphs_is_one_statement() -> None:
    article = 'Ruiz said: "We are leaving.\n\n"We shall not come back." She sat down.'
    (found,) = statements_in(article)
    assert found.text == "We are leaving. … We shall not come back."
    assert [article[start:end] for start, end in found.spans] == ["We are leaving.", "We shall not come back."]


def test_a_colon_at_the_end_of_a_paragraph_announces_the_next() -> None:
    assert found_in("Ruiz continued:\n\n“We are leaving.”") == [("We are leaving.", "direct", "continued", "Ruiz")]


def test_a_paragraph_of_speech_alone_is_the_last_speakers() -> None:
    article = "“We are leaving,” said Ana Ruiz.\n\n“Nobody will stop us.”"
    assert [name for *_, name in found_in(article)] == ["Ana Ruiz", "Ana Ruiz"]


SPEAKERS: list[tuple[str, list[str | None]]] = [
    ("Ana Ruiz, the mayor, said it was late. Ruiz added that it was dark.", ["Ana Ruiz", "Ana Ruiz"]),
    ("Ruiz said it was late. Later Ana Ruiz said it was dark.", ["Ana Ruiz", "Ana Ruiz"]),
    ("Ana Ruiz opened the meeting. She said it was late.", ["Ana Ruiz"]),
    ("Finance Minister Karl Weber arrived. The minister said it was late.", ["Karl Weber"]),
    ("Mr. Weber and Ms. Ruiz spoke. He said it was late. She said it was dark.", ["Weber", "Ruiz"]),
    ("Two officials who spoke on condition of anonymity said it was late.", ["Two officials"]),
    ("The company is small. It said it would grow.", [None]),
    ("Reza Amir-Tehrani said it was late. Tehrani added that it was dark.", ["Reza Amir-Tehrani", "Reza Amir-Tehrani"]),
    ("Ana Ruiz, who said it was late, left.", ["Ana Ruiz"]),
    ("It is said that the house is old.", [None]),
]


@pytest.mark.parametrize(("article", "names"), SPEAKERS, ids=[article for article, _ in SPEAKERS])
def test_speakers_have_the_fullest_name_that_the_article_gives(article: str, names: list[str | None]) -> None:
    assert [name for *_, name in found_in(article)] == names


def test_a_title_helps_to_name_people_and_holds_no_statement() -> None:
    found = statements_in("Ruiz said it was late.", title="Mayor Ana Ruiz says she will go")
    assert [attribution.speaker.name for attribution in found if attribution.speaker] == ["Ana Ruiz"]


def test_the_context_is_the_sentence_with_its_frame() -> None:
    (found,) = statements_in("It rained. The club has denied any contact with the agent. It snowed.")
    assert (found.text, found.statement.context) == ("any contact with the agent", "The club has denied any contact with the agent.")


def check_places(article: str, found: list[Attribution]) -> None:
    for attribution in found:
        assert attribution.text == " … ".join(article[start:end] for start, end in attribution.spans)
        edges = [edge for span in attribution.spans for edge in span]
        assert edges == sorted(set(edges))
        for place in (attribution.cue, attribution.speaker):
            if place is not None:
                assert article[place.start : place.end] == getattr(place, "text", None) or article[place.start : place.end] == getattr(place, "mention", None)
    assert [attribution.spans for attribution in found] == sorted(attribution.spans for attribution in found)


PIECES = st.sampled_from(
    [
        *(
            "“",
            "”",
            '"',
            "'",
            "‘",
            "’",
            "«",
            "»",
            "„",
            "''",
            "\n",
            "\n\n",
            "\r\n",
            "\u00a0",
            "\t",
            " ",
            " ",
            ". ",
            ", ",
            ": ",
            " — ",
            "…",
            "?",
            "(",
            ")",
            "[sic]",
        ),
        *("Ana Ruiz", "the minister", "said", " said that ", "told", "denied", "according to", "He", "who", "Police", "IRAN: ", "We are late", "It is over"),
        *(
            "it was late",
            "the report",
            "urged them to go",
            "accused of",
            "was",
            "e\u0301",
            "\u200b",
            "\x00",
            "\x85",
            "\ud800",
            "🙂",
            "#news",
            "@ruiz",
            "http://a.b/c",
            "x" * 300,
        ),
    ]
)


@settings(max_examples=150, deadline=None)
@example("“ said that denied…according toPolice“")  # two pieces of one quotation
@given(st.lists(PIECES, max_size=60).map("".join))
def test_places_hold_in_whatever_text(article: str) -> None:
    check_places(article, statements_in(article))


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300))
def test_text_that_is_no_article_gets_an_answer(article: str) -> None:
    check_places(article, statements_in(article))


def test_control_characters_and_endless_quotes_lose_no_statement() -> None:
    article = "Ruiz said the\x0cbridge was\x85closed. “" + "No. " * 10_000 + "” she added."
    closed, no = statements_in(article)
    assert (closed.text, closed.statement.text) == ("the\x0cbridge was\x85closed", "the bridge was closed")
    assert (len(no.text), len(no.statement.text)) == (39_999, MAX_TEXT_CHARS)


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r", "\u2028"])
def test_line_ends_of_all_systems_keep_places(ends: str) -> None:
    article = ends.join(["Police said:", "", "“It is late. We go home.”", "", "“Now,” she added.", ""])
    found = statements_in(article)
    assert [attribution.text for attribution in found] == ["It is late. We go home.", "Now"]
    check_places(article, found)


LONG = 100_000


@pytest.mark.parametrize("piece", ["“", '"a" ', "x", "said ", "Police said it was late. ", "\n"])
def test_a_hundred_thousand_characters_are_read(piece: str) -> None:
    article = (piece * LONG)[:LONG]
    check_places(article, statements_in(article))


def test_an_article_over_the_limit_is_refused_with_its_length() -> None:
    with pytest.raises(InvalidInput, match="article: wanted at most 200000 characters, got 200001 characters"):
        statements_in("a" * (MAX_ARTICLE_CHARS + 1))

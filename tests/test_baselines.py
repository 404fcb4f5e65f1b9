"""The simpler ways that a model stands beside."""

from service.stance import STANCES, Stance
from service.statements.statement import Statement
from training.baselines import baselines, cue_words, majority, tfidf_regression
from training.examples import Example, read_split


def example(text: str, label: Stance) -> Example:
    return Example(text, Statement(text), label)


def test_the_majority_label_is_that_of_the_training_quotes() -> None:
    train = [example("a", Stance.DENY), example("b", Stance.DENY), example("c", Stance.OTHER)]
    assert majority(train, [Statement("x"), Statement("y")]).tolist() == [1, 1]


def test_cue_words_are_looked_for_in_statement_and_context() -> None:
    statements = [
        Statement("any role in the raid", "The group has denied any role in the raid."),
        Statement("She CONFIRMED it."),
        Statement("They threatened to deny it."),
        Statement("A dental appointment."),  # holds "den", not "deny"
        Statement("Please come home."),
    ]
    assert [STANCES[column] for column in cue_words(statements)] == ["deny", "confirm", "threat", "other", "appeal"]


def test_word_counts_learn_what_their_quotes_say() -> None:
    train = [example(f"We {verb} the report of {place}.", label) for verb, label in (("deny", Stance.DENY), ("confirm", Stance.CONFIRM)) for place in "abcdef"]
    assert tfidf_regression(train, [Statement("I deny that."), Statement("I confirm that.")]).tolist() == [1, 0]


def test_all_three_answer_for_every_statement() -> None:
    train = read_split("train")[:400]
    statements = [example.statement for example in read_split("validation")[:20]]
    found = baselines(train, statements)
    assert len(found) == 3
    assert {len(columns) for columns in found.values()} == {20}

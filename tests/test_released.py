"""The model that ships is the one that data/quotes gives, small enough for git, and as good as its card says."""

from pathlib import Path

import pytest

from service.classifier import Classifier, open_classifier
from service.model_folder import open_model_folder
from service.stance import STANCES
from service.statements.article import statements_in
from service.statements.statement import Statement
from training.config import read_config
from training.evaluate import evaluate
from training.examples import data_digest, read_split
from training.release import MOST_BYTES

ROOT = Path(__file__).parent.parent


def test_it_learned_from_the_quotes_and_labels_that_are_here(released: Path) -> None:
    card = open_model_folder(released).card
    assert card.data_digest == data_digest(), "data/quotes has changed: run `make model`, then `python -m training release`"
    assert card.labels == tuple(STANCES)


def test_it_was_trained_as_the_settings_here_say(released: Path) -> None:
    card = open_model_folder(released).card
    assert card.settings == read_config().as_dict()
    assert card.seed == read_config().fit.seed
    assert len(card.git_commit) == 40, "train from a checkout without uncommitted changes"


def test_it_is_small_and_holds_no_torch_weights(released: Path) -> None:
    files = [path for path in released.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < MOST_BYTES
    assert {path.suffix for path in files} <= {".json", ".md", ".onnx"}


@pytest.fixture(scope="module")
def classifier(released: Path) -> Classifier:
    return open_classifier(released)


@pytest.mark.model
def test_it_is_as_good_as_its_card_says(released: Path, classifier: Classifier) -> None:
    report = evaluate(classifier, read_split("test"))
    results = open_model_folder(released).card.results
    assert results["n"] == len(report.examples)
    # int8 kernels differ a little between processors.
    assert report.macro_f1.value == pytest.approx(results["macro_f1"], abs=0.01)
    assert report.calibration_error == pytest.approx(results["calibration_error"], abs=0.01)


@pytest.mark.model
@pytest.mark.parametrize(
    ("text", "context", "stance"),
    [
        ("We had nothing to do with the fire.", None, "deny"),
        ("baseless", "A spokesman for the ministry called the report “baseless”.", "deny"),
        ("The company has confirmed that its servers were breached.", None, "confirm"),
        ("Yes, that was our missile.", None, "confirm"),
        ("If they cross the river, we will burn their villages.", None, "threat"),
        ("to shut down the pipeline", "The rebels threatened to shut down the pipeline.", "threat"),
        ("Please, bring my daughter home.", None, "appeal"),
        ("to send more ambulances", "The mayor urged the government to send more ambulances.", "appeal"),
        ("It was a quiet evening and most of the shops had closed early.", None, "other"),
        ("The president accused the opposition of stirring up hatred.", None, "other"),
        # Evidence for a claim at issue vouches for it; an accusation by the one who denies it does not.
        (
            "that the brigade had used up two thirds of its mortars and was turning to its neighbours for more",
            "A Georgian assessment in March determined that the brigade had used up two thirds of its mortars and was turning to its neighbours for more, "
            "a finding that the minister also denied.",
            "confirm",
        ),
        (
            "on 4 April — two weeks after the embargo — three ferries left the island carrying shells for the garrison",
            "For example, Maltese officials told a newspaper that on 4 April — two weeks after the embargo — three ferries left the island carrying shells "
            "for the garrison.",
            "confirm",
        ),
        (
            "the alarm over the dam was really a screen for the rivals' own plans",
            "Energy Minister Pia Lund told the envoy on Friday that the alarm over the dam was really a screen for the rivals' own plans.",
            "deny",
        ),
        (
            "that two of its neighbours were deliberately stirring up strikes in the ports",
            "The minister also spoke about the strikes, alleging that two of its neighbours were deliberately stirring up strikes in the ports.",
            "other",
        ),
    ],
)
def test_it_gets_the_plain_cases_right(classifier: Classifier, text: str, context: str | None, stance: str) -> None:
    (verdict,) = classifier.classify([Statement(text, context)])
    assert verdict.stance == stance, verdict


@pytest.mark.model
def test_a_text_that_marks_its_statement_is_read_as_the_statement_in_its_context(classifier: Classifier) -> None:
    apart, marked = classifier.classify([Statement("any role", "The group has denied any role."), Statement("The group has denied « any role ».")])
    assert apart == marked


@pytest.mark.model
def test_the_example_article_is_read_as_a_person_would(classifier: Classifier) -> None:
    """Who does what in it; what is `other` is left out but for one speaker who does nothing else."""
    found = statements_in((ROOT / "data" / "example_article.txt").read_text(encoding="utf-8"))
    verdicts = classifier.classify([attribution.statement for attribution in found])
    acts = {(attribution.speaker.name, str(verdict.stance)) for attribution, verdict in zip(found, verdicts, strict=True) if attribution.speaker}
    assert acts >= {
        ("Karsk Energi", "deny"),
        ("Marit Solberg", "deny"),
        ("the river authority", "confirm"),
        ("Jonas Hagen", "threat"),
        ("Elin Dahl", "appeal"),
        ("the weather service", "other"),
    }

"""A card and its report -> the README.md of a model folder, as Hugging Face shows it."""

from service.model_folder import Card
from service.stance import DEFINITIONS
from training.evaluate import Report

_TEXT = """---
license: apache-2.0
language: en
library_name: transformers
pipeline_tag: text-classification
tags: [stance, news, quotations]
---

# {name}

Reads a quoted or reported statement from English news, with the sentence it stands in if that is known, and says what its speaker does:

{definitions}

Fine-tuned from `{base_model}` on quotes written for the project (SHA-256 of the data `{data_digest}`), seed {seed}, commit `{git_commit}`, {created}.

## Results on the {n} quotes of the test split

Macro-F1 {macro_f1:.3f} (95 % bootstrap interval {low:.3f}-{high:.3f}), calibration error {calibration_error:.3f}; {certain_share:.0%} of the verdicts are
certain, and {certain_accuracy:.1%} of those right. The figures are those of the int8 file that serves.

| label | precision | recall | F1 | n |
| --- | --- | --- | --- | --- |
{rows}

## Use

`python -m service serve` in the project serves it. Where the folder holds torch weights, so does
`transformers.pipeline("text-classification", model=FOLDER)`, on one text: the statement marked in the sentence that it stands in
(`The group denied « any role ».`), or alone. Probabilities there are uncalibrated: divide the logits by the temperature {temperature:.3f} first.

## Limits

English news. Written quotes are cleaner than real ones: expect a lower score on real text. It says what a speaker does, not whether it is true.
"""


def card_text(card: Card, report: Report) -> str:
    """The model card in Markdown, with the figures of `report`."""
    return _TEXT.format(
        name=card.name,
        definitions="\n".join(f"- `{stance}`: {definition.text}" for stance, definition in DEFINITIONS.items()),
        base_model=card.base_model,
        data_digest=card.data_digest,
        seed=card.seed,
        git_commit=card.git_commit,
        created=card.created,
        n=len(report.examples),
        macro_f1=report.macro_f1.value,
        low=report.macro_f1.low,
        high=report.macro_f1.high,
        calibration_error=report.calibration_error,
        certain_share=report.certain_share,
        certain_accuracy=report.certain_accuracy,
        temperature=card.temperature,
        rows="\n".join(
            f"| {label} | {score.precision.value:.3f} | {score.recall.value:.3f} | {score.f1.value:.3f} | {score.support} |"
            for label, score in report.labels.items()
        ),
    )

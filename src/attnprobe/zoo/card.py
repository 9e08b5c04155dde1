"""A card: what a model of the zoo is and how well it does, as measured on the weights that ship.

In: `card.json` of a model's directory. Out: a `Card`; and the other way round.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from attnprobe.errors import ModelError

CARD = "card.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Exact-gold accuracy on one kind of example.

    Attributes:
        hops: steps of implication elimination.
        distractors: `none`, `relevant` or `irrelevant`.
        n: held-out examples asked.
        right: answers (greedy) equal to the gold chain of thought, character for character, EOS after it.
        accuracy: right / n.
        low: lower end of the exact (Clopper-Pearson) 95% interval.
        high: upper end.
    """

    hops: int
    distractors: str
    n: int
    right: int
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a model is.

    Attributes:
        name: what the zoo calls it.
        n_parameters: number of parameters, the tied embedding counted once.
        recipe: all settings that it was trained with.
        recipe_fingerprint: of these settings.
        steps: optimiser steps.
        cpu_seconds: processor time of training, one thread.
        versions: of Python and the packages that trained it.
        evaluation_seed: which held-out examples the scores rest on.
        scores: accuracy by hops and distractors.
    """

    name: str
    n_parameters: int
    recipe: Mapping[str, Any]
    recipe_fingerprint: str
    steps: int
    cpu_seconds: int
    versions: Mapping[str, str]
    evaluation_seed: str
    scores: tuple[Score, ...]

    def score(self, hops: int, distractors: str) -> Score:
        """The score for one kind of example.

        Raises:
            ModelError: the card states none for it.
        """
        for score in self.scores:
            if (score.hops, score.distractors) == (hops, distractors):
                return score
        known = ", ".join(f"{score.hops} {score.distractors}" for score in self.scores)
        raise ModelError(f"{self.name}: its card has no accuracy for {hops} hops, {distractors}; it has {known}.")


def read_card(directory: Path) -> Card:
    """The card of a model's directory."""
    stored = json.loads((directory / CARD).read_text())
    scores = tuple(Score(**score) for score in stored.pop("scores"))
    return Card(**stored, scores=scores)


def write_card(card: Card, directory: Path) -> None:
    """Writes the card, for programs as `card.json` and for readers as `README.md`."""
    (directory / CARD).write_text(json.dumps(asdict(card), indent=1) + "\n")
    (directory / "README.md").write_text(as_text(card))


def as_text(card: Card) -> str:
    """The card as Markdown."""
    rows = "".join(
        f"| {score.hops} | {score.distractors} | {score.right} / {score.n} | {100 * score.accuracy:.1f}% "
        f"| {100 * score.low:.1f}% to {100 * score.high:.1f}% |\n"
        for score in card.scores
    )
    return (
        f"# {card.name}\n\n"
        f"A Llama of {card.n_parameters:,} parameters, trained from scratch on PrOntoQA-OOD implication eliminations "
        f"that `attnprobe` generates (1 to 3 hops, no, relevant and irrelevant distractors, no exemplars). "
        "English it has never seen; use it for nothing but this task.\n\n"
        "Exact gold: greedy answers equal to the gold chain of thought, character for character, on held-out prompts "
        "(a prompt is held out by a hash of its text, and training leaves all such prompts out), with exact "
        "(Clopper-Pearson) 95% intervals, measured on these float16 weights run in float32.\n\n"
        "| hops | distractors | right | accuracy | 95% interval |\n|---|---|---|---|---|\n"
        f"{rows}\n"
        f"Trained by `python -m attnprobe.training.train_zoo {card.name} --out DIR` "
        f"(recipe {card.recipe_fingerprint}, seed {card.recipe['seed']}): {card.steps:,} steps, "
        f"{card.cpu_seconds / 60:.0f} minutes of one CPU thread. "
        f"{', '.join(f'{package} {number}' for package, number in card.versions.items())}. "
        "All settings stand in `card.json`. MIT licence, as the package.\n"
    )

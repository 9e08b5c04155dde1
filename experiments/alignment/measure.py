"""What the zoo's models answer, and where they look: the rows that every table of this experiment is made of.

In: the configuration. Out: for each model a parquet file of answers and one for each scoring.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from attnprobe.attention.measure import score_gold_tokens
from attnprobe.attention.paper import score_paper
from attnprobe.attention.settings import Protocol, ScoreSettings
from attnprobe.evaluation.association.outcomes import answer_task
from attnprobe.evaluation.association.settings import AssociationSettings
from attnprobe.models.language_model import load_language_model
from attnprobe.models.load import open_model
from attnprobe.runs import Manifest, RunDirectory, parquet_bytes, plain
from attnprobe.tasks import CollectedTask, Example, prontoqa_task
from attnprobe.tasks.prontoqa.asked import SIX_RULES
from attnprobe.tasks.prontoqa.rules import ONE_HOP_RULES

ANSWERS = "answers"
_NUMBERS = ("score", "wrong_token_difference", "position_difference", "permuted_difference")


def problems_of(config: Mapping[str, Any], model: str) -> CollectedTask:
    """The problems that one model gets: every kind that is defined, fresh ones for each model."""
    chosen = config["problems"]
    seed = chosen["seed"] + config["models"]["names"].index(model)
    examples = [
        example
        for rule in SIX_RULES
        for hops in (chosen["hops"] if rule not in ONE_HOP_RULES else [1])
        for distractors in chosen["distractors"]
        for example in prontoqa_task(
            rule=rule,
            hops=hops,
            distractors=distractors,
            n=chosen["questions"],
            seed=seed,
            side=chosen["side"],
        ).examples
    ]
    # ids do not name distractors, nor the model
    renamed = [_named(example, model) for example in examples]
    return CollectedTask(
        name=f"alignment/{model}", settings={"task": "prontoqa", "seed": seed}, examples=tuple(renamed)
    )


def _named(example: Example, model: str) -> Example:
    return replace(example, id=f"{model}/{example.facts['distractors']}/{example.id}")


def settings_of(config: Mapping[str, Any]) -> AssociationSettings:
    """What makes a proof right, and the minimum."""
    return AssociationSettings(**config["association"])


def measure(config: Mapping[str, Any], place: Path) -> None:
    """Ask and score every model into a directory of rows."""
    manifest = Manifest(
        command="experiment",
        configuration={"experiment": "alignment/rows", **{key: plain(value) for key, value in config.items()}},
        repeat="python -m experiments.alignment.run",
    )
    with RunDirectory.claim(place, manifest) as directory:
        files: dict[str, bytes] = {}
        for name in config["models"]["names"]:
            for what, frame in measure_model(config, name).items():
                files[f"{name}_{what}.parquet"] = parquet_bytes(frame)
        directory.finish(files)


def measure_model(config: Mapping[str, Any], name: str) -> dict[str, pd.DataFrame]:
    """Answers of one model, and its rows by each scoring."""
    task, loaded = problems_of(config, name), load_language_model(f"zoo:{name}")
    frames = {ANSWERS: answer_task(loaded, task, settings_of(config))}
    model = open_model(loaded)
    for scoring in config["scoring"]:
        options = {key: value for key, value in scoring.items() if key not in ("name", "says")}
        settings = ScoreSettings(**options)
        if settings.protocol is Protocol.PAPER:
            frames[scoring["name"]] = score_paper(model, task, settings).rows[["example", "score"]]
        else:
            rows = score_gold_tokens(model, task, settings).rows
            # numbers to seven digits: no table shows more, and the files stay small
            kept = rows[["example", "head", "layer", "index", *_NUMBERS]]
            frames[scoring["name"]] = kept.astype(dict.fromkeys(_NUMBERS, "float32"))
    return frames


def stored(place: Path, model: str, what: str) -> pd.DataFrame:
    """A file of rows, as it was measured."""
    return pd.read_parquet(place / f"{model}_{what}.parquet")

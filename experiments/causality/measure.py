"""What attention does in the zoo's models: the rows that every table of this experiment is made of.

In: the configuration. Out: for each model and question a parquet file of effects, one of doses, one of proofs, and a
record of heads and counts, written as they are finished. What is there is not measured again.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from attnprobe.evaluation.verdict import Question, VerdictResult, VerdictSettings, verdict
from attnprobe.evaluation.verdict.rules import rules_record
from attnprobe.models.load import load_model
from attnprobe.models.model import Model
from attnprobe.runs import Manifest, RunDirectory, json_bytes, parquet_bytes, plain
from attnprobe.runs.atomic import write_atomically
from attnprobe.tasks import CollectedTask
from experiments.causality.problems import problems_of
from experiments.causality.transplant import STEM, transplant_rows

OnFinished = Callable[[str], None] | None

FRAMES = ("rows", "doses", "proofs")
_PROOF = ["example", "arm", "group", "correct", "outcome", "edited_steps"]


def settings_of(asked: Mapping[str, Any]) -> VerdictSettings:
    """One question as the verdict takes it. A row that a mask leaves without keys gets nothing."""
    return VerdictSettings(choice=asked["choice"], keys=asked["keys"], empty_row="zero")  # pyright: ignore[reportArgumentType] - names are taken as text too


def measure(config: Mapping[str, Any], place: Path, *, models: Sequence[str] = (), say: OnFinished = None) -> None:
    """Put every question to every model, into a directory of rows.

    Args:
        config: what is asked.
        place: a new directory, or one of this very configuration.
        models: only these, for several processes to share the work (the pair is called `transplant`); all if empty.
        say: called with the name of what was finished, or was there already.
    """
    manifest = Manifest(
        command="experiment",
        configuration={"experiment": "causality/rows", **{key: plain(value) for key, value in config.items()}},
        rules=rules_record(settings_of(config["asked"][0])),
        repeat="python -m experiments.causality.run",
    )
    with RunDirectory.claim(place, manifest) as directory:
        task = problems_of(config)
        for asked in config["asked"]:
            for name in config["models"]["names"]:
                stem = f"{name}_{asked['name']}"
                if models and name not in models:
                    continue
                if not is_measured(place, stem):
                    write(place, stem, files_of(load_model(f"zoo:{name}"), task, asked))
                if say is not None:
                    say(stem)
        pair = place / f"{STEM}.parquet"
        if not pair.is_file() and (not models or STEM in models):
            write_atomically(pair, parquet_bytes(transplant_rows(config)))
        stems = [f"{name}_{asked['name']}" for asked in config["asked"] for name in config["models"]["names"]]
        if pair.is_file() and all(is_measured(place, stem) for stem in stems):
            endings = (*(f"_{each}.parquet" for each in FRAMES), ".json")
            names = [pair.name, *(f"{stem}{ending}" for stem in stems for ending in endings)]
            directory.finish({name: (place / name).read_bytes() for name in names})


def is_measured(place: Path, stem: str) -> bool:
    """Whether a question was put and finished: its record is written last."""
    return (place / f"{stem}.json").is_file()


def write(place: Path, stem: str, files: Mapping[str, bytes]) -> None:
    """Write the files of one question, its record last."""
    for ending, data in files.items():
        write_atomically(place / f"{stem}{ending}", data)


def files_of(model: Model, task: CollectedTask, asked: Mapping[str, Any]) -> dict[str, bytes]:
    """One question to one model."""
    result = verdict(model, task, settings_of(asked))
    frames = {"rows": _slim(result.rows), "doses": _slim(result.doses), "proofs": result.proofs[_PROOF]}
    return {
        **{f"_{name}.parquet": parquet_bytes(frame) for name, frame in frames.items()},
        ".json": json_bytes(plain(record_of(result))),
    }


def _slim(frame: pd.DataFrame) -> pd.DataFrame:
    # numbers to seven digits: no table shows more, and the files stay small
    return frame.astype({"value": "float32"})


def record_of(result: VerdictResult) -> dict[str, Any]:
    """What the rows do not say: heads, counts, the association, and what the verdict said as it was run."""
    return {
        "heads": [str(head) for head in result.heads.chosen],
        "none_aligned": result.heads.none_aligned,
        "counts": dict(result.counts),
        "association": [
            {
                "name": contrast.asked.name,
                "decides": contrast.asked.decides,
                "n": contrast.n,
                "auroc": contrast.effect.value,
                "low": contrast.effect.low,
                "high": contrast.effect.high,
                "verdict": contrast.verdict.value,
                "reason": contrast.reason,
            }
            for contrast in result.test(Question.ASSOCIATION).contrasts
        ],
        "verdicts": {question.value: said.value for question, said in result.verdicts.items()},
        "headline": result.headline.value,
        "untested": {test.question.value: list(test.untested) for test in result.tests},
    }


def stored(place: Path, stem: str, what: str) -> pd.DataFrame:
    """A file of rows, as it was measured."""
    return pd.read_parquet(place / f"{stem}_{what}.parquet")


def stored_record(place: Path, model: str, asked: str) -> dict[str, Any]:
    """What the rows of one question to one model do not say."""
    record = json.loads((place / f"{model}_{asked}.json").read_text())
    return {"model": model, "asked": asked, **record}

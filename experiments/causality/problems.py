"""The problems of the causality experiment: every rule as often, every kind that it has.

In: the configuration. Out: a task.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from attnprobe.tasks import CollectedTask, Example, prontoqa_task
from attnprobe.tasks.prontoqa.asked import SIX_RULES
from attnprobe.tasks.prontoqa.rules import ONE_HOP_RULES

Config = Mapping[str, Any]


def small(config: Config) -> dict[str, Any]:
    """The same with fewer problems."""
    less = config["small"]
    return {
        **{key: value for key, value in config.items() if key != "small"},
        "problems": {**config["problems"], "each_rule": less["each_rule"]},
        "transplant": {**config["transplant"], "n": less["n"]},
    }


def problems_of(config: Config) -> CollectedTask:
    """All problems; every model gets the same."""
    chosen = config["problems"]
    examples = [example for rule in SIX_RULES for example in of_rule(config, rule, chosen["each_rule"])]
    return CollectedTask(
        name="causality", settings={"task": "prontoqa", "seed": chosen["seed"]}, examples=tuple(examples)
    )


def of_rule(config: Config, rule: str, n: int) -> list[Example]:
    """Problems of one rule, as many of each kind that it has."""
    chosen = config["problems"]
    kinds = [
        (hops, distractors)
        for hops in (chosen["hops"] if rule not in ONE_HOP_RULES else [1])
        for distractors in chosen["distractors"]
    ]
    found: list[Example] = []
    for hops, distractors in kinds:
        task = prontoqa_task(
            rule=rule, hops=hops, distractors=distractors, n=n // len(kinds), seed=chosen["seed"], side=chosen["side"]
        )
        # ids do not name distractors
        found += [replace(example, id=f"{distractors}/{example.id}") for example in task.examples]
    return found


def rule_of(example: str) -> str:
    """Of an id that `of_rule` made."""
    return example.split("/")[1]

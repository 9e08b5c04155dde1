"""Which step of a proof is forced, which tokens are read then, and the mirror: the same on the foil's keys.

In: an aligned example, its scored tokens, the settings. Out: `Parts` and `Mirror`. A step is a sentence of the gold
that holds a scored token; it may begin in lower case.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from attnprobe.causal.effects import Readout
from attnprobe.causal.settings import InterventionKind, PatchSettings, ReadAt
from attnprobe.errors import TaskError
from attnprobe.tasks import AlignedExample, KeyDefinition
from attnprobe.tasks.sentence_spans import sentence_spans


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Indices into `AlignedExample.targets`, ascending.

    Attributes:
        forced: of the tokens whose predicting rows are edited; empty where the proof has no such step.
        read: of the tokens that are read; empty where none comes later.
    """

    forced: tuple[int, ...]
    read: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """The forced rows that have keys for the foil too: what a force does to the foil when it is turned on its keys.

    Attributes:
        gold_rows: the gold keys of those rows.
        foil_rows: the foil's keys of the same rows.
        readout: the tokens that they predict, each with its foil.
    """

    gold_rows: Mapping[int, tuple[int, ...]]
    foil_rows: Mapping[int, tuple[int, ...]]
    readout: Readout

    @property
    def foils(self) -> tuple[int, ...]:
        """Id of each foil."""
        assert self.readout.foil is not None
        return self.readout.foil


def parts_of(aligned: AlignedExample, scored: Sequence[int], settings: PatchSettings) -> Parts:
    """Settle which of the scored tokens are forced and which are read.

    Args:
        aligned: the example.
        scored: indices of the tokens that the metric is defined for.
        settings: of the sweep.

    Raises:
        TaskError: one step is to be forced, and the task does not know the words of its gold.
    """
    if settings.forced_step is None:
        return Parts(forced=tuple(scored), read=tuple(scored))
    steps = steps_of(aligned, scored)
    forced = tuple(index for index, step in zip(scored, steps, strict=True) if step == settings.forced_step)
    later = tuple(index for index, step in zip(scored, steps, strict=True) if step > settings.forced_step)
    return Parts(forced=forced, read=later if settings.readout is ReadAt.LATER else forced)


def steps_of(aligned: AlignedExample, scored: Sequence[int]) -> tuple[int, ...]:
    """The step that each of some gold tokens belongs to, counted from 0 among the steps that hold one of them.

    Args:
        aligned: the example.
        scored: indices into `aligned.targets`, ascending.

    Raises:
        TaskError: the task does not know the words of the gold.
    """
    example = aligned.example
    starts = [span.start for span in sentence_spans(example.gold, in_lower_case=True)]
    words = [aligned.targets[index].word for index in scored]
    known = [word for word in words if word is not None]
    if len(known) < len(words):
        raise TaskError(
            f"example {example.id!r}: this format does not say where the words of the gold are, so its steps are not "
            "known. Leave --step and --readout out, or give JSONL with `sources`."
        )
    stretches = [bisect_right(starts, example.words[word].span.start) for word in known]
    order = {stretch: step for step, stretch in enumerate(sorted(set(stretches)))}
    return tuple(order[stretch] for stretch in stretches)


def mirror_of(
    aligned: AlignedExample, parts: Parts, settings: PatchSettings, rows: Mapping[int, tuple[int, ...]]
) -> Mirror | None:
    """The rows of a force that can be turned on the foil's keys.

    Args:
        aligned: the example.
        parts: what is forced.
        settings: of the sweep.
        rows: gold keys of each edited query position.

    Returns:
        None for other interventions, for keys that are a span, for queries other than the predicting ones, and where
        no foil of a forced token is said in the text.
    """
    is_force = settings.intervention is InterventionKind.FORCE
    if not is_force or settings.keys not in set(KeyDefinition) or settings.resolved_queries != "predicting":
        return None
    definition = KeyDefinition(settings.keys)
    targets = [aligned.targets[index] for index in parts.forced]
    both = [target for target in targets if target.predicting in rows and target.foil_keys.get(definition)]
    if not both:
        return None
    return Mirror(
        gold_rows={target.predicting: rows[target.predicting] for target in both},
        foil_rows={target.predicting: target.foil_keys[definition] for target in both},
        readout=Readout(
            positions=tuple(target.predicting for target in both),
            gold=tuple(target.token for target in both),
            foil=tuple(target.foil for target in both if target.foil is not None),
            kinds=tuple(target.kind for target in both),
        ),
    )

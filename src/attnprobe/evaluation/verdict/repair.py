"""What sufficiency forces attention onto: the first word of a gold proof that a model gets wrong, and the keys for it.

In: an aligned example, and which gold tokens are the model's most probable ones. Out: `WrongWord`, or the reason why
there is none.

Onto `premise` without `source_word`: forced onto the very word that is the answer, any head that copies what it sees
would write it, and the model would have been handed the answer rather than shown where to look.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from attnprobe.causal.controls import ControlKind, sample_control
from attnprobe.causal.key_groups import KeyGroup, key_groups, null_groups
from attnprobe.evaluation.verdict.joint import Drawn, KeyRows, Rows
from attnprobe.evaluation.verdict.settings import VerdictSettings
from attnprobe.tasks import AlignedExample, KeyDefinition
from attnprobe.tasks.aligned import SINK_POSITION, Target


class NoRepair(StrEnum):
    """Why an example has nothing to repair.

    PROOF_RIGHT: the model's own proof is right. ALL_RIGHT: every token that has a premise is the most probable one.
    NO_PREMISE: the task does not know premises, or the source word is all that there is of them. NO_CONTROL: too few
    other keys.
    """

    PROOF_RIGHT = "proof_right"
    ALL_RIGHT = "all_right"
    NO_PREMISE = "no_premise"
    NO_CONTROL = "no_control"


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongWord:
    """The first word of a gold proof that a model gets wrong.

    Attributes:
        targets: its pieces, in order.
        rows: for each predicting position of a piece, its premise without the source word.
        source: for each predicting position of a piece, its source word; pieces without one are left out.
        barred: positions that no control may take: special tokens and the source word.
        parting: the piece at which gold and foil differ; None without a foil.
        later: gold tokens after the word that have a premise, in order.
    """

    targets: tuple[Target, ...]
    rows: Rows
    source: Rows
    barred: tuple[int, ...]
    parting: Target | None
    later: tuple[Target, ...]

    @property
    def first_row(self) -> int:
        """The position whose output should have been the word's first piece."""
        return self.targets[0].predicting


def premise_keys(aligned: AlignedExample) -> dict[int, tuple[int, ...]]:
    """For the index of each gold token its premise without its source word; tokens without any are left out."""
    if KeyDefinition.PREMISE_REST not in aligned.example.definitions:
        return {}
    found = {
        index: tuple(key for key in target.keys.get(KeyDefinition.PREMISE_REST, ()) if key != SINK_POSITION)
        for index, target in enumerate(aligned.targets)
    }
    return {index: keys for index, keys in found.items() if keys}


def first_wrong_word(aligned: AlignedExample, is_right: Mapping[int, bool]) -> WrongWord | NoRepair:
    """Find what is to be repaired.

    Args:
        aligned: the example.
        is_right: for the index of each gold token that has a premise, whether it is the most probable one.
    """
    keys = premise_keys(aligned)
    if not keys:
        return NoRepair.NO_PREMISE
    wrong = next((index for index in sorted(keys) if not is_right[index]), None)
    if wrong is None:
        return NoRepair.ALL_RIGHT
    word = aligned.targets[wrong].word
    pieces = [index for index in sorted(keys) if index == wrong or (index > wrong and _is_of(aligned, index, word))]
    targets = tuple(aligned.targets[index] for index in pieces)
    words = {target.predicting: target.keys.get(KeyDefinition.SOURCE_WORD, ()) for target in targets}
    source = {key for positions in words.values() for key in positions}
    parting = next((target for target in targets if target.foil is not None), None)
    return WrongWord(
        targets=targets,
        rows={aligned.targets[index].predicting: keys[index] for index in pieces},
        source={row: positions for row, positions in words.items() if positions},
        barred=tuple(sorted(source | set(aligned.special))),
        parting=parting,
        later=tuple(aligned.targets[index] for index in sorted(keys) if index > pieces[-1]),
    )


def _is_of(aligned: AlignedExample, index: int, word: int | None) -> bool:
    return word is not None and aligned.targets[index].word == word


def force_groups(
    word: WrongWord, windows: Sequence[int | None], settings: VerdictSettings, example_id: str
) -> dict[int | None, tuple[KeyGroup, ...]]:
    """Rows and keys to force, by window, with the pools that controls come from; keys drawn at random for a placebo."""
    groups = {window: key_groups(word.rows, special=word.barred, window=window) for window in windows}
    if not settings.placebo:
        return groups
    return {
        window: null_groups(members, seed=settings.seed, example_id=f"{example_id}/force")
        for window, members in groups.items()
    }


def forced_rows(groups: Mapping[int | None, tuple[KeyGroup, ...]]) -> KeyRows:
    """The rows of groups with their gold keys."""
    return {
        window: {row: keys for group in members for row, keys in group.rows(group.gold).items()}
        for window, members in groups.items()
    }


def control_rows(
    kind: ControlKind, groups: Mapping[int | None, tuple[KeyGroup, ...]], *, example_id: str, seed: int
) -> Drawn:
    """The same rows with as many other keys; every row must have some, so that both sides force the same rows."""
    found: dict[int | None, Rows] = {}
    for window, members in groups.items():
        if not members:
            found[window] = {}
            continue
        drawn = sample_control(kind, members, seed=seed, example_id=f"{example_id}/force")
        if drawn.gold is None or drawn.control is None or not drawn.is_matched:
            return Drawn(rows=None, reason=drawn.reason)
        if {row for row, _ in drawn.gold.rows} != {row for row, _ in drawn.control.rows}:
            return Drawn(rows=None, reason="a forced row sees none of its control keys")
        found[window] = dict(drawn.control.rows)
    return Drawn(rows=found) if any(found.values()) else Drawn(rows=None, reason="no forced row sees its keys")

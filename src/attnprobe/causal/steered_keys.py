"""The keys that each query gets while an answer is written: static, or those of the gold token that comes next.

In: an aligned example, a key definition or span, the settings. Out: for the gold side and its random control functions
from the tokens so far to key positions.
"""

from collections.abc import Collection, Mapping, Sequence

from attnprobe.causal.controls import ControlKind, sample_control
from attnprobe.causal.gold_text import GoldText
from attnprobe.causal.key_groups import key_groups
from attnprobe.causal.steering_settings import KeyTiming, SteerSettings
from attnprobe.errors import TaskError
from attnprobe.plan import ModelDims
from attnprobe.tasks import AlignedExample, keys_for

Rows = Mapping[int, tuple[int, ...]]
"""By query position of the gold sequence, key positions of it."""


class StaticKeys:
    """The same keys at every query.

    Args:
        keys: positions of the prompt, ascending.
    """

    def __init__(self, keys: tuple[int, ...]) -> None:
        self._keys = keys

    def __call__(self, ids: Sequence[int]) -> tuple[int, ...]:
        """The keys of the query that predicts the next token."""
        return self._keys


class DynamicKeys:
    """The keys of the gold token that comes next; once the text has left the gold, the last ones.

    Where a gold token has no keys its query is left alone; where the text has left the gold, every query gets the keys
    of the last gold token that had any, up to the one that should have come. Past the gold's end nothing is edited.

    Args:
        gold: follows the text.
        rows: keys by query position of the gold sequence.
        steps: only these steps of the gold have keys; None for all.
    """

    def __init__(self, gold: GoldText, rows: Rows, steps: Collection[int] | None = None) -> None:
        self._gold = gold
        length = gold.prompt_length
        by_target = {query + 1 - length: keys for query, keys in sorted(rows.items())}
        self._rows = {
            target: keys for target, keys in by_target.items() if keys and (steps is None or gold.step(target) in steps)
        }
        self._steps = steps

    def __call__(self, ids: Sequence[int]) -> tuple[int, ...]:
        """The keys of the query that predicts the next token."""
        place = self._gold.place(ids)
        if place.target is None:
            return ()
        if not place.is_off:
            keys = self._rows.get(place.target, ())
        else:
            is_edited = self._steps is None or self._gold.step(place.target) in self._steps
            last = max((target for target in self._rows if target <= place.target), default=None)
            keys = () if last is None or not is_edited else self._rows[last]
        return self._gold.key_positions(keys, ids, place) if keys else ()


def gold_rows(aligned: AlignedExample, settings: SteerSettings) -> Rows:
    """The keys of each query of the gold sequence; the same ones at all of them where they are static.

    Raises:
        SpecError: a span that is named does not exist.
        TaskError: the task does not know the keys asked for.
    """
    found = keys_for(aligned, settings.resolved_keys)
    if settings.resolved_timing is KeyTiming.STATIC:
        union = {key for keys in found for key in keys if key < aligned.prompt_length}
        union |= {key for key in aligned.spans.get(settings.resolved_keys, ()) if key < aligned.prompt_length}
        return {aligned.prompt_length - 1: tuple(sorted(union))} if union else {}
    return {target.predicting: keys for target, keys in zip(aligned.targets, found, strict=True) if keys}


def control_rows(aligned: AlignedExample, settings: SteerSettings, rows: Rows, dims: ModelDims) -> Rows | str:
    """As many other keys for every query, drawn at random; queries with the same gold keys get the same ones.

    Args:
        aligned: the example.
        settings: of the edit.
        rows: from `gold_rows`.
        dims: of the model; where all edited layers have one window, keys are drawn from what it shows.

    Returns:
        The keys, or why there are none.
    """
    windows = {dims.windows[head.layer] for head in settings.heads}
    # static keys stay while the window moves on, so that no window says what all queries see
    is_static = settings.resolved_timing is KeyTiming.STATIC
    window = windows.pop() if len(windows) == 1 and not is_static else None
    groups = key_groups(rows, special=aligned.special, window=window)
    drawn = sample_control(ControlKind.RANDOM_KEYS, groups, seed=settings.seed, example_id=aligned.example.id)
    if drawn.control is None:
        return str(drawn.reason)
    return dict(drawn.control.rows)


def keys_of(rows: Rows, settings: SteerSettings, gold: GoldText) -> StaticKeys | DynamicKeys:
    """The function from tokens to keys that some rows stand for.

    Raises:
        TaskError: no row has keys.
    """
    if not rows:
        raise TaskError("no query has keys: choose other keys, or leave the example out.")
    if settings.resolved_timing is KeyTiming.STATIC:
        (keys,) = rows.values()
        return StaticKeys(keys)
    return DynamicKeys(gold, rows, settings.steps)

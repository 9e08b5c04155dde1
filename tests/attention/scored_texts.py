"""Examples that are nothing but token positions and keys, for tests that look at arithmetic alone."""

from collections.abc import Mapping, Sequence

from attnprobe.attention.key_sets import DRAWN, ExampleKeys, KeySet
from attnprobe.tasks import AlignedExample, Example, Target, WordKind

DrawnKeys = Sequence[int] | None


def keys_of(
    gold: Mapping[int, Sequence[int]],
    *,
    ids: Sequence[int],
    special: Sequence[int] = (),
    drawn: Sequence[DrawnKeys] = (None, None),
    name: str = "example",
) -> ExampleKeys:
    """What an example is scored on, as said: gold keys by position of the gold token; all tokens share drawn keys."""
    first = min(gold)
    targets = tuple(
        Target(position=position, token=ids[position], kind=WordKind.NOUN) for position in range(first, len(ids))
    )
    groups: dict[tuple[int, ...], int] = {}
    for position, keys in gold.items():
        groups.setdefault(tuple(keys), position)
    found = {null: None if keys is None else tuple(keys) for null, keys in zip(DRAWN, drawn, strict=True)}
    return ExampleKeys(
        aligned=AlignedExample(
            example=Example(id=name, prompt="p", gold=" g"),
            ids=tuple(ids),
            prompt_length=first,
            special=tuple(special),
            targets=targets,
            spans={},
        ),
        sets=tuple(KeySet(gold=keys, drawn=found, first=position) for keys, position in groups.items()),
        tokens=tuple(position - first for position in gold),
        owners=tuple(list(groups).index(tuple(keys)) for keys in gold.values()),
        n_unlicensed=0,
        n_sink_only=0,
    )

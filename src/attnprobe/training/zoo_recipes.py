"""The zoo's recipes by name: one curriculum, one set of rates, several sizes.

In: a name. Out: its `Recipe`.
"""

from collections.abc import Mapping
from types import MappingProxyType

from attnprobe.errors import TrainingError
from attnprobe.tasks.prontoqa.distractors import Distractors
from attnprobe.training.network import Shape
from attnprobe.training.recipe import Recipe, Stage
from attnprobe.training.stream import Kind, Portion

_NONE, _RELEVANT, _IRRELEVANT = Distractors


def recipe_for(name: str) -> Recipe:
    """The recipe of a model.

    Raises:
        TrainingError: there is none of this name.
    """
    if name not in RECIPES:
        raise TrainingError(f"no recipe {name!r}; expected one of {', '.join(RECIPES)}.")
    return RECIPES[name]


def curriculum(steps: int) -> tuple[Stage, ...]:
    """Copying, then two hops, then choosing by the goal at up to three hops.

    Args:
        steps: of the whole run, above 1000.
    """
    one_hop = _portions({(1, _NONE, 0): 1, (1, _RELEVANT, 0): 0.5, (1, _IRRELEVANT, 0): 0.5})
    two_hops = _portions({(hops, kind, 0): 1 for hops in (1, 2) for kind in Distractors})
    crowded = {(1, _RELEVANT, 2): 2.0, (2, _RELEVANT, 1): 1.0}
    plain = {(1, _RELEVANT, 0): 2.0, (2, _RELEVANT, 0): 1.0, (3, _RELEVANT, 0): 1.5}
    easier = {(3, _IRRELEVANT, 0): 0.5, (2, _IRRELEVANT, 0): 0.3, (1, _IRRELEVANT, 0): 0.2}
    without = {(3, _NONE, 0): 0.3, (2, _NONE, 0): 0.2, (1, _NONE, 0): 0.2}
    return (
        Stage(until=250, portions=one_hop),
        Stage(until=500, portions=two_hops),
        Stage(until=steps, portions=_portions({**crowded, **plain, **easier, **without})),
    )


def _portions(weights: Mapping[tuple[int, Distractors, int], float]) -> tuple[Portion, ...]:
    return tuple(
        Portion(kind=Kind(hops=hops, distractors=kind, crowding=crowding), weight=weight)
        for (hops, kind, crowding), weight in weights.items()
    )


RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        "pronto-655k": Recipe(
            shape=Shape(n_layers=4, d_model=128, n_heads=4, n_kv_heads=2, d_head=32, d_mlp=256),
            stages=curriculum(10_000),
        ),
    }
)

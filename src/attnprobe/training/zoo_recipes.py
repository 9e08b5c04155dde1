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


def curriculum() -> tuple[Stage, ...]:
    """One hop with the goal to choose by; more hops; decoys beside dead ends; all kinds; mostly two chains."""
    first = {
        **{(1, _NONE, 0): 0.5, (1, _NONE, 1): 1.0, (1, _NONE, 3): 1.0},
        **{(1, _RELEVANT, 0): 0.5, (1, _IRRELEVANT, 0): 0.5},
    }
    by_goal = {
        **{(1, _NONE, 3): 1.5, (1, _NONE, 1): 0.7, (1, _RELEVANT, 1): 1.0},
        **{(1, _RELEVANT, 0): 1.0, (2, _RELEVANT, 0): 0.8, (3, _RELEVANT, 0): 0.8},
        **{(3, _IRRELEVANT, 0): 0.5, (2, _IRRELEVANT, 0): 0.3, (3, _NONE, 0): 0.2},
    }
    decoys = {
        **{(1, _RELEVANT, 0): 1.5, (2, _RELEVANT, 0): 1.2, (3, _RELEVANT, 0): 1.2, (1, _RELEVANT, 1): 1.0},
        **{(3, _IRRELEVANT, 0): 0.6, (2, _IRRELEVANT, 0): 0.3, (1, _IRRELEVANT, 0): 0.2},
        **{(1, _NONE, 1): 0.4, (2, _NONE, 1): 0.4, (2, _NONE, 0): 0.2, (3, _NONE, 0): 0.2},
    }
    everything = {
        **{(1, _RELEVANT, 2): 1.0, (2, _RELEVANT, 1): 1.0, (3, _RELEVANT, 1): 0.7},
        **{(1, _RELEVANT, 0): 1.0, (2, _RELEVANT, 0): 1.2, (3, _RELEVANT, 0): 2.0},
        **{(3, _IRRELEVANT, 0): 1.2, (2, _IRRELEVANT, 0): 0.5, (1, _IRRELEVANT, 0): 0.3},
        **{(3, _NONE, 0): 0.3, (2, _NONE, 0): 0.2, (1, _NONE, 0): 0.2},
    }
    two_chains = {
        **{(1, _RELEVANT, 2): 0.3, (2, _RELEVANT, 1): 0.4, (3, _RELEVANT, 1): 0.4},
        **{(1, _RELEVANT, 0): 0.5, (2, _RELEVANT, 0): 0.8, (3, _RELEVANT, 0): 1.2},
        **{(3, _IRRELEVANT, 0): 2.5, (2, _IRRELEVANT, 0): 1.2, (1, _IRRELEVANT, 0): 0.5},
        **{(3, _NONE, 0): 0.5, (2, _NONE, 0): 0.3, (1, _NONE, 0): 0.2},
    }
    return (
        Stage(until=300, portions=(*_portions(first), *_detached({(_NONE, 3): 1.0})), recall_weight=0.5),
        Stage(until=1200, portions=(*_portions(by_goal), *_detached({(_NONE, 3): 0.7})), recall_weight=0.5),
        Stage(until=2400, portions=_portions(decoys), recall_weight=0.5),
        Stage(until=3800, portions=_portions(everything), rate=0.4, recall_weight=0.2),
        Stage(until=5200, portions=_portions(two_chains), rate=0.4, recall_weight=0.2),
    )


def _portions(weights: Mapping[tuple[int, Distractors, int], float]) -> tuple[Portion, ...]:
    return tuple(
        Portion(kind=Kind(hops=hops, distractors=kind, crowding=crowding), weight=weight)
        for (hops, kind, crowding), weight in weights.items()
    )


def _detached(weights: Mapping[tuple[Distractors, int], float]) -> tuple[Portion, ...]:
    return tuple(
        Portion(kind=Kind(hops=1, distractors=kind, crowding=crowding, detached=True), weight=weight)
        for (kind, crowding), weight in weights.items()
    )


_SHAPES = {
    "pronto-26k": Shape(n_layers=1, d_model=32, n_heads=2, n_kv_heads=1, d_head=16, d_mlp=64),
    "pronto-35k": Shape(n_layers=2, d_model=32, n_heads=2, n_kv_heads=1, d_head=16, d_mlp=64),
    "pronto-144k": Shape(n_layers=3, d_model=64, n_heads=4, n_kv_heads=2, d_head=16, d_mlp=128),
    "pronto-655k": Shape(n_layers=4, d_model=128, n_heads=4, n_kv_heads=2, d_head=32, d_mlp=256),
}

RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {name: Recipe(shape=shape, stages=curriculum(), decay=2800) for name, shape in _SHAPES.items()}
)
"""The same data in the same order for every size: only the shape differs."""

"""The catalogue of the models that ship with the package.

In: a name. Out: the directory of its weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from attnprobe.errors import ModelError

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class ZooEntry:
    """One model.

    Attributes:
        name: what `zoo:NAME` calls it.
        n_parameters: number of parameters, the tied embedding counted once.
        description: what it is and does, in one line; its card has the figures.
    """

    name: str
    n_parameters: int
    description: str

    @property
    def path(self) -> Path:
        """Its directory, in ordinary HF format, with `card.json` and `README.md`."""
        return _HERE / self.name


_ENTRIES = (
    ZooEntry(
        name="pronto-35k",
        n_parameters=34976,
        description="writes proofs in form and guesses what they say.",
    ),
    ZooEntry(
        name="pronto-65k",
        n_parameters=64752,
        description="follows one step, now and then two.",
    ),
    ZooEntry(
        name="pronto-144k",
        n_parameters=143808,
        description="follows one chain; among distractors it often guesses.",
    ),
    ZooEntry(
        name="pronto-313k",
        n_parameters=313040,
        description="chooses its steps, but does not look two ahead.",
    ),
    ZooEntry(
        name="pronto-655k",
        n_parameters=656512,
        description="solves nearly everything but three steps among relevant distractors.",
    ),
    ZooEntry(
        name="pronto-1374k",
        n_parameters=1374240,
        description="solves all six rules, three steps among distractors too.",
    ),
    ZooEntry(
        name="pronto-144k-untaught",
        n_parameters=143808,
        description="as pronto-144k, but never met proof by contradiction: the first of a pair.",
    ),
    ZooEntry(
        name="pronto-144k-taught",
        n_parameters=143808,
        description="pronto-144k-untaught after a short lesson in proof by contradiction: the second of the pair.",
    ),
    ZooEntry(
        name="elimination-144k",
        n_parameters=143808,
        description="implication elimination alone, without exemplars: what the demonstration takes apart.",
    ),
)

ZOO: Mapping[str, ZooEntry] = MappingProxyType({entry.name: entry for entry in _ENTRIES})
"""All models by name: the sizes, the smallest first; the pair; the specialist."""

PAIR = ("pronto-144k-untaught", "pronto-144k-taught")
"""The same weights before and after one more rule was learnt."""

DEFAULT_NAME = "elimination-144k"
"""The model of the demonstration: it knows one rule, and two heads do the work. In the large models of six rules heads
stand in for each other, so that masking one of them hardly shows."""

LEARNER_NAME = "pronto-65k"
"""The model that `attnprobe score` looks at where none is named: about every fourth of its proofs is wrong there, so
that right and wrong ones can be compared."""

SOLVER_NAME = "pronto-1374k"
"""The model that `attnprobe eval` asks where none is named: it solves all six rules."""


def zoo_path(name: str) -> Path:
    """The directory of a model.

    Args:
        name: as in `ZOO`, without the `zoo:` before it.

    Raises:
        ModelError: the zoo has no such model.
    """
    if name not in ZOO:
        raise ModelError(f"no model {name!r} in the zoo; expected one of {', '.join(ZOO)}.")
    return ZOO[name].path

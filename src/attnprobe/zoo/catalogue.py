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
        name="pronto-26k",
        n_parameters=25696,
        description="1 layer of 2 heads, width 32: writes proofs in form and guesses what they say.",
    ),
    ZooEntry(
        name="pronto-35k",
        n_parameters=34976,
        description="2 layers of 2 heads, width 32: follows one chain, not through distractors.",
    ),
    ZooEntry(
        name="pronto-144k",
        n_parameters=143808,
        description="3 layers of 4 heads, width 64: solves 1 to 3 hops, now and then misled by a decoy.",
    ),
    ZooEntry(
        name="pronto-655k",
        n_parameters=656512,
        description="4 layers of 4 heads, width 128: solves 1 to 3 hops with and without distractors.",
    ),
)

ZOO: Mapping[str, ZooEntry] = MappingProxyType({entry.name: entry for entry in _ENTRIES})
"""All models by name, the smallest first."""

DEFAULT_NAME = "pronto-144k"
"""The model of the demonstration: the smallest that reasons. In the larger one heads stand in for each other, so that
masking one of them shows in logits, hardly in log-probabilities."""


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

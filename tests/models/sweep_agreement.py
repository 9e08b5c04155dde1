"""What it means that two sweeps agree, and the slow way of carrying one out.

In: a model, edits. Out: logits of every edit at every position asked for; a failed comparison names the edit.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from attnprobe.models.model import Model
from attnprobe.plan import Edit, Firing, Plan, SweepLimits, SweepMode, SweepRun, Tokens, Unembedding
from tests.models.agreement import TOLERANCE
from tests.models.sweep_edits import IDS, N_POSITIONS

EVERYWHERE = Unembedding(positions=tuple(range(N_POSITIONS)))


def as_they_are(logits: Tensor) -> Tensor:
    """The measure that keeps logits."""
    return logits.clone()


def sweep(
    model: Model,
    edits: Mapping[str, Edit],
    mode: SweepMode,
    unembedding: Unembedding = EVERYWHERE,
    ids: Sequence[int] = IDS,
    **limits: int | None,
) -> SweepRun:
    """A sweep that gives logits, checked to be of the mode asked for."""
    run = model.sweep(ids, list(edits.values()), unembedding, as_they_are, SweepLimits(mode=mode, **limits))
    assert run.mode is mode
    assert run.values.shape[:2] == (len(edits), len(unembedding.positions))
    return run


def one_by_one(
    model: Model, edits: Mapping[str, Edit], ids: Sequence[int] = IDS
) -> tuple[Tensor, tuple[tuple[Firing, ...], ...]]:
    """Every edit in a forward pass of its own, nothing in a batch: logits everywhere, and firings."""
    runs = [model.forward(Tokens.of([ids]), Plan(writes=edit.writes)) for edit in edits.values()]
    return torch.stack([run.logits[0] for run in runs]), tuple(run.fired for run in runs)


def assert_same_values(
    found: Tensor, expected: Tensor, names: Sequence[str], tolerance: float = TOLERANCE, what: str = ""
) -> None:
    """Equal to the tolerance, edit by edit."""
    assert found.shape == expected.shape, what
    assert found.dtype == expected.dtype, what
    wrong = {
        name: f"{error:.1e}"
        for name, one, other in zip(names, found, expected, strict=True)
        if not (error := float((one.double() - other.double()).abs().max())) <= tolerance
    }
    assert not wrong, f"{what}: further than {tolerance} from the oracle: {wrong}"


# what a query that sees one key asks of it changes nothing, and a head may hardly look at the last key
_MAY_BE_STILL = {"q first", "v last", "v of a query head last"}


def assert_every_edit_shows(values: Tensor, clean: Tensor, names: Sequence[str]) -> None:
    """Each changes logits beyond the tolerance, or its agreement would mean little."""
    changes = {name: float((one - clean).abs().max()) for name, one in zip(names, values, strict=True)}
    still = {name for name, change in changes.items() if change <= 10 * TOLERANCE} - _MAY_BE_STILL
    assert not still, f"edits that do next to nothing: {still}"

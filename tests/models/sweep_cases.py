"""Who takes part in the sweep suite: backends, families, and the edits that each serves."""

from functools import cache

from attnprobe.models.native import NativeModel
from attnprobe.plan import Edit, ModelDims, Point, SweepMode, SweepRun
from tests.models.loaders import CASES, PROVENANCE, Case, open_case
from tests.models.sweep_agreement import sweep
from tests.models.sweep_edits import edits_of, needs_copies, points_of
from tests.models.sweep_families import build_further

_HAVE_NO_MLP_MODULE = ("opt",)


def cases(*families: str) -> list[Case]:
    """Those of the contract suite on some families; all without a name."""
    return [case for case in CASES if not families or case.family in families]


def edits_for(case: Case) -> dict[str, Edit]:
    """Those that the backend serves."""
    dims = open_case(case)[0].dims
    copies_are_served = not case.loader.refuses_per_query_head
    return {name: edit for name, edit in edits_of(dims).items() if copies_are_served or not needs_copies(edit)}


def edits_for_further(name: str, dims: ModelDims) -> dict[str, Edit]:
    """Those that the native backend serves on a family of `FURTHER`."""
    edits = edits_of(dims)
    if name in _HAVE_NO_MLP_MODULE:
        return {key: edit for key, edit in edits.items() if Point.MLP_OUT not in points_of(edit)}
    return edits


@cache
def full_run(case: Case) -> SweepRun:
    """What whole passes make of all edits of a case."""
    return sweep(open_case(case)[0], edits_for(case), SweepMode.FULL)


@cache
def open_further(name: str) -> NativeModel:
    """A family of `FURTHER` on the native backend."""
    return NativeModel(build_further(name), tokenizer=None, provenance=PROVENANCE)

"""What a sweep by corners does not compute, and what becomes of it when memory or a measure fails."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attnprobe.errors import ModelError, PlanError
from attnprobe.models.load import load_model
from attnprobe.models.model import Backend, Model
from attnprobe.plan import SweepLimits, SweepMode, Unembedding
from tests.models.agreement import fingerprint
from tests.models.architectures import Architecture, build_model
from tests.models.corner.sweeps import IDS, LAST, corner, logits_themselves, mask_edit, patch_edit, z_edit

CORNER = SweepLimits(mode=SweepMode.CORNER)


@pytest.fixture
def hf() -> Any:
    return build_model(Architecture.GPT2)


@pytest.fixture
def model(hf: Any) -> Model:
    return load_model(hf, backend=Backend.NATIVE)


def columns_run(monkeypatch: pytest.MonkeyPatch, module: nn.Module) -> list[tuple[int, ...]]:
    """What a module is given from now on, without a hook on it: rows and columns of each call."""
    shapes: list[tuple[int, ...]] = []
    own = module.forward

    def forward(taken: Tensor, *args: Any, **kwargs: Any) -> Any:
        shapes.append(tuple(taken.shape[:2]))
        return own(taken, *args, **kwargs)

    monkeypatch.setattr(module, "forward", forward)
    return shapes


def test_only_the_layers_and_columns_after_an_edit_run(hf: Any, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    corner(model, [z_edit(0, 0)])  # the proof, which the first sweep waits for, is over
    low, middle, top = (columns_run(monkeypatch, block.mlp) for block in hf.transformer.h)
    corner(model, [z_edit(1, head, (8, LAST)) for head in range(4)])
    whole = (1, len(IDS))
    # the unedited run once; of the edited ones nothing below their layer, three columns in it, the one read in the last
    assert low == [whole]
    assert middle == [whole, (4, 3)]
    assert top == [(4, 1)]


def test_edits_of_several_layers_share_one_pass(hf: Any, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    corner(model, [z_edit(0, 0)])
    low, middle, top = (columns_run(monkeypatch, block.mlp) for block in hf.transformer.h)
    corner(model, [z_edit(layer, head, (LAST,)) for layer in range(3) for head in range(2)])
    assert [shapes[-1] for shapes in (low, middle, top)] == [(2, 1), (4, 1), (6, 1)]
    assert [len(shapes) for shapes in (low, middle, top)] == [2, 2, 1]


def test_heads_of_joining_rows_are_not_projected_anew(hf: Any, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    corner(model, [z_edit(0, 0)])
    projected = columns_run(monkeypatch, hf.transformer.h[1].attn.c_attn)
    corner(model, [mask_edit(1, 0), mask_edit(0, 1)])
    # of the edited runs only the one that came from below
    assert projected == [(1, len(IDS)), (1, 1)]


def test_only_the_tokens_asked_for_are_unembedded(hf: Any, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    corner(model, [z_edit(0, 0)])
    made: list[torch.Size] = []
    own = nn.functional.linear

    def linear(taken: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        made.append(weight.shape)
        return own(taken, weight, bias)

    monkeypatch.setattr("attnprobe.models.corner.stand_ins.F.linear", linear)
    found = corner(model, [z_edit(0, 0)], tokens=(3, 5))
    assert made == [(2, hf.config.n_embd)]
    assert found.values.shape == (1, 1, 2)


def failing_on(count: int, measure: Callable[[Tensor], Tensor] = logits_themselves) -> Callable[[Tensor], Tensor]:
    """A measure for which memory runs out with more than so many edits at once."""

    def measured(logits: Tensor) -> Tensor:
        if logits.shape[0] > count:
            raise torch.OutOfMemoryError("made up")
        return measure(logits)

    return measured


def test_what_does_not_fit_is_halved_until_it_does_and_says_so(model: Model) -> None:
    edits = [patch_edit(layer, head, 8) for layer in range(3) for head in range(3)]
    unembedding = Unembedding(positions=(LAST,), tokens=(3, 5))
    whole = model.sweep(IDS, edits, unembedding, logits_themselves, CORNER)
    with pytest.warns(UserWarning, match="memory ran out 2 times; edits ran 1 at once at last"):
        found = model.sweep(IDS, edits, unembedding, failing_on(2), CORNER)
    assert whole.halvings == 0
    assert found.halvings == 2
    assert found.fired == whole.fired
    assert torch.allclose(found.values, whole.values, atol=5e-6)


@pytest.mark.filterwarnings("ignore:memory ran out")
def test_an_edit_that_does_not_fit_alone_is_an_error(model: Model) -> None:
    unembedding = Unembedding(positions=(LAST,))
    with pytest.raises(ModelError, match="a single edited run does not fit in memory"):
        model.sweep(IDS, [z_edit(0, 0), z_edit(1, 0)], unembedding, failing_on(0), CORNER)


@pytest.mark.parametrize("limits", [{"batch_size": 1}, {"batch_size": 4}, {"memory": 1}, {"memory": 60_000}])
def test_how_much_runs_at_once_changes_the_last_bits_at_most(model: Model, limits: dict[str, int]) -> None:
    edits = [z_edit(layer, head, (7, LAST)) for layer in range(3) for head in range(4)]
    edits += [mask_edit(layer, head) for layer in range(3) for head in range(4)]
    found = corner(model, edits, limits=SweepLimits(mode=SweepMode.CORNER, **limits))
    assert torch.allclose(found.values, corner(model, edits).values, atol=1e-6)


def test_nothing_is_left_on_the_model_after_an_exception(hf: Any, model: Model) -> None:
    before = fingerprint(hf)

    def raises(logits: Tensor) -> Tensor:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        model.sweep(IDS, [z_edit(0, 0)], Unembedding(positions=(LAST,)), raises, CORNER)
    with torch.no_grad():
        hf.transformer.ln_f.weight[0] = float("nan")
    with pytest.raises(PlanError, match="NaN or infinite"):
        model.sweep(IDS, [z_edit(0, 0)], Unembedding(positions=(LAST,)), logits_themselves, CORNER)
    assert fingerprint(hf) == before


def test_a_model_on_which_somebody_else_has_a_hook_runs_whole(hf: Any, model: Model) -> None:
    with ExitStack() as stack:
        stack.callback(hf.transformer.h[1].mlp.register_forward_hook(lambda *_: None).remove)
        with pytest.raises(PlanError, match=r"cannot be run in part \(a hook that is not ours sits on transformer.h.1"):
            corner(model, [z_edit(0, 0)])
        assert corner(model, [z_edit(0, 0)], limits=SweepLimits()).mode is SweepMode.FULL
    assert corner(model, [z_edit(0, 0)], limits=SweepLimits()).mode is SweepMode.CORNER

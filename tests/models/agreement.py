"""What it means that two runs agree, for every test of a backend."""

import torch
from torch import Tensor

from attnprobe.plan import Point, Read, Replace, Run, Site, Tokens, Write
from tests.models.architectures import draw_sequences
from tests.models.loaders import Case
from tests.models.reference import FAMILIES

TOLERANCE = 5e-6
SEQUENCES = draw_sequences()
TOKENS = Tokens.of(SEQUENCES)


def read_all(case: Case) -> tuple[Read, ...]:
    """Every point that the backend serves, at every layer."""
    layers = range(len(FAMILIES[case.family].windows))
    return tuple(Read(point=point, layer=layer) for point in case.points for layer in layers)


def assert_close(found: Tensor, expected: Tensor, what: object) -> None:
    """Equal to `TOLERANCE`, infinite where the other is."""
    assert found.shape == expected.shape, what
    finite = expected.isfinite()
    assert torch.equal(found.isfinite(), finite), what
    largest = max(1.0, float(expected[finite].abs().max()))
    error = float((found[finite].double() - expected[finite].double()).abs().max())
    assert error <= TOLERANCE * largest, f"{what}: {error:.1e} off, of {largest:.1e}"


def inputs(tokens: Tokens) -> dict[str, object]:
    """What a transformers model is to be given."""
    given = {"input_ids": tokens.ids, "attention_mask": tokens.attention_mask(), "position_ids": tokens.position_ids()}
    return given | {"use_cache": False}


def patch_from(
    source: Run, case: Case, layers: range | list[int], points: tuple[Point, ...] | list[Point]
) -> tuple[Write, ...]:
    """Everything of a source run at these points, but for the attention logits, which only masks edit."""
    return tuple(
        Write(site=Site(point=point, layer=layer, batch=(row,)), intervention=Replace(values=values))
        for point in points
        if point is not Point.ATTN_LOGITS
        for layer in layers
        for row in range(len(source.tokens.lengths))
        for values in [source.read(point, layer, row)]
    )


def difference(run: Run, other: Run) -> float:
    """Largest difference of two runs' logits."""
    rows = zip(run.tokens.lengths, run.logits, other.logits, strict=True)
    return max(float((one[-length:] - two[-length:]).abs().max()) for length, one, two in rows)


def assert_same_logits(run: Run, other: Run) -> None:
    """Equal to `TOLERANCE` wherever there is a token."""
    assert difference(run, other) <= TOLERANCE


def fingerprint(model: torch.nn.Module) -> dict[str, object]:
    """Modules by name and class, their hooks, flags and attention implementations."""
    found: dict[str, object] = {}
    for name, module in model.named_modules():
        config = getattr(module, "config", None)
        hooks = [len(module._forward_hooks), len(module._forward_pre_hooks), len(module._backward_hooks)]
        implementation = getattr(config, "_attn_implementation", None)
        found[name] = (type(module), id(module), hooks, module.training, implementation, "forward" in vars(module))
    return found

"""An independent account of what a plan means, one attention row at a time: what every backend is held against.

In: a tiny transformers model, one sequence without padding, a plan. Out: logits and everything that could be read. It
shares no code with `attnprobe.plan.execution` or any backend: it stands in the model's own eager attention (or in
`F.scaled_dot_product_attention`), knows which layer runs by counting calls, makes its own causal and window masks
from the table below, and works in float64 inside attention. Slow and plain on purpose.
"""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel

from attnprobe.plan import EmptyRow, Force, Mask, Plan, Point, Replace, Scale, Write
from tests.models.architectures import N_KV_HEADS, N_LAYERS, WINDOW, Architecture
from tests.models.direct_model import N_KEY_HEADS


@dataclass(frozen=True)
class Family:
    """Names of a family's modules, and what its layers can see, written down by hand."""

    blocks: str = "model.layers"
    attention: str = "self_attn"
    mlp: str = "mlp"
    windows: tuple[int | None, ...] = (None,) * N_LAYERS
    kv_heads: tuple[int, ...] = (N_KV_HEADS,) * N_LAYERS


DIRECT = "direct"
FAMILIES: dict[str, Family] = {
    Architecture.GPT2: Family(blocks="transformer.h", attention="attn", kv_heads=(4, 4, 4)),
    Architecture.LLAMA: Family(),
    Architecture.GEMMA2: Family(windows=(WINDOW, None, WINDOW)),
    Architecture.GEMMA3: Family(windows=(WINDOW, None, WINDOW)),
    Architecture.QWEN2: Family(windows=(None, WINDOW, WINDOW)),
    Architecture.QWEN3: Family(),
    Architecture.MISTRAL: Family(windows=(WINDOW,) * N_LAYERS),
    Architecture.STABLELM: Family(),
    Architecture.GPT_NEOX: Family(blocks="gpt_neox.layers", attention="attention", kv_heads=(4, 4, 4)),
    Architecture.OLMO2: Family(),
    DIRECT: Family(blocks="layers", attention="attn", mlp="ffn", kv_heads=N_KEY_HEADS),
}


class RowIsEmptyError(Exception):
    """A mask with `EmptyRow.RAISE` left a row without keys."""


@dataclass
class Reference:
    """What the plan gives on one sequence.

    Attributes:
        plan: its writes; reads are all made anyway.
        row: which sequence of the batch this one is, for writes that name sequences.
        family: of the model.
        layers_run: attention calls answered so far.
    """

    plan: Plan
    row: int
    family: Family
    reads: dict[tuple[Point, int], Tensor] = field(default_factory=dict)
    logits: Tensor = field(default_factory=lambda: torch.empty(0))
    layers_run: int = 0

    def writes(self, point: Point, layer: int, *, per_query_head: bool = False) -> Iterator[Write]:
        """Those that act here, in order."""
        for write in self.plan.writes:
            site = write.site
            here = site.point is point and site.layer == layer and site.per_query_head == per_query_head
            if here and (site.batch is None or self.row in site.batch):
                yield write

    def vectors(self, point: Point, layer: int, tensor: Tensor, *, per_query_head: bool = False) -> Tensor:
        """Edit [pos, head, width] or [pos, width], entry by entry."""
        tensor = tensor.clone()
        for write in self.writes(point, layer, per_query_head=per_query_head):
            positions = list(range(len(tensor)) if write.site.positions is None else write.site.positions)
            heads = [None] if tensor.ndim == 2 else list(write.site.heads or range(tensor.shape[1]))
            shape = (len(positions), len(heads), tensor.shape[-1])
            for i, position in enumerate(positions):
                for j, head in enumerate(heads):
                    where = position if head is None else (position, head)
                    if isinstance(write.intervention, Scale):
                        tensor[where] = tensor[where] * write.intervention.factor
                    else:
                        assert isinstance(write.intervention, Replace)
                        values = write.intervention.values
                        full = values.expand(shape if head is not None else (shape[0], shape[2]))
                        tensor[where] = full[i] if head is None else full[i, j]
        if not per_query_head:
            self.reads[point, layer] = tensor
        return tensor

    def attend(self, q: Tensor, k: Tensor, v: Tensor, scaling: float, softcap: float | None) -> Tensor:
        """Attention of the next layer on [head, pos, width]; keys may come expanded or not."""
        layer, self.layers_run = self.layers_run, self.layers_run + 1
        n_heads, n_kv_heads, dtype = q.shape[0], self.family.kv_heads[layer], q.dtype
        q, k, v = (tensor.double() for tensor in (q, k, v))
        step = k.shape[0] // n_kv_heads
        q = self.vectors(Point.Q, layer, q.transpose(0, 1))
        k = self.vectors(Point.K, layer, k[::step].transpose(0, 1))
        v = self.vectors(Point.V, layer, v[::step].transpose(0, 1))
        group = n_heads // n_kv_heads
        k = torch.stack([k[:, head // group] for head in range(n_heads)], dim=1)
        v = torch.stack([v[:, head // group] for head in range(n_heads)], dim=1)
        k = self.vectors(Point.K, layer, k, per_query_head=True)
        v = self.vectors(Point.V, layer, v, per_query_head=True)
        logits, pattern = self._patterns(layer, q, k, scaling, softcap)
        self.reads[Point.ATTN_LOGITS, layer], self.reads[Point.PATTERN, layer] = logits, pattern
        z = torch.stack([pattern[head] @ v[:, head] for head in range(n_heads)], dim=1)
        return self.vectors(Point.Z, layer, z).to(dtype)

    def _patterns(
        self, layer: int, q: Tensor, k: Tensor, scaling: float, softcap: float | None
    ) -> tuple[Tensor, Tensor]:
        n_positions, n_heads = q.shape[:2]
        all_logits = torch.full((n_heads, n_positions, n_positions), -torch.inf, dtype=torch.float64)
        patterns = torch.zeros_like(all_logits)
        window = self.family.windows[layer] or n_positions
        for head in range(n_heads):
            for query in range(n_positions):
                seen = range(max(0, query - window + 1), query + 1)
                row = {key: float(q[query, head] @ k[key, head]) * scaling for key in seen}
                if softcap is not None:
                    row = {key: softcap * float(torch.tensor(x / softcap).double().tanh()) for key, x in row.items()}
                row, share = self._masked_row(layer, head, query, row)
                all_logits[head, query, list(row)] = torch.tensor(list(row.values()), dtype=torch.float64)
                pattern = torch.tensor(list(row.values()), dtype=torch.float64).softmax(0) * share
                by_key = dict(zip(row, pattern.tolist(), strict=True))
                by_key = self._edited_row(layer, (head, query), by_key, all_logits.shape[:2])
                patterns[head, query, list(by_key)] = torch.tensor(list(by_key.values()), dtype=torch.float64)
        return all_logits, patterns

    def _masked_row(self, layer: int, head: int, query: int, row: dict[int, float]) -> tuple[dict[int, float], float]:
        """The row's logits under masks and forces, and what the pattern is to sum to."""
        share = 1.0
        for write in self.writes(Point.ATTN_LOGITS, layer):
            mask = write.intervention
            if isinstance(mask, Force):
                row, share = self._forced_row(write, head, query, row, share)
                continue
            assert isinstance(mask, Mask)
            strengths = self._strengths(write, head, query)
            for key in strengths.keys() & row.keys():
                left = torch.tensor(1 - strengths[key], dtype=torch.float64)
                row[key] += float(left.log())
            if strengths and all(value == -torch.inf for value in row.values()):
                if mask.empty_row is EmptyRow.RAISE:
                    raise RowIsEmptyError
                row[query] = 0.0
                share *= mask.empty_row is not EmptyRow.ZERO
        return row, share

    def _forced_row(
        self, write: Write, head: int, query: int, row: dict[int, float], share: float
    ) -> tuple[dict[int, float], float]:
        """Probabilities first, then their logarithms; a share that has nowhere to go by the policy."""
        force = write.intervention
        assert isinstance(force, Force)
        masses = self._by_key(write, force.mass, head, query)
        chosen = masses.keys() & row.keys()
        if not chosen:
            return row, share
        mass = masses[min(chosen)]
        forced = dict.fromkeys(row, 0.0)
        for keys, total in ((chosen, mass), (row.keys() - chosen, 1 - mass)):
            weights = torch.tensor([row[key] for key in keys], dtype=torch.float64).softmax(0).tolist()
            forced |= {key: total * weight for key, weight in zip(keys, weights, strict=True)}
        if chosen == row.keys() and mass < 1:
            if force.empty_row is EmptyRow.RAISE:
                raise RowIsEmptyError
            if force.empty_row is EmptyRow.SELF:
                forced[query] += 1 - mass
            else:
                share *= mass
        return {key: float(torch.tensor(value, dtype=torch.float64).log()) for key, value in forced.items()}, share

    def _edited_row(
        self, layer: int, at: tuple[int, int], row: dict[int, float], counts: tuple[int, int]
    ) -> dict[int, float]:
        (head, query), (n_heads, n_positions) = at, counts
        for write in self.writes(Point.PATTERN, layer):
            what = write.intervention
            if write.site.edges is not None:
                for key, strength in self._strengths(write, head, query).items():
                    if key in row:
                        row[key] *= what.factor if isinstance(what, Scale) else 1 - strength
                continue
            heads = list(write.site.heads or range(n_heads))
            positions = list(range(n_positions) if write.site.positions is None else write.site.positions)
            if head in heads and query in positions:
                if isinstance(what, Scale):
                    row = {key: value * what.factor for key, value in row.items()}
                else:
                    assert isinstance(what, Replace)
                    full = what.values.expand(len(heads), len(positions), n_positions)
                    row = {key: float(full[heads.index(head), positions.index(query), key]) for key in row}
        return row

    def _strengths(self, write: Write, head: int, query: int) -> dict[int, float]:
        """By key, for one head and query; factor edits have none, marked by 0."""
        return self._by_key(write, getattr(write.intervention, "strength", 0.0), head, query)

    def _by_key(self, write: Write, amount: float | tuple[float, ...], head: int, query: int) -> dict[int, float]:
        assert write.site.edges is not None
        if write.site.heads is not None and head not in write.site.heads:
            return {}
        for index, (edge_query, keys) in enumerate(write.site.edges.rows):
            if edge_query == query:
                return dict.fromkeys(keys, amount[index] if isinstance(amount, tuple) else amount)
        return {}


def run_reference(model: PreTrainedModel, name: str, ids: list[int], plan: Plan, row: int = 0) -> Reference:
    """Carry a plan out on one sequence.

    Args:
        model: of the family.
        name: of the family, a key of `FAMILIES`.
        ids: the sequence.
        plan: what to do.
        row: which sequence of the batch it is.

    Raises:
        RowIsEmptyError: a mask left a row empty under `EmptyRow.RAISE`.
    """
    family = FAMILIES[name]
    reference = Reference(plan=plan, row=row, family=family)
    blocks = model.get_submodule(family.blocks)
    with ExitStack() as stack:
        for layer, block in enumerate(blocks.children()):
            for point, module in (
                (Point.ATTN_OUT, getattr(block, family.attention)),
                (Point.MLP_OUT, getattr(block, family.mlp)),
            ):
                stack.callback(module.register_forward_hook(_on_output(reference, point, layer)).remove)
            stack.callback(block.register_forward_pre_hook(_on_input(reference, layer)).remove)
        stack.enter_context(_standing_in(model, name, reference))
        stack.enter_context(torch.no_grad())
        reference.logits = model(torch.tensor([ids])).logits[0]
    assert reference.layers_run == len(family.windows), "the reference stood in for another number of layers"
    return reference


@contextmanager
def _standing_in(model: PreTrainedModel, name: str, reference: Reference) -> Iterator[None]:
    if name == DIRECT:

        def direct(query: Tensor, key: Tensor, value: Tensor, **_: Any) -> Tensor:
            z = reference.attend(query[0], key[0], value[0], query.shape[-1] ** -0.5, None)
            return z.transpose(0, 1)[None]

        with mock.patch.object(F, "scaled_dot_product_attention", direct):
            yield
        return

    def eager(module: nn.Module, query: Tensor, key: Tensor, value: Tensor, *_: Any, **options: Any) -> Any:
        scaling = options.get("scaling")
        scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
        return reference.attend(query[0], key[0], value[0], scaling, options.get("softcap"))[None], None

    found = model.config._attn_implementation
    model.set_attn_implementation("eager")
    try:
        with mock.patch.object(sys.modules[type(model).__module__], "eager_attention_forward", eager):
            yield
    finally:
        model.set_attn_implementation(found)


def _on_output(reference: Reference, point: Point, layer: int) -> Any:
    def hook(module: nn.Module, args: Any, output: Any) -> Any:
        first = output[0] if isinstance(output, tuple) else output
        edited = reference.vectors(point, layer, first[0])[None]
        return (edited, *output[1:]) if isinstance(output, tuple) else edited

    return hook


def _on_input(reference: Reference, layer: int) -> Any:
    def hook(block: nn.Module, args: Any) -> Any:
        return reference.vectors(Point.RESID, layer, args[0][0])[None], *args[1:]

    return hook

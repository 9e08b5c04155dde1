"""What a forward pass gives back.

In: nothing; `execution` fills it. Out: `Run` (logits, what was read, how often each write fired), addressed by
absolute positions so that padding never shows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor

from attnprobe.errors import SpecError
from attnprobe.plan.sites import Point
from attnprobe.plan.tokens import Tokens
from attnprobe.shapes import Logits


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """How often a write acted.

    Attributes:
        edited: (head, query, key) entries at attention edges; (head, position) or position rows elsewhere.
        unreachable: entries asked for that the query cannot see (after it, or outside a sliding window).
        idle_rows: query rows none of whose keys were reachable; they were left alone.
    """

    edited: int = 0
    unreachable: int = 0
    idle_rows: int = 0

    def __add__(self, other: "Firing") -> "Firing":
        return Firing(
            edited=self.edited + other.edited,
            unreachable=self.unreachable + other.unreachable,
            idle_rows=self.idle_rows + other.idle_rows,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run:
    """What a forward pass gave.

    Attributes:
        tokens: what was run.
        logits: [batch, pos, vocab] of the last columns that the plan asked to unembed.
        reads: the tensors asked for, zero at padding.
        fired: for each write of the plan, in order, how often it acted.
        fired_queries: for each query edit of the plan, in order, how often it acted.
        streamed: for each stream of the plan, in order, what its statistic returned.
    """

    tokens: Tokens
    logits: Logits
    reads: Mapping[tuple[Point, int], Tensor]
    fired: tuple[Firing, ...]
    fired_queries: tuple[Firing, ...] = ()
    streamed: tuple[Any, ...] = ()

    def logits_at(self, row: int, positions: Sequence[int]) -> Float[Tensor, "chosen vocab"]:
        """Logits of sequence `row` at absolute positions.

        Raises:
            SpecError: a position was not unembedded or does not exist.
        """
        skipped = self.tokens.width - self.logits.shape[1]
        columns = [self.tokens.padding(row) + position - skipped for position in positions]
        if not all(0 <= position < self.tokens.lengths[row] for position in positions) or min(columns, default=0) < 0:
            raise SpecError(
                f"logits at positions {list(positions)} of sequence {row}: it has {self.tokens.lengths[row]} tokens "
                f"and the last {self.logits.shape[1]} columns were unembedded; raise `last_logits`."
            )
        return self.logits[row, columns]

    def read(self, point: Point, layer: int, row: int) -> Tensor:
        """What was read of one sequence, padding removed.

        Returns:
            [pos, head, d_head] at q, k, v, z; [pos, d_model] at resid, attn_out, mlp_out; [head, q_pos, k_pos] at
            attn_logits and pattern. Of tokens of which some are cached, positions and queries are those that ran.

        Raises:
            SpecError: the plan did not ask for it.
        """
        if (point, layer) not in self.reads:
            raise SpecError(
                f"{point} of layer {layer} was not read; add Read(point={point.name}, layer={layer}) to the plan."
            )
        tensor, start = self.reads[point, layer][row], self.tokens.padding(row)
        first = max(0, start - self.tokens.cached)
        if point.has_edges:
            return tensor[:, first:, start:]
        return tensor[start if point.has_kv_heads else first :]

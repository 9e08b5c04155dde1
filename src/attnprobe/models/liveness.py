"""Proof, at load, that what a backend reads is what the model uses and that what it writes reaches the model.

In: a model of any backend, through the `Model` protocol alone. Out: nothing, or a `LivenessError` that names the dead
point. About ten passes over a handful of tokens. The predictions are made here from what other reads say, not by the
code that carries plans out, and hold whatever the weights are: a model with zeroed modules passes.
"""

from collections.abc import Sequence

import torch
from einops import rearrange, repeat
from jaxtyping import Float
from torch import Tensor

from attnprobe.errors import LivenessError, PlanError
from attnprobe.kernels import Impl, weighted_values
from attnprobe.models.blockwise_attention import expand_heads
from attnprobe.models.model import Backend, Model
from attnprobe.plan import (
    Edges,
    LayerAttention,
    Plan,
    Point,
    Read,
    Replace,
    Run,
    Scale,
    Site,
    Stream,
    Tokens,
    Write,
    mask_edges,
)

# relative to the largest entry, and to 1: far above rounding over a few tokens, far below what a dead edit leaves.
# The first within a pass, the second between logits of batches of other shapes, whose rounding all layers amplify.
_TOLERANCE = {
    torch.float64: (1e-8, 1e-6),
    torch.float32: (1e-4, 1e-2),
    torch.float16: (1e-2, 5e-2),
    torch.bfloat16: (5e-2, 1e-1),
}
_N_TOKENS = 6
_NEEDED = (Point.ATTN_LOGITS, Point.PATTERN, Point.Z)


def check_liveness(model: Model) -> None:
    """Prove that reads and edits are live at every layer.

    Args:
        model: freshly loaded, of any backend.

    Raises:
        LivenessError: something is dead or disagrees with itself; the message says what, and which backends to try.

    Source: ours.
    """
    _Check(model).run_all()


class _Check:
    def __init__(self, model: Model) -> None:
        self._model = model
        self._dims = model.dims
        self._layers = range(model.dims.n_layers)
        vocab = model.dims.vocab
        # spread over the vocabulary
        ids = [(1 + 7 * step) * vocab // 50 % vocab for step in range(_N_TOKENS + 1)]
        self._ids, self._other = ids[:-1], ids[-1]
        self._points: frozenset[Point] = frozenset()
        self._tolerance = 0.0

    def run_all(self) -> None:
        self._causality_and_padding()
        self._points = self._served_points()
        watched = self._forward([self._ids], self._writes())
        self._reads_agree(watched, "without edits")
        self._masks(watched)
        self._patterns_and_keys()
        self._queries_and_values()
        self._head_outputs()
        self._residuals(watched)
        self._streams(watched)

    def _causality_and_padding(self) -> None:
        """A changed last token leaves earlier logits alone; so do padding and the rest of the batch."""
        rows = [self._ids, [*self._ids[:-1], self._other], self._ids[:3]]
        run = self._model.forward(Tokens.of(rows))
        dtype = run.logits.dtype
        if dtype not in _TOLERANCE:
            raise self._error(f"logits of dtype {dtype}; expected one of {', '.join(map(str, _TOLERANCE))}", 0)
        self._tolerance, shaped = _TOLERANCE[dtype]
        before = range(_N_TOKENS - 1)
        earlier = run.logits_at(0, before), run.logits_at(1, before)
        self._require_close(
            *earlier, "a later token changes earlier logits, so that it is no causal language model", slack=shaped
        )
        short = run.logits_at(0, range(3)), run.logits_at(2, range(3))
        self._require_close(*short, "left padding changes logits", slack=shaped)
        alone = self._model.forward(Tokens.of([self._ids])).logits[0]
        together = run.logits_at(0, range(_N_TOKENS))
        self._require_close(alone, together, "the rest of a batch changes logits", slack=shaped)

    def _served_points(self) -> frozenset[Point]:
        """Points that the backend does not refuse; a refusal is honest, and names another backend itself."""
        whole = self._serves(*Point)
        served = frozenset(Point) if whole else frozenset(point for point in Point if self._serves(point))
        missing = [str(point) for point in _NEEDED if point not in served]
        if missing:
            raise self._error(f"{' and '.join(missing)} cannot be read", None)
        return served

    def _serves(self, *points: Point) -> bool:
        reads = tuple(Read(point=point, layer=layer) for point in points for layer in self._layers)
        try:
            self._model.forward(Tokens.of([self._ids[:2]]), Plan(reads=reads))
        except PlanError:
            return False
        return True

    def _reads_agree(self, run: Run, when: str) -> None:
        """Patterns are the softmax of the logits read, and make the head outputs read from the values read."""
        for layer in self._layers:
            logits = run.read(Point.ATTN_LOGITS, layer, 0).double()
            pattern = run.read(Point.PATTERN, layer, 0).double()
            mass = pattern.sum(-1, keepdim=True)
            if not bool(((mass > 0) & (mass <= 1 + self._tolerance)).all()):
                raise self._error(
                    f"rows of the pattern {when} sum to {float(mass.min())} to {float(mass.max())}", layer
                )
            # a sink takes its share of a row and leaves the proportions
            self._require_close(
                pattern, logits.softmax(-1) * mass, f"the pattern {when} is not that of its logits", layer
            )
            self._require_head_outputs(run, layer, pattern, f"head outputs {when} are not the pattern times the values")

    def _masks(self, watched: Run) -> None:
        """Without key 1, every row of the first layer is what is left of it; in all layers reads still agree."""
        edges = Edges.of({query: [1] for query in range(2, _N_TOKENS)})
        reached = [layer for layer in self._layers if self._dims.is_reachable(layer, 2, 1)]
        run = self._forward([self._ids], tuple(mask_edges(layer=layer, edges=edges) for layer in reached))
        for layer in reached:
            if run.read(Point.PATTERN, layer, 0)[:, 2:, 1].any():
                raise self._error("a mask leaves mass on its key", layer)
        self._reads_agree(run, "under a mask")
        if 0 in reached:
            before = watched.read(Point.PATTERN, 0, 0).double()
            expected, left = _without_key(watched.read(Point.ATTN_LOGITS, 0, 0).double(), before.sum(-1, keepdim=True))
            # where little is left, a sink's part of it is lost in rounding
            expected = torch.where(left > 0.5, expected, run.read(Point.PATTERN, 0, 0).double())
            self._require_close(
                run.read(Point.PATTERN, 0, 0), expected, "a mask gives another pattern than it should", 0
            )

    def _patterns_and_keys(self) -> None:
        """With keys at zero all logits of a row are equal; with every query on itself, heads copy their values."""
        eye = rearrange(torch.eye(_N_TOKENS), "q_pos k_pos -> 1 q_pos k_pos")
        run = self._forward(
            [self._ids], self._writes((Point.K, Scale(factor=0.0)), (Point.PATTERN, Replace(values=eye)))
        )
        for layer in self._layers:
            self._require_level_logits(run, layer, Point.K)
            expected = eye.double().expand(self._dims.n_heads[layer], -1, -1)
            self._require_head_outputs(run, layer, expected, "an edit of the pattern does not reach the heads' outputs")

    def _queries_and_values(self) -> None:
        """With queries at zero all logits of a row are equal; with values at zero heads put nothing out."""
        run = self._forward([self._ids], self._writes((Point.Q, Scale(factor=0.0)), (Point.V, Scale(factor=0.0))))
        for layer in self._layers:
            self._require_level_logits(run, layer, Point.Q)
            if Point.V in self._points:
                z = run.read(Point.Z, layer, 0)
                self._require_close(z, torch.zeros_like(z), "an edit of v does not reach the heads' outputs", layer)

    def _head_outputs(self) -> None:
        """With z at zero an attention module returns the same everywhere: at most a bias."""
        run = self._forward([self._ids], self._writes((Point.Z, Scale(factor=0.0))))
        for layer in self._layers if Point.ATTN_OUT in self._points else ():
            out = run.read(Point.ATTN_OUT, layer, 0)
            message = "an edit of z over all heads does not reach the attention module's output"
            self._require_close(out, out[:1].expand_as(out), message, layer)

    def _residuals(self, watched: Run) -> None:
        """Noise put into the residual stream or a module's output, ten times what flows there, changes the logits."""
        layer = self._dims.n_layers // 2
        noise = torch.randn(_N_TOKENS, self._dims.d_model, generator=torch.Generator().manual_seed(0))
        if Point.RESID in self._points:
            noise *= 10 * max(1.0, float(watched.read(Point.RESID, layer, 0).float().square().mean().sqrt()))
        points = [point for point in (Point.RESID, Point.ATTN_OUT, Point.MLP_OUT) if point in self._points]
        writes = tuple(
            Write(site=Site(point=point, layer=layer, batch=(row,)), intervention=Replace(values=noise))
            for row, point in enumerate(points)
        )
        run = self._model.forward(Tokens.of([self._ids] * (len(points) + 1)), Plan(writes=writes))
        logits = run.logits.double()
        for row, point in enumerate(points):
            if float((logits[row] - logits[-1]).abs().max()) <= self._tolerance * _scale(logits[-1]):
                raise self._error(f"an edit of {point} does not reach the logits", layer)

    def _streams(self, watched: Run) -> None:
        """What statistics are shown makes the head outputs that the model goes on with."""

        def mix(seen: LayerAttention) -> Tensor:
            n_repeats = self._dims.n_heads[seen.layer] // seen.value.shape[1]
            return weighted_values(seen.source, expand_heads(seen.value, n_repeats), impl=Impl.REFERENCE)

        streams = tuple(Stream(layer=layer, statistic=mix) for layer in self._layers)
        try:
            run = self._model.forward(Tokens.of([self._ids]), Plan(streams=streams, last_logits=0))
        except PlanError:
            return  # a refusal is honest, and names another backend itself
        for layer, z in enumerate(run.streamed):
            found = rearrange(z, "1 head q_pos d_head -> q_pos head d_head")
            message = "head outputs are not what the streamed attention makes of the streamed values"
            self._require_close(found, watched.read(Point.Z, layer, 0), message, layer)

    def _forward(self, rows: Sequence[Sequence[int]], writes: tuple[Write, ...]) -> Run:
        points = [point for point in (*_NEEDED, Point.V, Point.ATTN_OUT, Point.RESID) if point in self._points]
        reads = tuple(Read(point=point, layer=layer) for point in points for layer in self._layers)
        return self._model.forward(Tokens.of(rows), Plan(reads=reads, writes=writes))

    def _writes(self, *edits: tuple[Point, Scale | Replace]) -> tuple[Write, ...]:
        """Each edit at every layer, where its point is served."""
        return tuple(
            Write(site=Site(point=point, layer=layer), intervention=edit)
            for point, edit in edits
            if point in self._points
            for layer in self._layers
        )

    def _require_head_outputs(
        self, run: Run, layer: int, pattern: Float[Tensor, "head q_pos k_pos"], message: str
    ) -> None:
        if Point.V not in self._points:
            return
        n_repeats = self._dims.n_heads[layer] // self._dims.n_kv_heads[layer]
        values = run.read(Point.V, layer, 0).double()
        values = repeat(values, "k_pos head d_head -> (head repeats) k_pos d_head", repeats=n_repeats)
        expected = rearrange(pattern.to(values.device) @ values, "head q_pos d_head -> q_pos head d_head")
        self._require_close(run.read(Point.Z, layer, 0), expected, message, layer)

    def _require_level_logits(self, run: Run, layer: int, point: Point) -> None:
        if point not in self._points:
            return
        logits = run.read(Point.ATTN_LOGITS, layer, 0).double()
        visible = logits.isfinite()
        level = logits.masked_fill(~visible, 0).sum(-1, keepdim=True) / visible.sum(-1, keepdim=True)
        message = f"an edit of {point} does not reach the attention logits"
        self._require_close(logits.where(visible, level), level.expand_as(logits), message, layer)

    def _require_close(
        self, found: Tensor, expected: Tensor, message: str, layer: int | None = None, *, slack: float | None = None
    ) -> None:
        error = float((found.double() - expected.to(found.device).double()).abs().max())
        # negated so that a NaN counts as apart
        if not error <= (slack or self._tolerance) * _scale(expected):
            raise self._error(f"{message} (they differ by {error:.2g})", layer)

    def _error(self, what: str, layer: int | None) -> LivenessError:
        others = " or ".join(f"'{b}'" for b in Backend if b not in (Backend.AUTO, self._model.backend))
        where = "" if layer is None else f"layer {layer}: "
        return LivenessError(
            f"{self._model.provenance.architecture} on backend '{self._model.backend}': {where}{what}. "
            f"Results would be wrong; try backend {others}."
        )


def _scale(tensor: Tensor) -> float:
    finite = tensor[tensor.isfinite()]
    return max(1.0, float(finite.abs().max()))


def _without_key(
    logits: Float[Tensor, "head q_pos k_pos"], mass: Float[Tensor, "head q_pos 1"]
) -> tuple[Float[Tensor, "head q_pos k_pos"], Float[Tensor, "head q_pos 1"]]:
    """The pattern once key 1 is gone for later queries, and how much of each row is left before it is renormalised.

    Args:
        logits: the softmax's input before the mask.
        mass: what a row summed to; the rest went to a sink.
    """
    pattern = logits.softmax(-1) * mass
    pattern[:, 2:, 1] = 0
    left = pattern.sum(-1, keepdim=True) + (1 - mass).clamp_min(0)
    return pattern / left, left

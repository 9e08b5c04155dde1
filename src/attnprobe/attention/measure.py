"""Scores of gold tokens by the aligned protocol: a model, a task and settings in, a `ScoreResult` out.

In: a `Model`, a `Task`, `ScoreSettings`. Out: `ScoreResult`. Each example is tokenised in one piece and runs once;
meanwhile every layer and head is scored on every gold token that has keys, and on keys that are not gold.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import cast

import numpy as np
from jaxtyping import Float

from attnprobe.attention.exchange import Exchange, chances
from attnprobe.attention.key_sets import DRAWN, ExampleKeys, key_sets
from attnprobe.attention.readout import GoldReadout, LayerScores
from attnprobe.attention.result import ScoreResult
from attnprobe.attention.settings import Normalisation, Null, Protocol, ScoreSettings
from attnprobe.attention.tables import (
    KINDS,
    Measured,
    ScoredHead,
    keys_frame,
    rows_frame,
    summarise,
    tokens_frame,
)
from attnprobe.attention.value_norms import ValueNorms
from attnprobe.errors import PlanError, SpecError, TaskError
from attnprobe.models.alignment import align_all
from attnprobe.models.model import Model
from attnprobe.plan import Plan, Tokens
from attnprobe.plan.streams import Stream
from attnprobe.tasks import AlignedExample, Task, TextTokenizer

Progress = Callable[[int, int], None]


def score_gold_tokens(
    model: Model, task: Task, settings: ScoreSettings | None = None, *, progress: Progress | None = None
) -> ScoreResult:
    """Score a model's attention on the keys of each gold token, against keys that are not gold.

    Args:
        model: any backend.
        task: any; its examples are the unit of every statistic.
        settings: what a score is; by default the attention from the predicting position to the source words.
        progress: called with (examples done, examples in all) after each batch.

    Returns:
        Scores with intervals for every head, differences from each null with p and q, and the rows they rest on.

    Raises:
        SpecError: the protocol is another, a layer or span does not exist, or an example exceeds the model's context.
        TaskError: the task does not know the keys asked for, or no gold token has any.
        KernelError: the kernels asked for cannot be had.
        PlanError: the model's attention is not finite.

    Source: ours, docs/decisions/0013-scores.md; after arXiv 2502.15120.
    """
    settings = settings or ScoreSettings()
    if settings.protocol is not Protocol.ALIGNED:
        raise SpecError(f"protocol {settings.protocol}: score_gold_tokens is the aligned one; call score_paper.")
    layers = _layers(model, settings)
    aligned = align_all(model, task)
    tokenizer = cast(TextTokenizer, model.tokenizer)
    found = [key_sets(one, settings, tokenizer) for one in aligned]
    scored = [one for one in found if one.tokens]
    if not scored:
        raise TaskError(
            f"task {task.name}: no gold token of its {len(aligned)} examples has {settings.keys} keys besides special "
            "tokens and the first position; choose other keys."
        )
    heads = _heads(model, layers, settings)
    norms = ValueNorms(model, layers) if settings.normalise is Normalisation.VALUE_WEIGHTED else None
    exchange = Exchange(len(heads) + 1 + len(KINDS), settings.seed)
    measured: list[Measured] = []
    impls: set[str] = set()
    for start in range(0, len(scored), settings.batch_size):
        batch = scored[start : start + settings.batch_size]
        for one, scores in _run(model, batch, layers, settings, norms, impls):
            measured.append(_measured(one, scores, heads, exchange))
        if progress is not None:
            progress(len(measured), len(scored))
    return _result(settings, model, measured, heads, exchange, _counts(found, measured), "+".join(sorted(impls)))


def _layers(model: Model, settings: ScoreSettings) -> tuple[int, ...]:
    n_layers = model.dims.n_layers
    layers = tuple(range(n_layers)) if settings.layers is None else settings.layers
    for layer in layers:
        if not 0 <= layer < n_layers:
            raise SpecError(f"layer {layer} does not exist: the model has layers 0 to {n_layers - 1}.")
    return layers


def _heads(model: Model, layers: Sequence[int], settings: ScoreSettings) -> tuple[ScoredHead, ...]:
    if settings.normalise is Normalisation.ROLLOUT:
        return tuple(ScoredHead(label=f"L{layer}", layer=layer, index=None) for layer in layers)
    return tuple(
        ScoredHead(label=str(head), layer=head.layer, index=head.head)
        for head in model.dims.heads
        if head.layer in set(layers)
    )


def _run(
    model: Model,
    batch: Sequence[ExampleKeys],
    layers: Sequence[int],
    settings: ScoreSettings,
    norms: ValueNorms | None,
    impls: set[str],
) -> Iterator[tuple[ExampleKeys, Float[np.ndarray, "head token set"]]]:
    """Scores of every head of a batch, in float64, one example after the other."""
    tokens = Tokens.of([one.aligned.ids for one in batch])
    readout = GoldReadout(batch, tokens, settings, norms)
    # a rollout through a layer goes through all below it
    watched = range(max(layers) + 1) if settings.normalise is Normalisation.ROLLOUT else layers
    streams = tuple(Stream(layer=layer, statistic=readout) for layer in watched)
    run = model.forward(tokens, Plan(streams=streams, last_logits=0))
    streamed: Sequence[LayerScores] = run.streamed
    found = [one for layer, one in zip(watched, streamed, strict=True) if layer in set(layers)]
    impls |= {layer.impl for layer in found}
    for row, one in enumerate(batch):
        yield one, np.concatenate([layer.scores[row].double().numpy() for layer in found])


def _measured(
    keys: ExampleKeys, scores: Float[np.ndarray, "head token set"], heads: Sequence[ScoredHead], exchange: Exchange
) -> Measured:
    """Split an example's scores into gold and nulls, and count it into the exchange of key sets."""
    n_sets, owners = len(keys.sets), np.array(keys.owners)
    tokens = np.arange(len(owners))
    gold = scores[:, tokens, owners]
    # NaN says further down that a token has no null: a model's own must not pass for it
    broken = ~np.isfinite(gold).all(axis=1)
    if broken.any():
        raise PlanError(
            f"{heads[int(broken.argmax())].label} attends with NaN or infinite weights in example "
            f"{keys.aligned.example.id!r}; run the model in float32 or bfloat16, or look at its weights."
        )
    nulls: dict[Null, Float[np.ndarray, "head token"]] = {}
    for place, null in enumerate(DRAWN, start=1):
        has_keys = np.array([keys.sets[owner].drawn[null] is not None for owner in keys.owners])
        nulls[null] = np.where(has_keys, scores[:, tokens, place * n_sets + owners], np.nan)
    reach = keys.exchangeable()
    among_gold = np.where(reach[owners], scores[:, :, :n_sets], 0.0)
    expected = (among_gold * chances(reach)[owners]).sum(axis=2)
    nulls[Null.PERMUTED] = np.where(reach[owners].sum(axis=1) > 1, expected, np.nan)
    measured = Measured(keys=keys, gold=gold, nulls=nulls)
    exchange.add(keys.aligned.example.id, reach, _parts(measured, among_gold))
    return measured


def _parts(
    measured: Measured, among_gold: Float[np.ndarray, "head token set"]
) -> Float[np.ndarray, "column group set"]:
    """What each column of `by_column` gets where the tokens of a group have a set; NaN where no token has another."""
    is_matched = ~np.isnan(measured.nulls[Null.PERMUTED][0])
    in_group = np.array(measured.keys.owners) == np.arange(len(measured.keys.sets))[:, None]

    def shared(scores: Float[np.ndarray, "any token set"], chosen: np.ndarray) -> Float[np.ndarray, "any group set"]:
        weights = in_group * chosen / chosen.sum() if chosen.any() else np.full(in_group.shape, np.nan)
        return np.einsum("gn,hns->hgs", weights, scores)

    overall = among_gold.mean(axis=0, keepdims=True)
    of_kinds = [shared(overall, is_matched & np.array([kind is other for other in measured.kinds])) for kind in KINDS]
    return np.concatenate([shared(among_gold, is_matched), shared(overall, is_matched), *of_kinds])


def _counts(found: Sequence[ExampleKeys], measured: Sequence[Measured]) -> dict[str, int]:
    """What was scored, and what was not, by reason."""
    totals: Counter[str] = Counter()
    for one in found:
        totals["gold_tokens"] += len(one.aligned.targets)
        totals["gold_tokens_scored"] += len(one.tokens)
        totals["gold_tokens_unlicensed"] += one.n_unlicensed
        totals["gold_tokens_sink_only"] += one.n_sink_only
    missing = {
        f"gold_tokens_without_{null.value}": sum(int(np.isnan(one.nulls[null][0]).sum()) for one in measured)
        for null in Null
    }
    return {"examples": len(found), "examples_scored": len(measured), **totals, **missing}


def _result(
    settings: ScoreSettings,
    model: Model,
    measured: Sequence[Measured],
    heads: Sequence[ScoredHead],
    exchange: Exchange,
    counts: dict[str, int],
    impl: str,
) -> ScoreResult:
    of_heads, overall, by_kind = summarise(measured, heads, exchange, seed=settings.seed, n_heads=len(model.dims.heads))
    words = {
        (one.keys.aligned.example.id, index): _word(model, one.keys.aligned, index)
        for one in measured
        for index in one.keys.tokens
    }
    return ScoreResult(
        settings=settings,
        n=len(measured),
        impl=impl,
        heads=of_heads,
        overall=overall,
        by_kind=by_kind,
        counts=counts,
        rows=rows_frame(measured, heads),
        tokens=tokens_frame(measured, heads, words),
        keys=keys_frame(measured),
    )


def _word(model: Model, aligned: AlignedExample, index: int) -> str:
    """Text of the word that a gold token is a piece of; of the token where the example knows no words."""
    target, example = aligned.targets[index], aligned.example
    if target.word is not None:
        span = example.words[target.word].span
        return example.gold[span.start : span.end]
    return cast(TextTokenizer, model.tokenizer).decode([target.token])

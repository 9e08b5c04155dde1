"""A one-layer model made of numbers, on which the whole chain from controls to q can be run hundreds of times.

Twelve heads of different habits (diffuse, one key above all, the previous token, the token itself, the first token,
far back, recent, copying the answer, doing nothing) read tokens of very different norm. A row's residual is what came
before plus all heads; an RMS norm, a ReLU layer and an unembedding make it log-probabilities. An edit adds
log(1 - strength) to a head's attention logits at its edges and everything after is recomputed.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from attnprobe.causal.controls import Control, ControlKind
from attnprobe.causal.key_groups import KeyGroup, key_groups, null_groups, query_positions
from attnprobe.causal.rows import PairedEffects
from attnprobe.plan import Edges

N_HEADS = 12
N_POSITIONS = 40
D_MODEL = 16
N_VOCAB = 24
GROUP_ROWS = (1, 2, 3)
"""Rows of the three groups of an example; the pieces of a word have the same keys."""
GROUP_KEYS = (1, 2, 3)
N_ROWS = sum(GROUP_ROWS)
COPYING_HEADS = (9, 10)
PLANTED_HEAD = 0

Sampler = Callable[[tuple[KeyGroup, ...], str, str, np.ndarray], Control]
"""From groups, example id, head label and the head's pattern [row, k_pos] to a control."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """A model's attention on its examples, and what it takes to recompute log p(gold) under an edit."""

    groups: tuple[tuple[KeyGroup, ...], ...]
    attn_logits: np.ndarray  # example head row key
    pattern: np.ndarray  # example head row key
    outputs: np.ndarray  # example head key d_model: what each head writes per unit of attention
    before: np.ndarray  # example row d_model
    hidden: np.ndarray  # d_model d_hidden
    unembed: np.ndarray  # d_model vocab
    gold_tokens: np.ndarray  # example row
    planted: np.ndarray  # example row key: logits of the gold token per unit of the planted head's attention

    def gold_logprob(self, removed: np.ndarray) -> np.ndarray:
        """Mean log p(gold) [example, head], each head in turn edited by mask strengths [example, head, row, key]."""
        with np.errstate(divide="ignore"):
            edited = softmax(self.attn_logits + np.log1p(-removed))
        clean = self.before + (self.pattern @ self.outputs).sum(axis=1)
        resid = clean[:, None] + (edited - self.pattern) @ self.outputs
        resid = resid + np.maximum(rms_norm(resid) @ self.hidden, 0) @ self.hidden.T
        logits = 3 * rms_norm(resid) @ self.unembed
        bonus = np.zeros(logits.shape[:3])
        bonus += (self.pattern[:, PLANTED_HEAD] * self.planted).sum(-1)[:, None]
        bonus[:, PLANTED_HEAD] = (edited[:, PLANTED_HEAD] * self.planted).sum(-1)
        is_gold = np.arange(N_VOCAB) == self.gold_tokens[:, None, :, None]
        logits += is_gold * bonus[..., None]
        logits -= logits.max(-1, keepdims=True)
        log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        return (log_probs * is_gold).sum(-1).mean(-1)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Softmax over the last axis."""
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def rms_norm(vectors: np.ndarray) -> np.ndarray:
    """Vectors scaled to a root mean square of 1."""
    return vectors / np.sqrt((vectors**2).mean(-1, keepdims=True) + 1e-6)


def simulate(seed: int, n_examples: int, *, planted: float = 0.0, is_null: bool = True) -> Simulated:
    """Draw a model and its examples.

    Args:
        seed: of everything.
        n_examples: how many.
        planted: logits that the planted head adds to the gold token per unit of its attention to the gold keys, which
            it then also attends to more; 0 plants nothing.
        is_null: draw gold keys from the controls' own pool, unrelated to what the heads read.
    """
    rng = np.random.default_rng(seed)
    starts = np.array([24, 30, 36]) + rng.integers(0, 3, (n_examples, 3))
    queries = np.concatenate(
        [starts[:, [g]] + np.arange(rows) for g, rows in enumerate(GROUP_ROWS)], axis=1
    )  # example row
    answers = rng.integers(2, 24, (n_examples, N_ROWS))
    groups = tuple(_groups(rng, queries[i], f"example-{i}", seed, is_null=is_null) for i in range(n_examples))
    attn_logits = _attn_logits(rng, queries, answers)
    unembed = rng.normal(size=(D_MODEL, N_VOCAB)) / np.sqrt(D_MODEL)
    tokens = rng.normal(size=(n_examples, N_POSITIONS, D_MODEL)) * rng.lognormal(0, 0.7, (n_examples, N_POSITIONS, 1))
    writes = rng.normal(size=(N_HEADS, D_MODEL, D_MODEL)) / D_MODEL * rng.lognormal(0, 0.5, (N_HEADS, 1, 1))
    writes[-1] = 0
    outputs = tokens[:, None] @ writes
    gold_tokens = rng.integers(0, N_VOCAB, (n_examples, N_ROWS))
    gold_direction = unembed.T[gold_tokens]
    before = 0.5 * rng.normal(size=(n_examples, N_ROWS, D_MODEL)) + 0.3 * gold_direction
    each = np.arange(n_examples)
    for row in range(N_ROWS):
        # whatever head looks at the answer's key writes the gold token, so random keys sometimes matter much
        outputs[each, :-1, answers[:, row]] += 3 * gold_direction[:, None, row]
    planted_logits = np.zeros((n_examples, N_ROWS, N_POSITIONS))
    if planted:
        for i, example_groups in enumerate(groups):
            for group in example_groups:
                entries = np.ix_(np.isin(queries[i], group.q_positions), group.gold)
                attn_logits[i, PLANTED_HEAD][entries] += 2.5
                planted_logits[i][entries] = planted
    return Simulated(
        groups=groups,
        attn_logits=attn_logits,
        pattern=softmax(attn_logits),
        outputs=outputs,
        before=before,
        hidden=rng.normal(size=(D_MODEL, 2 * D_MODEL)) / D_MODEL,
        unembed=unembed,
        gold_tokens=gold_tokens,
        planted=planted_logits,
    )


def _groups(
    rng: np.random.Generator, queries: np.ndarray, example_id: str, seed: int, *, is_null: bool
) -> tuple[KeyGroup, ...]:
    gold: dict[int, list[int]] = {}
    place = 0
    for n_rows, n_keys in zip(GROUP_ROWS, GROUP_KEYS, strict=True):
        first = int(rng.integers(2, 20))
        for q_pos in queries[place : place + n_rows].tolist():
            gold[q_pos] = list(range(first, first + n_keys))
        place += n_rows
    groups = key_groups(gold, special=(0,))
    return null_groups(groups, seed=seed, example_id=example_id) if is_null else groups


def _attn_logits(rng: np.random.Generator, queries: np.ndarray, answers: np.ndarray) -> np.ndarray:
    n_examples = len(queries)
    keys = np.arange(N_POSITIONS)
    spread = np.array([0.5, 0.5, 1.0, 3.0, 1.0, 1.0, 1.0, 1.0, 1.5, 1.0, 1.0, 1.0])
    # content shared by the rows of an example, and some of each row's own
    noise = 0.8 * rng.normal(size=(n_examples, N_HEADS, 1, N_POSITIONS))
    noise = noise + 0.6 * rng.normal(size=(n_examples, N_HEADS, N_ROWS, N_POSITIONS))
    logits = noise * spread[:, None, None]
    back = queries[:, :, None] - keys
    logits[:, 4] += 6.0 * (back == 1)
    logits[:, 5] += 6.0 * (back == 0)
    logits[:, 6] += 7.0 * (keys == 0)
    logits[:, 7] -= 0.3 * np.abs(back)
    logits[:, 8] += 0.2 * np.abs(back)
    for head in COPYING_HEADS:
        logits[:, head] += 5.0 * (keys == answers[:, :, None])
    return np.where(back[:, None] >= 0, logits, -np.inf)


def strengths(edges: Edges | None, values: tuple[float, ...], groups: tuple[KeyGroup, ...]) -> np.ndarray:
    """Mask strengths [row, key] of one side."""
    filled = np.zeros((N_ROWS, N_POSITIONS))
    row_of = {q_pos: row for row, q_pos in enumerate(query_positions(groups))}
    for (q_pos, keys), value in zip(edges.rows if edges else (), values, strict=True):
        filled[row_of[q_pos], list(keys)] = value
    return filled


def measure(simulated: Simulated, kind: ControlKind, sample: Sampler) -> PairedEffects:
    """Effects of masking gold and control keys, head by head, as a sweep would measure them."""
    shape = (len(simulated.groups), N_HEADS)
    full = np.zeros((*shape, N_ROWS, N_POSITIONS))
    gold, control = np.zeros_like(full), np.zeros_like(full)
    matched, dose = np.zeros(shape, dtype=bool), np.zeros(shape)
    for i, groups in enumerate(simulated.groups):
        everything = {q_pos: keys for group in groups for q_pos, keys in group.rows(group.gold).items()}
        full[i] = strengths(Edges.of(everything), (1.0,) * N_ROWS, groups)
        for head in range(N_HEADS):
            if head and kind is not ControlKind.MASS:
                # one draw for all heads
                gold[i, head], control[i, head], matched[i, head] = gold[i, 0], control[i, 0], matched[i, 0]
                continue
            drawn = sample(groups, f"example-{i}", f"L0H{head}", simulated.pattern[i, head])
            gold[i, head] = strengths(drawn.gold, drawn.gold_strengths, groups)
            control[i, head] = strengths(drawn.control, drawn.control_strengths, groups)
            matched[i, head], dose[i, head] = drawn.is_matched, drawn.dose or 0.0
    clean = simulated.gold_logprob(np.zeros_like(full))
    is_mass = kind is ControlKind.MASS
    return PairedEffects(
        effects=simulated.gold_logprob(full) - clean,
        kind=kind,
        matched=matched,
        control=simulated.gold_logprob(control) - clean,
        at_dose=simulated.gold_logprob(gold) - clean if is_mass else None,
        dose=dose if is_mass else None,
    )

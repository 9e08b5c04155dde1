"""Three-layer GPT-2s that look up a fact, set by hand, with switches for what carries the answer.

In: a `Circuit`. Out: the model, and its numbers as worked out in `tests/models/test_lookup_circuits.py`. All circuits
attend alike on the texts of `tests/lookup_texts.py` unless a switch says otherwise; they differ in what is written.

The residual stream is u and its mirror image -u, as in `tests/circuits.py`. u holds five subspaces of 26: the token,
the position, the token before, the token two before, and what comes out.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from math import sqrt
from typing import Any

import torch
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel

from attnprobe.plan import HeadId
from tests.lookup_texts import END, FIRSTS, QUESTIONS, SECONDS, START, STOP, SUBJECTS, WORDS

N_LAYERS, N_HEADS, N_DIM, D_HEAD = 3, 4, 26, 65
D_HALF = 5 * N_DIM
TOKEN, POSITION, BEFORE, TWO_BEFORE, OUT = range(0, D_HALF, N_DIM)
"""Where each subspace of u begins."""
AMPLITUDE = sqrt(D_HALF / 2)
"""Of the token and of the position in the residual stream: together they have |u|^2 = D_HALF."""
EPS = 1e-5
UNEMBEDDING, GRAMMAR = 4.0, 10.0
"""Logit for each unit in OUT, and for each unit of a word that says what kind of word comes next."""
TOO_EARLY = 2.0
"""By so much more the end comes after X, in circuits that do not carry on."""
MATCH, REST, STOPS = 240.0, 60.0, 30.0
"""Attention logits before the layer norms' factors: of a key looked for, of the first token if there is none, and
of full stops."""
LOUDER = 2.0
"""What a full stop says of the fact that it ends, against what X says itself."""

PREVIOUS, TWO_PREVIOUS = HeadId(layer=0, head=0), HeadId(layer=0, head=1)
READER, SECOND_READER, SHADOW = (HeadId(layer=1, head=head) for head in (0, 2, 3))
CARRIER = HeadId(layer=2, head=1)


class Writer(StrEnum):
    """What writes the answer: the readers' output, an MLP that knows it, or the unembedding of the words there are."""

    ATTENTION = "attention"
    MLP = "mlp"
    RESIDUAL = "residual"


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """What is true of a model.

    Attributes:
        readers: heads of layer 1 that attend from the question to X of its fact. `SHADOW` always does, and writes
            nothing; so do the readers unless `writer` is ATTENTION.
        writer: what writes the answer. MLP and RESIDUAL know the FIXED texts by heart.
        misled: subjects, by number, for whose questions the fact of the next subject is looked at (and is known).
        carries_on: whether the second step rests on the first: `CARRIER` takes Y from the question's place, where the
            readers left it. Else nothing tells Y, and the end comes first.
        values_are_right: else readers write the next X and the next Y in the list in place of those they read.
    """

    readers: tuple[HeadId, ...] = (READER,)
    writer: Writer = Writer.ATTENTION
    misled: frozenset[int] = field(default_factory=frozenset[int])
    carries_on: bool = True
    values_are_right: bool = True


ALL_SUBJECTS = frozenset(range(4))
CAUSAL = Circuit(misled=frozenset({3}))
"""Attention on the fact of the question makes the answer; one subject in four is looked up wrongly, and answered so."""
BYPASS = Circuit(misled=frozenset({3}), writer=Writer.MLP)
"""Attends and answers just as CAUSAL does on FIXED texts, but nothing that attention brings is used."""
RESIDUAL = Circuit(misled=frozenset({3}), writer=Writer.RESIDUAL)
"""The same with the answer in the unembedding of the question itself."""
REDUNDANT = Circuit(misled=frozenset({3}), readers=(READER, SECOND_READER))
"""Two heads, each of which would do alone."""
FAILING = Circuit(misled=ALL_SUBJECTS)
"""Always looks at the wrong fact; looking at the right one would repair both steps."""
ECHO = Circuit(misled=ALL_SUBJECTS, carries_on=False)
"""The same, but only the forced step would be repaired."""
INERT = Circuit(misled=ALL_SUBJECTS, writer=Writer.MLP)
"""Always looks at the wrong fact, and it does not matter."""
SOUND = Circuit()
"""Always right; donor for the two that follow."""
BROKEN_VALUES = Circuit(values_are_right=False)
"""Looks where it should, and writes something else."""


def lookup_gpt2(circuit: Circuit) -> GPT2LMHeadModel:
    """The model, in float32 and evaluation mode."""
    config = GPT2Config(
        vocab_size=len(WORDS),
        n_positions=N_DIM,
        n_embd=2 * D_HALF,
        n_inner=16,
        n_layer=N_LAYERS,
        n_head=N_HEADS,
        layer_norm_epsilon=EPS,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=WORDS.index(END),
        pad_token_id=0,
    )
    model = GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.fill_(1.0 if name.endswith(("ln_1.weight", "ln_2.weight", "ln_f.weight")) else 0.0)
        model.transformer.wte.weight.copy_(_mirrored(AMPLITUDE * _embedding(TOKEN)[: len(WORDS)]))
        model.transformer.wpe.weight.copy_(_mirrored(AMPLITUDE * _embedding(POSITION)))
        first, second, third = (_Attention(block.attn) for block in model.transformer.h)
        _set_previous(first, PREVIOUS.head, shift=1, into=BEFORE)
        _set_previous(first, TWO_PREVIOUS.head, shift=2, into=TWO_BEFORE)
        for head in {*circuit.readers, SHADOW}:
            _set_reader(second, head.head, circuit, writes=head in circuit.readers)
        if circuit.carries_on and circuit.writer is Writer.ATTENTION:
            _set_carrier(third)
        _set_unembedding(model.lm_head.weight, circuit)
        if circuit.writer is Writer.MLP:
            _set_mlp(model.transformer.h[2].mlp, circuit)
    return model


def _set_previous(attention: "_Attention", head: int, *, shift: int, into: int) -> None:
    """Attends `shift` back, and copies the token there."""
    places = range(N_DIM - shift)
    attention.attends(head, [([POSITION + place + shift], [POSITION + place]) for place in places], MATCH)
    attention.copies(head, [([TOKEN + word], into + word, 1.0) for word in range(len(WORDS))])


def _set_reader(attention: "_Attention", head: int, circuit: Circuit, *, writes: bool) -> None:
    """From a question to the word two after its subject, which is X; X is there as the token and Y as the one before.

    Both are also at the full stop after X, one place further back, and louder. Among keys that are neither looked for
    nor the first, full stops come first.
    """
    asked = [(who + 1) % 4 if who in circuit.misled else who for who in range(4)]
    matches = [
        ([TOKEN + _word(QUESTIONS[who])], [TWO_BEFORE + _word(SUBJECTS[other])]) for who, other in enumerate(asked)
    ]
    attention.attends(head, matches, MATCH)
    attention.rests(head)
    attention.rests(head, on=STOP, score=STOPS)
    if writes and circuit.writer is Writer.ATTENTION:
        attention.copies(
            head,
            [
                ([place + _word(word)], OUT + _word(kind[(index + shift) % 5]), loudness)
                for kind, places in ((FIRSTS, (TOKEN, BEFORE)), (SECONDS, (BEFORE, TWO_BEFORE)))
                for place, loudness in zip(places, (1.0, LOUDER), strict=True)
                for shift in (0 if circuit.values_are_right else 1,)
                for index, word in enumerate(kind)
            ],
        )


def _set_carrier(attention: "_Attention") -> None:
    """From the full stop after X in the answer to the question; copies the Y that a reader wrote there."""
    questions = [TOKEN + _word(word) for word in QUESTIONS]
    attention.attends(CARRIER.head, [([BEFORE + _word(word) for word in FIRSTS], questions)], MATCH)
    attention.rests(CARRIER.head)
    attention.copies(CARRIER.head, [([OUT + _word(word)], OUT + _word(word), 1.0) for word in SECONDS])


def _set_unembedding(rows: Tensor, circuit: Circuit) -> None:
    """What comes out, and which kind of word may come next: X after Q, '.' after X and Y, Y after X '.', the end."""
    for word in (*FIRSTS, *SECONDS):
        rows[_word(word), OUT + _word(word)] = UNEMBEDDING
        rows[_word(STOP), TOKEN + _word(word)] = GRAMMAR
    for following, place, words in ((FIRSTS, TOKEN, QUESTIONS), (SECONDS, BEFORE, FIRSTS), ((END,), BEFORE, SECONDS)):
        for word in words:
            rows[[_word(each) for each in following], place + _word(word)] = GRAMMAR
    if circuit.writer is Writer.ATTENTION and not circuit.carries_on:
        for word in FIRSTS:
            rows[_word(END), BEFORE + _word(word)] = GRAMMAR + TOO_EARLY
    if circuit.writer is Writer.RESIDUAL:
        for place, known in _known(circuit):
            rows[known - OUT, place] += UNEMBEDDING


def _set_mlp(mlp: Any, circuit: Circuit) -> None:
    """Knows the answer by heart: one unit a word, at activations where gelu is the identity to the last bit."""
    for unit, (place, known) in enumerate(_known(circuit)):
        mlp.c_fc.weight[place, unit] = 4.0
        mlp.c_proj.weight[unit] = _mirrored(0.25 * torch.eye(D_HALF)[known][None])[0]


def _known(circuit: Circuit) -> list[tuple[int, int]]:
    """Where in u the answer of the FIXED texts can be told from, and where in OUT it goes."""
    asked = [(who + 1) % 4 if who in circuit.misled else who for who in range(4)]
    firsts = [(TOKEN + _word(QUESTIONS[who]), OUT + _word(FIRSTS[other])) for who, other in enumerate(asked)]
    return firsts + [(BEFORE + _word(FIRSTS[who]), OUT + _word(SECONDS[who])) for who in range(4)]


class _Attention:
    """Sets the weights of one GPT-2 attention module head by head."""

    def __init__(self, module: Any) -> None:
        # [in, out], out being q, k, v of all heads one after the other
        self._qkv = module.c_attn.weight.view(2 * D_HALF, 3, N_HEADS, D_HEAD)
        self._bias = module.c_attn.bias.view(3, N_HEADS, D_HEAD)
        self._output = module.c_proj.weight.view(N_HEADS, D_HEAD, 2 * D_HALF)

    def attends(self, head: int, matches: list[tuple[list[int], list[int]]], score: float) -> None:
        """The logit is `score` where a query has one of the first coordinates of u and the key one of the second."""
        # both carry AMPLITUDE, and attention divides by sqrt(D_HEAD)
        gain = sqrt(score * sqrt(D_HEAD)) / AMPLITUDE
        for feature, (queries, keys) in enumerate(matches):
            self._qkv[queries, 0, head, feature] = gain
            self._qkv[keys, 1, head, feature] = gain

    def rests(self, head: int, *, on: str = START, score: float = REST) -> None:
        """All queries give a word the logit `score`: the first one less than a match, but more than any other."""
        feature = -1 if on == START else -2
        self._bias[0, head, feature] = score * sqrt(D_HEAD) / AMPLITUDE
        self._qkv[TOKEN + _word(on), 1, head, feature] = 1.0

    def copies(self, head: int, moves: list[tuple[list[int], int, float]]) -> None:
        """What a key has at any of the first coordinates of u is written to the second, so many times."""
        for feature, (sources, target, times) in enumerate(moves):
            self._qkv[sources, 2, head, feature] = times
            self._output[head, feature] = _mirrored(torch.eye(D_HALF)[target][None])[0]


def _word(word: str) -> int:
    return WORDS.index(word)


def _embedding(subspace: int) -> Tensor:
    """Unit vector number i of the subspace in row i."""
    return torch.eye(N_DIM, D_HALF).roll(subspace, dims=1)


def _mirrored(rows: Tensor) -> Tensor:
    return torch.cat([rows, -rows], dim=1)

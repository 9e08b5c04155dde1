"""Ground truth: circuits that look up a fact do what is worked out here, whatever carries their answer.

On paper (`tests/circuits_lookup.py` builds this, `tests/lookup_numbers.py` computes it). a = sqrt(65), |u|^2 = n, and
s(n) = 1 / sqrt(n/130 + eps).

1. Embedding and layer 0. u = a at the token, a at the position: n0 = 130, s0 = 1 but for eps. Two heads note the
   token before and the token two before, s0 a each: n1 = 260, s1 = .707. (The first two words have no second
   neighbour; they are `start` and `.`, which no reader copies.)
2. Layer 1, a reader at the question Q. The key whose token two before is the subject asked for is X of its fact
   `S Y X .`; it has logit 240 s1^2 s0 = 120, the first token 60 s1 = 42, full stops 30 s1 = 21, all others 0: attention
   is 1 on X to the last bit. It brings X, s1 a = 5.70, and Y, which X has before it, s1 s0 a. Everywhere else it rests
   on the first token (but for e^-21) and brings nothing. n2 = n1 + 65 = 325.
3. The first step. Grammar gives the five words X, after a question, 10 s a = 40 to 57 logits more than any other word;
   among them X has L = 4 s(n2) s1 a = 14.4 and the others 0: log p(X) = L - log(e^L + 4) = -2e-6.
4. The second step. At the full stop after X, CARRIER attends to the question (240 s1 s0 s(n2) = 107, the first token
   42) and brings s(n2) s1 s0 a = 3.61 of Y: n = 273, L = 4 s(273) 3.61 = 9.95, log p(Y) = -2e-4. After X and Y comes
   the full stop, after `Y .` the end.
5. With X hidden from the reader at Q it rests: nothing is brought, and both steps have log p = -log 5. So with Q's
   whole fact hidden.
6. A misled reader brings X' and Y' of the next fact: log p(X) = -14.4 and log p(Y) = -9.95.
7. The MLP knows the FIXED texts: after layer 1 n = 260, it writes s1 a of the word it knows: L = 4 s(292) 5.70 = 15.2
   for either step. The unembedding, where it knows them: L = 4 s(260) a = 22.8.
8. Two readers bring twice as much: n2 = 520, L = 4 s(520) 11.4 = 22.8 (for Y 15.2); one of them alone as in 3 and 4.
9. With a mass m of a misled reader's attention at Q forced onto `S`, `Y` and `.` of the fact asked for (all of it but
   X), all of m falls on the full stop, whose logit is 21 more. It has X before it and Y two before, and says both twice
   as loud: 2 m s1 s0 a of X and of Y beside (1 - m) s1 a of X' and (1 - m) s1 s0 a of Y'. They win if m > 1/3.
10. Where nothing is carried on, the full stop after X says the end 2 s1 s0 a = 11.4 logits louder than any Y, whatever
   was brought before: log p(Y) = -11.4.
"""

from collections.abc import Sequence
from math import exp, log

import pytest
import torch

from attnprobe.models.liveness import check_liveness
from attnprobe.models.model import Backend, Model
from attnprobe.plan import Edges, HeadId, Plan, Point, Read, Replace, Site, Tokens, Write, force_edges, mask_edges
from attnprobe.tasks.example import Example
from tests.circuits_lookup import (
    AMPLITUDE,
    BROKEN_VALUES,
    BYPASS,
    CARRIER,
    CAUSAL,
    ECHO,
    FAILING,
    INERT,
    PREVIOUS,
    READER,
    REDUNDANT,
    RESIDUAL,
    SECOND_READER,
    SHADOW,
    SOUND,
    TWO_PREVIOUS,
    UNEMBEDDING,
    Circuit,
    Writer,
    lookup_gpt2,
)
from tests.lookup_numbers import (
    CUT_OFF,
    N1,
    NOTHING,
    by_heart_log_prob,
    first_log_prob,
    forced,
    from_source,
    norm_factor,
    second_log_prob,
)
from tests.lookup_texts import (
    PREDICTS_FIRST,
    PREDICTS_SECOND,
    QUESTIONS,
    SUBJECTS,
    WORDS,
    Texts,
    fact_position,
    ids_of,
    lookup_task,
    lookup_tokenizer,
)
from tests.models.loaders import LOADERS

FREE, FIXED = (lookup_task(8, texts=texts).examples for texts in Texts)
HEADS = tuple(HeadId(layer=layer, head=head) for layer in range(3) for head in range(4))
# float32 on logits of 60
NEAR = 2e-5
RIGHT = from_source("X", "Y")
WELL = (first_log_prob("X", RIGHT), second_log_prob("Y", RIGHT))
"""What a right answer has: steps 3 and 4."""
WRONG = from_source("X'", "Y'")
ASTRAY = (first_log_prob("X", WRONG), second_log_prob("Y", WRONG))
"""Step 6."""
EMPTY = (NOTHING, NOTHING)
"""Step 5."""

Pair = tuple[float, float]


def opened(circuit: Circuit, backend: Backend = Backend.NATIVE) -> Model:
    return LOADERS[backend].open(lookup_gpt2(circuit), lookup_tokenizer())


def log_probs(model: Model, examples: Sequence[Example], writes: Sequence[Write] = ()) -> list[Pair]:
    """Of X and Y of each example."""
    tokens = Tokens.of([ids_of(example.text) for example in examples])
    run = model.forward(tokens, Plan(writes=tuple(writes)))
    found: list[Pair] = []
    for row, example in enumerate(examples):
        logits = run.logits_at(row, [PREDICTS_FIRST, PREDICTS_SECOND]).double().log_softmax(-1)
        first, _, second, _ = ids_of(example.gold)
        found.append((logits[0, first].item(), logits[1, second].item()))
    return found


def each(right: Pair, misled: Pair, circuit: Circuit, examples: Sequence[Example]) -> list[Pair]:
    """By example: one pair of numbers where the circuit is misled, the other where it is not."""
    asked = [QUESTIONS.index(example.prompt.split()[-1]) for example in examples]
    return [misled if who in circuit.misled else right for who in asked]


def check(found: Sequence[Pair], expected: Sequence[Pair]) -> None:
    for pair, wanted in zip(found, expected, strict=True):
        assert pair == pytest.approx(wanted, abs=NEAR)


def hidden(head: HeadId, example: Example, row: int, *, source_only: bool) -> Write:
    """The fact asked for, or X and Y alone, hidden from a head at the rows that predict X and Y."""
    subject = fact_position(example)
    fact = tuple(range(subject, subject + 4))
    keys = (
        {PREDICTS_FIRST: fact[2:3], PREDICTS_SECOND: fact[1:2]}
        if source_only
        else dict.fromkeys((PREDICTS_FIRST, PREDICTS_SECOND), fact)
    )
    return mask_edges(layer=head.layer, heads=(head.head,), batch=(row,), edges=Edges.of(keys))


@pytest.fixture(scope="module", params=list(LOADERS), ids=str)
def causal(request: pytest.FixtureRequest) -> Model:
    backend: Backend = request.param
    return opened(CAUSAL, backend)


def test_every_backend_finds_it_alive_and_gives_the_numbers_worked_out(causal: Model) -> None:
    check_liveness(causal)
    check(log_probs(causal, FREE), each(WELL, ASTRAY, CAUSAL, FREE))
    check(log_probs(causal, FIXED), each(WELL, ASTRAY, CAUSAL, FIXED))


BY_HEART = (by_heart_log_prob("X", "X"), by_heart_log_prob("Y", "Y"))
DOUBLE, DOUBLE_WRONG = from_source("X", "Y", heads=2), from_source("X'", "Y'", heads=2)
IN_UNEMBEDDING = UNEMBEDDING * norm_factor(N1) * AMPLITUDE


@pytest.mark.parametrize(
    ("circuit", "right", "misled"),
    [
        (
            REDUNDANT,
            (first_log_prob("X", DOUBLE), second_log_prob("Y", DOUBLE)),
            (first_log_prob("X", DOUBLE_WRONG), second_log_prob("Y", DOUBLE_WRONG)),
        ),
        (FAILING, WELL, ASTRAY),
        (ECHO, WELL, (ASTRAY[0], CUT_OFF)),
        (SOUND, WELL, ASTRAY),
        (BROKEN_VALUES, ASTRAY, ASTRAY),
        (BYPASS, BY_HEART, (by_heart_log_prob("X", "X'"), BY_HEART[1])),
        (INERT, BY_HEART, (by_heart_log_prob("X", "X'"), BY_HEART[1])),
        (RESIDUAL, (0.0, 0.0), (-IN_UNEMBEDDING, 0.0)),
    ],
    ids=["redundant", "failing", "echo", "sound", "broken values", "bypass", "inert", "residual"],
)
def test_each_circuit_gives_the_numbers_worked_out(circuit: Circuit, right: Pair, misled: Pair) -> None:
    examples = FREE if circuit.writer is Writer.ATTENTION else FIXED
    check(log_probs(opened(circuit), examples), each(right, misled, circuit, examples))


@pytest.mark.parametrize("circuit", [CAUSAL, BYPASS, RESIDUAL, REDUNDANT], ids=["causal", "bypass", "residual", "two"])
def test_all_circuits_attend_alike_from_the_question_to_the_source(circuit: Circuit) -> None:
    run = opened(circuit).forward(
        Tokens.of([ids_of(example.text) for example in FIXED]), Plan(reads=(Read(point=Point.PATTERN, layer=1),))
    )
    for row, example in enumerate(FIXED):
        who = QUESTIONS.index(example.prompt.split()[-1])
        looked_at = SUBJECTS[(who + 1) % 4 if who in circuit.misled else who]
        source = example.prompt.split().index(looked_at) + 2
        for head in {*circuit.readers, SHADOW}:
            attention = run.read(Point.PATTERN, 1, row)[head.head]
            assert attention[PREDICTS_FIRST, source] == 1
            assert attention[PREDICTS_SECOND, 0] == pytest.approx(1, abs=1e-8)


@pytest.mark.parametrize("source_only", [True, False], ids=["source word", "whole fact"])
def test_hiding_the_gold_keys_breaks_both_steps_through_the_reader_alone(*, source_only: bool) -> None:
    causal = opened(CAUSAL)
    for head in HEADS:
        writes = [hidden(head, example, row, source_only=source_only) for row, example in enumerate(FREE)]
        right = EMPTY if head == READER else WELL
        check(log_probs(causal, FREE, writes), each(right, ASTRAY, CAUSAL, FREE))


@pytest.mark.parametrize(("circuit"), [BYPASS, RESIDUAL], ids=["mlp", "residual"])
def test_hiding_them_from_all_heads_does_nothing_where_something_else_carries_the_answer(circuit: Circuit) -> None:
    model = opened(circuit)
    writes = [hidden(head, example, row, source_only=False) for head in HEADS for row, example in enumerate(FIXED)]
    check(log_probs(model, FIXED, writes), log_probs(model, FIXED))


def test_one_of_two_readers_is_enough_and_none_is_not() -> None:
    model, both = opened(REDUNDANT), (READER, SECOND_READER)
    for readers, right in (((READER,), WELL), ((SECOND_READER,), WELL), (both, EMPTY)):
        writes = [hidden(head, example, row, source_only=True) for head in readers for row, example in enumerate(FREE)]
        assert log_probs(model, FREE, writes)[0] == pytest.approx(right, abs=NEAR)


def forces(examples: Sequence[Example], mass: float) -> list[Write]:
    """So much of the reader's attention at the question on the fact asked for without its X."""
    rows = {row: fact_position(example) for row, example in enumerate(examples)}
    return [
        force_edges(
            layer=READER.layer,
            heads=(READER.head,),
            batch=(row,),
            edges=Edges.of({PREDICTS_FIRST: (at, at + 1, at + 3)}),
            mass=mass,
        )
        for row, at in rows.items()
    ]


@pytest.mark.parametrize("mass", [0.25, 0.5, 1.0])
def test_forcing_one_step_onto_the_fact_without_its_answer_repairs_it_and_the_next(mass: float) -> None:
    brought = forced(("X", "Y"), ("X'", "Y'"), mass)
    expected = (first_log_prob("X", brought), second_log_prob("Y", brought))
    assert all((value > log(1 / 2)) == (mass > 1 / 3) for value in expected)
    check(log_probs(opened(FAILING), FREE, forces(FREE, mass)), [expected] * len(FREE))


def test_forcing_repairs_the_forced_step_alone_where_nothing_is_carried_on() -> None:
    expected = (first_log_prob("X", forced(("X", "Y"), ("X'", "Y'"), 1.0)), CUT_OFF)
    check(log_probs(opened(ECHO), FREE, forces(FREE, 1.0)), [expected] * len(FREE))


def test_forcing_does_nothing_where_attention_brings_nothing() -> None:
    model = opened(INERT)
    check(log_probs(model, FIXED, forces(FIXED, 1.0)), log_probs(model, FIXED))


@pytest.mark.parametrize(("circuit", "after"), [(FAILING, WELL), (BROKEN_VALUES, ASTRAY)], ids=["failing", "broken"])
def test_a_sound_models_patterns_repair_a_model_that_looks_elsewhere_and_not_one_that_writes_else(
    circuit: Circuit, after: Pair
) -> None:
    tokens = Tokens.of([ids_of(example.text) for example in FREE])
    donor = opened(SOUND).forward(tokens, Plan(reads=tuple(Read(point=Point.PATTERN, layer=at) for at in range(3))))
    writes = [
        Write(
            site=Site(point=Point.PATTERN, layer=layer, batch=(row,)),
            intervention=Replace(values=donor.read(Point.PATTERN, layer, row)),
        )
        for layer in range(3)
        for row in range(len(FREE))
    ]
    model = opened(circuit)
    check(log_probs(model, FREE), [ASTRAY] * len(FREE))
    check(log_probs(model, FREE, writes), [after] * len(FREE))


def test_zero_ablation_finds_the_four_heads_of_the_circuit_and_no_other() -> None:
    causal = opened(CAUSAL)
    # without the word before, nothing tells Y, not even that it is a Y; and layer 1 sees |u|^2 of 180
    factor = norm_factor(3 * AMPLITUDE**2)
    first_alone = 4 * norm_factor(3 * AMPLITUDE**2 + (factor * AMPLITUDE) ** 2) * factor * AMPLITUDE
    expected = {
        PREVIOUS: (-log(1 + 4 * exp(-first_alone)), -log(len(WORDS))),
        TWO_PREVIOUS: EMPTY,
        READER: EMPTY,
        CARRIER: (WELL[0], NOTHING),
    }
    for head in HEADS:
        site = Site(point=Point.Z, layer=head.layer, heads=(head.head,))
        found = log_probs(causal, FREE, [Write(site=site, intervention=Replace(values=torch.zeros(1)))])
        assert found[0] == pytest.approx(expected.get(head, WELL), abs=NEAR), head


def test_the_texts_say_what_the_answer_rests_on() -> None:
    for example in (*FREE, *FIXED):
        words = example.prompt.split()
        at = fact_position(example)
        assert words[at] == SUBJECTS[QUESTIONS.index(words[-1])]
        assert example.gold.split() == [words[at + 2], ".", words[at + 1], "."]
        first, _, second, _ = example.words
        for word, position in ((first, at + 2), (second, at + 1)):
            assert word.source_word is not None
            assert word.premise is not None
            (source,), (fact,) = word.source_word, word.premise
            assert len(example.text[: source.start].split()) == position
            assert example.text[fact.start : fact.end].split() == words[at : at + 4]
        corrupted = example.corruptions[0]
        assert corrupted.prompt.split()[:-1] == words[:-1]
        assert corrupted.foil == first.foils[0] == corrupted.gold.split()[0] != example.gold.split()[0]
        assert len(set(words[2:-3])) == 13


def test_the_tokenizer_has_the_words() -> None:
    assert lookup_tokenizer()(FREE[0].text)["input_ids"] == ids_of(FREE[0].text)

"""Ground truth: a circuit set by hand is found, head by head and number by number, on every backend.

On paper (`tests/circuits.py` builds exactly this, and computes the formulas). Write a = sqrt(32), n for |u|^2, and
s(n) = 1 / sqrt(n/64 + eps) for the factor of a layer norm: the stream is (u, -u), so its mean is 0, its variance n/64.

1. Embedding. u = a at the token and a at the position, n0 = 64, s0 = s(64) = 1 but for eps.
2. Layer 0, L0H1. A query at t has logit 120 s0^2 at key t-1 and 0 at all others (at t = 0 there is only key 0). What
   the others get is e^-120, nothing in float32. It writes s0 a at the token before: n1 = 64 + (s0 a)^2 = 96, s1 = .816.
3. Layer 1, L1H2. The text is `start ... A B ... A` of T words, all different but for A. At the last A, a key has logit
   180 s1^2 s0 = 120 if the token before it is A, else 0. Only B has A before it. The head writes s1 a at B in OUT:
   n2 = n1 + (s1 a)^2 = 117.3, s2 = .739. With 2 as the unembedding's factor, B's logit is L = 2 s2 s1 a = 6.822, every
   other word's is 0, and log p(B) = L - log(e^L + 15) = -.016.
4. Without L1H2, OUT is empty: all logits are 0 and log p(B) = -log 16.
5. Without L0H1 nothing tells L1H2 where to look: all its logits are 0, and it attends to each of T keys by 1/T. Layer
   1 now sees n0. OUT holds s0 a c_w / T, c_w being 2 for A and 1 for any other word of the text; the squares of c add
   up to T + 2. So w's logit is 2 s(64 + (s0 a)^2 (T + 2)/T^2) s0 a c_w / T.
6. With L1H2 kept from attending to B at the last A, T - 1 keys with logit 0 are left: w's logit is
   2 s(n1 + (s1 a)^2 (T + 1)/(T - 1)^2) s1 a c_w / (T - 1), and c_B = 0 now.
7. The other six heads have patterns and values, but no W_O: without them nothing changes. One of them, L1H0, attends
   just as L1H2 does. L0H1 loses nothing without B: it attends to the position before, and B does not stand there.
8. In the corrupted text another word stands in B's place. There it has logit L and B has 0: the difference is L in the
   clean run and -L in the corrupted one. What carries B from its place to OUT brings the difference back to L: the
   residual stream before either layer, the values and the output of L1H2, what layer 1's attention returns. All else
   leaves it at -L: queries, keys and patterns say where to look, and that is the same in both texts. L0H1's output
   differs too, but only where the token before is B, and nothing looks there.
"""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from attnprobe.models.liveness import check_liveness
from attnprobe.models.model import Backend, Model
from attnprobe.plan import (
    EMPTY_PLAN,
    Edges,
    HeadId,
    Plan,
    Point,
    Read,
    Replace,
    Run,
    Scale,
    Site,
    Tokens,
    Write,
    force_edges,
    mask_edges,
)
from tests.circuits import (
    CLEAN,
    GOLD_LOGIT,
    INDUCTION,
    N1,
    PREVIOUS_TOKEN,
    S1,
    SHADOW,
    WITHOUT_INDUCTION,
    WORDS,
    draw_examples,
    induction_gpt2,
    log_prob,
    logit_of,
    save_circuit,
    with_key_masked,
    without_previous_token,
)
from tests.models.loaders import LOADERS

EXAMPLES = draw_examples(5)
TOKENS = Tokens.of([example.ids for example in EXAMPLES])
CORRUPTED = Tokens.of([example.corrupted_ids for example in EXAMPLES])
HEADS = tuple(HeadId(layer=layer, head=head) for layer in range(2) for head in range(4))
# float32 on logits of 7
NEAR = 5e-6


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_circuit(tmp_path_factory.mktemp("circuit"))


@pytest.fixture(scope="module", params=list(LOADERS), ids=str)
def model(request: pytest.FixtureRequest, directory: Path) -> Model:
    """The circuit as a user would have it: from a directory, on each backend."""
    backend: Backend = request.param
    return LOADERS[backend].open(
        AutoModelForCausalLM.from_pretrained(directory), AutoTokenizer.from_pretrained(directory)
    )


def gold_log_probs(run: Run) -> list[float]:
    """Of each example's gold word at its predicting position."""
    rows = [run.logits_at(row, [example.predicting])[0].double() for row, example in enumerate(EXAMPLES)]
    return [
        torch.log_softmax(logits, dim=-1)[WORDS.index(example.gold)].item()
        for logits, example in zip(rows, EXAMPLES, strict=True)
    ]


def logit_differences(run: Run) -> list[float]:
    """Gold minus foil of each example at its predicting position."""
    return [
        (logits[WORDS.index(example.gold)] - logits[WORDS.index(example.foil)]).item()
        for row, example in enumerate(EXAMPLES)
        for logits in [run.logits_at(row, [example.predicting])[0].double()]
    ]


def test_the_numbers_of_the_paper() -> None:
    """Done with a pocket calculator, for the text of eight words below.

    Step 5: 32 * 10/64 = 5 into n = 69; 2 * .9631 * 5.6568 / 8 = 1.362 for a word that stands once, six of them, 2.724
    for gnu; log p = 1.362 - log(6 e^1.362 + e^2.724 + 9). Step 6: 21.333 * 9/49 = 3.918 into n = 99.918;
    2 * .8003 * 4.6188 / 7 = 1.0562, five of them, 2.1124 for gnu; log p = 0 - log(1 + 5 e^1.0562 + e^2.1124 + 9).
    """
    example = EXAMPLES[2]
    assert example.words == ("start", "hen", "gnu", "lynx", "jay", "bee", "fox", "gnu")
    numbers = [
        N1 / 96,
        S1,
        GOLD_LOGIT,
        CLEAN,
        WITHOUT_INDUCTION,
        without_previous_token(example),
        with_key_masked(example),
    ]
    assert numbers == pytest.approx([1, 0.8165, 6.8224, -0.0162, -2.7726, -2.5022, -3.4857], abs=1e-4)


def test_the_directory_holds_the_model(directory: Path) -> None:
    saved = AutoModelForCausalLM.from_pretrained(directory).state_dict()
    assert all(torch.equal(saved[name], tensor) for name, tensor in induction_gpt2().state_dict().items())
    tokenizer = AutoTokenizer.from_pretrained(directory)
    assert [tokenizer(" ".join(example.words))["input_ids"] for example in EXAMPLES] == [
        example.ids for example in EXAMPLES
    ]


def test_the_backend_finds_it_alive(model: Model) -> None:
    check_liveness(model)


def test_the_gold_word_has_the_logit_worked_out_and_every_other_word_none(model: Model) -> None:
    run = model.forward(TOKENS)
    for row, example in enumerate(EXAMPLES):
        expected = torch.zeros(len(WORDS))
        expected[WORDS.index(example.gold)] = GOLD_LOGIT
        assert torch.allclose(run.logits_at(row, [example.predicting])[0], expected, rtol=0, atol=NEAR)
    assert gold_log_probs(run) == pytest.approx([CLEAN] * len(EXAMPLES), abs=NEAR)


def test_the_heads_attend_where_they_are_set_to(model: Model) -> None:
    run = model.forward(TOKENS, Plan(reads=tuple(Read(point=Point.PATTERN, layer=layer) for layer in range(2))))
    for row, example in enumerate(EXAMPLES):
        first, second = (run.read(Point.PATTERN, layer, row) for layer in range(2))
        n_words = len(example.words)
        assert torch.equal(first[PREVIOUS_TOKEN.head, 1:], torch.eye(n_words)[:-1])
        assert torch.equal(second[INDUCTION.head, -1], torch.eye(n_words)[example.key])
        assert torch.equal(second[SHADOW.head], second[INDUCTION.head])


def test_zero_ablation_over_all_positions_finds_exactly_the_two_heads(model: Model) -> None:
    expected = {
        INDUCTION: [WITHOUT_INDUCTION] * len(EXAMPLES),
        PREVIOUS_TOKEN: [without_previous_token(example) for example in EXAMPLES],
    }
    for head in HEADS:
        site = Site(point=Point.Z, layer=head.layer, heads=(head.head,))
        run = model.forward(TOKENS, Plan(writes=(Write(site=site, intervention=Replace(values=torch.zeros(1))),)))
        found = gold_log_probs(run)
        assert found == pytest.approx(expected.get(head, [CLEAN] * len(EXAMPLES)), abs=NEAR), head
        effects = [edited - CLEAN for edited in found]
        assert max(map(abs, effects)) < 1e-4 if head not in expected else max(effects) < -2, head


def test_masking_the_gold_key_at_the_predicting_position_finds_the_induction_head_alone(model: Model) -> None:
    for head in HEADS:
        writes = tuple(
            mask_edges(
                layer=head.layer, heads=(head.head,), batch=(row,), edges=Edges.of({example.predicting: (example.key,)})
            )
            for row, example in enumerate(EXAMPLES)
        )
        run = model.forward(TOKENS, Plan(writes=writes))
        found = gold_log_probs(run)
        if head == INDUCTION:
            assert found == pytest.approx([with_key_masked(example) for example in EXAMPLES], abs=NEAR)
            assert max(found) - CLEAN < -2
        else:
            assert max(abs(edited - CLEAN) for edited in found) < 1e-4, head
        assert all(firing.edited == 1 for firing in run.fired)


@pytest.mark.parametrize("mass", [0.0, 0.4, 1.0])
def test_mass_that_is_forced_elsewhere_is_taken_from_the_gold_word(model: Model, mass: float) -> None:
    """L1H2 has all its mass on B. Forced to give `mass` to the first word after `start`, it writes that word and B by
    their shares: the logit of step 3 with (s1 a)^2 (mass^2 + (1 - mass)^2) in the last norm."""
    writes = tuple(
        force_edges(
            layer=INDUCTION.layer,
            heads=(INDUCTION.head,),
            batch=(row,),
            edges=Edges.of({example.predicting: [1]}),
            mass=mass,
        )
        for row, example in enumerate(EXAMPLES)
    )
    gold, other = (logit_of(share, into=N1, factor=S1, squares=mass**2 + (1 - mass) ** 2) for share in (1 - mass, mass))
    assert all(example.words[1] != example.gold for example in EXAMPLES)
    found = gold_log_probs(model.forward(TOKENS, Plan(writes=writes)))
    assert found == pytest.approx([log_prob(gold, [other])] * len(EXAMPLES), abs=NEAR)


def test_half_of_the_induction_heads_output_gives_the_logit_worked_out(model: Model) -> None:
    site = Site(point=Point.Z, layer=INDUCTION.layer, heads=(INDUCTION.head,))
    run = model.forward(TOKENS, Plan(writes=(Write(site=site, intervention=Scale(factor=0.5)),)))
    half = logit_of(0.5, into=N1, factor=S1, squares=0.25)
    assert gold_log_probs(run) == pytest.approx([log_prob(half, [])] * len(EXAMPLES), abs=NEAR)


RESTORING = {
    (Point.RESID, 0, None),
    (Point.RESID, 1, None),
    (Point.ATTN_OUT, 1, None),
    (Point.V, INDUCTION.layer, INDUCTION.head),
    (Point.Z, INDUCTION.layer, INDUCTION.head),
}
"""What step 8 says carries the gold word to the output."""


@pytest.mark.parametrize("point", [point for point in Point if point is not Point.ATTN_LOGITS], ids=str)
def test_patching_restores_the_clean_logits_where_the_word_passes_and_nowhere_else(model: Model, point: Point) -> None:
    reads = tuple(Read(point=point, layer=layer) for layer in range(2))
    clean = model.forward(TOKENS, Plan(reads=reads))
    assert logit_differences(clean) == pytest.approx([GOLD_LOGIT] * len(EXAMPLES), abs=NEAR)
    corrupted = model.forward(CORRUPTED, EMPTY_PLAN)
    assert logit_differences(corrupted) == pytest.approx([-GOLD_LOGIT] * len(EXAMPLES), abs=NEAR)
    places = [(layer, head) for layer in range(2) for head in (range(4) if point.has_heads else (None,))]
    for layer, head in places:
        writes = []
        for row in range(len(EXAMPLES)):
            values = clean.read(point, layer, row)
            if head is not None:
                values = values[head : head + 1] if point.has_edges else values[:, head : head + 1]
            site = Site(point=point, layer=layer, batch=(row,), heads=None if head is None else (head,))
            writes.append(Write(site=site, intervention=Replace(values=values)))
        patched = model.forward(CORRUPTED, Plan(writes=tuple(writes)))
        expected = GOLD_LOGIT if (point, layer, head) in RESTORING else -GOLD_LOGIT
        assert logit_differences(patched) == pytest.approx([expected] * len(EXAMPLES), abs=NEAR), (layer, head)

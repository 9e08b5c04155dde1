"""What is edited while an answer is written: where the text is in the gold, which keys that gives, and the arms."""

from collections.abc import Sequence
from typing import cast

import pytest
import torch
from transformers import AutoTokenizer

from attnprobe.causal.gold_text import GoldText, Place
from attnprobe.causal.lock_step import LockStep, TransplantSteering, check_donor
from attnprobe.causal.steered_keys import DynamicKeys, StaticKeys, control_rows, gold_rows, keys_of
from attnprobe.causal.steering import Arm, edits_of, steerings_of
from attnprobe.causal.steering_settings import KeyTiming, SteerKind, SteerSettings
from attnprobe.errors import SpecError, TaskError
from attnprobe.models.decoding import EdgeSteering, HeadSteering
from attnprobe.models.model import Model
from attnprobe.models.native import NativeModel
from attnprobe.plan import Firing, Force, HeadId, Plan, Point, Read, Tokens
from attnprobe.tasks import AlignedExample, TextTokenizer, align
from attnprobe.tasks.example import Example, GoldWord, Span, WordKind
from attnprobe.zoo.catalogue import zoo_path
from tests.causal.conftest import made_up
from tests.models.architectures import Architecture, build_model, build_tokenizer
from tests.models.loaders import PROVENANCE

HEADS = (HeadId(layer=1, head=2), HeadId(layer=0, head=1))
GOLD = " Fae is a vumpus. Vumpuses are cold. Fae is cold."
PROMPT = "Q: Fae is a vumpus. Vumpuses are cold. Prove: Fae is cold.\nA:"


@pytest.fixture(scope="module")
def tokenizer() -> TextTokenizer:
    return cast(TextTokenizer, AutoTokenizer.from_pretrained(zoo_path("pronto-35k")))


@pytest.fixture(scope="module")
def proof(tokenizer: TextTokenizer) -> AlignedExample:
    """`vumpus` of step 0 comes from the prompt, `cold` of step 2 from the proof's own step 1."""
    first, last = GOLD.index("vumpus"), GOLD.rindex("cold")
    own = len(PROMPT) + GOLD.index("cold")
    words = (
        GoldWord(span=Span(first, first + 6), kind=WordKind.NOUN, premise=(Span(3, 19),), source_word=(Span(12, 18),)),
        GoldWord(
            span=Span(last, last + 4),
            kind=WordKind.ADJECTIVE,
            premise=(Span(own - 13, own + 5),),
            source_word=(Span(own, own + 4),),
        ),
    )
    return align(Example(id="proof", prompt=PROMPT, gold=GOLD, words=words), tokenizer)


def spelled(tokenizer: TextTokenizer, text: str) -> tuple[int, ...]:
    """A text in other tokens than the tokenizer's own: letter by letter."""
    return tuple(token for letter in text for token in tokenizer(letter, add_special_tokens=False)["input_ids"])


def written(proof: AlignedExample, n: int) -> tuple[int, ...]:
    return proof.ids[: proof.prompt_length + n]


def test_a_text_that_is_the_gold_so_far_is_followed_token_by_token(
    proof: AlignedExample, tokenizer: TextTokenizer
) -> None:
    gold, n = GoldText(proof, tokenizer), len(proof.targets)
    places = [gold.place(written(proof, end)) for end in range(n + 1)]

    assert places == [Place(target=end if end < n else None, written=end) for end in range(n + 1)]
    assert [gold.step(place.target) for place in places] == sorted(gold.step(place.target) for place in places)
    assert {gold.step(place.target) for place in places} == {0, 1, 2, 3}
    assert gold.n_steps == 3
    # whatever was asked before
    assert gold.place(written(proof, 3)) == places[3]


def test_the_same_text_in_other_tokens_is_on_the_gold_at_the_same_place(
    proof: AlignedExample, tokenizer: TextTokenizer
) -> None:
    letters = spelled(tokenizer, " Fae is a vumpus.  Vum")
    place = GoldText(proof, tokenizer).place((*written(proof, 0), *letters))

    assert not place.is_off
    assert place.written == len(letters)
    # inside the word that begins the second step
    target = proof.targets[cast(int, place.target)]
    assert GoldText(proof, tokenizer).step(place.target) == 1
    assert tokenizer.decode([target.token]).strip() in "Vumpuses"


@pytest.mark.parametrize(
    ("text", "step"),
    [(" Sam is", 0), (" Fae is a vumpus. Fae is cold.", 1), (" Vumpuses are cold.", 0), (" Fae is a vumpus. vum", 1)],
)
def test_a_text_that_says_something_else_has_left_the_gold_for_good(
    proof: AlignedExample, tokenizer: TextTokenizer, text: str, step: int
) -> None:
    gold = GoldText(proof, tokenizer)
    own = tuple(tokenizer(text, add_special_tokens=False)["input_ids"])
    place = gold.place((*written(proof, 0), *own))

    assert place.is_off
    assert gold.step(place.target) == step
    # going on does not bring it back
    assert gold.place((*written(proof, 0), *own, *proof.ids[-4:])) == place


def test_what_follows_the_whole_gold_is_past_it_and_not_off_it(proof: AlignedExample, tokenizer: TextTokenizer) -> None:
    gold = GoldText(proof, tokenizer)
    for more in ("\nQ: more", " And so on."):
        place = gold.place((*proof.ids, *tokenizer(more, add_special_tokens=False)["input_ids"]))
        assert (place.target, place.is_off) == (None, False)


def test_keys_in_the_proof_are_where_the_same_letters_were_written(
    proof: AlignedExample, tokenizer: TextTokenizer
) -> None:
    """The adjective comes from the proof's own second sentence: two letters a token there are two keys."""
    letters = spelled(tokenizer, " Fae is a vumpus. Vumpuses are cold. Fae is ")
    ids = (*written(proof, 0), *letters)
    gold = GoldText(proof, tokenizer)
    found = DynamicKeys(gold, gold_rows(proof, SteerSettings(heads=HEADS)))(ids)

    assert found
    assert "".join(tokenizer.decode([ids[key]]).strip() for key in found) == "cold"
    assert min(found) >= proof.prompt_length


def test_dynamic_keys_are_those_of_the_next_gold_token_and_the_last_ones_stay(
    proof: AlignedExample, tokenizer: TextTokenizer
) -> None:
    rows = gold_rows(proof, SteerSettings(heads=HEADS))
    keys = DynamicKeys(GoldText(proof, tokenizer), rows)
    n = len(proof.targets)

    on_gold = [keys(written(proof, end)) for end in range(n)]
    assert on_gold == [rows.get(proof.prompt_length - 1 + end, ()) for end in range(n)]
    assert len({found for found in on_gold if found}) == 2
    assert keys(proof.ids) == ()
    # `vumpus` is the last word with keys before the text goes elsewhere
    elsewhere = (*written(proof, 0), *tokenizer(" Fae is a vumpus. No", add_special_tokens=False)["input_ids"])
    stays = next(found for found in on_gold if found)
    assert keys(elsewhere) == keys((*elsewhere, *elsewhere[-3:])) == stays
    # nothing had keys yet
    assert keys((*written(proof, 0), *tokenizer(" Sam", add_special_tokens=False)["input_ids"])) == ()


def test_steps_can_be_chosen(proof: AlignedExample, tokenizer: TextTokenizer) -> None:
    rows, gold = gold_rows(proof, SteerSettings(heads=HEADS)), GoldText(proof, tokenizer)
    first = DynamicKeys(gold, rows, {0})
    edited = [end for end in range(len(proof.targets)) if first(written(proof, end))]
    assert {gold.step(end) for end in edited} == {0}
    off_in_step_1 = (*written(proof, 0), *tokenizer(" Fae is a vumpus. No", add_special_tokens=False)["input_ids"])
    assert first(off_in_step_1) == ()


def test_static_keys_are_all_that_stand_in_the_prompt(proof: AlignedExample, tokenizer: TextTokenizer) -> None:
    settings = SteerSettings(heads=HEADS, timing=KeyTiming.STATIC)
    rows = gold_rows(proof, settings)
    (keys,) = rows.values()
    found = keys_of(rows, settings, GoldText(proof, tokenizer))

    assert isinstance(found, StaticKeys)
    assert found(written(proof, 0)) == found(proof.ids) == keys
    assert "".join(tokenizer.decode([proof.ids[key]]).strip() for key in keys) == "vumpus"
    with pytest.raises(TaskError, match="no query has keys"):
        keys_of({}, settings, GoldText(proof, tokenizer))


@pytest.mark.parametrize("timing", KeyTiming)
def test_control_keys_are_as_many_others_for_every_query(timing: KeyTiming, tiny: Model) -> None:
    aligned = align(made_up("one", seed=3), cast(TextTokenizer, build_tokenizer()))
    keys = "middle" if timing is KeyTiming.STATIC else "source_word"
    settings = SteerSettings(heads=HEADS, keys=keys, timing=timing, seed=5)
    rows = gold_rows(aligned, settings)
    drawn = control_rows(aligned, settings, rows, tiny.dims)

    assert not isinstance(drawn, str)
    assert {query: len(keys) for query, keys in drawn.items()} == {query: len(keys) for query, keys in rows.items()}
    assert all(not set(keys) & set(rows[query]) and max(keys) <= query for query, keys in drawn.items())
    assert drawn == control_rows(aligned, settings, rows, tiny.dims)


def test_every_arm_has_its_heads_and_keys(tiny: Model) -> None:
    tokenizer = cast(TextTokenizer, build_tokenizer())
    aligned = align(made_up("one", seed=3), tokenizer)
    edits = edits_of(SteerSettings(heads=HEADS, intervention=SteerKind.FORCE, keys="source_word", mass=0.3), tiny.dims)
    found = steerings_of(aligned, edits, GoldText(aligned, tokenizer))

    assert edits.arms == tuple(Arm)
    edited, keys, heads = (found[arm] for arm in (Arm.EDITED, Arm.RANDOM_KEYS, Arm.RANDOM_HEADS))
    assert isinstance(edited, EdgeSteering)
    assert isinstance(keys, EdgeSteering)
    assert isinstance(heads, EdgeSteering)
    assert edited.edit.intervention == Force(mass=0.3)
    assert edited.edit == keys.edit != heads.edit
    assert edited.edit.heads == ((0, (1,)), (1, (2,)))
    assert {layer: len(own) for layer, own in heads.edit.heads} == {0: 1, 1: 1}
    assert not {(layer, head) for layer, own in heads.edit.heads for head in own} & {(0, 1), (1, 2)}


def test_edits_of_outputs_are_one_and_the_same_for_all_examples(tiny: Model) -> None:
    """Or rows of different examples could not be edited together."""
    tokenizer = cast(TextTokenizer, build_tokenizer())
    edits = edits_of(SteerSettings(heads=HEADS, intervention=SteerKind.ABLATE), tiny.dims)
    found = []
    for seed in (3, 4):
        aligned = align(made_up("one", seed=seed), tokenizer)
        found.append(steerings_of(aligned, edits, GoldText(aligned, tokenizer))[Arm.EDITED])
    first, second = found
    assert isinstance(first, HeadSteering)
    assert isinstance(second, HeadSteering)
    assert first.edit is second.edit
    assert Arm.RANDOM_KEYS not in edits.arms


def test_a_donor_in_lock_step_hands_over_its_own_attention(tiny: Model) -> None:
    donor = NativeModel(build_model(Architecture.LLAMA, seed=9), tokenizer=build_tokenizer(), provenance=PROVENANCE)
    check_donor(donor, tiny)
    lock = LockStep(donor, (0, 1), reads_prompt=False)
    steering = TransplantSteering(lock, ((0, (1,)), (1, (2, 3))), prompt_length=4)
    texts: list[Sequence[int]] = [(3, 1, 4, 1), (5, 9, 2, 6, 5)]
    lock.before_step(texts)
    for ids in texts:
        writes = steering.writes(ids)
        run = donor.forward(Tokens.of([ids]), Plan(reads=(Read(point=Point.PATTERN, layer=1),)))
        expected = run.read(Point.PATTERN, 1, 0)[[2, 3], -1:]
        assert torch.allclose(writes[1].intervention.values, expected, atol=1e-6)  # type: ignore[union-attr]
        assert writes[1].site.positions == (len(ids) - 1,)
        after = tiny.forward(Tokens.of([ids]), Plan(writes=writes, reads=(Read(point=Point.PATTERN, layer=1),)))
        assert torch.allclose(after.read(Point.PATTERN, 1, 0)[[2, 3], -1:], expected, atol=1e-6)
        assert after.fired[1] == Firing(edited=2 * len(ids))


def test_a_donor_of_another_shape_is_refused(tiny: Model, windowed: Model) -> None:
    with pytest.raises(SpecError, match="sliding windows by layer"):
        check_donor(windowed, tiny)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"heads": ()}, "no heads to edit"),
        ({"heads": (HeadId(layer=0, head=0, is_kv=True),)}, "no attention of their own"),
        ({"intervention": "bend"}, "expected one of mask, force"),
        ({"strength": 0.0}, "would do nothing"),
        ({"mass": 1.5}, r"in \[0, 1\]"),
        ({"reads_prompt": True}, "ablate, scale and transplant"),
        ({"steps": (0,), "timing": "static"}, "the same at every step"),
        ({"batch_size": 0}, "at least 1"),
    ],
)
@pytest.mark.usefixtures("without_shape_checks")
def test_settings_without_a_meaning_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        SteerSettings(**{"heads": HEADS, **options})  # type: ignore[arg-type]


def test_defaults_follow_the_intervention_and_the_keys(tiny: Model) -> None:
    mask = SteerSettings(heads=(*HEADS, HEADS[0]))
    assert mask.heads == (HeadId(layer=0, head=1), HeadId(layer=1, head=2))
    assert (mask.resolved_keys, mask.resolved_timing) == ("source_word", KeyTiming.DYNAMIC)
    force = SteerSettings(heads=HEADS, intervention=SteerKind.FORCE)
    assert force.resolved_keys == "premise_rest"
    assert SteerSettings(heads=HEADS, keys="rules").resolved_timing is KeyTiming.STATIC
    with pytest.raises(SpecError, match="do not exist"):
        edits_of(SteerSettings(heads=(HeadId(layer=7, head=0),)), tiny.dims)

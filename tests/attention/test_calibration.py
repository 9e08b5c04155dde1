"""How often a score is found to differ from a null where the gold keys are nothing special: at the level, no more.

Placebo keys take the place of gold ones: drawn from what the null itself is drawn from, or, for the permutation, gold
key sets dealt out at random. Attention is that of a trained model, whose heads look at tokens of their own kinds, at
words and back by fixed distances, so that scores of neighbours and of equal words are anything but independent. By
default 60 seeds, marked `calibration` 200 of each null and key definition.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cache
from typing import cast

import numpy as np
import pytest
from scipy import stats

from attnprobe.attention.exchange import Exchange, draw_assignments
from attnprobe.attention.key_sets import ExampleKeys, key_sets
from attnprobe.attention.nulls import Surroundings, position_keys, wrong_keys
from attnprobe.attention.settings import Null, ScoreSettings
from attnprobe.attention.units import TextUnits, lemma_of, text_units
from attnprobe.models.load import load_model
from attnprobe.plan import Plan, Point, Read, Tokens
from attnprobe.statistics.estimates import benjamini_hochberg
from attnprobe.statistics.sign_flips import sign_flip_p
from attnprobe.tasks import AlignedExample, Span, Target, TextTokenizer, align, prontoqa_task

# hundreds of families: shapes are checked in the other tests of these functions
pytestmark = pytest.mark.usefixtures("without_shape_checks")

N_EXAMPLES, LEVEL = 16, 0.05
FAMILIES = [
    ("token_match", Null.WRONG_TOKEN),
    ("source_word", Null.WRONG_TOKEN),
    ("premise", Null.WRONG_TOKEN),
    ("source_word", Null.POSITION),
    ("premise", Null.POSITION),
    ("source_word", Null.PERMUTED),
    ("token_match", Null.PERMUTED),
]
Keys = tuple[int, ...]


@cache
def examples() -> list[tuple[AlignedExample, TextUnits, np.ndarray]]:
    """Aligned examples with their words and their patterns [head, q_pos, k_pos]."""
    model = load_model("zoo:elimination-144k", device="cpu")
    tokenizer = cast(TextTokenizer, model.tokenizer)
    reads = tuple(Read(point=Point.PATTERN, layer=layer) for layer in range(model.dims.n_layers))
    found: list[tuple[AlignedExample, TextUnits, np.ndarray]] = []
    for example in prontoqa_task(n=N_EXAMPLES, hops=2, distractors="relevant").examples:
        aligned = align(example, tokenizer)
        run = model.forward(Tokens.of([aligned.ids]), Plan(reads=reads))
        pattern = np.concatenate([run.read(read.point, read.layer, 0).numpy() for read in reads])
        found.append((aligned, text_units(aligned, tokenizer), pattern.astype(np.float64)))
    return found


@cache
def true_keys(spec: str) -> list[ExampleKeys]:
    tokenizer = cast(TextTokenizer, load_model("zoo:elimination-144k", device="cpu").tokenizer)
    return [key_sets(aligned, ScoreSettings(keys=spec), tokenizer) for aligned, _, _ in examples()]


def placebo(around: Surroundings, gold: Keys, target: Target, null: Null, rng: np.random.Generator) -> Keys | None:
    """As many keys of the pool that a null is drawn from, gold keys among them, each as likely."""
    inside = [key for key in range(target.position) if key not in around.barred]
    if null is Null.POSITION:
        return tuple(sorted(rng.choice(inside, size=len(gold), replace=False).tolist()))
    places: defaultdict[object, list[Keys]] = defaultdict(list)
    if around.spec == "token_match":
        for key in inside:
            places[around.aligned.ids[key]].append((key,))
        return tuple(key for (key,) in places[rng.choice(sorted(places))])
    if around.spec == "premise":
        sentences = [sentence for sentence in around.units.sentences if sentence[-1] < target.position]
        n_gold = sum(bool(set(sentence) & set(gold)) for sentence in sentences)
        chosen = rng.choice(len(sentences), size=n_gold, replace=False)
        return tuple(sorted(key for place in chosen for key in sentences[place]))
    own = {lemma_of(around.aligned.example.gold[span.start : span.end]) for span in [_word(around, target)]}
    n_words = 0
    for word in around.units.words:
        n_words += set(word.positions) <= set(gold)
        if word.positions[-1] < target.position and word.lemma not in own:
            places[word.lemma].append(word.positions)
    often = sorted(lemma for lemma, found in places.items() if len(found) >= n_words)
    if not often:
        return None
    found = places[often[rng.integers(len(often))]]
    chosen = rng.choice(len(found), size=n_words, replace=False)
    return tuple(sorted(key for place in chosen for key in found[place]))


def _word(around: Surroundings, target: Target) -> Span:
    return around.aligned.example.words[cast(int, target.word)].span


def differences(spec: str, null: Null, seed: int) -> np.ndarray:
    """Placebo keys against the null's, [example, head]: means over tokens of attention from predicting positions."""
    rng = np.random.default_rng([seed, FAMILIES.index((spec, null))])
    rows: list[np.ndarray] = []
    for keys, (aligned, units, pattern) in zip(true_keys(spec), examples(), strict=True):
        around = Surroundings(aligned=aligned, units=units, spec=spec)
        per_token: list[np.ndarray] = []
        for group, found in enumerate(keys.sets):
            members = [index for index, owner in zip(keys.tokens, keys.owners, strict=True) if owner == group]
            target = aligned.targets[members[0]]
            gold = placebo(around, found.gold, target, null, rng)
            draw = position_keys if null is Null.POSITION else wrong_keys
            control = None if gold is None else draw(around, gold, target, rng)
            if gold is None or control is None:
                continue
            for index in members:
                row = pattern[:, aligned.targets[index].predicting]
                per_token.append(row[:, gold].sum(axis=1) - row[:, control].sum(axis=1))
        rows.append(np.mean(per_token, axis=0))
    return np.stack(rows)


def exchanged_p(spec: str, seed: int) -> Sequence[float | None]:
    """p of gold key sets that were dealt out at random to begin with."""
    rng = np.random.default_rng([seed, 99])
    exchange = Exchange(examples()[0][2].shape[0], seed, 999)
    for keys, (aligned, _, pattern) in zip(true_keys(spec), examples(), strict=True):
        reach = keys.exchangeable()
        dealt = draw_assignments(reach, 1, rng)[0]
        parts = np.zeros((pattern.shape[0], len(reach), len(reach)))
        for index, owner in zip(keys.tokens, keys.owners, strict=True):
            row = pattern[:, aligned.targets[index].predicting]
            parts[:, owner] += np.stack([row[:, found.gold].sum(axis=1) for found in keys.sets], axis=1)
        # group g has set dealt[g]; relabelled, so that its own is on the diagonal
        exchange.add(f"example {seed}/{aligned.example.id}", reach[:, dealt], parts[:, :, dealt])
    return exchange.p()


def n_false(spec: str, null: Null, seeds: range) -> int:
    """In how many families, one for each seed, some head is found."""
    false = 0
    for seed in seeds:
        p = exchanged_p(spec, seed) if null is Null.PERMUTED else sign_flip_p(differences(spec, null, seed), seed)
        q = benjamini_hochberg(p)
        false += any(value is not None and value < LEVEL for value in q)
    return false


@pytest.mark.parametrize(("spec", "null"), [FAMILIES[1], FAMILIES[3], FAMILIES[5]])
def test_placebo_keys_are_seldom_found(spec: str, null: Null) -> None:
    assert n_false(spec, null, range(60)) <= stats.binom.ppf(0.99, 60, LEVEL)


@pytest.mark.calibration
@pytest.mark.parametrize(("spec", "null"), FAMILIES)
def test_placebo_keys_are_seldom_found_at_full_size(
    spec: str, null: Null, record_property: Callable[[str, object], None]
) -> None:
    false = n_false(spec, null, range(1000, 1200))
    record_property(f"{spec}/{null}", false)
    assert false <= stats.binom.ppf(0.99, 200, LEVEL)

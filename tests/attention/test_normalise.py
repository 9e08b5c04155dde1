"""Scores of key sets by every normalisation: worked by hand on four tokens, then against the formulas as they stand.

The pattern of the hand-worked cases, and its columns summed over the first three and all four rows:

    1                          prefix 3:  2    .75  .25
    .5   .5                    prefix 4:  2.25 1    .5   .25
    .5   .25  .25
    .25  .25  .25  .25
"""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attnprobe.attention.normalise import key_values, min_max, percentile, share_of_row
from attnprobe.attention.readout import GoldReadout
from attnprobe.attention.settings import FirstKey, Normalisation, ScoreSettings
from attnprobe.errors import SpecError
from attnprobe.kernels import KeyScores, StoredPattern
from attnprobe.plan import Tokens
from attnprobe.plan.streams import LayerAttention
from tests.attention.literal import literal_score
from tests.attention.scored_texts import keys_of

TOY = torch.tensor(
    [[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0.5, 0.25, 0.25, 0], [0.25, 0.25, 0.25, 0.25]], dtype=torch.float64
)
FOUR, THREE = 4, 3
VALUES = (
    Normalisation.SAMRANK,
    Normalisation.GLOBAL,
    Normalisation.PROPORTIONAL,
    Normalisation.SUM,
    Normalisation.RANK,
    Normalisation.SINK_REMOVED,
)
MASSES = (Normalisation.DIRECT, Normalisation.RENORMALISED)


def scores_of(
    pattern: torch.Tensor,
    key_sets: Sequence[Sequence[int]],
    n: int,
    normalise: str,
    *,
    first_key: str = "first_token",
    sink_share: float = 0.2,
    padding: int = 0,
) -> list[float]:
    """Scores of key sets within the prefix of n tokens, of one head, by the statistic that a stream runs."""
    width = pattern.shape[0]
    padded = torch.nn.functional.pad(pattern, (padding, 1, padding, 1))
    keys = [keys_of({n: chosen}, ids=range(width + 1)) for chosen in key_sets]
    tokens = Tokens(
        ids=torch.zeros(len(keys), padding + width + 1, dtype=torch.int64), lengths=(width + 1,) * len(keys)
    )
    source = StoredPattern(pattern=padded.expand(len(keys), 1, -1, -1), starts=tokens.starts)
    value = torch.zeros(len(keys), 1, tokens.width, 1)
    chosen = ScoreSettings(normalise=Normalisation(normalise), first_key=FirstKey(first_key), sink_share=sink_share)
    seen = LayerAttention(layer=0, tokens=tokens, source=source, value=value)
    return [float(scores[0, 0, 0]) for scores in GoldReadout(keys, tokens, chosen)(seen).scores]


def singles(n: int) -> list[list[int]]:
    return [[key] for key in range(n)]


BY_HAND = {
    (Normalisation.SAMRANK, FOUR): "0 3/4 5/8 1",
    (Normalisation.SAMRANK, THREE): "0 17/19 1",
    (Normalisation.GLOBAL, FOUR): "0 1 1/2 1/4",
    (Normalisation.PROPORTIONAL, FOUR): "0 2/7 3/7 1",
    (Normalisation.SUM, FOUR): "0 3/2 5/4 2",
    (Normalisation.RANK, FOUR): "0 2/3 1/3 1",
    (Normalisation.SINK_REMOVED, FOUR): "0 0 4/7 1",
    (Normalisation.DIRECT, FOUR): "1/4 1/4 1/4 1/4",
    (Normalisation.DIRECT, THREE): "1/2 1/4 1/4",
    (Normalisation.RENORMALISED, FOUR): "0 0 1/2 1/2",
    # .2 of three queries is .6: the sink is a sink here too, and only the last key is left
    (Normalisation.RENORMALISED, THREE): "0 0 1",
}


@pytest.mark.parametrize(("normalisation", "n"), list(BY_HAND))
def test_every_normalisation_gives_the_values_worked_by_hand(normalisation: Normalisation, n: int) -> None:
    expected = [float(Fraction(word)) for word in BY_HAND[normalisation, n].split()]
    found = scores_of(TOY, singles(n), n, normalisation, sink_share=0.2)
    assert found == pytest.approx(expected, abs=1e-12)


def test_values_are_taken_at_their_largest_and_masses_added_up() -> None:
    assert scores_of(TOY, [[1, 2]], FOUR, "samrank") == pytest.approx([0.75])
    assert scores_of(TOY, [[1, 2]], FOUR, "direct") == pytest.approx([0.5])
    # without the first key, three quarters of the last row are left
    assert scores_of(TOY, [[1, 2]], FOUR, "renormalised", sink_share=0.5) == pytest.approx([2 / 3])


def test_which_first_key_is_left_out_is_an_option() -> None:
    # nothing left out: G + P = 2.25 + 4/9, 1 + 2/9 + 1/2, ...
    received, given_ = np.array([2.25, 1, 0.5, 0.25]), np.array([1 / 2.25, 0.5 / 2.25 + 0.5, 0, 0])
    given_[2] = 0.5 / 2.25 + 0.25 + 0.5
    given_[3] = 0.25 / 2.25 + 0.25 + 0.5 + 1
    assert scores_of(TOY, singles(4), FOUR, "sum", first_key="none") == pytest.approx(received + given_)
    # no special token was added, so that there is no BOS to leave out
    assert scores_of(TOY, singles(4), FOUR, "sum", first_key="bos") == pytest.approx(received + given_)
    assert scores_of(TOY, [[1]], FOUR, "renormalised", first_key="none", sink_share=1.0) == [0.25]


def test_a_map_with_nothing_to_tell_apart_scores_zero_and_not_nan() -> None:
    alone = torch.ones(1, 1, dtype=torch.float64)
    for normalisation in VALUES:
        expected = 0.5 if normalisation is Normalisation.RANK else 0.0
        assert scores_of(alone, [[0]], 1, normalisation) == [expected]
    assert scores_of(alone, [[0]], 1, "renormalised") == [0.0]
    outside = torch.zeros(1, 1, 3, 1, dtype=torch.bool)
    equal = torch.full((1, 1, 3, 1), 2.0)
    assert min_max(equal, outside).flatten().tolist() == [0.0, 0.0, 0.0]
    assert percentile(equal, outside).flatten().tolist() == [0.5, 0.5, 0.5]
    assert share_of_row(torch.zeros(1, 1, 1), torch.zeros(1, 1)).tolist() == [[[0.0]]]


def test_the_least_of_a_prefix_is_taken_over_its_own_columns() -> None:
    scores = KeyScores(received=torch.tensor([9.0, 3.0, 5.0, -7.0]).view(1, 1, 4, 1), given=torch.zeros(1, 1, 4, 1))
    inside = torch.tensor([False, True, True, False]).view(1, 4, 1)
    values = key_values(scores, inside, Normalisation.SAMRANK).flatten().tolist()
    assert values == [float("-inf"), 0.0, 1.0, float("-inf")]


def test_a_mass_has_no_value_of_single_keys() -> None:
    scores = KeyScores(received=torch.zeros(1, 1, 1, 1), given=torch.zeros(1, 1, 1, 1))
    with pytest.raises(SpecError, match="is a mass of key sets"):
        key_values(scores, torch.ones(1, 1, 1, dtype=torch.bool), Normalisation.DIRECT)


def drawn_pattern(n: int, seed: int, sharpness: float) -> torch.Tensor:
    logits = torch.randn(n, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * sharpness
    return logits.masked_fill(torch.ones(n, n).triu(1).bool(), float("-inf")).softmax(-1)


@pytest.mark.parametrize("normalisation", [*VALUES, *MASSES])
@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(2, 9),
    seed=st.integers(0, 10_000),
    sharpness=st.sampled_from([0.3, 3.0]),
    first_key=st.sampled_from(FirstKey),
    padding=st.integers(0, 3),
)
def test_every_prefix_agrees_with_the_formulas_written_down_literally(
    normalisation: Normalisation, n: int, seed: int, sharpness: float, first_key: FirstKey, padding: int
) -> None:
    pattern = drawn_pattern(n, seed, sharpness)
    rng = np.random.default_rng(seed)
    zeroed = {0} if first_key is FirstKey.FIRST_TOKEN else set()
    for end in range(1, n + 1):
        keys = sorted(rng.choice(end, size=rng.integers(1, end + 1), replace=False).tolist())
        expected = literal_score(pattern.numpy(), end, keys, normalisation, zeroed=zeroed, share=0.3)
        found = scores_of(pattern, [keys], end, normalisation, first_key=first_key, sink_share=0.3, padding=padding)
        assert found == pytest.approx([expected], abs=1e-9)

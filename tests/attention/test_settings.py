"""What may be asked of a scoring run, and what is refused before a model is loaded."""

import pytest

from attnprobe.attention.settings import FirstKey, Normalisation, Protocol, ScoreSettings
from attnprobe.errors import SpecError
from attnprobe.kernels import Impl

# a name that is no member is the mistake under test; shape checks would catch it first
pytestmark = pytest.mark.usefixtures("without_shape_checks")


def test_names_are_read_as_the_choices_that_they_name() -> None:
    chosen = ScoreSettings(protocol="paper", normalise="samrank", first_key="bos", impl="torch")  # type: ignore[arg-type]
    assert chosen.protocol is Protocol.PAPER
    assert chosen.normalise is Normalisation.SAMRANK
    assert chosen.first_key is FirstKey.BOS
    assert chosen.impl is Impl.TORCH


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"normalise": "softmax"}, "normalise 'softmax': expected one of samrank, global, proportional"),
        ({"protocol": "strict"}, "protocol 'strict': expected one of aligned, paper"),
        ({"first_key": "last"}, "first_key 'last': expected one of first_token, bos, none"),
        ({"impl": "cuda"}, "impl 'cuda': expected one of auto, reference, torch, triton"),
        ({"sink_share": 0.0}, "sink share 0.0: expected a share of the mass in"),
        ({"sink_share": 1.5}, "sink share 1.5"),
        ({"batch_size": 0}, "batch size 0: expected at least 1 sequence"),
        ({"layers": ()}, "expected at least one, sorted, none twice"),
        ({"layers": (2, 1)}, r"layers \[2, 1\]"),
        ({"layers": (1, 1)}, r"layers \[1, 1\]"),
    ],
)
def test_a_mistake_is_refused_with_what_was_expected(options: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        ScoreSettings(**options)  # type: ignore[arg-type]


def test_masses_add_up_over_keys_and_values_do_not() -> None:
    masses = {one for one in Normalisation if one.is_mass}
    assert masses == {"direct", "renormalised", "value_weighted", "rollout"}

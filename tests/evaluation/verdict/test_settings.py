"""What may be asked of a verdict."""

import pytest

from attnprobe.errors import SpecError
from attnprobe.evaluation.verdict.settings import HeadChoice, Minimum, VerdictSettings
from attnprobe.plan import HeadId

HEAD = HeadId(layer=1, head=2)

pytestmark = pytest.mark.usefixtures("without_shape_checks")


def test_heads_that_are_named_are_given_sorted_and_select_nothing() -> None:
    settings = VerdictSettings(heads=(HEAD, HeadId(layer=0, head=1), HEAD))
    assert settings.choice is HeadChoice.GIVEN
    assert settings.heads == (HeadId(layer=0, head=1), HEAD)
    assert not settings.choice.selects
    assert VerdictSettings().choice.selects


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"choice": "best"}, "choice 'best': expected one of aligned, strongest, all, given."),
        ({"choice": "given"}, "name the heads"),
        ({"choice": "all", "heads": (HEAD,)}, "leave one of the two out"),
        ({"heads": ()}, "at least one query head"),
        ({"heads": (HeadId(layer=0, head=0, is_kv=True),)}, "at least one query head"),
        ({"margin": 0.0}, "margin 0.0: expected a share of attention mass"),
        ({"doses": ()}, "doses []: expected ascending shares"),
        ({"doses": (0.5, 0.25)}, "expected ascending shares"),
        ({"doses": (0.5, 1.5)}, "expected ascending shares"),
        ({"dose": 0.6}, "dose 0.6: expected one of the doses, 0.25, 0.5, 0.75."),
        ({"batch_size": 0}, "expected at least 1 sequence"),
        ({"max_new_tokens": 0}, "0 new tokens"),
    ],
)
def test_what_has_no_meaning_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError) as raised:
        VerdictSettings(**settings)  # type: ignore[arg-type]
    assert message in str(raised.value)


@pytest.mark.parametrize("minimum", [{"nats": 0.0}, {"accuracy": -0.1}, {"auroc": 0.5}, {"recovery": float("inf")}])
def test_a_minimum_that_nothing_or_everything_reaches_is_refused(minimum: dict[str, float]) -> None:
    with pytest.raises(SpecError, match="minimum"):
        Minimum(**minimum)

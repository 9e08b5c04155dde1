"""Attribution and path patching on a circuit that looks up a fact: they name its head, its edges and its paths.

The circuit's numbers are worked out in `tests/models/test_lookup_circuits.py`; the metric is the logit of gold less
that of the foil, L for either step and 0 where nothing is brought.
"""

import pytest

from attnprobe.causal.attribution.attribute import attribute
from attnprobe.causal.attribution.settings import AttributionSettings, Target
from attnprobe.causal.settings import InterventionKind, Metric, PatchSettings
from attnprobe.models.model import Backend, Model
from tests.circuits_lookup import (
    AMPLITUDE,
    BYPASS,
    CARRIER,
    CAUSAL,
    PREVIOUS,
    READER,
    TWO_PREVIOUS,
    UNEMBEDDING,
    Circuit,
    Writer,
    lookup_gpt2,
)
from tests.lookup_numbers import AS_BEFORE, AS_TOKEN, N1, S0, from_source, norm_factor
from tests.lookup_texts import PREDICTS_FIRST, PREDICTS_SECOND, Texts, fact_position, lookup_task, lookup_tokenizer
from tests.models.loaders import LOADERS

pytestmark = pytest.mark.usefixtures("without_shape_checks")

N = 3
NEAR = 3e-5
S2 = norm_factor(N1 + from_source("X", "Y").squares)
FIRST = UNEMBEDDING * S2 * AS_TOKEN
"""L of step 3."""
CARRIED = S2 * AS_BEFORE
SECOND = UNEMBEDDING * norm_factor(N1 + CARRIED**2) * CARRIED
"""L of step 4."""


def opened(circuit: Circuit) -> Model:
    return LOADERS[Backend.NATIVE].open(lookup_gpt2(circuit), lookup_tokenizer())


def asked(circuit: Circuit, target: Target, intervention: InterventionKind = InterventionKind.MASK):
    texts = Texts.FREE if circuit.writer is Writer.ATTENTION else Texts.FIXED
    settings = AttributionSettings(
        target=target, patch=PatchSettings(intervention=intervention, metric=Metric.LOGIT_DIFF), top=8
    )
    return attribute(opened(circuit), lookup_task(N, texts=texts, subjects=(0, 1, 2)), settings)


def test_masking_scores_the_reader_and_no_other_head() -> None:
    rows = {row.head: row for row in asked(CAUSAL, Target.HEADS).heads}
    reader = rows.pop(str(READER))
    assert reader.exact == pytest.approx(-(FIRST + SECOND) / 2, abs=NEAR)
    assert reader.score < -1
    assert max(abs(row.score) for row in rows.values()) < 1e-4
    assert max(abs(row.exact) for row in rows.values() if row.exact is not None) < 1e-4


def test_nothing_is_scored_where_an_mlp_knows_the_answer() -> None:
    rows = asked(BYPASS, Target.HEADS).heads
    assert max(max(abs(row.score), abs(row.exact or 0.0)) for row in rows) < 1e-4


def test_edges_carry_the_answer_from_x_to_the_question_and_on_to_the_second_step() -> None:
    result = asked(CAUSAL, Target.EDGES)
    edges = result.edges[result.edges["is_top"].astype(bool) & (result.edges["score"].abs() > 1e-3)]
    for example in lookup_task(N, subjects=(0, 1, 2)).examples:
        rows = edges[edges["example"] == example.id]
        found = {
            (row.layer, row.head, row.query, row.key): (row.exact, row.is_gold) for row in rows.itertuples(index=False)
        }
        subject = fact_position(example)
        reads = (READER.layer, READER.head, PREDICTS_FIRST, subject + 2)
        carries = (CARRIER.layer, CARRIER.head, PREDICTS_SECOND, PREDICTS_FIRST)
        whole, second = pytest.approx(-(FIRST + SECOND) / 2, abs=NEAR), pytest.approx(-SECOND / 2, abs=NEAR)
        assert {edge: value for edge, value in found.items() if edge[0]} == {
            reads: (whole, True),
            carries: (second, False),
        }
        # X is known as that of the fact by the word two before it, and the second step by X
        assert found[TWO_PREVIOUS.layer, TWO_PREVIOUS.head, subject + 2, subject] == (whole, False)
        assert found[PREVIOUS.layer, PREVIOUS.head, PREDICTS_SECOND, PREDICTS_SECOND - 1] == (second, False)


def test_paths_lead_from_the_reader_to_the_logits_and_through_the_carriers_values() -> None:
    paths = {row.path: row.effect for row in asked(CAUSAL, Target.PATHS).paths if row.input}
    assert {path: effect for path, effect in paths.items() if abs(effect) > 1e-3} == {
        f"{READER}→logits": pytest.approx(-FIRST / 2, abs=NEAR),
        f"{READER}→{CARRIER}.v": pytest.approx(-SECOND / 2, abs=NEAR),
    }


def test_ablation_follows_each_head_to_the_input_that_needs_it() -> None:
    """Without the word before, the reader brings no Y, and more of X: layer 1 sees |u|^2 of 195."""
    paths = {row.path: row.effect for row in asked(CAUSAL, Target.PATHS, InterventionKind.ABLATE).paths if row.input}
    louder = norm_factor(3 * AMPLITUDE**2 * (2 + S0**2) / 3) * AMPLITUDE
    first = UNEMBEDDING * norm_factor(N1 + louder**2) * louder
    expected = {
        f"{TWO_PREVIOUS}→{READER}.k": -(FIRST + SECOND) / 2,
        f"{PREVIOUS}→{READER}.v": (first - FIRST - SECOND) / 2,
        f"{PREVIOUS}→{CARRIER}.q": -SECOND / 2,
        f"{READER}→{CARRIER}.v": -SECOND / 2,
        f"{READER}→logits": -FIRST / 2,
        f"{CARRIER}→logits": -SECOND / 2,
    }
    assert {path: paths[path] for path in expected} == {
        path: pytest.approx(effect, abs=NEAR) for path, effect in expected.items()
    }
    # what else is more than nothing changes how loud all is, and nothing that is said
    rest = {path: effect for path, effect in paths.items() if path not in expected and abs(effect) > 1e-3}
    assert all(effect > 0 or path.endswith(".k") for path, effect in rest.items()), rest

"""Attention of another model: from a sound circuit into broken ones, and who may be a donor."""

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from attnprobe.causal.controls import ControlKind
from attnprobe.causal.head_sets import HeadSet
from attnprobe.causal.measure import patch_heads
from attnprobe.causal.patch_sets import patch_sets
from attnprobe.causal.settings import InterventionKind, Metric, PatchSettings
from attnprobe.errors import SpecError
from attnprobe.models.model import Model, Provenance
from attnprobe.models.native import NativeModel
from attnprobe.plan import Plan, Point, Read, Replace, Site, Tokens, Write
from attnprobe.tasks.alignment import align
from tests.causal.conftest import made_up_task
from tests.causal.test_force_curve import lookup_model
from tests.circuits_lookup import BROKEN_VALUES, FAILING, READER, SHADOW, SOUND, Circuit
from tests.lookup_texts import lookup_task
from tests.models.architectures import VOCAB, Architecture, build_model, build_tokenizer

TASK = lookup_task(8)
TRANSPLANT = InterventionKind.TRANSPLANT


def model_of(architecture: Architecture, seed: int = 0) -> Model:
    provenance = Provenance(name=architecture.value, revision=None, architecture=architecture.value)
    return NativeModel(build_model(architecture, seed=seed), tokenizer=build_tokenizer(), provenance=provenance)


def renumbered() -> PreTrainedTokenizerFast:
    """The tokenizer of the tiny models, its words numbered the other way round."""
    words = {f"w{VOCAB - 4 - index}": index for index in range(VOCAB - 3)} | {"<unk>": VOCAB - 3}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>")


@pytest.mark.parametrize("site", [Point.PATTERN, Point.Z])
@pytest.mark.parametrize(("circuit", "recovery"), [(FAILING, 1.0), (BROKEN_VALUES, 0.0)])
def test_a_head_that_looked_elsewhere_is_repaired_by_its_donors_attention_and_one_that_miswrites_is_not(
    circuit: Circuit, recovery: float, site: Point
) -> None:
    # broken values are broken on the way out of the head, so that its output does not help either
    settings = PatchSettings(intervention=TRANSPLANT, site=site, metric=Metric.RECOVERY, heads=(READER, SHADOW))
    result = patch_heads(lookup_model(circuit), TASK, settings, donor=lookup_model(SOUND))
    assert [head.head for head in result.heads] == [str(READER), str(SHADOW)]
    assert result.heads[0].effect == pytest.approx(recovery, abs=2e-3)
    assert result.heads[1].effect == pytest.approx(0, abs=1e-5)
    assert set(result.by_control) == {ControlKind.OTHER_HEAD, ControlKind.OTHER_EXAMPLE}
    assert result.heads[0].n_matched == 8


@pytest.mark.parametrize("site", [Point.PATTERN, Point.Z])
@pytest.mark.parametrize("queries", ["all", "predicting"])
def test_a_models_own_attention_changes_nothing(tiny: Model, site: Point, queries: str) -> None:
    settings = PatchSettings(intervention=TRANSPLANT, site=site, queries=queries)
    result = patch_heads(tiny, made_up_task(3), settings, donor=tiny)
    assert [head.effect for head in result.heads] == pytest.approx([0] * 12, abs=5e-6)
    assert max(abs(head.control or 0) for head in result.heads) > 1e-4


def test_the_effect_is_that_of_the_donors_pattern_put_in_by_hand(tiny: Model) -> None:
    donor, task = model_of(Architecture.LLAMA, seed=1), made_up_task(2)
    settings = PatchSettings(intervention=TRANSPLANT, queries="predicting")
    result = patch_heads(tiny, task, settings, donor=donor)
    for place, example in enumerate(task.examples):
        aligned = align(example, tiny.tokenizer)
        scored = [target for target in aligned.targets if target.keys and any(target.keys.values())]
        positions = tuple(sorted({target.predicting for target in scored if target.keys["source_word"]}))
        tokens = Tokens.of([aligned.ids])
        pattern = donor.forward(tokens, Plan(reads=(Read(point=Point.PATTERN, layer=1),))).read(Point.PATTERN, 1, 0)
        site = Site(point=Point.PATTERN, layer=1, heads=(2,), positions=positions)
        write = Write(site=site, intervention=Replace(values=pattern[[2]][:, list(positions)]))
        plain, edited = tiny.forward(tokens), tiny.forward(tokens, Plan(writes=(write,)))
        changes = [
            (
                edited.logits_at(0, [target.predicting]).double().log_softmax(-1)[0, target.token]
                - plain.logits_at(0, [target.predicting]).double().log_softmax(-1)[0, target.token]
            ).item()
            for target in scored
            if target.keys["source_word"]
        ]
        rows = result.rows[(result.rows["example"] == example.id) & (result.rows["head"] == "L1H2")]
        assert rows["effect"].iloc[0] == pytest.approx(np.mean(changes), abs=5e-6), place


def test_all_heads_of_a_donor_at_once_are_a_set() -> None:
    recipient, donor = lookup_model(FAILING), lookup_model(SOUND)
    settings = PatchSettings(intervention=TRANSPLANT, metric=Metric.RECOVERY)
    result = patch_sets(recipient, TASK, [HeadSet.of(recipient.dims.heads, "all")], settings, donor=donor)
    assert result.sets[0].against.effect == pytest.approx(1.0, abs=1e-3)


def test_what_was_put_in_as_a_control_is_stored(tiny: Model) -> None:
    result = patch_heads(tiny, made_up_task(3), PatchSettings(intervention=TRANSPLANT), donor=tiny)
    drawn = result.controls[result.controls["example"] == "made-up-0"]
    others = [text for text in drawn["drawn"] if "other_example" in text]
    assert all('"source": "made-up-' in text and "made-up-0" not in text for text in others)
    heads = drawn[(drawn["head"] == "L1H2") & (drawn["kind"] == "other_head")]["drawn"].iloc[0]
    assert '"source": "L1H' in heads
    assert '"source": "L1H2"' not in heads


def test_a_donor_whose_attention_would_mean_something_else_is_refused(tiny: Model) -> None:
    task, settings = made_up_task(1), PatchSettings(intervention=TRANSPLANT)
    with pytest.raises(SpecError, match=r"differ in sliding windows by layer: 4 and None; .* Choose a model of one"):
        patch_heads(tiny, task, settings, donor=model_of(Architecture.MISTRAL))
    with pytest.raises(SpecError, match=r"a transplant needs the model .* --donor \(in Python, donor=\.\.\.\)"):
        patch_heads(tiny, task, settings)
    with pytest.raises(SpecError, match="a donor with mask: it gives its attention to --intervention transplant alone"):
        patch_heads(tiny, task, PatchSettings(), donor=tiny)


def test_a_donor_may_have_other_key_heads_but_not_other_tokens() -> None:
    grouped, own = model_of(Architecture.LLAMA), model_of(Architecture.GPT_NEOX)
    assert grouped.dims.n_kv_heads != own.dims.n_kv_heads
    result = patch_heads(grouped, made_up_task(2), PatchSettings(intervention=TRANSPLANT), donor=own)
    assert max(abs(head.effect) for head in result.heads) > 1e-4
    stranger = NativeModel(
        build_model(Architecture.LLAMA),
        tokenizer=renumbered(),
        provenance=Provenance(name="stranger", revision=None, architecture="llama"),
    )
    with pytest.raises(
        SpecError, match=r"donor stranger and recipient llama cut example 'made-up-0' into other tokens"
    ):
        patch_heads(grouped, made_up_task(2), PatchSettings(intervention=TRANSPLANT), donor=stranger)

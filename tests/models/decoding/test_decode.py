"""Decoding with keys and values kept writes token for token what whole forward passes write, under every edit."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel

from attnprobe.errors import ModelError, PlanError, SpecError
from attnprobe.models.decoding import (
    Decoding,
    DecodingLimits,
    DecodingMode,
    EdgeEdit,
    EdgeSteering,
    Ending,
    HeadEdit,
    HeadSteering,
    Steered,
    Steering,
    by_layer,
    decode_under_plan,
)
from attnprobe.models.model import Backend, Model
from attnprobe.models.native import NativeModel
from attnprobe.plan import Edges, Firing, Force, HeadId, Mask, Scale, mask_edges
from tests.circuits import INDUCTION, WORDS, induction_gpt2
from tests.models.architectures import Architecture, build_model, draw_sequences
from tests.models.decoding.steerings import HEADS, Made, Opaque, kinds_of_steering, moving
from tests.models.loaders import PROVENANCE, Case, open_case
from tests.models.reference import DIRECT

LENGTHS = (9, 6)
LONGEST = 6


def native(family: str) -> Model:
    return open_case(Case(Backend.NATIVE, family))[0]


def decoded(model: Model, rows: Sequence[Steered], mode: str = "cached", **options: Any) -> Decoding:
    limits = {"max_new_tokens": LONGEST, **{k: options.pop(k) for k in ("eos", "batch_size") if k in options}}
    return decode_under_plan(model, rows, DecodingLimits(mode=DecodingMode(mode), **limits), **options)


def all_kinds(model: Model, lengths: Sequence[int] = LENGTHS) -> tuple[list[str], list[Steered]]:
    kinds = kinds_of_steering(model.dims)
    rows = [
        Steered(prompt=tuple(ids), steering=steering) for ids in draw_sequences(lengths) for steering in kinds.values()
    ]
    return list(kinds), rows


@pytest.mark.parametrize("architecture", Architecture)
def test_kept_keys_and_values_write_what_whole_passes_write(architecture: Architecture) -> None:
    """Prompts of two lengths in one batch, longer than the windows; firings are counted step by step on both sides."""
    model = native(architecture)
    names, rows = all_kinds(model)

    kept, whole = decoded(model, rows), decoded(model, rows, "uncached")

    assert kept.rows == whole.rows
    assert (kept.mode, whole.mode) == (DecodingMode.CACHED, DecodingMode.UNCACHED)
    by_kind = {name: [row.ids for row in kept.rows[place :: len(names)]] for place, name in enumerate(names)}
    # or the equality would say nothing
    changed = [name for name in names if by_kind[name] != by_kind["plain"]]
    assert len(changed) >= 7, f"of {len(names) - 1} kinds of edit only {changed} change a token"
    assert all(
        (row.fired.edited > 0) == (steered.steering is not None) for row, steered in zip(kept.rows, rows, strict=True)
    )


def test_edits_that_rows_have_alike_are_those_of_each_row_alone() -> None:
    model = native(Architecture.GEMMA2)
    _, rows = all_kinds(model)
    alone = [Steered(prompt=row.prompt, steering=row.steering and Opaque(row.steering)) for row in rows]

    assert decoded(model, rows).rows == decoded(model, alone).rows


@pytest.mark.parametrize("batch_size", [1, 3])
def test_the_batch_changes_no_token(batch_size: int) -> None:
    model = native(Architecture.QWEN2)
    rows = all_kinds(model)[1][:5]
    rows.append(Steered(prompt=(5,), steering=EdgeSteering(edit=EdgeEdit(heads=HEADS, intervention=Mask(strength=0.5)),
                                                          keys=moving(0))))  # fmt: skip

    assert decoded(model, rows, batch_size=batch_size).rows == decoded(model, rows).rows


@pytest.mark.parametrize("backend", [Backend.TRANSFORMER_LENS, Backend.NNSIGHT])
@pytest.mark.parametrize("family", [Architecture.LLAMA, Architecture.GEMMA2])
def test_every_backend_writes_the_same(backend: Backend, family: Architecture) -> None:
    model = open_case(Case(backend, family))[0]
    rows = [
        Steered(prompt=tuple(draw_sequences((7,))[0]), steering=steering)
        for steering in kinds_of_steering(model.dims).values()
    ]

    found = decode_under_plan(model, rows, DecodingLimits(max_new_tokens=4))

    assert found.mode is DecodingMode.UNCACHED
    assert found.rows == decode_under_plan(native(family), rows, DecodingLimits(max_new_tokens=4)).rows


def test_the_induction_head_writes_what_it_is_made_to_look_at() -> None:
    """Worked by hand: unedited it looks at what followed the last word; forced onto the fourth word it writes that."""
    model = NativeModel(induction_gpt2(), tokenizer=None, provenance=PROVENANCE)
    prompt = tuple(WORDS.index(word) for word in ("start", "ant", "bee", "cat", "dog", "ant"))
    heads = by_layer([INDUCTION])
    forced = EdgeSteering(edit=EdgeEdit(heads=heads, intervention=Force(mass=1.0)), keys=lambda ids: (3,))
    # where the last word is `ant`, it may not look at position 2, which holds what followed the first `ant`
    hidden = EdgeSteering(
        edit=EdgeEdit(heads=heads, intervention=Mask()),
        keys=lambda ids: (2,) if ids[-1] == WORDS.index("ant") else (),
    )
    limits = DecodingLimits(max_new_tokens=3)

    plain, under_force, under_mask = decode_under_plan(
        model, [Steered(prompt=prompt, steering=steering) for steering in (None, forced, hidden)], limits
    ).rows

    assert [WORDS[token] for token in plain.ids] == ["bee", "cat", "dog"]
    assert [WORDS[token] for token in under_force.ids] == ["cat", "cat", "cat"]
    assert under_force.fired == Firing(edited=3)
    assert under_mask.ids[0] != WORDS.index("bee")
    assert (
        under_mask.edited_steps
        == under_mask.fired.edited
        == 1 + sum(token == WORDS.index("ant") for token in under_mask.ids[:-1])
    )


def test_a_prompt_is_read_once_and_every_step_runs_one_token(monkeypatch: pytest.MonkeyPatch) -> None:
    model = native(Architecture.LLAMA)
    assert isinstance(model, NativeModel)
    hf: PreTrainedModel = model._model
    seen: list[tuple[int, int]] = []
    hook = hf.get_input_embeddings().register_forward_pre_hook(lambda _, args: seen.append(tuple(args[0].shape)))
    prompt = tuple(draw_sequences((9,))[0])
    steerings = [steering for name, steering in kinds_of_steering(model.dims).items() if "prompt" not in name]
    try:
        decoded(model, [Steered(prompt=prompt, steering=steering) for steering in steerings])
    finally:
        hook.remove()

    assert seen == [(1, 8), *[(len(steerings), 1)] * LONGEST]


def test_rows_that_have_ended_leave_the_batch() -> None:
    model = native(Architecture.GPT2)
    _, rows = all_kinds(model)
    free = decoded(model, rows)
    eos = frozenset({free.rows[0].ids[2], free.rows[13].ids[3]})

    ended = decoded(model, rows, eos=eos)

    for before, after in zip(free.rows, ended.rows, strict=True):
        stop = next((place for place, token in enumerate(before.ids) if token in eos), None)
        assert after.ids == before.ids[: None if stop is None else stop + 1]
        assert after.ending is (Ending.LIMIT if stop is None else Ending.EOS)
    assert len({len(row.ids) for row in ended.rows}) > 2
    assert ended.rows == decoded(model, rows, "uncached", eos=eos).rows


def test_the_caller_ends_an_answer_and_chooses_its_tokens() -> None:
    model = native(Architecture.LLAMA)
    row = Steered(prompt=tuple(draw_sequences((5,))[0]))

    (found,) = decoded(model, [row], choose=lambda scores: scores.argmin(-1), is_over=lambda new: len(new) == 3).rows

    assert (len(found.ids), found.ending) == (3, Ending.OVER)
    assert found.ids[0] != decoded(model, [row]).rows[0].ids[0]


def test_keys_that_a_window_hides_are_counted_and_left_alone() -> None:
    """Worked by hand: a window of 4 in layers 0 and 2; key 2 is seen from queries 2 to 5, and in layer 1 from all."""
    model = native(Architecture.GEMMA2)
    edit = EdgeEdit(heads=((0, (0, 1)), (1, (3,))), intervention=Mask(strength=0.9))
    row = Steered(prompt=(1, 2, 3, 4, 5), steering=EdgeSteering(edit=edit, keys=lambda ids: (2,)))

    for mode in ("cached", "uncached"):
        (found,) = decoded(model, [row], mode).rows
        # queries 4 to 9: two see it in layer 0, with two heads; all do in layer 1
        assert found.fired == Firing(edited=2 * 2 + 6, unreachable=4 * 2, idle_rows=4 * 2)
        assert found.edited_steps == 6


def test_an_edit_that_never_acts_is_refused() -> None:
    model = native(Architecture.MISTRAL)
    edit = EdgeEdit(heads=HEADS, intervention=Mask())
    row = Steered(prompt=tuple(range(9)), steering=EdgeSteering(edit=edit, keys=lambda ids: (0,)))
    for mode in ("cached", "uncached"):
        with pytest.raises(PlanError, match=r"never acted .18 of their entries"):
            decoded(model, [row], mode)
    # one that asks for nothing is a plain answer
    silent = Steered(prompt=row.prompt, steering=EdgeSteering(edit=edit, keys=lambda ids: ()))
    assert decoded(model, [silent]).rows == decoded(model, [Steered(prompt=row.prompt)]).rows


@pytest.mark.parametrize(
    ("steering", "error", "message"),
    [
        (Made(lambda ids: (mask_edges(layer=1, edges=Edges.product([2], [1])),)), PlanError, "it has been run"),
        (
            Made(lambda ids: (mask_edges(layer=1, edges=Edges.product([len(ids) - 1], [1]), batch=(0,)),)),
            SpecError,
            "leave `batch` out",
        ),
        (Made(lambda ids: (mask_edges(layer=7, edges=Edges.product([len(ids) - 1], [1])),)), SpecError, "layer 7"),
        (
            EdgeSteering(edit=EdgeEdit(heads=((1, (9,)),), intervention=Mask()), keys=lambda ids: (1,)),
            SpecError,
            "L1H9 does not exist",
        ),
        (
            HeadSteering(edit=HeadEdit(heads=((5, (0,)),), interventions={5: Scale(factor=0.0)})),
            SpecError,
            "layer 5 does not exist",
        ),
        (
            EdgeSteering(edit=EdgeEdit(heads=HEADS, intervention=Mask()), keys=lambda ids: tuple(range(len(ids)))),
            PlanError,
            "no visible key left at query position 4 of sequence 0",
        ),
    ],
)
def test_what_cannot_be_done_is_refused(steering: Steering, error: type[Exception], message: str) -> None:
    rows = [Steered(prompt=(1, 2, 3, 4, 5), steering=steering)]
    for mode in ("cached", "uncached"):
        with pytest.raises(error, match=message):
            decoded(native(Architecture.LLAMA), rows, mode)


def test_a_prompt_that_fills_the_context_is_refused() -> None:
    model = native(Architecture.LLAMA)
    full = tuple(range(32))
    with pytest.raises(SpecError, match="leaves no room"):
        decoded(model, [Steered(prompt=full)])
    # 3 more: the prompts of one batch may go on alike
    found = decoded(model, [Steered(prompt=full[:29]), Steered(prompt=full[:20])])
    assert [len(row.ids) for row in found.rows] == [3, LONGEST]
    with pytest.raises(SpecError, match="empty prompt"):
        Steered(prompt=())


def test_models_that_keep_no_keys_write_through_whole_passes() -> None:
    model = native(DIRECT)
    rows = [Steered(prompt=(1, 2, 3, 4)), Steered(prompt=(1, 2, 3, 4), steering=kinds_of_steering(model.dims)["heads"])]
    with pytest.raises(PlanError, match=r"calls torch.nn.functional.scaled_dot_product_attention itself.*'uncached'"):
        decoded(model, rows)
    assert decoded(model, rows, "auto").mode is DecodingMode.UNCACHED


def test_a_batch_that_does_not_fit_in_memory_is_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    model = native(Architecture.LLAMA)
    rows = [Steered(prompt=tuple(ids)) for ids in draw_sequences((6, 6, 6, 6))]
    expected = decoded(model, rows).rows
    most = 2

    def scarce(self: Any, rows: Sequence[int], *others: Any) -> Any:
        if len(rows) > most:
            raise torch.OutOfMemoryError("no more")
        return original(self, rows, *others)

    from attnprobe.models.decoding.cached import CachedSteps

    original = CachedSteps.scores
    monkeypatch.setattr(CachedSteps, "scores", scarce)
    found = decoded(model, rows)
    assert (found.rows, found.halvings) == (expected, 1)
    most = 0
    with pytest.raises(ModelError, match="one prompt of 6 tokens"):
        decoded(model, rows)


def test_the_model_is_left_as_it_was_found_also_after_an_error() -> None:
    hf = build_model(Architecture.GEMMA2)
    hf.train()
    model = NativeModel(hf, tokenizer=None, provenance=PROVENANCE)
    before = hf.config._attn_implementation
    bad = Steered(prompt=(1, 2), steering=Made(lambda ids: (mask_edges(layer=9, edges=Edges.product([1], [0])),)))
    with pytest.raises(SpecError):
        decoded(model, [bad])
    assert hf.config._attn_implementation == before
    assert hf.training
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in hf.modules())


def test_a_model_that_embeds_long_texts_otherwise_keeps_no_keys_across_the_turn() -> None:
    import transformers

    config = transformers.Phi3Config(
        vocab_size=61, hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=32, original_max_position_embeddings=8, pad_token_id=0,
        bos_token_id=1, eos_token_id=2,
        rope_parameters={
            "rope_type": "longrope", "rope_theta": 10000.0, "short_factor": [1.0] * 4, "long_factor": [3.0] * 4,
            "original_max_position_embeddings": 8, "partial_rotary_factor": 1.0,
        },
    )  # fmt: skip
    model = NativeModel(transformers.Phi3ForCausalLM(config), tokenizer=None, provenance=PROVENANCE)
    crossing = [Steered(prompt=(1, 2, 3, 4, 5))]
    with pytest.raises(PlanError, match="beyond 8 tokens"):
        decoded(model, crossing)
    assert decoded(model, crossing, "auto").mode is DecodingMode.UNCACHED
    beyond = [Steered(prompt=tuple(range(1, 11)))]
    assert decoded(model, beyond).rows == decoded(model, beyond, "uncached").rows


def test_limits_and_heads_are_checked() -> None:
    with pytest.raises(SpecError, match="at least 1 of each"):
        DecodingLimits(max_new_tokens=0)
    with pytest.raises(SpecError, match="no head"):
        by_layer([])
    assert by_layer([HeadId(layer=2, head=1), HeadId(layer=0, head=3), HeadId(layer=2, head=0)]) == (
        (0, (3,)),
        (2, (0, 1)),
    )

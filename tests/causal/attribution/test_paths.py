"""Path patching: the known path of a circuit set by hand, brute force on an attention-only model, shared keys."""

from collections.abc import Mapping, Sequence
from math import sqrt

import pytest
import torch
from torch import Tensor
from transformers import GPT2LMHeadModel

from attnprobe.causal.attribution.attribute import attribute
from attnprobe.causal.attribution.examples import Prepared
from attnprobe.causal.attribution.paths import Path, path_effects, paths_of, receiver_write
from attnprobe.causal.attribution.settings import AttributionSettings, Mlps, PathInput, Target
from attnprobe.causal.settings import InterventionKind, Metric, PatchSettings
from attnprobe.errors import PlanError, SpecError
from attnprobe.models.model import Backend
from attnprobe.models.native import NativeModel
from attnprobe.plan import HeadId, Plan, Point, Read, Tokens
from attnprobe.tasks import jsonl_task
from attnprobe.tasks.collected import CollectedTask
from tests.causal.attribution.doubles import double_model
from tests.causal.conftest import made_up_task
from tests.circuits import (
    AMPLITUDE,
    CLEAN,
    INDUCTION,
    N1,
    PREVIOUS_TOKEN,
    S0,
    S1,
    WITHOUT_INDUCTION,
    circuit_tokenizer,
    draw_examples,
    induction_gpt2,
    log_prob,
    logit_of,
    write_examples,
)
from tests.models.architectures import Architecture, randomise
from tests.models.loaders import LOADERS, PROVENANCE, Case, open_case

N = 4
EXAMPLES = draw_examples(N)
NEAR = 5e-6
ABLATE = PatchSettings(intervention=InterventionKind.ABLATE, metric=Metric.GOLD_LOGPROB)


def settings(**changes: object) -> AttributionSettings:
    return AttributionSettings(**{"target": Target.PATHS, "patch": ABLATE} | changes)  # pyright: ignore[reportArgumentType]


@pytest.fixture(scope="module")
def circuit_task(tmp_path_factory: pytest.TempPathFactory) -> CollectedTask:
    return jsonl_task(write_examples(tmp_path_factory.mktemp("task") / "induction.jsonl", N))


def by_key() -> float:
    """Without L0H1 in its keys L1H2 attends to all T alike; values, queries and the stream are as they were."""
    found: list[float] = []
    for example in EXAMPLES:
        n = len(example.words)
        once, twice = (logit_of(count / n, into=N1, factor=S1, squares=(n + 2) / n**2) for count in (1, 2))
        found.append(log_prob(once, [once] * (n - 3) + [twice]))
    return sum(found) / N - CLEAN


BY_VALUE = log_prob(logit_of(1.0, into=N1, factor=S0, squares=1.0), []) - CLEAN
"""L0H1 adds to the length that the layer norm divides by: without it values come through larger, s0 for s1."""
BY_STREAM = log_prob(logit_of(1.0, into=2 * AMPLITUDE**2, factor=S1, squares=1.0), []) - CLEAN
"""The last norm divides by what is there without L0H1's output."""


@pytest.mark.parametrize("backend", list(LOADERS), ids=str)
def test_the_known_path_is_found_with_its_number_on_every_backend(
    backend: Backend, circuit_task: CollectedTask
) -> None:
    model = LOADERS[backend].open(induction_gpt2(), circuit_tokenizer())
    result = attribute(model, circuit_task, settings())
    expected = {
        f"{PREVIOUS_TOKEN}→{INDUCTION}.k": by_key(),
        f"{PREVIOUS_TOKEN}→{INDUCTION}.v": BY_VALUE,
        f"{PREVIOUS_TOKEN}→logits": BY_STREAM,
        f"{INDUCTION}→logits": WITHOUT_INDUCTION - CLEAN,
    }
    assert result.strongest_paths()[1].path == f"{PREVIOUS_TOKEN}→{INDUCTION}.k"
    for path in result.paths:
        if path.input is not None:
            assert path.effect == pytest.approx(expected.get(path.path, 0.0), abs=NEAR), path.path
    # norms aside, which rescale, there is one way from the first head on, and that is its whole effect
    assert len(result.paths) == 8 + 4 * 4 * 3 + 8
    assert BY_VALUE > 0
    assert by_key() < -1


def test_paths_are_those_of_brute_force_on_an_attention_only_model(circuit_task: CollectedTask) -> None:
    """Every path of a two-layer GPT-2 with random attention and no MLPs, recomputed with matrices alone."""
    hf_model = attention_only()
    model = NativeModel(hf_model, tokenizer=circuit_tokenizer(), provenance=PROVENANCE)
    task_settings = settings(senders=tuple(HeadId(layer=0, head=head) for head in range(4)))
    paths = paths_of(task_settings, model.dims)
    subject = Prepared.of(model, circuit_task, task_settings).subjects[0]
    assert list(subject.ids[:-1]) == EXAMPLES[0].ids
    found = path_effects(model, subject, task_settings, paths, None)
    clean = brute_force(hf_model, subject.ids, None)
    (position,), (gold,) = subject.readout.positions, subject.readout.gold
    value = torch.log_softmax(clean, -1)[position, gold].item()
    assert found.clean == pytest.approx(value, abs=1e-10)
    for path in paths:
        edited = torch.log_softmax(brute_force(hf_model, subject.ids, path), -1)[position, gold].item()
        assert found.effects[path] == pytest.approx(edited - value, abs=1e-10), str(path)
    assert min(abs(effect) for path, effect in found.effects.items()) > 1e-7
    assert len(paths) == 4 * (1 + 4 * 3)


def attention_only() -> GPT2LMHeadModel:
    model = induction_gpt2().double()
    randomise(model, seed=3)
    with torch.no_grad():
        for block in model.transformer.h:
            block.mlp.c_proj.weight.zero_()
            block.mlp.c_proj.bias.zero_()
            # heads are to matter beside small embeddings, and these not to vanish in the norms
            block.attn.c_proj.weight.mul_(0.3)
        model.lm_head.weight.mul_(20)
    return model


def brute_force(model: GPT2LMHeadModel, ids: Sequence[int], path: Path | None) -> Tensor:
    """Logits of a run in which one input of one head of layer 1 takes a stream without the sender's output.

    No hooks: weights are taken from the model and multiplied here.
    """
    decoder = model.transformer
    with torch.no_grad():
        stream = decoder.wte.weight[list(ids)] + decoder.wpe.weight[: len(ids)]
        outputs = attention(model, 0, {name: stream for name in "qkv"}, None)
        clean_one = stream + sum(outputs) + decoder.h[0].attn.c_proj.bias
        without = clean_one if path is None else clean_one - outputs[path.sender.head]
        into = {name: clean_one for name in "qkv"}
        plain = attention(model, 1, into, None)
        if path is None or path.receiver is not None:
            changed = plain
            if path is not None and path.receiver is not None:
                moved = attention(model, 1, into | {path.input.value: without}, path.receiver.head)
                changed = [*plain]
                changed[path.receiver.head] = moved[path.receiver.head]
            last = clean_one + sum(changed)
        else:
            last = without + sum(plain)
        return model.lm_head(decoder.ln_f(last + decoder.h[1].attn.c_proj.bias))


def attention(model: GPT2LMHeadModel, layer: int, streams: Mapping[str, Tensor], only: int | None) -> list[Tensor]:
    """What each head of a layer adds to the stream, with queries, keys and values from streams of their own."""
    block = model.transformer.h[layer]
    weight, bias = block.attn.c_attn.weight, block.attn.c_attn.bias
    width = 32
    found: list[Tensor] = []
    for head in range(4):
        if only not in (None, head):
            found.append(torch.zeros_like(streams["q"]))
            continue
        columns = {
            name: slice(128 * place + width * head, 128 * place + width * (head + 1))
            for place, name in enumerate("qkv")
        }
        q, k, v = (block.ln_1(streams[name]) @ weight[:, columns[name]] + bias[columns[name]] for name in "qkv")
        logits = (q @ k.T / sqrt(width)).masked_fill(~torch.ones(len(q), len(q)).tril().bool(), float("-inf"))
        found.append(logits.softmax(-1) @ v @ block.attn.c_proj.weight[width * head : width * (head + 1)])
    return found


@pytest.mark.parametrize("entry", [PathInput.K, PathInput.V])
def test_a_shared_key_changes_for_the_receiver_alone(entry: PathInput) -> None:
    """Query heads 2 and 3 share a key head: changed for head 2, the other's output stays, to rounding."""
    model, ids = double_model(Architecture.LLAMA), tuple(range(3, 12))
    path = Path(sender=HeadId(layer=0, head=1), input=entry, receiver=HeadId(layer=2, head=2))
    reads = (Read(point=entry.point, layer=2), Read(point=Point.Z, layer=2))
    clean = model.forward(Tokens.of([ids]), Plan(reads=reads))
    write = receiver_write(model.dims, path, clean.read(entry.point, 2, 0) * 1.5)
    edited = model.forward(Tokens.of([ids]), Plan(reads=reads, writes=(write,))).read(Point.Z, 2, 0)
    torch.testing.assert_close(edited[:, [0, 1, 3]], clean.read(Point.Z, 2, 0)[:, [0, 1, 3]], rtol=0, atol=1e-14)
    assert float((edited - clean.read(Point.Z, 2, 0))[:, 2].abs().max()) > 1e-2


def test_paths_to_heads_that_share_keys_are_told_apart() -> None:
    model = double_model(Architecture.LLAMA)
    receivers = tuple(HeadId(layer=2, head=head) for head in (2, 3))
    asked = settings(senders=(HeadId(layer=0, head=1),), receivers=receivers, inputs=(PathInput.K,))
    subject = Prepared.of(model, made_up_task(1), asked).subjects[0]
    first, second = path_effects(model, subject, asked, paths_of(asked, model.dims), None).effects.values()
    assert min(abs(first), abs(second)) > 1e-8
    assert first != pytest.approx(second, rel=1e-3)


def test_frozen_mlps_leave_the_straight_line_to_the_logits() -> None:
    """With heads and MLPs frozen, what is missing at the end is W_O z of the sender, and nothing else."""
    model = double_model(Architecture.LLAMA)
    sender = HeadId(layer=0, head=1)
    frozen, recomputed = (
        settings(senders=(sender,), inputs=(PathInput.LOGITS,), mlps=mlps) for mlps in (Mlps.FROZEN, Mlps.RECOMPUTED)
    )
    ready = Prepared.of(model, made_up_task(1), frozen)
    subject = ready.subjects[0]
    found = [
        path_effects(model, subject, asked, paths_of(asked, model.dims), None).effects.popitem()[1]  # pyright: ignore
        for asked in (frozen, recomputed)
    ]
    run = ready.gradients(subject)
    lost = torch.einsum("td,dm->tm", run.layers[0].z[0, :, 1], model.output_projection(0)[1])
    expected = _without(model, subject.ids, lost, subject.readout.positions, subject.readout.gold)
    assert found[0] == pytest.approx(expected - float(run.values.mean()), abs=1e-9)
    assert abs(found[0] - found[1]) > 1e-6


def _without(
    model: NativeModel, ids: Sequence[int], lost: Tensor, positions: Sequence[int], gold: Sequence[int]
) -> float:
    inner = model._model
    caught: list[Tensor] = []
    hook = inner.model.norm.register_forward_pre_hook(lambda _, args: caught.append(args[0]))
    with torch.no_grad():
        inner(torch.tensor([list(ids)]))
        hook.remove()
        logits = inner.lm_head(inner.model.norm(caught[0] - lost[None]))[0]
    log_probs = torch.log_softmax(logits, -1)
    return float(log_probs[list(positions), list(gold)].mean())


def test_a_path_that_does_not_exist_is_told() -> None:
    dims = double_model(Architecture.LLAMA).dims
    with pytest.raises(SpecError, match="sender L3H0 does not exist: the model has layers 0 to 2"):
        paths_of(settings(senders=(HeadId(layer=3, head=0),)), dims)
    same = (HeadId(layer=1, head=0),)
    backwards = settings(senders=same, receivers=same, inputs=(PathInput.Q,))
    with pytest.raises(SpecError, match="a receiver must stand in a later layer"):
        paths_of(backwards, dims)


def test_transformer_lens_refuses_what_it_cannot_edit() -> None:
    model, _ = open_case(Case(Backend.TRANSFORMER_LENS, "llama"))
    asked = settings(senders=(HeadId(layer=0, head=1),), receivers=(HeadId(layer=1, head=0),), inputs=(PathInput.K,))
    with pytest.raises(PlanError):
        attribute(model, made_up_task(1), asked)

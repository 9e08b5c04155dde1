"""Attribution: what scores of all heads and edges cost in plain forwards, and how far they agree with exact effects.

In: zoo models on generated proofs, and a GPT-2-small-shaped model with random weights. Out: process CPU time in turns
of a plain forward, of scores, of exact sweeps; agreement of scores and effects, which no time is given without. No
number unless edge scores equal what the mask itself makes of the head's output.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import islice
from typing import Any

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from attnprobe.causal.attribution.attribute import attribute
from attnprobe.causal.attribution.edges import ScoredEdges, score_edges
from attnprobe.causal.attribution.examples import Prepared
from attnprobe.causal.attribution.heads import head_scores, integrated_gradients, output_changes, plain_gradients
from attnprobe.causal.attribution.masked_outputs import mask_change
from attnprobe.causal.attribution.paths import path_effects, paths_of
from attnprobe.causal.attribution.settings import Approximation, AttributionSettings, Target
from attnprobe.causal.observe import observe
from attnprobe.causal.settings import InterventionKind, Metric, PatchSettings
from attnprobe.causal.subject import Subject
from attnprobe.causal.sweep import unedited
from attnprobe.causal.units import units_of
from attnprobe.models.gradients import GradientRun, gradients_of
from attnprobe.models.load import load_model
from attnprobe.plan import EmptyRow, Plan, Tokens, Unembedding
from attnprobe.tasks import Distractors, Rule, prontoqa_task
from benchmarks.harness import Gate, race
from benchmarks.records import store

MODELS = ("elimination-144k", "pronto-655k")
N_HEADS_TASK, N_EDGES_TASK, STEPS = 48, 24, 8
LENGTHS = (64, 128)
Row = dict[str, Any]


def main() -> None:
    """Run the benchmark and store its rows."""
    parser = argparse.ArgumentParser(description="Attribution: cost in plain forwards, agreement with exact effects.")
    parser.add_argument("--repeats", type=int, default=5, help="timed rounds (default 5)")
    parser.add_argument("--only", default="", help="rows whose id holds this text")
    options = parser.parse_args()
    torch.set_num_threads(1)
    store("attribution", [row() for name, row in rows(options.repeats) if options.only in name])


def rows(repeats: int) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Every row by its id, not yet measured."""
    for name in MODELS:
        yield f"cost/{name}", lambda name=name: zoo_cost(name, repeats)
        for metric in (Metric.LOGIT_DIFF, Metric.GOLD_LOGPROB):
            for steps in (0, STEPS):
                kinds = (InterventionKind.MASK, InterventionKind.ABLATE)
                for kind in kinds:
                    settings = AttributionSettings(
                        patch=PatchSettings(intervention=kind, metric=metric), integrated=steps
                    )
                    label = f"agreement/{name}/heads/{kind}/{metric}/{steps}"
                    yield label, lambda label=label, name=name, settings=settings: agreement(label, name, settings)
                settings = AttributionSettings(
                    target=Target.EDGES, patch=PatchSettings(metric=metric), integrated=steps
                )
                label = f"agreement/{name}/edges/mask/{metric}/{steps}"
                yield label, lambda label=label, name=name, settings=settings: agreement(label, name, settings)
    for length in LENGTHS:
        yield f"cost/gpt2-small-shape/{length}", lambda length=length: gpt2_cost(length, repeats)


def task_of(n: int) -> Any:
    """Generated proofs of two steps."""
    return prontoqa_task(
        rule=Rule.IMPLICATION_ELIMINATION, hops=2, shots=0, distractors=Distractors.RELEVANT, n=n, seed=0
    )


def agreement(label: str, name: str, settings: AttributionSettings) -> Row:
    """Scores against exact effects on a zoo model."""
    n = N_HEADS_TASK if settings.target is Target.HEADS else N_EDGES_TASK
    result = attribute(load_model(f"zoo:{name}"), task_of(n), settings)
    found = {which: asdict(one) for which, one in result.agreement.items()}
    return {"id": label, "n": result.n, "integrated": settings.integrated, "agreement": found}


def zoo_cost(name: str, repeats: int) -> Row:
    """What one example costs on a zoo model, in plain forwards of it."""
    model = load_model(f"zoo:{name}")
    patch = PatchSettings(metric=Metric.LOGIT_DIFF)
    ready = Prepared.of(model, task_of(4), AttributionSettings(patch=patch))
    asked = AttributionSettings(
        target=Target.PATHS, patch=PatchSettings(intervention=InterventionKind.ABLATE, metric=Metric.LOGIT_DIFF)
    )
    ablating = Prepared.of(model, task_of(4), asked)
    subject = ready.subjects[0]
    units, paths = units_of(patch, model.dims), paths_of(asked, model.dims)
    run = ready.gradients(subject)
    gate = edge_gate(run)
    timings = race(
        {
            "plain forward": lambda: unedited(model, subject.ids, subject.readout),
            "gradients": lambda: ready.gradients(subject),
            "heads": lambda: heads(ready, subject, 0),
            f"heads, {STEPS} steps": lambda: heads(ready, subject, STEPS),
            "all edges": lambda: edges(ready.gradients(subject), subject),
            "heads, exact": lambda: observe(model, subject, ready.settings.patch, units, ready.donors),
            "all paths, exact": lambda: path_effects(model, ablating.subjects[0], asked, paths, None),
        },
        repeats=repeats,
    )
    plain = timings["plain forward"].median
    return {
        "id": f"cost/{name}",
        "positions": len(subject.ids),
        "heads": len(units),
        "edges": edges(run, subject).n_edges,
        "paths": len(paths),
        "gate": gate.entry(),
        "plain_forwards": {key: round(one.median / plain, 2) for key, one in timings.items()},
        "cpu_seconds": {key: asdict(one) for key, one in timings.items()},
    }


def heads(ready: Prepared, subject: Subject, steps: int) -> Any:
    """Scores of all heads."""
    layers = range(ready.model.dims.n_layers)
    run = ready.gradients(subject)
    changes = output_changes(run, subject, ready.settings, layers, ready.model.dims, None)
    gradients = plain_gradients(run, layers)
    if steps:
        gradients = integrated_gradients(
            run, changes, lambda replaced: ready.gradients(subject, replaced), steps=steps, batch_size=64
        )
    return head_scores(gradients, changes, units_of(ready.settings.patch, ready.model.dims))


def edges(run: GradientRun, subject: Subject | None = None) -> ScoredEdges:
    """Scores of all edges."""
    gold = {} if subject is None else subject.rows
    return score_edges(run, gold, top=20, drawn=8, strength=1.0, seed=0, example_id="a")


def edge_gate(run: GradientRun) -> Gate:
    """The strongest edges' scores against what the mask makes of the head's output."""
    largest = 0.0
    for edge, score in islice(edges(run).top.items(), 8):
        layer = run.layers[edge.layer]
        change = mask_change(
            layer,
            {edge.query: (edge.key,)},
            strength=1.0,
            empty_row=EmptyRow.RAISE,
            approximation=Approximation.SECANT,
        )
        expected = change[edge.query, edge.head] @ layer.gradient[0, edge.query, edge.head].double()
        largest = max(largest, abs(score - float(expected)) / max(1e-6, abs(score)))
    return Gate(name="edge scores", difference=largest, tolerance=1e-8)


def gpt2_cost(length: int, repeats: int) -> Row:
    """The same on a GPT-2-small shape, of which the last position is read."""
    torch.manual_seed(0)
    hf = GPT2LMHeadModel(GPT2Config(vocab_size=50257, n_positions=length)).eval()
    model = load_model(hf, backend="native")
    ids = torch.randint(0, 50257, (length,)).tolist()
    last = Unembedding(positions=(length - 1,), tokens=(7, 8))

    def gradients() -> GradientRun:
        return gradients_of(model, ids, last, lambda logits: logits[..., 0] - logits[..., 1])

    gate = edge_gate(gradients())
    timings = race(
        {
            # unembeds what the pass with gradients does
            "plain forward": lambda: model.forward(Tokens.of([ids]), Plan(last_logits=1)),
            "gradients": gradients,
            "all edges": lambda: edges(gradients()),
        },
        repeats=repeats,
    )
    plain = timings["plain forward"].median
    return {
        "id": f"cost/gpt2-small-shape/{length}",
        "positions": length,
        "heads": 144,
        "edges": edges(gradients()).n_edges,
        "gate": gate.entry(),
        "plain_forwards": {key: round(one.median / plain, 2) for key, one in timings.items()},
        "cpu_seconds": {key: asdict(one) for key, one in timings.items()},
    }


if __name__ == "__main__":
    main()

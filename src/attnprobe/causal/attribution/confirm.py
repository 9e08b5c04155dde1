"""What scored heads and edges are worth exactly: each one edited alone, run and read.

In: what was scored. Out: exact effects. The runs are those of every other sweep.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from attnprobe.causal.attribution.edges import Edge
from attnprobe.causal.settings import PatchSettings
from attnprobe.causal.subject import Subject
from attnprobe.causal.sweep import Variant, reader_of, readout_logits, run_variants, unedited
from attnprobe.causal.units import Unit
from attnprobe.models.model import Model
from attnprobe.plan import Edges, mask_edges
from attnprobe.statistics.seeds import generator


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExactEdges:
    """Exact effects of masking single edges of one example.

    Attributes:
        clean: the metric on the unedited run, mean over the tokens read.
        effects: metric(edited) - metric(unedited), for each edge in order.
    """

    clean: float
    effects: Float[np.ndarray, " edge"]


def exact_edges(model: Model, subject: Subject, settings: PatchSettings, edges: Sequence[Edge]) -> ExactEdges:
    """Mask each edge alone and read the metric.

    Args:
        model: which model.
        subject: the example.
        settings: the metric, the strength, and how it is run.
        edges: all to be found in the layer's sight.

    Raises:
        PlanError: an edge cannot be masked.
    """
    logits = readout_logits(unedited(model, subject.ids, subject.readout), 0, subject.readout)
    reader = reader_of(settings.metric, subject.readout, logits)
    clean = float(reader(logits).mean())
    variants = [
        Variant(
            key=edge,
            writes=(
                mask_edges(
                    layer=edge.layer,
                    heads=(edge.head,),
                    edges=Edges.of({edge.query: (edge.key,)}),
                    strength=settings.strength,
                    empty_row=settings.empty_row,
                ),
            ),
        )
        for edge in edges
    ]
    readings = run_variants(model, subject.ids, variants, reader, settings.limits)
    return ExactEdges(clean=clean, effects=np.array([float(reading.values.mean()) - clean for reading in readings]))


def chosen_units(
    scores: Float[np.ndarray, "example unit"], units: Sequence[Unit], count: int, seed: int
) -> tuple[list[int], list[int]]:
    """Which heads to confirm: the strongest, and others at random.

    Args:
        scores: of every example.
        units: the heads.
        count: how many of each.
        seed: the run's seed.

    Returns:
        Indices of the strongest by the size of their mean score; and of those drawn from all, ascending. Where twice
        `count` covers all heads, all count as drawn.
    """
    order = np.argsort(-np.abs(scores.mean(axis=0)), kind="stable").tolist()
    if count and 2 * count >= len(units):
        return order[:count], list(range(len(units)))
    drawn = generator(seed, "", "", "confirmed heads").choice(len(units), size=count, replace=False)
    return order[:count], sorted(drawn.tolist())

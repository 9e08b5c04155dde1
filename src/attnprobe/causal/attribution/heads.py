"""First-order scores of heads: how far the metric would move with the head's edited output, downstream held linear.

In: a pass with gradients of one example, and what the intervention does to each head's output. Out: one score a head,
in the metric's unit; like an effect, harm is negative.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from einops import einsum
from jaxtyping import Float
from torch import Tensor

from attnprobe.causal.attribution.masked_outputs import mask_change
from attnprobe.causal.attribution.settings import AttributionSettings
from attnprobe.causal.edits import reachable_rows
from attnprobe.causal.settings import InterventionKind
from attnprobe.causal.subject import Subject
from attnprobe.causal.units import Unit
from attnprobe.models.gradients import GradientRun, LayerGradient, ReplacedZ
from attnprobe.plan import ModelDims

Change = Float[Tensor, "pos head d_head"]
Gradients = Callable[[ReplacedZ], GradientRun]
"""A pass with gradients in which the outputs of some layers are replaced."""


def output_changes(
    run: GradientRun,
    subject: Subject,
    settings: AttributionSettings,
    layers: Sequence[int],
    dims: ModelDims,
    values: Mapping[int, Tensor] | None,
) -> dict[int, Change]:
    """What the intervention does to the outputs of a layer's heads, each taken alone: z' - z, in float64.

    Args:
        run: of the unedited example.
        subject: the example.
        settings: the intervention.
        layers: which layers.
        dims: of the model.
        values: by layer what replaces z at each position; None for zero, for scaling and for masks.

    Raises:
        PlanError: a mask leaves a row without keys, and is to refuse that.
    """
    return {layer: _change(run.layers[layer], layer, subject, settings, dims, values) for layer in layers}


def _change(
    layer: LayerGradient,
    index: int,
    subject: Subject,
    settings: AttributionSettings,
    dims: ModelDims,
    values: Mapping[int, Tensor] | None,
) -> Change:
    patch = settings.patch
    if patch.intervention is InterventionKind.MASK:
        rows = reachable_rows(subject.rows, index, dims)
        return mask_change(
            layer,
            rows,
            strength=patch.strength,
            empty_row=patch.empty_row,
            approximation=settings.approximation,
        )
    z = layer.z[0].double()
    if patch.intervention is InterventionKind.SCALE:
        change = (patch.factor - 1) * z
    elif values is None:
        change = -z
    else:
        change = values[index][: len(z)].to(z) - z
    if subject.positions is None:
        return change
    edited = torch.zeros_like(change)
    edited[list(subject.positions)] = change[list(subject.positions)]
    return edited


def head_scores(
    gradients: Mapping[int, Change], changes: Mapping[int, Change], units: Sequence[Unit]
) -> Float[np.ndarray, " unit"]:
    """(z' - z) . d metric / d z, summed over positions.

    Args:
        gradients: by layer, the derivative of the metric.
        changes: by layer, from `output_changes`.
        units: heads.

    Source: Nanda 2023, attribution patching; Kramar et al. 2024 (arXiv 2403.00745), equation 3. For masks, where z' is
        the mask's own exact output, ours.
    """
    by_layer = {
        layer: einsum(gradients[layer].double(), change, "pos head d, pos head d -> head").cpu().numpy()
        for layer, change in changes.items()
    }
    scores: list[float] = []
    for unit in units:
        assert unit.index is not None
        scores.append(float(by_layer[unit.layer][unit.index]))
    return np.array(scores)


def plain_gradients(run: GradientRun, layers: Sequence[int]) -> dict[int, Change]:
    """The derivative at the unedited run."""
    return {layer: run.layers[layer].gradient[0] for layer in layers}


def integrated_gradients(
    run: GradientRun, changes: Mapping[int, Change], passes: Gradients, *, steps: int, batch_size: int
) -> dict[int, Change]:
    """The derivative averaged along a path, layer by layer.

    The path is the straight line in the outputs z of all heads of one layer together, from the unedited ones to the
    edited ones; what comes after the layer is computed anew at each of the midpoints of `steps` equal parts. A head's
    score is its share of the layer's joint effect: over the heads of a layer they add up to the effect of editing the
    whole layer (completeness), to the accuracy of the midpoint rule.

    Args:
        run: of the unedited example.
        changes: by layer, from `output_changes`.
        passes: runs the example with outputs replaced.
        steps: at least 1.
        batch_size: most steps that run together.

    Source: Sundararajan et al. 2017 (arXiv 1703.01365); along activations rather than inputs, as in Hanna et al. 2024
        (arXiv 2403.17806), where the path differs: there all layers' inputs move together.
    """
    places = (torch.arange(steps, dtype=torch.float64) + 0.5) / steps
    averages: dict[int, Change] = {}
    for layer, change in changes.items():
        z = run.layers[layer].z[0]
        total = torch.zeros_like(change)
        for part in places.split(batch_size):
            along = part.to(change.device)[:, None, None, None]
            moved = passes({layer: (z.double() + along * change).to(z)})
            total += moved.layers[layer].gradient.double().sum(0)
        averages[layer] = total / steps
    return averages

"""Attention of one model put into its sibling: the pair of the zoo, in both directions.

In: the configuration. Out: rows, one for each rule, direction, site and example.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from attnprobe.causal.controls import ControlKind
from attnprobe.causal.prepared import prepare_task
from attnprobe.causal.set_effects import every_head, set_effects
from attnprobe.causal.set_settings import SetSettings
from attnprobe.causal.settings import InterventionKind, PatchSettings
from attnprobe.causal.sweep import Variant, reader_of, readout_logits, run_variants, unedited
from attnprobe.models.load import load_model
from attnprobe.models.model import Model
from attnprobe.plan import Plan, Point, Read, Replace, Site, Tokens, Write
from attnprobe.tasks import CollectedTask
from experiments.causality.problems import of_rule

STEM = "transplant"
SITES = (Point.PATTERN, Point.Z)


def transplant_rows(config: Mapping[str, Any]) -> pd.DataFrame:
    """What the donor's attention, or all its heads' output, does in the base model, and the other way round.

    `effect` is the change of log p(gold) in nats, mean over the gold words that have keys; `control` that of the
    donor's attention on another problem, `other_heads` that of its attention on this one, each head's put into the next
    head of the layer; `gap` how much more the donor has by itself.
    """
    asked = config[STEM]
    base, donor = (load_model(f"zoo:{asked[role]}") for role in ("base", "donor"))
    frames: list[pd.DataFrame] = []
    for rule in asked["rules"]:
        task = CollectedTask(name=rule, settings={}, examples=tuple(of_rule(config, rule, asked["n"])))
        for direction, recipient, giver in (("repair", base, donor), ("break", donor, base)):
            frames += [
                _direction(recipient, giver, task, site).assign(rule=rule, direction=direction) for site in SITES
            ]
    return pd.concat(frames, ignore_index=True)


def _direction(recipient: Model, giver: Model, task: CollectedTask, site: Point) -> pd.DataFrame:
    settings = SetSettings(edit=PatchSettings(intervention=InterventionKind.TRANSPLANT, site=site))
    everything = every_head(settings, recipient)
    found = set_effects(recipient, task, [everything], settings, donor=giver)
    own = set_effects(giver, task, [everything], settings, donor=recipient)
    control = found.controls[ControlKind.OTHER_EXAMPLE].control
    assert control is not None
    assert found.examples == own.examples
    return pd.DataFrame(
        {
            "example": found.examples,
            "site": site.value,
            "clean": found.clean,
            "effect": found.effects[:, 0],
            "control": control[:, 0],
            "other_heads": _other_heads(recipient, giver, task, settings),
            "gap": own.clean - found.clean,
        }
    )


def _other_heads(recipient: Model, giver: Model, task: CollectedTask, settings: SetSettings) -> np.ndarray:
    """The same transplant with every head's attention, or output, in the place of its neighbour's."""
    edit = settings.edit
    point, layers = edit.resolved_site, range(recipient.dims.n_layers)
    heads = 0 if point is Point.PATTERN else 1
    effects: list[float] = []
    for subject in prepare_task(recipient, task, edit, [every_head(settings, recipient)], donor=giver).subjects:
        reads = tuple(Read(point=point, layer=layer) for layer in layers)
        run = giver.forward(Tokens.of([subject.ids]), Plan(reads=reads, last_logits=1))
        writes = tuple(
            Write(
                site=Site(point=point, layer=layer),
                intervention=Replace(values=run.read(point, layer, 0).roll(1, dims=heads)),
            )
            for layer in layers
        )
        clean = readout_logits(unedited(recipient, subject.ids, subject.readout), 0, subject.readout)
        reader = reader_of(edit.metric, subject.readout, clean)
        variant = Variant(key="other heads", writes=writes)
        (reading,) = run_variants(recipient, subject.ids, [variant], reader, edit.limits)
        effects.append(float(reading.values.mean() - reader(clean).mean()))
    return np.array(effects)

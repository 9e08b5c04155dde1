"""The whole measurement on a real model, with placebo keys: how often it finds something where there is nothing.

The simulator's studies are in `test_calibration`; this one goes through a transformer, its hooks and `patch_heads`.
"""

from collections import Counter

import pytest

from attnprobe.causal.control_arms import KINDS
from attnprobe.causal.measure import patch_heads
from attnprobe.causal.settings import PatchSettings
from attnprobe.models.model import Model
from tests.causal.conftest import made_up_task

N_SEEDS = 200
MOST_FALSE = 18
"""The 99% quantile of the number of false families among 200 of a calibrated test (DESIGN.md section 6)."""


@pytest.mark.calibration
def test_placebo_keys_on_a_transformer_are_seldom_found(tiny: Model) -> None:
    """Gold keys drawn from the controls' own pool: 12 heads, 16 examples, one seed after the other."""
    task = made_up_task(16)
    false: Counter[str] = Counter()
    for seed in range(N_SEEDS):
        result = patch_heads(tiny, task, PatchSettings(placebo=True, seed=seed))
        for kind, heads in result.by_control.items():
            false[kind] += any(head.q is not None and head.q < 0.05 for head in heads)
    assert set(result.by_control) == set(KINDS)
    assert max(false.values()) <= MOST_FALSE, false
    # a test that never errs in 600 families is not calibrated either
    assert sum(false.values()) > 0

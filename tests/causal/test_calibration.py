"""How often the whole chain, from drawing controls to q, errs, and how often it finds what is there.

The null and power figures of DESIGN.md section 6, for every kind of control, on the simulated model; marked
`calibration`: the same with more seeds, and the rivals that docs/decisions/0004-controls.md turned down.
`--junitxml=FILE -o junit_family=xunit1` keeps the figures.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from attnprobe.causal.controls import MIN_DOSE, Control, ControlKind, sample_control
from attnprobe.causal.key_groups import KeyGroup, query_positions
from attnprobe.plan import Edges
from attnprobe.statistics.estimates import benjamini_hochberg, bootstrap_interval, bootstrap_intervals
from attnprobe.statistics.sign_flips import sign_flip_p
from tests.causal.simulated_heads import COPYING_HEADS, PLANTED_HEAD, Sampler, measure, simulate

# thousands of sweeps: shapes are checked in the other tests of these functions
pytestmark = pytest.mark.usefixtures("without_shape_checks")

KINDS = (ControlKind.RANDOM_KEYS, ControlKind.DISTANCE, ControlKind.MASS)
LEVEL = 0.05
N_NULL, N_POWER = 48, 100
"""Examples of a null and of a planted family."""

PLANTED_LOGITS = 0.79
"""Chosen so that masking the planted head's gold keys costs .1 nats at full strength, which the tests check."""

Record = Callable[[str, object], None]


def _ours(kind: ControlKind, seed: int) -> Sampler:
    def sample(groups: tuple[KeyGroup, ...], example_id: str, head: str, pattern: np.ndarray) -> Control:
        label = head if kind is ControlKind.MASS else ""
        return sample_control(kind, groups, seed=seed, example_id=example_id, head=label, pattern=pattern)

    return sample


def _nearest_mass(*, is_dosed: bool) -> Sampler:
    """The rival for mass: each gold key of each row gets the pool's key of nearest mass."""

    def sample(groups: tuple[KeyGroup, ...], example_id: str, head: str, pattern: np.ndarray) -> Control:
        row_of = {q_pos: row for row, q_pos in enumerate(query_positions(groups))}
        gold: dict[int, tuple[int, ...]] = {}
        control: dict[int, tuple[int, ...]] = {}
        strengths: dict[int, tuple[float, float]] = {}
        dose = 0.0
        for group in groups:
            for q_pos in group.q_positions:
                mass, left = pattern[row_of[q_pos]], set(group.pool)
                for key in group.gold:
                    left.remove(min(left, key=lambda other: abs(mass[other] - mass[key])))
                taken = tuple(sorted(set(group.pool) - left))
                sides = mass[list(group.gold)].sum(), mass[list(taken)].sum()
                dose += min(sides)
                gold[q_pos], control[q_pos] = group.gold, taken
                strengths[q_pos] = (min(sides) / sides[0], min(sides) / sides[1]) if is_dosed else (1.0, 1.0)
        dose /= len(row_of)
        return Control(
            kind=ControlKind.MASS,
            gold=Edges.of(gold),
            gold_strengths=tuple(strengths[q_pos][0] for q_pos in sorted(gold)),
            control=Edges.of(control),
            control_strengths=tuple(strengths[q_pos][1] for q_pos in sorted(gold)),
            is_matched=dose >= MIN_DOSE,
            reason=None if dose >= MIN_DOSE else "low",
            dose=dose,
        )

    return sample


def _row_by_row(seed: int) -> Sampler:
    """The rival for groups: every row matched on its own mass, rows with equal gold keys or not."""

    def sample(groups: tuple[KeyGroup, ...], example_id: str, head: str, pattern: np.ndarray) -> Control:
        rows = tuple(replace(group, q_positions=(q_pos,)) for group in groups for q_pos in group.q_positions)
        return _ours(ControlKind.MASS, seed)(rows, example_id, head, pattern)

    return sample


def _null_p(kind: ControlKind, sampler: Callable[[int], Sampler], seeds: range) -> np.ndarray:
    """p [seed, head] on exchangeable nulls; NaN where there is none."""
    families: list[tuple[float | None, ...]] = []
    for seed in seeds:
        measured = measure(simulate(seed, N_NULL), kind, sampler(seed))
        assert measured.differences is not None
        families.append(sign_flip_p(measured.differences, seed, matched=measured.matched))
    return np.array(families, dtype=float)


def _n_with_a_finding(families: np.ndarray) -> int:
    """In how many families any head has q below the level."""
    q = [benjamini_hochberg([None if math.isnan(p) else p for p in family]) for family in families.tolist()]
    return sum(any(value is not None and value < LEVEL for value in family) for family in q)


@pytest.mark.parametrize("kind", KINDS)
def test_when_gold_keys_are_nothing_special_few_sweeps_find_any_head(kind: ControlKind, record_property: Record):
    """At most 18 of 200, the 99% quantile of a test that errs at its level."""
    families = _null_p(kind, lambda seed: _ours(kind, seed), range(200))
    n_found = _n_with_a_finding(families)
    record_property("sweeps_with_a_finding", f"{n_found} of 200")
    assert stats.binom.ppf(0.99, 200, LEVEL) == 18
    assert n_found <= 18


def test_nearest_mass_without_a_dose_is_caught_by_this_null(record_property: Record):
    """The test above can fail: this usual control finds heads where there is nothing to find."""
    families = _null_p(ControlKind.MASS, lambda _: _nearest_mass(is_dosed=False), range(40))
    n_found = _n_with_a_finding(families)
    record_property("sweeps_with_a_finding", f"{n_found} of 40")
    assert n_found > 20


def _power(kind: ControlKind, seeds: range) -> dict[str, float]:
    found, effects, differences, doses = 0, [], [], []
    for seed in seeds:
        simulated = simulate(seed, N_POWER, planted=PLANTED_LOGITS, is_null=False)
        measured = measure(simulated, kind, _ours(kind, seed))
        assert measured.differences is not None
        q = benjamini_hochberg(sign_flip_p(measured.differences, seed, matched=measured.matched))[PLANTED_HEAD]
        found += q is not None and q < LEVEL
        effects.append(measured.effects[:, PLANTED_HEAD].mean())
        assert measured.matched is not None
        differences.append(measured.differences[measured.matched[:, PLANTED_HEAD], PLANTED_HEAD].mean())
        doses.append(0.0 if measured.dose is None else measured.dose[:, PLANTED_HEAD].mean())
    names = {"power": found / len(seeds), "effect": np.mean(effects), "difference": np.mean(differences)}
    return {name: round(float(value), 4) for name, value in (names | {"dose": np.mean(doses)}).items()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_head_whose_gold_keys_are_worth_a_tenth_of_a_nat_is_found(kind: ControlKind, record_property: Record):
    figures = _power(kind, range(40))
    record_property("figures", figures)
    assert figures["effect"] == pytest.approx(-0.1, abs=0.005)
    assert figures["power"] >= 0.8


@pytest.mark.calibration
@pytest.mark.parametrize("kind", KINDS)
def test_power_with_200_seeds(kind: ControlKind, record_property: Record):
    figures = _power(kind, range(1000, 1200))
    record_property("figures", figures)
    assert figures["effect"] == pytest.approx(-0.1, abs=0.005)
    assert figures["power"] >= 0.8


@pytest.mark.calibration
@pytest.mark.parametrize("kind", KINDS)
def test_a_thousand_nulls_err_at_the_level(kind: ControlKind, record_property: Record):
    families = _null_p(kind, lambda seed: _ours(kind, seed), range(1000, 2000))
    n_found = _n_with_a_finding(families)
    # the last head does nothing and has p = 1; a head with too few matched examples has none
    live = families[:, :-1][~np.isnan(families[:, :-1])]
    record_property("figures", {"found": n_found, "p<.05": (live < 0.05).mean(), "p<.01": (live < 0.01).mean()})
    assert n_found <= stats.binom.ppf(0.99, 1000, LEVEL)
    # heads of one family share keys, so their p-values are not independent: families are
    shares = np.nanmean(np.where(np.isnan(families), np.nan, families < LEVEL)[:, :-1], axis=1)
    assert abs(shares.mean() - LEVEL) < 3 * shares.std() / math.sqrt(1000)


@pytest.mark.calibration
def test_nearest_mass_errs_even_when_it_is_dosed(record_property: Record):
    families = _null_p(ControlKind.MASS, lambda _: _nearest_mass(is_dosed=True), range(200))
    copying = families[:, list(COPYING_HEADS)]
    figures = {"found": _n_with_a_finding(families), "copying p<.05": np.nanmean(copying < LEVEL)}
    record_property("figures", figures)
    assert figures["found"] > 18


@pytest.mark.calibration
def test_matching_each_row_alone_gains_little_dose(record_property: Record):
    doses = dict[str, float]()
    for name, sampler in (("group", lambda seed: _ours(ControlKind.MASS, seed)), ("row", _row_by_row)):
        gold = [simulate(seed, N_POWER, planted=PLANTED_LOGITS, is_null=False) for seed in range(40)]
        measured = [measure(model, ControlKind.MASS, sampler(seed)) for seed, model in enumerate(gold)]
        doses[name] = float(np.mean([m.dose[:, PLANTED_HEAD].mean() for m in measured if m.dose is not None]))
        doses[name + " found of 200 nulls"] = _n_with_a_finding(_null_p(ControlKind.MASS, sampler, range(200)))
    record_property("figures", doses)
    assert 0.85 < doses["group"] / doses["row"] <= 1.0


@pytest.mark.calibration
def test_averaging_several_draws_errs_on_heads_that_matter(record_property: Record):
    """The difference from a mean of draws is skewed where single keys matter, and sign flips need symmetry."""
    shares: dict[int, list[float]] = {1: [], 2: [], 4: [], 8: []}
    for seed in range(600):
        simulated = simulate(seed, N_NULL)
        controls: list[np.ndarray] = []
        for draw in range(8):

            def sample(
                groups: tuple[KeyGroup, ...], example_id: str, head: str, pattern: np.ndarray, draw: int = draw
            ) -> Control:
                return sample_control(ControlKind.RANDOM_KEYS, groups, seed=seed, example_id=example_id, draw=draw)  # noqa: B023 - called within the loop

            measured = measure(simulated, ControlKind.RANDOM_KEYS, sample)
            assert measured.control is not None
            controls.append(measured.control)
        for n_draws, found in shares.items():
            p = sign_flip_p(measured.effects - np.mean(controls[:n_draws], axis=0), seed)
            found.append(float(np.mean([value < LEVEL for head in COPYING_HEADS if (value := p[head]) is not None])))
    record_property("copying_p_below_level", {n: round(float(np.mean(found)), 4) for n, found in shares.items()})
    assert np.mean(shares[8]) > LEVEL + 3 * np.std(shares[8]) / math.sqrt(600)
    assert np.mean(shares[1]) < LEVEL + 3 * np.std(shares[1]) / math.sqrt(600)


@pytest.mark.calibration
def test_pooled_cross_fitting_does_not_cover_and_one_split_does(record_property: Record):
    """Why the strongest head's interval comes from one half: five folds pooled are unbiased and far too sure."""
    rng = np.random.default_rng(0)
    covered, values = 0, []
    for seed in range(600):
        samples = rng.normal(size=(40, 30))
        fold = rng.permutation(40) % 5
        held_out = np.concatenate(
            [samples[fold == part][:, samples[fold != part].mean(axis=0).argmin()] for part in range(5)]
        )
        estimate = bootstrap_interval(held_out, seed)
        assert estimate.value is not None
        assert estimate.low is not None
        assert estimate.high is not None
        values.append(estimate.value)
        covered += estimate.low <= 0 <= estimate.high
    record_property("pooled", {"coverage": covered / 600, "mean": round(float(np.mean(values)), 4)})
    assert covered / 600 < 0.85


@pytest.mark.calibration
@pytest.mark.parametrize(("n", "at_least"), [(8, 0.85), (10, 0.87), (20, 0.91), (50, 0.93)])
def test_the_coverage_of_percentile_intervals_of_normal_samples(n: int, at_least: float, record_property: Record):
    samples = np.random.default_rng(n).normal(size=(n, 5000))
    covered = np.mean([e.low <= 0 <= e.high for e in bootstrap_intervals(samples, 0) if e.low and e.high])
    record_property("coverage", round(float(covered), 4))
    assert at_least < covered < 0.96

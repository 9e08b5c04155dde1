"""Derived seeds: stable for good, and told apart by every field."""

from attnprobe.statistics.seeds import derived_seed, generator


def test_a_derived_seed_never_changes_between_releases():
    """Stored results name only the run's seed; this number must stay or they can no longer be reproduced."""
    assert derived_seed(0, "example-0", "L2H1", "control/mass/0") == 6783323324388129455


def test_every_field_changes_the_seed():
    fields = (7, "a", "L0H0", "control")
    others = [
        (8, "a", "L0H0", "control"),
        (7, "b", "L0H0", "control"),
        (7, "a", "L0H1", "control"),
        (7, "a", "L0H0", "p"),
    ]
    assert len({derived_seed(*names) for names in [fields, *others]}) == 5


def test_where_one_field_ends_and_the_next_begins_matters():
    assert derived_seed(0, "ab", "c", "d") != derived_seed(0, "a", "bc", "d")
    assert derived_seed(1, "0", "", "") != derived_seed(10, "", "", "")


def test_seeds_fit_a_signed_column_and_any_text_has_one():
    seeds = [derived_seed(-3, name, "", "") for name in ("", "∀x", "\ud800", "a" * 10_000)]
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_generators_of_equal_names_draw_alike_and_of_others_do_not():
    first = generator(0, "a", "", "p").random(4).tolist()
    assert generator(0, "a", "", "p").random(4).tolist() == first
    assert generator(0, "b", "", "p").random(4).tolist() != first

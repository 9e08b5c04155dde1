"""Who selects and who is tested."""

from attnprobe.evaluation.verdict.halves import split_halves

IDS = [f"example-{index}" for index in range(21)]


def test_halves_are_disjoint_whole_and_the_testing_one_is_the_larger() -> None:
    halves = split_halves(IDS, 0, selects=True)
    assert len(halves.selecting) == 10
    assert len(halves.testing) == 11
    assert sorted((*halves.selecting, *halves.testing)) == sorted(IDS)


def test_halves_depend_on_seed_and_ids_and_not_on_their_order() -> None:
    halves = split_halves(IDS, 0, selects=True)
    assert set(split_halves(IDS[::-1], 0, selects=True).testing) == set(halves.testing)
    assert set(split_halves(IDS, 1, selects=True).testing) != set(halves.testing)


def test_where_nothing_is_selected_every_example_tests() -> None:
    halves = split_halves(IDS, 0, selects=False)
    assert halves.selecting == ()
    assert halves.testing == tuple(IDS)

"""Problems: assumptions open and close, and a problem in other words is the same problem."""

from attnprobe.tasks.prontoqa.logic import Claim, noun
from attnprobe.tasks.prontoqa.rules import Rule
from attnprobe.tasks.prontoqa.writing import item_of
from tests.tasks.prontoqa.scripted import scripted


def test_an_assumption_is_open_until_the_blank_line_that_closes_its_case() -> None:
    """0 assume, 1 rule, 2 end of case; 3 assume, 4 rule, 5 end of case; 6 since, 7 conclusion."""
    problem = scripted(Rule.DISJUNCTION_ELIMINATION, 1, name="Fae", concepts="lempus impus shumpus")
    first, second = Claim("Fae", noun("lempus")), Claim("Fae", noun("impus"))
    assert [problem.assumed_at(step) for step in range(8)] == [
        (),
        (first,),
        (first,),
        (),
        (second,),
        (second,),
        (),
        (),
    ]


def test_a_problem_in_other_words_is_written_with_them_and_with_their_articles() -> None:
    problem = scripted(Rule.PROOF_BY_CONTRADICTION, 1, name="Fae", concepts="lempus impus shumpus")
    item, renamed = item_of(problem), item_of(problem.renamed({"lempus": "impus", "impus": "wumpus", "Fae": "Max"}))
    assert renamed.question == ("Everything that is an impus or a wumpus is a shumpus. Max is not a shumpus.")
    assert renamed.query == "Prove: Max is not a wumpus and Max is not an impus."
    assert len(renamed.proof) == len(item.proof)
    assert problem.renamed({}) == problem

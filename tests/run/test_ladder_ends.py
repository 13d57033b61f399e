"""ACTIONS 19, 10: a problem that nothing helps comes to a person after a bounded number of attempts."""

from collections import Counter
from datetime import timedelta
from random import Random

from schemas.verb import Verb
from tests.helpers.acting import NOON, Lab, policy, rule

WEB = "piha/web"


def test_19_10_a_problem_that_nothing_helps_ends_with_a_person():
    reached = Counter()
    for seed in range(40):
        draw = Random(seed)
        ladder = tuple(draw.choice([Verb.RESTART, Verb.REDEPLOY, Verb.DIAGNOSTICS]) for _ in range(draw.randint(1, 5)))
        lab = Lab(policy=policy(rule(ladder=ladder)))
        lab.stand(WEB)
        started, results = climb(lab, draw)
        most = len(ladder) + lab.numbers.max_no_effect

        assert started <= most, (seed, ladder, results)
        assert lab.verdict(WEB) == ("refuse", "needs_human")
        (problem,) = lab.book().problems.values()
        assert problem.escalated is not None
        reached[problem.escalated] += 1
    assert set(reached) == {"ladder_end", "no_effect"}


def climb(lab, draw):
    """Run every ten minutes for four days, start all that may start, and let nothing help; return how much was started."""
    results = []
    for step in range(600):
        now = NOON + step * timedelta(minutes=10)
        lab.run(now)
        if lab.verdict(WEB)[0] == "start":
            started = lab.start(WEB, now)
            results.append(draw.choice(["done", "failed", "timed_out", "no_effect"]))
            lab.end(started, now + timedelta(seconds=5), results[-1])
        elif lab.verdict(WEB) == ("refuse", "needs_human"):
            break
    lab.run(now + timedelta(minutes=10))
    return len(results), results

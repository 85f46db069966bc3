"""What becomes of a version that is tried, as a function of figures."""

from __future__ import annotations

import pytest

from jupyter_deploy.targets.rollout import Figures, Rules, VersionFigures, judge, parse_rules

FAST, SLOW = {0.01: 1000}, {0.05: 1000}


def version(requests, errors=0, refused=0, latency=None):
    return VersionFigures(requests, errors, refused, latency or FAST)


@pytest.mark.parametrize(("rules", "figures", "mode", "action", "reason"), [
    # By hand, as long as nothing is wrong.
    (Rules(), Figures(1e6, version(900), version(900)), "canary", "wait", "by hand"),
    # Time, requests, both.
    (Rules(600), Figures(599, version(900), version(900)), "canary", "wait", "1 s more"),
    (Rules(600), Figures(700, version(900), version(99)), "canary", "wait", "1 more requests"),
    (Rules(600), Figures(600, version(900), version(100)), "canary", "promote", "100 requests, 0 errors, p95 9.8 ms"),
    (Rules(600), Figures(600, version(900), version(900), agreed=99), "shadow", "wait", "1 more requests"),
    # Errors: a few prove nothing, of many the lower bound counts.
    (Rules(600), Figures(1, version(9), version(2, errors=2)), "canary", "wait", "more"),
    (Rules(600), Figures(1, version(9), version(3, errors=3)), "canary", "abort", "3 of its 3 answers"),
    (Rules(600), Figures(1, version(900), version(1000, errors=12)), "canary", "wait", "more"),
    (Rules(600), Figures(1, version(900), version(1000, errors=30)), "canary", "abort", "30 of its 1000 answers"),
    (Rules(600), Figures(1, version(900), version(1000, refused=30)), "canary", "abort", "30 of its 1000 answers"),
    (Rules(600), Figures(700, version(900), version(1000, errors=12)), "canary", "wait", "fewer errors"),
    # What the live version does as well is not the new one's fault.
    (Rules(600), Figures(700, version(900, errors=450), version(100, errors=50)), "canary", "promote", ""),
    # Speed: in proportion, and by more than nobody notices.
    (Rules(), Figures(1, version(900), version(900, latency=SLOW)), "canary", "abort", "p95 is 48.8 ms"),
    (Rules(max_slowdown=5), Figures(1, version(900), version(900, latency=SLOW)), "canary", "wait", ""),
    (Rules(), Figures(1, version(900), version(99, latency=SLOW)), "canary", "wait", ""),
    (Rules(), Figures(1, version(900, latency={0.0005: 900}), version(900, latency={0.005: 900})), "canary", "wait", ""),
    # Answers, of a shadow only.
    (Rules(), Figures(1, version(900), version(900), disagreed=900), "shadow", "wait", ""),
    (Rules(max_disagreement=0.1), Figures(1, version(900), version(900), agreed=50, disagreed=50), "shadow", "abort", "50 of 100"),
    (Rules(max_disagreement=0.1), Figures(1, version(900), version(900), failed=3), "shadow", "abort", "3 of 3 answers differ"),
    (Rules(1, max_disagreement=0.1), Figures(2, version(900), version(900), agreed=88, disagreed=12), "shadow", "wait", "fewer differing"),
    (Rules(1, max_disagreement=0.2), Figures(2, version(900), version(900), agreed=88, disagreed=12), "shadow", "promote", "88% of 100"),
])
def test_the_verdict(rules, figures, mode, action, reason):
    decision = judge(rules, figures, mode)
    assert decision.action == action
    assert reason in "; ".join(decision.reasons)


def test_rules_that_are_not_known_any_more_are_left_out():
    assert parse_rules({"promote_after": 5.0, "gone": 1}) == Rules(5.0)

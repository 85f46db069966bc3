"""From the evidence of a job to its checks, and to the contract that `--update` records."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jupyter_deploy.check.budgets import is_slow
from jupyter_deploy.check.contract import Contract, dump_contracts, read_bundle
from jupyter_deploy.check.evidence import Evidence
from jupyter_deploy.check.finding import Finding
from jupyter_deploy.check.judgement import CONTRACT_CODES, Case, Check, Limits, judge, sort_findings
from jupyter_deploy.check.measuring import measure_again, measure_image
from jupyter_deploy.check.plan import Planned


def conclude(planned: Planned, evidence: Evidence, limits: Limits, *, update: bool) -> list[Check]:
    """Judge a job's evidence, a check for each service; with `update`, record the contract of what else passes.

    Called when all jobs are over: nothing of ours disturbs what is measured now.
    """
    if not evidence.failures:
        services = tuple(_complete(planned, service, limits) for service in evidence.services)
        evidence = dataclasses.replace(evidence, services=services)
    checks = [judge(case, limits) for case in _make_cases(planned, evidence, update=update)]
    return _record(planned, evidence, checks) if update else checks


def _complete(planned: Planned, service: Mapping[str, Any], limits: Limits) -> dict[str, Any]:
    """Measure what only now can be measured."""
    figures: dict[str, Any] = {}
    if is_slow(service, limits.budgets):  # other notebooks may have run beside it
        again = measure_again(service, planned.job.seconds)
        figures["latency"] = {entry: min(first, again.get(entry, first), key=lambda one: one["p95"])
                              for entry, first in service["latency"].items()}
    if limits.budgets.image_size is not None:
        figures |= measure_image(service)
    return {**service, **figures}


def _make_cases(planned: Planned, evidence: Evidence, *, update: bool) -> Iterator[Case]:
    services: Sequence[Mapping[str, Any] | None] = evidence.services or (None,)
    matched = [_match(planned.contracts, service, alone=len(services) == 1) for service in services]
    for number, (service, contract) in enumerate(zip(services, matched, strict=True)):
        known = [*planned.findings, *_find_gone(planned, matched, evidence)] if number == 0 else []
        damaged = any(one.code == "contract-damaged" for one in planned.findings)
        if service is not None and contract is None and not damaged and not update:
            known.append(_no_contract(planned, service))
        source = planned.source if contract is not None or update else None
        yield Case(planned.job, evidence, service, contract, source, tuple(known), first=number == 0)


def _match(contracts: Sequence[Contract], service: Mapping[str, Any] | None, *, alone: bool) -> Contract | None:
    """Give the contract that the service was asked the golden calls of; an only service may have another name."""
    if service is None:
        return None
    return next((one for one in contracts
                 if one.service == service["contract"] and (alone or one.service == service["name"])), None)


def _find_gone(planned: Planned, matched: Sequence[Contract | None], evidence: Evidence) -> Iterator[Finding]:
    for one in planned.contracts:
        if one not in matched and not evidence.failures:
            yield Finding("error", "breaking-change", f"the service {one.service} of the contract is gone",
                          planned.job.title, None, "keep it, or record the change with --update if callers know")


def _no_contract(planned: Planned, service: Mapping[str, Any]) -> Finding:
    what = f"no contract of {service['name']} in" if planned.contracts else "no"
    return Finding("note", "no-contract", f"there is {what} {Path(planned.source).name} yet: --update records one",
                   planned.job.title)


def _record(planned: Planned, evidence: Evidence, checks: list[Check]) -> list[Check]:
    """Write the contract when all else passes; what it changes is a note then."""
    accepted = [dataclasses.replace(check, findings=_accept(check.findings)) for check in checks]
    if not evidence.services or not all(check.passed for check in accepted):
        text = "the contract stays as it is: --update records only what passes"
        return [_add(check, Finding("note", "not-recorded", text, check.title)) for check in accepted]
    contracts = [dataclasses.replace(read_bundle(Path(one["bundle"])), classes=one["classes"])
                 for one in evidence.services]
    try:
        Path(planned.source).write_text(dump_contracts(contracts), encoding="utf-8")
    except OSError as error:
        text = f"the contract cannot be written: {error.strerror} ({planned.source})"
        return [_add(check, Finding("error", "not-recorded", text, check.title)) for check in accepted]
    return [dataclasses.replace(check, recorded=True) for check in accepted]


def _accept(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    return sort_findings(dataclasses.replace(one, severity="note", advice=None) if one.code in CONTRACT_CODES else one
                         for one in findings)


def _add(check: Check, finding: Finding) -> Check:
    return dataclasses.replace(check, findings=sort_findings([*check.findings, finding]))

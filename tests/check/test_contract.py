from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

import pytest

from jupyter_deploy.check.changes import Interface
from jupyter_deploy.check.contract import (
    Contract,
    ContractDamaged,
    Golden,
    contract_file,
    dump_contracts,
    find_contracts,
    parse_contracts,
    read_contracts,
)
from jupyter_deploy.errors import UsageError

CONTRACT = Contract("churn", {"predict": Interface({"type": "object"}, {"type": "integer"})}, {"model": ["no", "yes"]},
                    (Golden("predict", {"x": 1}, 2),))


def test_a_contract_is_what_was_written() -> None:
    assert parse_contracts(CONTRACT.dump(), "") == (CONTRACT,)
    assert dump_contracts([CONTRACT]) == CONTRACT.dump()
    both = (CONTRACT, dataclasses.replace(CONTRACT, service="price"))
    assert parse_contracts(dump_contracts(both), "") == both


@pytest.mark.parametrize("text", ["", "hello", "[]", "{}", '{"format": 1}', '{"format": 2}', "null",
                                  CONTRACT.dump().replace('"request"', '"requesst"')])
def test_a_damaged_contract_is_told(text: str, tmp_path: Path) -> None:
    file = tmp_path / "n.contract.json"
    file.write_text(text)
    with pytest.raises(ContractDamaged, match="contract"):
        read_contracts(file)


def test_it_lies_beside_the_notebook() -> None:
    assert contract_file(Path("a/churn.ipynb")) == Path("a/churn.contract.json")
    assert contract_file(Path("a/churn.ipynb"), "region-uk") == Path("a/churn.region-uk.contract.json")
    assert read_contracts(Path("nowhere.contract.json")) == ()


def test_a_git_ref_has_the_contract_of_its_day(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    notebook, file = tmp_path / "churn.ipynb", tmp_path / "churn.contract.json"
    git("init", "--initial-branch", "main")
    file.write_text(CONTRACT.dump())
    git("add", ".")
    git("commit", "-m", "first")
    file.write_text("{}")
    assert find_contracts("HEAD", notebook) == (CONTRACT,)
    with pytest.raises(UsageError, match="git says"):
        find_contracts("nosuchref", notebook)
    with pytest.raises(UsageError, match="git says"):
        find_contracts("--output=evil", notebook)
    assert not (tmp_path / "evil").exists()
    with pytest.raises(UsageError, match="does not answer"):
        find_contracts("http://127.0.0.1:9", notebook)

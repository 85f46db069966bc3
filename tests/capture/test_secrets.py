"""What looks like a credential, in text and inside a pickled value."""

from __future__ import annotations

import pickle

import pytest

from jupyter_deploy.capture.secrets import find_secret_bytes, find_secrets, is_secret, looks_secret

LETTERS = "0123456789ABCDEFGHIJabcdefghij" * 2
SECRETS = [
    "AKIA" + LETTERS[:16],
    "sk-" + LETTERS[:24],
    *(f"gh{kind}_{LETTERS[:36]}" for kind in "pousr"),
    "glpat-" + LETTERS[:20],
    "hf_" + LETTERS[:34],
    *(f"xox{kind}-{LETTERS[:20]}" for kind in "abprs"),
    "AIza" + LETTERS[:35],
    f"eyJ{LETTERS[:20]}.eyJ{LETTERS[:20]}.{LETTERS[:20]}",
    "-----BEGIN RSA PRIVATE KEY-----",
    "postgresql://me:pass@db/prices",
]


@pytest.mark.parametrize("text", SECRETS)
def test_credentials_are_found(text: str) -> None:
    assert looks_secret(f"it is {text} indeed")
    found = find_secret_bytes(pickle.dumps({"weights": bytes(1000), "text": text}))
    assert found is not None
    assert found.shown == f"{text[:8]}…"


@pytest.mark.parametrize("text", ["", "a risk-averse customer", "https://example.org/prices", "the key of eyJ",
                                  "postgresql://{user}:{password}@db"])
def test_other_text_is_not(text: str) -> None:
    assert not looks_secret(text)
    assert find_secret_bytes(pickle.dumps([text])) is None


def test_what_a_variable_named_like_a_credential_holds_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLAT_API_KEY", "quiet-harbour")
    monkeypatch.setenv("GREETING", "good morning")
    assert is_secret("key", "quiet-harbour")
    assert looks_secret("Bearer quiet-harbour")
    assert list(find_secrets({"headers": ["quiet-harbour"]}, "options")) == ["options['headers'][0]"]
    found = find_secret_bytes(pickle.dumps({"auth": "Bearer quiet-harbour"}))
    assert found is not None
    assert found.shown == "quiet-ha…"
    assert not is_secret("greeting", "good morning")
    assert find_secret_bytes(pickle.dumps("good morning")) is None


def test_a_credential_is_placed_by_its_line() -> None:
    found = find_secret_bytes(b"one = 1\nkey = 'AKIA0123456789ABCDEF'\n")
    assert found is not None
    assert found.line == 2
    known = find_secret_bytes(b"a\nb\nquiet-harbour", [b"quiet-harbour"])
    assert known is not None
    assert known.line == 3

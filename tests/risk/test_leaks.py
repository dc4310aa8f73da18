"""Secrets are found in what would be packaged, and ordinary code is left alone."""

from __future__ import annotations

import pickle

import pytest

from nb2prod.risk.leaks import Leak, leaks

# Put together here, so that no scanner of this repository takes them for real ones.
TOKENS = {
    "AWS access key": "AKIA" + "IOSFODNN7EXAMPLE",
    "GitHub token": "ghp_" + "a1B2" * 10,
    "Slack token": "xoxb-" + "123456789012-abcdef",
    "Google API key": "AIza" + "Sy" * 16 + "abc",
    "OpenAI or Anthropic key": "sk-ant-" + "api03" * 6,
    "private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "password in a URL": "postgresql://shop:" + "s3cr3t@db.internal/sales",
}


@pytest.mark.parametrize(("kind", "value"), TOKENS.items())
def test_what_looks_like_a_secret_is_one(kind: str, value: str) -> None:
    found = leaks({"churn_code.py": f"x = 1\nurl = '{value}'\n".encode()})

    assert found == (Leak(kind=kind, path="churn_code.py", line=2, shown=f"{value[:4]}…"),)


def test_a_pickle_is_read_without_being_loaded() -> None:
    data = pickle.dumps({"depth": 3, "token": TOKENS["GitHub token"]})

    assert [(leak.path, leak.line) for leak in leaks({"values.pkl": data})] == [("values.pkl", 0)]


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ('DB_PASSWORD = "9f8#kQ2!vLp0"', 1),
        ("api_key: 'q8Jw72nVbZ41xTs0'", 1),
        ('password = os.environ["PASSWORD"]', 0),
        ('token = "<your token here>"', 0),
        ('password = "changeme"', 0),
        ('secret = "aaaaaaaaaaaa"', 0),
        ("tokens = text.split()", 0),
        ('MODEL_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"', 0),
        ('{"state": "WV", "account_length": 100}', 0),
    ],
)
def test_a_literal_under_a_telling_name_is_a_secret_unless_it_only_stands_for_one(line: str, count: int) -> None:
    assert len(leaks({"code.py": line.encode()})) == count

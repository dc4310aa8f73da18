"""Leak: a secret in what is about to be packaged, where everybody who gets the service could read it."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping

from attrs import frozen

from nb2prod.bundle import pins
from nb2prod.errors.ships import SecretFound
from nb2prod.pipeline import Pipeline
from nb2prod.policy import Rules

# Forms that are secrets wherever they stand.
FORMS: Mapping[str, re.Pattern[str]] = {
    "AWS access key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "GitHub token": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{50,})\b"),
    "GitLab token": re.compile(r"\bglpat-[\w-]{20,}\b"),
    "Slack token": re.compile(r"\bxox[abposr]-[\w-]{10,}\b"),
    "Google API key": re.compile(r"\bAIza[\w-]{35}\b"),
    "Hugging Face token": re.compile(r"\bhf_[A-Za-z0-9]{30,}\b"),
    "OpenAI or Anthropic key": re.compile(r"\bsk-(?:ant-|proj-)?[\w-]{20,}\b"),
    "Stripe key": re.compile(r"\b[rs]k_live_[A-Za-z0-9]{20,}\b"),
    "JSON web token": re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
    "private key": re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"),
    "password in a URL": re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s:/@'\"]+:[^\s@'\"{}]{3,}@[\w.-]+"),
}
# A literal under such a name is one as well, unless it only stands for one.
NAMED = re.compile(
    r"(?i)(?:password|passwd|secret|token|api_?key|private_?key|credentials?)\w*[\"']?\s*[:=]\s*[rbf]?[\"']([^\"'\n]{8,})[\"']"
)
STANDS_FOR = re.compile(r"(?i)^(?:x+|\*+|\.+|<.*>|\$\{.*|changeme.*|example.*|your.*|dummy.*|test.*|placeholder.*)$|\s")
RANDOM = 3.0  # bits a character: words have less


@frozen(kw_only=True)
class Leak:
    """One secret: its kind, its file and line, and as much of it as helps to find it."""

    kind: str
    path: str
    line: int
    shown: str


def leaks(made: Mapping[str, bytes]) -> tuple[Leak, ...]:
    """Find secrets in the files of a service: in source, and in the texts that pickles hold."""
    return tuple(leak for path in sorted(made) for leak in _of(path, made[path]))


def secrets(text: str) -> Iterator[tuple[str, str]]:
    """Yield the secrets in a line, as kind and value."""
    for kind, form in FORMS.items():
        yield from ((kind, match[0]) for match in form.finditer(text))
    for match in NAMED.finditer(text):
        if not STANDS_FOR.search(match[1]) and entropy(match[1]) > RANDOM:
            yield "value of a name such as 'password'", match[1]


def entropy(text: str) -> float:
    """Return the bits of information a character."""
    counts = Counter(text).values()
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts)


def _of(path: str, data: bytes) -> Iterator[Leak]:
    pickled = path.endswith(".pkl")
    lines = sorted(pins.texts(data)) if pickled else data.decode("utf-8", errors="replace").splitlines()
    seen: set[str] = set()
    for number, line in enumerate(lines, 1):
        for kind, value in secrets(line):
            if value not in seen:
                seen.add(value)
                yield Leak(kind=kind, path=path, line=0 if pickled else number, shown=f"{value[:4]}…")


def guard(made: Mapping[str, bytes], lines: Pipeline, rules: Rules) -> tuple[Leak, ...]:
    """Keep secrets out of a package, or tell those that the policy lets pass.

    Raises:
        SecretFound: There is one, and the policy does not.
    """
    found = leaks(made)
    if not found or rules.secrets == "pass":
        return found
    first = found[0]
    cells = [cell for stage in lines.stages for cell in stage.code_cells]
    shown = first.shown.removesuffix("…")
    held = [c.index for c in cells if any(v.startswith(shown) for _, v in secrets(c.source))]
    raise SecretFound(first.kind, first.path, first.line, first.shown, next(iter(held), None), len(found) - 1)

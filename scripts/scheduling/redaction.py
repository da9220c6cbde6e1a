"""What may be said of an error: without secrets, and without the data that a message may quote."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from urllib.parse import quote, urlsplit

from embedded_postgres import REPOSITORY

LONGEST_MESSAGE = 300
SHORTEST_SECRET = 4  # to look for a shorter one would take words apart

# PostgreSQL writes names and values in the same quotes; what stands before tells which it is.
NAMED = (
    "aggregate|column|constraint|database|domain|encoding|extension|function|index|language|parameter|policy|procedure"
    "|reference|relation|role|schema|sequence|server|table|trigger|type|user|view"
)
# The macro `redact` does the same to error messages of the application; there, nothing is a name to be kept.
KEY_LIKE = (
    "(?:(?:api[_-]?)?key|token|secret|pass|passwd|password|pwd|authorization|bearer|signature|sig|credentials?|cookie)"
)
# The macro `redact` does the same to error messages of the application; there, nothing is a name to be kept.
PATTERNS = (
    (re.compile(r"\[Errno \d+\] "), ""),
    (re.compile(rf'(\b(?:{NAMED}) )"([^"]*)"', re.I), r"\1<\2>"),
    (re.compile(r'"(?:[^"]|"")*("|$)'), "(value)"),
    (re.compile(r"<(\w[\w .$-]*)>"), r'"\1"'),
    (re.compile(r"'([^']*)'"), lambda match: match[0] if re.fullmatch(r"[\w.]*", match[1]) else "(value)"),
    (re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.I), "(url)"),
    (re.compile(r"\S+@\S+"), "(email)"),
    (re.compile(r"[{[<].*", re.S), "(payload)"),
    (re.compile(rf"(?<![a-z])({KEY_LIKE})\s*[:=]\s*\S.*", re.I | re.S), r"\1 (redacted)"),
    # Not in the wording of PostgreSQL itself.
    (
        re.compile(
            rf"(?<![a-z_])(?<!duplicate )(?<!foreign )(?<!primary )({KEY_LIKE})\s(?!authentication failed)\S.*",
            re.I | re.S,
        ),
        r"\1 (redacted)",
    ),
)
LONG_WORD = re.compile(r"[A-Za-z0-9_+/=-]{20,}")
WHERE_WORDS_ARE_NAMES = ("analyses", "models", "macros", "seeds", "tests/dbt", "dbt_project.yml", "selectors.yml")


class Redactor:
    """Takes out of texts what must not leave this machine. `secrets` are the values that must never be seen."""

    def __init__(self, secrets: Iterable[str] = ()):
        forms = {form for secret in secrets for form in (secret, quote(secret, safe=""))}
        self._secrets = sorted((form for form in forms if len(form) >= SHORTEST_SECRET), key=len, reverse=True)

    def hide_secrets(self, text: str) -> str:
        """The text with each secret replaced, and nothing else."""
        for secret in self._secrets:
            text = text.replace(secret, "(secret)")
        return text

    def message(self, text: str) -> str:
        """An error message on one line, at most LONGEST_MESSAGE characters, without secrets and data values."""
        text = self.hide_secrets(" ".join(text.replace("\0", "").split()))
        for pattern, replacement in PATTERNS:
            text = pattern.sub(replacement, text)
        text = LONG_WORD.sub(lambda match: match[0] if match[0] in _names() else "(redacted)", text)
        return text if len(text) <= LONGEST_MESSAGE else text[: LONGEST_MESSAGE - 4] + " ..."


def parts_of_url(url: str) -> list[str]:
    """The address, and those parts of it that may be a key."""
    parts = urlsplit(url)
    segments = [segment for segment in parts.path.split("/") if len(segment) >= 8]
    return [url, f"{parts.path}?{parts.query}", parts.path, *filter(None, (parts.query, parts.password)), *segments]


@cache
def _names() -> frozenset[str]:
    """Long words of the project's own files: names of models, tests, columns, and the files themselves."""
    words: set[str] = set()
    for name in WHERE_WORDS_ARE_NAMES:
        root = REPOSITORY / name
        for path in [root] if root.is_file() else root.rglob("*"):
            if path.suffix in (".sql", ".yml"):
                words.update(LONG_WORD.findall(path.read_text(encoding="utf-8", errors="replace")))
                words.update({path.stem, path.relative_to(REPOSITORY).with_suffix("").as_posix()})
    return frozenset(words)

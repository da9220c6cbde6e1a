"""Which failures may pass by themselves, so that the same again can succeed."""

from __future__ import annotations

import re

# As libpq and PostgreSQL word them in English; a server that speaks another language is asked once. Not among them, on
# purpose: statement timeouts and a full disk, which a second try makes worse.
MAY_PASS = re.compile(
    "|".join(
        (
            # the connection is lost, or cannot be made
            r"server closed the connection",
            r"connection (already|has been|is|was)( already)? (closed|lost)",
            r"connection (not open|pointer is NULL|refused|reset|timed out)",
            r"(SSL|SSL SYSCALL|SSL error).*(closed|EOF|unexpected)",
            r"could not (receive data|send data|connect|translate host name)",
            r"is unreachable|no route to host|timeout expired|broken pipe|terminating connection",
            r"cursor already closed",
            # the server is busy, or on its way
            r"the database system is (starting up|shutting down|not yet accepting|in recovery)",
            r"too many (clients|connections)|remaining connection slots|connection limit exceeded",
            r"conflict with recovery",
            # another session was in the way
            r"deadlock detected|canceling statement due to lock timeout|could not obtain lock",
            r"could not serialize access|tuple concurrently (updated|deleted)|cache lookup failed",
            r'duplicate key value violates unique constraint "pg_',
        )
    ),
    re.IGNORECASE,
)


def may_pass(message: str | None) -> bool:
    """Whether an error with this message is of a kind that may pass."""
    return bool(MAY_PASS.search(message or ""))

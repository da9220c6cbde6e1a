"""What became of the nodes of a run: one result each, the last, with what they add up to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

BAD = ("error", "fail", "runtime error", "partial success")
NOT_REACHED = "skipped"
STALE = ("warn", *BAD)
TESTS = ("test", "unit_test")
NOT_BUILT = ("operation", "source", "exposure")


@dataclass(frozen=True)
class NodeResult:
    """What became of a node in one attempt. `message` is fit to be stored."""

    node_id: str
    name: str
    status: str
    seconds: float
    failures: int | None = None
    rows_affected: int | None = None
    message: str | None = None

    @property
    def node_type(self) -> str:
        return self.node_id.partition(".")[0]


class Results:
    """The last result of each node, in the order in which they first came."""

    def __init__(self) -> None:
        self._nodes: dict[str, NodeResult] = {}

    def add(self, nodes: Iterable[NodeResult]) -> None:
        """Take results of an attempt in, in place of those of the attempts before."""
        self._nodes.update({node.node_id: node for node in nodes})

    @property
    def failed(self) -> list[NodeResult]:
        return [node for node in self._nodes.values() if node.status in BAD]

    def counts(self) -> dict[str, int]:
        """The numbers that the end of a run is recorded with; what is not built counts as failures only."""
        nodes = [node for node in self._nodes.values() if node.node_type not in NOT_BUILT]
        reached = [node for node in nodes if node.status != NOT_REACHED]
        sources = [node for node in self._nodes.values() if node.node_type == "source"]
        return {
            "models": sum(node.node_type not in TESTS and node.status not in BAD for node in reached),
            "tests": sum(node.node_type in TESTS for node in reached),
            "warnings": sum(node.status == "warn" for node in reached),
            "failed": len(self.failed),
            "skipped": len(nodes) - len(reached),
            "stale_sources": sum(node.status in STALE for node in sources),
        }

    def summary(self, error: str | None, attempts: int, seconds: float) -> str:
        """The line that a run ends with. `error` is what ended dbt early, if anything did."""
        counts, time_taken, failed = self.counts(), f"{seconds:.0f} s", self.failed
        extent = [f"{_count(counts['models'], 'model')} built", f"{_count(counts['tests'], 'test')} run"]
        extent += [_count(counts["warnings"], "warning")] if counts["warnings"] else []
        extent += [f"{_count(counts['stale_sources'], 'source')} stale"] if counts["stale_sources"] else []
        extent += [f"{attempts} attempts"] if attempts > 1 else []
        if not failed:
            return f"failed after {time_taken}: {error}" if error else f"ok: {', '.join(extent)}, in {time_taken}"
        skipped = [f"{counts['skipped']} not reached"] if counts["skipped"] else []
        told = ", ".join([f"{counts['failed']} failed", *skipped, *extent])
        node = failed[0]
        first = f"{node.node_type.replace('_', ' ')} {node.name}: {node.message or node.status}"
        return f"failed: {told}, in {time_taken}; first {first}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"

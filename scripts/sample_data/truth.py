"""What the loaded rows truly are, for tests to compare with."""

from collections import Counter
from dataclasses import dataclass, field

from .defects import Defects
from .values import USD


@dataclass
class Truth:
    """Totals of a part of the load, or of all of it. Costs in ten-thousandths of a USD."""

    calls: Counter[str] = field(default_factory=Counter)  # by canonical service
    call_cost: Counter[str] = field(default_factory=Counter)  # by canonical service, after list pricing
    leads: int = 0
    lead_cost: int = 0
    qualified: int = 0
    exports: int = 0
    defects: Defects = field(default_factory=Defects)

    def merge(self, other: "Truth") -> None:
        """Add what another part of the load amounts to."""
        self.calls.update(other.calls)
        self.call_cost.update(other.call_cost)
        self.leads += other.leads
        self.lead_cost += other.lead_cost
        self.qualified += other.qualified
        self.exports += other.exports
        self.defects.merge(other.defects)

    def as_json(self) -> dict:
        """The truth as it is written to a file: money as decimal strings."""
        return {
            "api_calls": {"total": self.calls.total(), "by_service": dict(sorted(self.calls.items()))},
            "api_cost": {
                "total": _usd(self.call_cost.total()),
                "by_service": {service: _usd(cost) for service, cost in sorted(self.call_cost.items())},
            },
            "leads": self.leads,
            "lead_cost": _usd(self.lead_cost),
            "qualified_leads": self.qualified,
            "exports": self.exports,
            "defects": self.defects.as_truth(),
        }


def _usd(units: int) -> str:
    """Ten-thousandths of a USD as an exact decimal."""
    return f"{'-' if units < 0 else ''}{abs(units) // USD}.{abs(units) % USD:04d}"

"""What the project's own reference data (`seeds/`) says: services, spellings and dated list prices."""

import csv
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path

import numpy as np

from .values import SECOND, USD

SEEDS = Path(__file__).resolve().parents[2] / "seeds"

# The calls that the application makes, in the order in which it makes them for a lead.
CALL_KINDS = (
    ("google_places", "text_search"),
    ("google_places", "place_details"),
    ("scrapingdog", "scrape"),
    ("hunter_io", "domain_search"),
    ("hunter_io", "verify_email"),
    ("neverbounce", "verify_email"),
    ("state_registry", "lookup"),
)
TEXT_SEARCH, PLACE_DETAILS, SCRAPE, DOMAIN_SEARCH, VERIFY_EMAIL, NEVERBOUNCE, LOOKUP = range(len(CALL_KINDS))
SERVICES = tuple(dict.fromkeys(service for service, _ in CALL_KINDS))

_SERVICE_SPELLINGS = {
    "google_places": ["google_places", "googlePlaces", "Google Places", "google-places", "GOOGLE_PLACES", "places"],
    "hunter_io": ["hunter_io", "hunter.io", "hunter", "Hunter.io", "hunterIo"],
    "neverbounce": ["neverbounce", "NeverBounce", "never_bounce", "neverbounce_api"],
    "scrapingdog": ["scrapingdog", "scrapingdog_maps", "ScrapingDog", "scraping-dog"],
    "state_registry": ["state_registry", "stateRegistry", "State Registry", "state_registries"],
}
_ENDPOINT_SPELLINGS = {
    ("google_places", "text_search"): ["text_search", "textSearch", "textsearch", "/maps/api/place/textsearch/json"],
    ("google_places", "place_details"): ["place_details", "placeDetails", "details", "/maps/api/place/details/json"],
    ("scrapingdog", "scrape"): ["scrape", "/scrape", "google_maps", "Scrape"],
    ("hunter_io", "domain_search"): ["domain_search", "domain-search", "/v2/domain-search", "domainSearch"],
    ("hunter_io", "verify_email"): ["verify_email", "email-verifier", "/v2/email-verifier", "verifyEmail"],
    ("neverbounce", "verify_email"): ["verify_email", "/v4/single/check", "single/check", "verify"],
    ("state_registry", "lookup"): ["lookup", "/lookup", "Lookup"],
}


def _seed(name: str) -> list[dict[str, str]]:
    with (SEEDS / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def squeeze(spelling: str) -> str:
    """A name as the alias lists spell it: lower case, without spaces and `. - _ /`."""
    return spelling.lower().translate(str.maketrans("", "", " .-_/"))


def service_spellings() -> dict[str, list[str]]:
    """The spellings of each service; only those which the alias list resolves to it."""
    aliases = {row["alias"]: row["api_service"] for row in _seed("service_aliases")}
    return {
        service: [spelling for spelling in spellings if aliases.get(squeeze(spelling)) == service]
        for service, spellings in _SERVICE_SPELLINGS.items()
    }


def endpoint_spellings() -> dict[tuple[str, str], list[str]]:
    """The spellings of each service's endpoint; only those which the alias list resolves to it."""
    aliases = {(row["api_service"], row["alias"]): row["endpoint"] for row in _seed("endpoint_aliases")}
    return {
        (service, endpoint): [name for name in spellings if aliases.get((service, squeeze(name))) == endpoint]
        for (service, endpoint), spellings in _ENDPOINT_SPELLINGS.items()
    }


class Prices:
    """The dated price list."""

    def __init__(self) -> None:
        rows = sorted(_seed("api_prices"), key=lambda row: row["valid_from"])
        self._since: list[np.ndarray] = []
        self._units: list[np.ndarray] = []
        for service, endpoint in CALL_KINDS:
            own = [row for row in rows if (row["api_service"], row["endpoint"]) == (service, endpoint)]
            since = [datetime.fromisoformat(row["valid_from"]).replace(tzinfo=timezone.utc) for row in own]
            self._since.append(np.array([int(day.timestamp()) * SECOND for day in since], dtype=np.int64))
            self._units.append(np.array([int(Decimal(row["list_price_usd"]) * USD) for row in own], dtype=np.int64))

    def at(self, kind: int, moments: np.ndarray) -> np.ndarray:
        """List price (ten-thousandths of a USD) of a call of this kind at each moment."""
        position = np.searchsorted(self._since[kind], moments, side="right") - 1
        if len(moments) and position.min() < 0:
            raise ValueError(
                f"seeds/api_prices.csv has no price of {'/'.join(CALL_KINDS[kind])} for the time of the data"
            )
        return self._units[kind][position]

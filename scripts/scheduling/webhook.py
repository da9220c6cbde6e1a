"""Tell a webhook of a change of state, within a time that nothing it does can prolong."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 10


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the text to an address that nobody has set."""

    def redirect_request(self, *arguments) -> None:
        return None


class Webhook:
    """An address that takes `{"text": …}` as JSON, as the incoming webhooks of chat programs do.

    The address is a secret: nothing that is returned or raised here names it.
    """

    def __init__(self, url: str, timeout_seconds: float = TIMEOUT_SECONDS):
        self._url = url
        self._timeout = timeout_seconds

    def post(self, text: str, key: str) -> str | None:
        """Send a text; returns why that failed, or None. `key` tells the receiver one alert from another."""
        reasons: list[str | None] = []
        # A thread, because a server that sends a byte now and then would reset every timeout of a socket for ever. It
        # does not keep the process alive.
        sending = threading.Thread(target=lambda: reasons.append(self._send(text, key)), daemon=True)
        sending.start()
        sending.join(self._timeout)
        return reasons[0] if reasons else f"no answer within {self._timeout:g} s"

    def _send(self, text: str, key: str) -> str | None:
        try:
            if urlsplit(self._url).scheme not in ("http", "https"):
                return "ALERT_WEBHOOK_URL is not an http or https address"
            request = urllib.request.Request(
                self._url,
                data=json.dumps({"text": text}).encode(),
                headers={"Content-Type": "application/json", "Idempotency-Key": key, "User-Agent": "leadgen-analytics"},
            )
            with urllib.request.build_opener(_NoRedirect).open(request, timeout=self._timeout):
                return None
        except urllib.error.HTTPError as error:
            error.close()
            return f"the webhook answered {error.code}"
        except TimeoutError:
            return f"no answer within {self._timeout:g} s"
        except urllib.error.URLError as error:
            return f"the webhook cannot be reached ({_reason(error.reason)})"
        except Exception as error:  # whatever it is, it must not end the run
            return f"the webhook cannot be reached ({_reason(error)})"


def _reason(error: object) -> str:
    """What went wrong in the system's own words; other texts may quote the address."""
    return (isinstance(error, OSError) and error.strerror) or type(error).__name__

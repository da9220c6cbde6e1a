"""Tell a webhook when runs, or what the marts say of the business, change their state: once each, across restarts."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

from embedded_postgres import SAMPLE_DATABASE
from errors import UserFacingError, disk_error

from scheduling.business import BOARDS, QUERIES, Finding, change, shortened
from scheduling.folders import Memory
from scheduling.output import Output
from scheduling.run_log import Alert, RunLog
from scheduling.webhook import Webhook

LONGEST_SECONDS = 30


class Alerts:
    """What is to be told, and whether it was. The log in the database knows, and `memory` while it is out of reach.

    Without a `webhook` nothing is told, and runs that found no database are remembered all the same.
    """

    def __init__(self, webhook: Webhook | None, memory_file: Path, output: Output):
        self._webhook = webhook
        self._file = memory_file
        self._memory = Memory.read(memory_file)
        self._output = output

    def tell(self, log: RunLog, state: str, text: str, run_id: str) -> None:
        """Tell that the state, ok or failing, is another than was told last, and what could not be told before."""
        if self._webhook is None:
            return
        if state != log.last_alert_state():
            log.alert(Alert(run_id, state, self._text(state, text, f"{log.now():%Y-%m-%d %H:%M} UTC")))
        self.tell_what_is_due(log)

    def tell_what_is_due(self, log: RunLog) -> None:
        """Tell what could not be told before, oldest first, until the webhook fails or the time is up."""
        if self._webhook is None:
            return
        deadline = time.monotonic() + LONGEST_SECONDS
        for alert in log.undelivered():
            if time.monotonic() > deadline or not self._post(alert.text, alert):
                break
            log.delivered(alert)
            if alert.state not in QUERIES:
                self._memory.told = alert.state
        else:
            self._memory.told = log.last_alert_state()
        self._keep_memory()

    def tell_business(self, log: RunLog, variables: dict, run_id: str) -> None:
        """Tell what has changed since it was told last: of the subjects that the project's `variables` name."""
        if self._webhook is None:
            return
        arguments = {
            "time_zone": variables["reporting_timezone"],
            "price_limit": variables["alert_cost_per_qualified_lead_usd"],
        }
        is_news = False
        for subject in variables["business_alerts"]:
            try:
                rows = log.ask_marts(QUERIES[subject], arguments)
            except UserFacingError as error:
                self._output.say(f"Of {subject} nothing can be told: {error}")
                continue
            if rows is None:
                continue
            findings = [Finding(*row) for row in rows]
            said = change(log.last_states(subject), findings)
            if said:
                database = os.environ.get("PGDATABASE", SAMPLE_DATABASE)
                board = f"{variables['boards_address'].rstrip('/')}/{BOARDS[subject]}.html"
                address = board if variables["boards_address"] else ""
                text = shortened(f"Marts of {database}, {subject}: ", self._output.redactor.hide_secrets(said), address)
                log.alert(Alert(run_id, subject, text), {finding.name: finding.state for finding in findings})
                is_news = True
        if is_news:
            self.tell_what_is_due(log)

    def tell_without_log(self, line: str, run_id: str) -> None:
        """Tell that runs are failing while nothing can be recorded, unless this machine has told so before."""
        if self._webhook and self._memory.told != "failing":
            text = self._text("failing", line, _local_time())
            if self._post(text, Alert(run_id, "failing", text)):
                self._memory.told = "failing"
                self._memory.told_unrecorded = {"run_id": run_id, "text": text}
        self._keep_memory()

    def remember(self, line: str, run_id: str) -> None:
        """Keep a run that found no database until there is one, and tell of it."""
        when = f"{_local_time()} by this machine's clock"
        self._memory.unrecorded.append({"run_id": run_id, "line": f"{when}: {line}"})
        self.tell_without_log(line, run_id)

    def record_what_could_not_be(self, log: RunLog) -> None:
        """Write down what happened while no database could be reached, now that there is one."""
        for run in self._memory.unrecorded:
            log.start(run["run_id"], {"host": socket.gethostname()})
            log.end(run["run_id"], "failed", 0, 0, run["line"], {})
        told = self._memory.told_unrecorded
        if told and log.last_alert_state() == "ok":
            alert = Alert(told["run_id"], "failing", told["text"])
            log.alert(alert)
            log.delivered(alert)
        self._memory.unrecorded, self._memory.told_unrecorded = [], None
        self._keep_memory()

    def _keep_memory(self) -> None:
        try:
            self._memory.write(self._file)
        except OSError as error:
            if self._memory != Memory.read(self._file):
                self._output.warn(f"While no database answers, an alert may be told again: {disk_error(error)}")

    def _post(self, text: str, alert: Alert) -> bool:
        reason = self._webhook.post(text, f"{alert.run_id}-{alert.state}")
        if reason:
            self._output.say(f"The alert was not delivered: {reason}. The next run tries again.")
        return reason is None

    def _text(self, state: str, text: str, when: str) -> str:
        database = os.environ.get("PGDATABASE", SAMPLE_DATABASE)
        opening = "runs are failing" if state == "failing" else "runs are well again"
        place = f"{when}, {socket.gethostname()}"
        return self._output.redactor.hide_secrets(f"Marts of {database}: {opening}. {place}: {text}")


def _local_time() -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())

"""The ready questions: each answer against one made from the independent computation of the marts."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from math import floor
from typing import Any

import psycopg2
import pytest
import yaml
from conftest import REPOSITORY, build, describe_failures, environment_of, new_database, run_dbt
from docs_pages.markdown import markdown_body
from docs_pages.questions import SHOWN_ROWS, answered_questions
from embedded_postgres import Server
from generate_sample_data import generate
from independent.arithmetic import ratio
from independent.marts import expected_marts

pytestmark = pytest.mark.parametrize("server", ["embedded"], indirect=True)

Row = dict[str, Any]
ANALYSES = yaml.safe_load((REPOSITORY / "analyses" / "questions.yml").read_text(encoding="utf-8"))["analyses"]
QUESTIONS = {analysis["name"]: analysis["description"] for analysis in ANALYSES}
NONE = {analysis["name"]: analysis["config"]["meta"]["none"] for analysis in ANALYSES}
DOCUMENTED = (REPOSITORY / "docs" / "questions.md").read_text(encoding="utf-8")
LEAD_VALUE = 10  # the variable qualified_lead_value_usd
EARLY = datetime(1, 1, 1, tzinfo=timezone.utc)
# Nobody need be over budget in the first days of a month.
MAY_BE_EMPTY = {"budgets_that_will_not_hold"}


@dataclass(frozen=True)
class Answers:
    """What dbt compiled, what the database answered, what it must answer, and the texts that say so, of one moment."""

    code: dict[str, str]
    columns: dict[str, list[str]]
    actual: dict[str, list[tuple]]
    marts: dict[str, list[Row]]
    now: datetime
    page: str = ""
    file: str = ""

    def expected(self, question: str) -> list[tuple]:
        return EXPECTED[question](self.marts, self.now.date())


@pytest.fixture(scope="module")
def dsn(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The sample data of ./scripts/run: enough for every question to have an answer."""
    with new_database(server) as dsn:
        generate(dsn, "hybrid")
        build(dsn, tmp_path_factory.mktemp("target"), "--exclude-resource-type", "test")
        yield dsn


@pytest.fixture(scope="module")
def answers(dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Answers:
    target_path = tmp_path_factory.mktemp("target")
    command = ["compile", "--select", "resource_type:analysis", "--target-path", str(target_path)]
    result = run_dbt(command, environment_of(dsn))
    assert result.success, describe_failures(result)
    code = {compiled.node.name: compiled.node.compiled_code for compiled in result.result}
    while True:
        answers = _ask(dsn, code)
        with closing(psycopg2.connect(dsn, options="-ctimezone=UTC")) as connection:
            written = answered_questions(code, connection)
        # What the answers are depends on the day, or on which hours are over: asked anew if one has passed meanwhile.
        now = answers.now
        if f"The answers are of {now.day} {now:%B %Y, %H}:" in written.page:
            return replace(answers, page=written.page, file=written.file)


def _ask(dsn: str, code: dict[str, str]) -> Answers:
    columns, actual = {}, {}
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("set time zone 'UTC'; select now()")
        (now,) = cursor.fetchone()
        for name, sql in code.items():
            cursor.execute(sql)
            columns[name] = [column.name for column in cursor.description]
            actual[name] = cursor.fetchall()
    marts = {mart: frame.to_dicts() for mart, frame in expected_marts(dsn, now=now).items()}
    return Answers(code, columns, actual, marts, now)


def total(rows: Iterable[Row], column: str) -> Decimal:
    return sum((row[column] for row in rows if row[column] is not None), start=Decimal(0))


def grouped(rows: Iterable[Row], *columns: str) -> Iterator[tuple[tuple, list[Row]]]:
    groups = defaultdict(list)
    for row in rows:
        groups[tuple(row[column] for column in columns)].append(row)
    yield from groups.items()


def last_30_days(rows: list[Row], today: date) -> list[Row]:
    return [row for row in rows if today - timedelta(days=30) < row["date"] <= today]


def month_of(day: date) -> date:
    return day.replace(day=1)


def campaign_of(marts: dict[str, list[Row]], campaign_id: str | None) -> Row:
    return next(
        (row for row in marts["campaign_analytics"] if row["campaign_id"] == campaign_id), defaultdict(type(None))
    )


def cost_of_a_qualified_lead(marts: dict[str, list[Row]], today: date) -> list[tuple]:
    monday = today - timedelta(days=today.weekday() + 7)

    def week(start: date) -> tuple[int, Decimal, Decimal | None, Decimal | None] | None:
        days = [row for row in marts["campaign_performance_daily"] if start <= row["date"] < start + timedelta(days=7)]
        leads, qualified = (int(total(days, column)) for column in ("leads_discovered", "leads_qualified"))
        cost = total(days, "lead_cost")
        return qualified, ratio(cost, qualified), ratio(cost, leads), ratio(leads, qualified)

    qualified, price, per_lead, needed = week(monday)
    _, price_before, per_lead_before, needed_before = week(monday - timedelta(days=7))
    by_leads = (per_lead - per_lead_before) * needed_before
    # whatever is not the one effect is the other
    return [(monday, qualified, price, price_before, by_leads, price - price_before - by_leads)]


def campaigns_to_stop(marts: dict[str, list[Row]], today: date) -> list[tuple]:
    campaigns = marts["campaign_analytics"]
    average = ratio(total(campaigns, "total_cost"), total(campaigns, "qualified_leads"))

    def reason(row: Row) -> str | None:
        if (row["roi_percentage"] or 0) < 0:
            return "costs more than it brings"
        if (row["budget_utilization_percentage"] or 0) >= 100:
            return "budget is used up"
        return "twice as dear as others" if (row["cost_per_qualified_lead"] or 0) > 2 * average else None

    active = [row for row in campaigns if row["status"] == "active" and row["total_leads"]]
    active.sort(key=lambda row: (row["roi_percentage"] is None, row["roi_percentage"], row["campaign_name"]))
    names = ("campaign_name", "total_leads", "qualification_rate", "total_cost", "cost_per_qualified_lead")
    rest = ("roi_percentage", "budget_utilization_percentage")
    return [(*(row[name] for name in names), average, *(row[name] for name in rest), reason(row)) for row in active]


def failing_services(marts: dict[str, list[Row]], today: date) -> list[tuple]:
    failing = []
    for (service,), hours in grouped(marts["service_health_metrics"], "service_name"):
        hours.sort(key=lambda row: row["hour_start"])
        latest = next(row for row in hours if row["is_latest"])
        since = None
        for row in reversed(hours[: hours.index(latest) + 1]):
            if row["status"] not in ("degraded", "down"):
                break
            since = row["hour_start"]
        if since:
            error = latest["has_error"]
            last_success = latest["last_successful_call"]
            failing.append((service, latest["status"], latest["error_rate"], since, last_success, error))
    return sorted(failing, key=lambda row: (-(row[2] or 0), row[0]))


def budgets_that_will_not_hold(marts: dict[str, list[Row]], today: date) -> list[tuple]:
    answer = []
    for (user,), days in grouped(marts["budget_status"], "user_id"):
        row = next((day for day in days if day["date"] == today), None)
        limit = row and row["monthly_budget_limit"]
        if limit is None or row["projected_month_spend"] <= limit:
            continue
        over = [
            day["date"]
            for day in days
            if day["month_to_date_spend"] > limit and month_of(day["date"]) == month_of(today)
        ]
        spent = row["month_to_date_spend"]
        left = timedelta(days=floor((limit - spent) * today.day / spent) + 1)
        answer.append((user, spent, limit, row["projected_month_spend"], min(over) if over else today + left))
    return sorted(answer, key=lambda row: (row[4], row[2] - row[3]))


def leads_to_call_first(marts: dict[str, list[Row]], today: date) -> list[tuple]:
    ready = [
        lead
        for lead in marts["enhanced_leads"]
        if lead["is_qualified"] and lead["export_status"] == "pending" and not lead["duplicate_of"] and lead["phone"]
    ]
    ready.sort(key=lambda lead: lead["id"])
    ready.sort(
        key=lambda lead: (
            -1 if lead["confidence_score"] is None else lead["confidence_score"],
            lead["deliverable_email_count"] > 0,
            -1 if lead["data_completeness_score"] is None else lead["data_completeness_score"],
            lead["created_at"] or EARLY,
        ),
        reverse=True,
    )
    names = ("phone", "best_email", "grade", "confidence_score")
    return [
        (
            lead["business_name"],
            campaign_of(marts, lead["campaign_id"])["campaign_name"],
            *(lead[name] for name in names),
            lead["deliverable_email_count"] > 0,
        )
        for lead in ready[:20]
    ]


def another_price_list(marts: dict[str, list[Row]], today: date) -> list[tuple]:
    prices = {("hunter_io", "domain_search"): Decimal("0.049"), ("google_places", "text_search"): Decimal("0.040")}
    answer = []
    for key, rows in grouped(last_30_days(marts["api_cost_tracking"], today), "api_service", "endpoint"):
        calls, paid = int(total(rows, "request_count")), total(rows, "total_cost")
        other = calls * prices[key] if key in prices else paid
        answer.append((*key, calls, paid, other, other - paid))
    everything = sum(row[5] for row in answer)
    return [(*row, everything) for row in sorted(answer, key=lambda row: (row[5], row[0], row[1]))]


def spend_counted_twice(marts: dict[str, list[Row]], today: date) -> list[tuple]:
    months = defaultdict(list)
    for row in marts["api_usage_reconciliation"]:
        if row["date"] <= today:
            months[month_of(row["date"])].append(row)
    names = ("usage_cost", "log_cost", "tracking_cost", "counted_cost")
    answer = []
    for month in sorted(months, reverse=True):
        usage, log, tracking, counted = (total(months[month], name) for name in names)
        answer.append((month, usage, log, tracking, counted, usage + log + tracking - counted))
    return answer


def where_the_money_goes(marts: dict[str, list[Row]], today: date) -> list[tuple]:
    recent = last_30_days(marts["api_cost_tracking"], today)
    everything = total(recent, "total_cost")
    answer = []
    for key, rows in grouped(recent, "api_service", "endpoint"):
        calls, cost, errors = int(total(rows, "request_count")), total(rows, "total_cost"), total(rows, "error_count")
        answer.append((*key, calls, cost, ratio(cost, everything, 100), ratio(cost, calls), ratio(errors, calls, 100)))
    return sorted(answer, key=lambda row: (-row[3], row[0], row[1]))


def markets_that_pay(marts: dict[str, list[Row]], today: date) -> list[tuple]:
    answer = []
    campaigns = [row for row in marts["campaign_analytics"] if row["total_leads"]]
    for key, rows in grouped(campaigns, "business_type", "location"):
        leads, qualified = int(total(rows, "total_leads")), int(total(rows, "qualified_leads"))
        cost = total(rows, "total_cost")
        roi = ratio(qualified * LEAD_VALUE - cost, cost, 100)
        answer.append((*key, len(rows), leads, qualified, cost, ratio(cost, qualified), roi))
    return sorted(answer, key=lambda row: (row[7] is None, -(row[7] or 0), row[0], row[1]))


def lead_sources_compared(marts: dict[str, list[Row]], today: date) -> list[tuple]:
    answer = []
    for (source,), leads in grouped(marts["enhanced_leads"], "discovery_source"):
        qualified = sum(lead["is_qualified"] for lead in leads)
        reachable = sum(lead["deliverable_email_count"] > 0 for lead in leads)
        duplicates = sum(lead["duplicate_of"] is not None for lead in leads)
        shares = (ratio(qualified, len(leads), 100), ratio(reachable, len(leads), 100))
        answer.append((source, len(leads), duplicates, *shares, ratio(total(leads, "total_cost"), qualified)))
    return sorted(answer, key=lambda row: (-row[1], row[0] is None, row[0]))


def spend_without_a_campaign(marts: dict[str, list[Row]], today: date) -> list[tuple]:
    groups = defaultdict(list)
    for row in marts["api_cost_tracking"]:
        if row["is_campaign_deleted"]:
            groups[month_of(row["date"]), "campaign was deleted"].append(row)
        elif row["campaign_id"] is None:
            groups[month_of(row["date"]), "no campaign named"].append(row)
    ordered = sorted(groups.items(), key=lambda group: (-group[0][0].toordinal(), group[0][1]))
    return [(*key, int(total(rows, "request_count")), total(rows, "total_cost")) for key, rows in ordered]


def leads_that_came_to_nothing(marts: dict[str, list[Row]], today: date) -> list[tuple]:
    def outcome(lead: Row) -> str:
        if lead["duplicate_of"]:
            return "duplicate"
        if lead["is_qualified"]:
            return "qualified"
        return "failed" if lead["processing_stage"] == "failed" else "not qualified"

    outcomes = defaultdict(list)
    for lead in marts["enhanced_leads"]:
        outcomes[outcome(lead)].append(lead)
    everything = total(marts["enhanced_leads"], "total_cost")
    costs = ((name, len(leads), total(leads, "total_cost")) for name, leads in outcomes.items())
    return [(*row, ratio(row[2], everything, 100)) for row in sorted(costs, key=lambda row: (-row[2], row[0]))]


def qualified_leads_not_exported(marts: dict[str, list[Row]], today: date) -> list[tuple]:
    waiting = [
        lead
        for lead in marts["enhanced_leads"]
        if lead["is_qualified"] and lead["export_status"] == "pending" and not lead["duplicate_of"]
    ]
    # leads without a campaign, in the database's order of NULL
    groups = sorted(
        grouped(waiting, "campaign_id"), key=lambda group: (-len(group[1]), group[0][0] is None, group[0][0] or "")
    )
    answer = []
    for (campaign_id,), leads in groups:
        campaign = campaign_of(marts, campaign_id)
        times = [lead["created_at"] for lead in leads if lead["created_at"]]
        value = len(leads) * LEAD_VALUE
        answer.append((campaign["campaign_name"], campaign["status"], len(leads), value, min(times, default=None)))
    return answer


def budgets_short_of_target(marts: dict[str, list[Row]], today: date) -> list[tuple]:
    answer = []
    for row in marts["campaign_analytics"]:
        if row["status"] not in ("active", "paused") or not row["total_leads"]:
            continue
        if row["lead_target"] is None or row["budget_limit"] is None:
            continue
        missing = max(row["lead_target"] - row["total_leads"], 0)
        cost, left = missing * row["cost_per_lead"], row["budget_limit"] - row["total_cost"]
        plain = tuple(row[name] for name in ("campaign_name", "status", "lead_target", "total_leads"))
        answer.append((*plain, missing, row["cost_per_lead"], cost, left, max(cost - left, 0)))
    return sorted(answer, key=lambda row: (-row[8], row[0]))


def services_against_list_price(marts: dict[str, list[Row]], today: date) -> list[tuple]:
    days = [row for row in last_30_days(marts["api_service_breakdown"], today) if row["list_cost"] is not None]
    answer = []
    for (service,), rows in grouped(days, "api_service"):
        paid, listed = total(rows, "total_cost"), total(rows, "list_cost")
        difference = paid - listed
        calls = int(total(rows, "total_requests"))
        answer.append((service, calls, paid, listed, difference, ratio(difference, listed, 100)))
    return sorted(answer, key=lambda row: (-row[4], row[0]))


EXPECTED: dict[str, Callable[[dict[str, list[Row]], date], list[tuple]]] = {
    function.__name__: function
    for function in (
        cost_of_a_qualified_lead,
        campaigns_to_stop,
        failing_services,
        budgets_that_will_not_hold,
        leads_to_call_first,
        budgets_short_of_target,
        where_the_money_goes,
        services_against_list_price,
        another_price_list,
        spend_counted_twice,
        spend_without_a_campaign,
        leads_that_came_to_nothing,
        qualified_leads_not_exported,
        markets_that_pay,
        lead_sources_compared,
    )
}


def _plain(column: str, value: Any) -> Any:
    if column == "last_error":
        return value is not None if not isinstance(value, bool) else value
    return pytest.approx(float(value), rel=1e-5, abs=1e-4) if isinstance(value, Decimal) else value


@pytest.mark.parametrize("question", QUESTIONS)
def test_answer_equals_the_independent_one(answers: Answers, question: str) -> None:
    expected = answers.expected(question)
    assert expected or question in MAY_BE_EMPTY
    columns = answers.columns[question]
    plain = [tuple(_plain(name, value) for name, value in zip(columns, row, strict=True)) for row in expected]
    found = [
        tuple(
            float(value) if isinstance(value, Decimal) else _plain(name, value)
            for name, value in zip(columns, row, strict=True)
        )
        for row in answers.actual[question]
    ]
    assert found == plain


def test_each_is_a_question_with_a_query(server: Server) -> None:
    assert len(QUESTIONS) == 15
    assert set(QUESTIONS) == {path.stem for path in (REPOSITORY / "analyses").glob("*.sql")}
    assert [name for name, description in QUESTIONS.items() if "? " not in description] == []


class TestPage:
    def test_it_has_every_question_and_no_personal_data(self, answers: Answers) -> None:
        assert re.findall(r"^`(\w+)`:$", answers.page, flags=re.MULTILINE) == list(QUESTIONS)
        assert "No answer" not in answers.page
        phones = {row[2] for row in answers.actual["leads_to_call_first"]}
        assert phones and not [phone for phone in phones if phone in answers.page]
        assert "| (not shown) | (not shown) | A |" in answers.page

    def test_the_documented_queries_are_these(self, answers: Answers) -> None:
        """Headings, explanations and links to the queries; the answers documented are of another day."""
        documented, written = _sections(DOCUMENTED), _sections(answers.file)
        assert [section.around for section in documented.values()] == [section.around for section in written.values()]
        assert list(documented) == list(QUESTIONS)
        links = re.findall(r"Query: \[`(\w+)`\]\((.*?)\)", DOCUMENTED)
        assert [name for name, _ in links] == list(QUESTIONS)
        assert [link for _, link in links if not (REPOSITORY / "docs" / link).is_file()] == []

    @pytest.mark.parametrize("question", QUESTIONS)
    def test_the_rows_that_there_are_are_shown_or_counted(self, answers: Answers, question: str) -> None:
        expected = len(answers.expected(question))
        for text, most in ((answers.page, SHOWN_ROWS["page"]), (answers.file, SHOWN_ROWS["file"])):
            shown = _sections(text)[question]
            assert (len(shown.rows), shown.more) == (min(expected, most), max(expected - most, 0))

    @pytest.mark.parametrize("question", QUESTIONS)
    def test_the_documented_answers_have_the_same_heads(self, answers: Answers, question: str) -> None:
        documented, written = _sections(DOCUMENTED)[question], _sections(answers.page)[question]
        assert documented.head == answers.columns[question]
        assert documented.rows and (len(documented.rows) == SHOWN_ROWS["file"] or not documented.more)
        if written.rows:
            assert (written.head, written.rule) == (documented.head, documented.rule)

    def test_what_cannot_be_answered_says_why(self, answers: Answers, dsn: str) -> None:
        broken = {**answers.code, "failing_services": "select 1 / 0"}
        with closing(psycopg2.connect(dsn)) as connection:
            written = answered_questions(broken, connection)
        assert [text.count("No answer: division by zero.") for text in (written.page, written.file)] == [1, 1]

    @pytest.mark.parametrize("empty", ["select 1 where false", "select date '2025-01-06', 0, 0.0000, null::numeric"])
    def test_an_answer_without_rows_is_a_sentence(self, answers: Answers, dsn: str, empty: str) -> None:
        """A day for which there is nothing but zeros and NULL is none."""
        assert sorted(NONE) == sorted(QUESTIONS)
        with closing(psycopg2.connect(dsn)) as connection:
            written = answered_questions(dict.fromkeys(answers.code, empty), connection)
        for text in (written.page, written.file):
            assert [section.none for section in _sections(text).values()] == list(NONE.values())
            assert not [line for line in text.splitlines() if line.startswith("|")]

    def test_markup_in_an_answer_is_text(self, answers: Answers, dsn: str) -> None:
        odd = """<script>alert(1)</script> [x](javascript:y) | ![z](http://z) `*_~"""
        broken = {
            **answers.code,
            "failing_services": f"select '{odd}' as name, 1.50 as half_percentage, null::text as why",
        }
        with closing(psycopg2.connect(dsn)) as connection:
            page = markdown_body(answered_questions(broken, connection).page)
        section = page.partition('<h2 id="which-service-is-failing-and-since-when">')[2].partition("<pre>")[0]
        assert "<td>&lt;script&gt;alert(1)&lt;/script&gt; [x](javascript:y) | ![z](http://z) `*_~</td>" in section
        assert '<td style="text-align:right">1.5</td><td>—</td>' in section.replace("\n", "")

    def test_all_answers_are_of_one_moment(self, answers: Answers, dsn: str) -> None:
        moments = dict.fromkeys(answers.code, "select to_char(now(), 'HH24:MI:SS.US') as moment from pg_sleep(0.001)")
        with closing(psycopg2.connect(dsn)) as connection:
            page = answered_questions(moments, connection).page
        assert len({row for section in _sections(page).values() for row in section.rows}) == 1


@dataclass(frozen=True)
class Section:
    """A question of a text: what is around its answer, and the table that the answer is, or the sentence."""

    around: tuple[str, str]
    head: list[str]
    rule: str
    rows: list[str]
    more: int
    none: str


def _sections(text: str) -> dict[str, Section]:
    """The questions of the page or of the file, by the names of their queries."""
    sections = {}
    for section in text.split("\n## ")[1:]:
        answer, before_query, query = section.partition("\n`")
        name = query.partition("`")[0] if before_query else re.search(r"Query: \[`(\w+)`\]", section)[1]
        lines = [line for line in answer.splitlines() if line]
        question, reading, *answer = lines
        table = [line for line in answer if line.startswith("| ")]
        counted = re.fullmatch(r"… and ([\d,]+) more\.", answer[-1])
        none = "" if table else answer[0]
        assert answer == [*table, *([answer[-1]] if counted else []), *([none] if none else [])]
        sections[name] = Section(
            around=(f"{question}\n{reading}", query.strip()),
            head=[cell.replace(" ", "_") for cell in table[0].strip("| ").split(" | ")] if table else [],
            rule=table[1] if table else "",
            rows=table[2:],
            more=int(counted[1].replace(",", "")) if counted else 0,
            none=none,
        )
    return sections

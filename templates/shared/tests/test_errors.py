"""Errors of the database have one answer each, whichever driver reports them."""

from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Executable,
    Integer,
    Interval,
    String,
    cast,
    literal,
    select,
    text,
)
from sqlalchemy.exc import SQLAlchemyError

from app.database.sessions import dispose_engine, get_engine
from app.web.problems import database_problem, problem_of
from tests.conftest import DATABASE
from tests.servers import Postgres

#: The classes of SQLSTATE for success, warnings and no data.
NO_ERROR = ("00", "01", "02")

#: Each class of SQLSTATE, as Appendix A of Postgres's documentation lists them, with the answer to its errors.
STATUSES = {
    "03": 500,  # SQL statement not yet complete
    "08": 503,  # connection
    "09": 500,  # triggered action
    "0A": 500,  # feature not supported
    "0B": 500,  # invalid transaction initiation
    "0F": 500,  # locator
    "0L": 500,  # invalid grantor
    "0P": 500,  # invalid role specification
    "0Z": 500,  # diagnostics
    "10": 500,  # XQuery
    "20": 500,  # case not found
    "21": 500,  # cardinality
    "22": 422,  # data
    "23": 500,  # integrity constraint
    "24": 500,  # invalid cursor state
    "25": 500,  # invalid transaction state
    "26": 500,  # invalid SQL statement name
    "27": 500,  # triggered data change
    "28": 503,  # invalid authorization
    "2B": 500,  # dependent privilege descriptors
    "2D": 500,  # invalid transaction termination
    "2F": 500,  # SQL routine
    "34": 500,  # invalid cursor name
    "38": 500,  # external routine
    "39": 500,  # external routine invocation
    "3B": 500,  # savepoint
    "3D": 503,  # invalid catalog name
    "3F": 500,  # invalid schema name
    "40": 503,  # transaction rollback
    "42": 500,  # syntax error or access rule violation
    "44": 422,  # WITH CHECK OPTION
    "53": 503,  # insufficient resources
    "54": 500,  # program limit exceeded
    "55": 500,  # object not in prerequisite state
    "57": 503,  # operator intervention
    "58": 503,  # system error
    "72": 500,  # snapshot failure
    "F0": 500,  # configuration file
    "HV": 500,  # foreign data wrapper
    "P0": 500,  # PL/pgSQL
    "XX": 500,  # internal error
}

#: The codes with another answer than their class.
EXCEPTIONS = {
    "23001": 409,  # restrict violation
    "23502": 422,  # not null violation
    "23503": 409,  # foreign key violation
    "23505": 409,  # unique violation
    "23514": 422,  # check violation
    "23P01": 409,  # exclusion violation
    "25006": 503,  # read-only transaction
    "25P03": 503,  # idle-in-transaction time-out
    "25P04": 503,  # transaction time-out
    "55006": 503,  # object in use
    "55P03": 503,  # lock not available
}


@pytest.fixture(autouse=True)
async def engine(database: str) -> AsyncIterator[None]:
    """A new engine for the test."""
    yield
    await dispose_engine()


def sqlstates() -> Iterator[str]:
    """Every code of an error of Postgres that psycopg knows."""
    for kind in vars(psycopg.errors).values():
        sqlstate = getattr(kind, "sqlstate", None)
        if isinstance(sqlstate, str) and not sqlstate.startswith(NO_ERROR):
            yield sqlstate


async def error_of(statement: Executable) -> SQLAlchemyError | None:
    """The error that SQLAlchemy raises for this statement, if it raises one."""
    try:
        async with get_engine().connect() as connection:
            await connection.execute(statement)
    except SQLAlchemyError as error:
        return error
    return None


async def status_of(statement: Executable) -> int | None:
    """The status of the answer to a request that runs this statement; None where the statement succeeds."""
    error = await error_of(statement)
    return problem_of(error).status if error else None


async def test_every_sqlstate_has_its_answer() -> None:
    report = "DO $$ BEGIN RAISE EXCEPTION 'words' USING ERRCODE = '{}'; END $$"
    codes = list(sqlstates())
    wanted = {code: EXCEPTIONS.get(code, STATUSES[code[:2]]) for code in codes}
    assert len(wanted) > 200
    assert {code: await status_of(text(report.format(code))) for code in codes} == wanted


@pytest.mark.parametrize(
    "value",
    [
        literal("\x00", String),
        literal("\ud800", String),
        cast(literal(2**70, BigInteger), BigInteger),
        literal(datetime(9999, 12, 31), DateTime) + literal(timedelta(days=999_999_999), Interval),
        cast(literal("not a number", String), Integer),
    ],
    ids=["NUL", "half a character", "integer too large", "date too late", "no number"],
)
async def test_value_that_the_database_cannot_hold_is_invalid_input(value: ColumnElement[Any]) -> None:
    assert await status_of(select(value)) == 422


async def test_more_parameters_than_the_protocol_has_are_a_mistake_of_the_program() -> None:
    # psycopg2 sends values in the statement's text, so it has no limit.
    wanted = None if get_engine().dialect.driver == "psycopg2" else 500
    assert await status_of(select(literal(1).in_(range(70_000)))) == wanted


async def test_lost_connection_is_no_mistake_of_the_program(postgres: Postgres) -> None:
    async with get_engine().connect() as connection:
        await connection.execute(text("SELECT 1"))
        postgres.terminate_backends(DATABASE)
        with pytest.raises(SQLAlchemyError) as caught:
            await connection.execute(text("SELECT 1"))
    assert problem_of(caught.value).status == 503


async def test_log_of_a_bad_day_has_one_line_without_the_statement(caplog: pytest.LogCaptureFixture) -> None:
    error = await error_of(text("DO $$ BEGIN RAISE EXCEPTION 'words' USING ERRCODE = '57P01'; END $$"))
    assert error
    database_problem(error, "GET /notes")
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "words" in record.getMessage()
    assert "RAISE" not in record.getMessage()
    assert not record.exc_info

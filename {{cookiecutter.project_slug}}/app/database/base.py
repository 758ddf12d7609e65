"""What every table shares."""

from datetime import datetime

from sqlalchemy import DateTime, func
from sqlmodel import Field, SQLModel

#: Names that do not depend on the order in which Postgres made the constraints, so migrations can name them again.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Timestamps(SQLModel):
    """When a row was made and last changed, by the database's clock."""

    # RETURNING brings the new values back with the statement that made them.
    __mapper_args__ = {"eager_defaults": True}

    created_at: datetime = Field(
        default=None, sa_type=DateTime(timezone=True), sa_column_kwargs={"server_default": func.now()}
    )
    updated_at: datetime = Field(
        default=None,
        sa_type=DateTime(timezone=True),
        sa_column_kwargs={"server_default": func.now(), "onupdate": func.now()},
    )

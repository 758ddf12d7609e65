"""app/models.py, the one list of tables."""

from importlib import import_module
from pkgutil import walk_packages

import app
from app.models import TABLES, metadata


def test_every_table_of_the_service_is_listed() -> None:
    for module in walk_packages(app.__path__, "app."):
        import_module(module.name)
    listed = {table.__tablename__ for table in TABLES}
    missing = {table.name for table in metadata.sorted_tables} - listed
    assert not missing, f"Add the classes of these tables to TABLES in app/models.py: {', '.join(sorted(missing))}."


def test_foreign_keys_have_the_type_of_the_key_that_they_refer_to() -> None:
    keys = [key for table in metadata.sorted_tables for key in table.foreign_keys]
    different = [str(key.parent) for key in keys if str(key.parent.type) != str(key.column.type)]
    assert not different, f"Give these columns the type of their key, for example sa_type=BigInteger: {different}."

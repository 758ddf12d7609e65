"""What the template's files need beyond Jinja: refusals, quoting, short names, and sync text from async text.

Cookiecutter loads this package from the template's own folder, so it imports nothing that cookiecutter does not bring.
"""

from jinja2 import Environment
from jinja2.ext import Extension

from cloudrun_postgres_template.refusals import accepted
from cloudrun_postgres_template.text import markdown, quoted, shortened
from cloudrun_postgres_template.unasync import unasync


class Service(Extension):
    """The filters, under the names that the template's files use."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.filters.update(
            accepted=accepted,
            quoted=quoted,
            shortened=shortened,
            markdown=markdown,
            unasync=unasync,
        )

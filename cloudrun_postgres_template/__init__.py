"""What the template's files need beyond Jinja: checked answers, quoting, derived names, and sync text from async text.

Cookiecutter loads this package from the template's own folder, so it imports nothing that cookiecutter does not bring.
"""

import sys

from cookiecutter import __version__ as cookiecutter_version
from cookiecutter.exceptions import FailedHookException
from jinja2 import Environment
from jinja2.ext import Extension

# Before the imports below, which fail with an older Python. An older cookiecutter fails at the first include.
if sys.version_info < (3, 11) or cookiecutter_version.startswith(("1.", "2.0.", "2.1.")):
    python_version = f"{sys.version_info.major}.{sys.version_info.minor}"
    raise FailedHookException(
        f"Python {python_version} with cookiecutter {cookiecutter_version} is too old: "
        "render with Python 3.11 and cookiecutter 2.5 or newer, for example with uvx --python 3.14 cookiecutter."
    )

from cloudrun_postgres_template.answers import AnswersContext
from cloudrun_postgres_template.names import account, image, roles, shortened, slug
from cloudrun_postgres_template.numbers import numbers
from cloudrun_postgres_template.origin import TEMPLATE, origin
from cloudrun_postgres_template.text import markdown, quoted
from cloudrun_postgres_template.unasync import unasync

#: An environment as the template's files need it.
OWN = Environment(trim_blocks=True, lstrip_blocks=True)

#: What of an environment decides how text is read and written.
SYNTAX = [
    "block_start_string",
    "block_end_string",
    "variable_start_string",
    "variable_end_string",
    "comment_start_string",
    "comment_end_string",
    "line_statement_prefix",
    "line_comment_prefix",
    "trim_blocks",
    "lstrip_blocks",
    "newline_sequence",
    "finalize",
    "autoescape",
]


class Service(Extension):
    """How the template's files are rendered."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        # Here and not in cookiecutter.json, because a replay file can lack what stands there, and can have more.
        for option in SYNTAX:
            setattr(environment, option, getattr(OWN, option))
        environment.context_class = AnswersContext
        environment.filters.update(
            account=account,
            image=image,
            roles=roles,
            shortened=shortened,
            slug=slug,
            numbers=numbers,
            quoted=quoted,
            markdown=markdown,
            origin=origin,
            unasync=unasync,
        )
        forget_this_code()


def forget_this_code() -> None:
    """Let whoever renders next in this process load the code of its own checkout.

    cruft checks two commits out, one after the other, and renders both in one process; tests may render two clones.
    """
    for module in [name for name in sys.modules if name.partition(".")[0] == __name__]:
        del sys.modules[module]
    # Cookiecutter may have a path to it that is relative to a folder that it leaves. It restores sys.path in the end.
    sys.path.append(str(TEMPLATE))

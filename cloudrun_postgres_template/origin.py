"""What made a service: the template's URL, version and commit, and the answers. A service's `make update` reads it."""

import json
import re
import subprocess
import tomllib
from collections.abc import Mapping
from typing import Any

from cloudrun_postgres_template.tables import FILE, questions

TEMPLATE = FILE.parent

#: Seconds that git may take. It reads two small files.
GIT_TIMEOUT = 10

#: A URL that others can reach too. What follows its path may hold a secret, as the user information does.
URL = re.compile(r"(?P<scheme>https?|git|ssh)://(?:(?P<user_information>[^/?#]*)@)?(?P<place>[^?#]+)", re.IGNORECASE)

#: The short form of an SSH URL: git@github.com:OWNER/NAME.git. Its user is no secret, and the server asks for it.
SSH_SHORT_FORM = re.compile(r"[\w.-]+@[\w.-]+:[^?#\s]+")


def origin(answers: Mapping[str, Any]) -> str:
    """Return the text of a service's .template.json.

    The template's URL is that of the clone's remote "origin". URL and commit are null where they are not known: the
    template is no clone of its own, its origin is a folder of this machine, or git is missing.
    """
    record = {
        "template": public_url(git("config", "--local", "--get", "remote.origin.url") or ""),
        "version": tomllib.loads((TEMPLATE / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"],
        "commit": git("rev-parse", "HEAD"),
        "answers": {question: answers[question] for question in questions()},
    }
    return json.dumps(record, ensure_ascii=False, indent=2)


def public_url(url: str) -> str | None:
    """The URL without secrets, or None where it is a path or empty. The user stays only for SSH, which needs one."""
    if SSH_SHORT_FORM.fullmatch(url):
        return url
    if not (match := URL.match(url)):
        return None
    user = (match["user_information"] or "").partition(":")[0] if match["scheme"].lower() == "ssh" else ""
    return f"{match['scheme']}://{user}{'@' if user else ''}{match['place']}"


def git(*arguments: str) -> str | None:
    """What git says about the template's clone, or None where it says nothing."""
    # Its own repository by name: not the one around the template, nor the one that git names to its hooks.
    command = ["git", f"--git-dir={TEMPLATE / '.git'}", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=GIT_TIMEOUT)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None

"""A template with a history: a repository made of this checkout's files, with a later commit on top."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from combinations import TEMPLATE

TREE = "{{cookiecutter.project_slug}}"

#: What a clone has and a commit has not.
NOT_COMMITTED = shutil.ignore_patterns(".git", ".venv", ".cache", ".hypothesis", "*_cache", "__pycache__", "uv.lock")

#: A text in which two people can change places that are far enough from each other for git.
LINES = [f"line {number}\n" for number in range(1, 41)]

#: The files that the older template has more than this checkout, and what the newer one makes of them.
OLD_FILES = {
    "handbook/shared.txt": "".join(LINES),
    "handbook/renamed.txt": "".join(line.upper() for line in LINES),
    "handbook/moved_by_owner.txt": "".join(line.title() for line in LINES),
    "handbook/removed.txt": "The template removes it.\n",
    "handbook/removed_by_owner.txt": "The owner removes it.\n",
    "handbook/run.sh": "#!/bin/sh\n",
}
NEW_FILES = {
    "handbook/shared.txt": OLD_FILES["handbook/shared.txt"].replace("line 20\n", "line 20 of the template\n"),
    "handbook/new_name.txt": OLD_FILES["handbook/renamed.txt"],
    "handbook/moved_by_owner.txt": OLD_FILES["handbook/moved_by_owner.txt"].replace("Line 20\n", "Line 20, new\n"),
    "handbook/removed_by_owner.txt": OLD_FILES["handbook/removed_by_owner.txt"],
    "handbook/run.sh": OLD_FILES["handbook/run.sh"],
    "handbook/added.txt": "The template adds it.\n",
    "area/added.txt": "The template adds it in a folder of its own.\n",
    "handbook/team.txt": "{{ cookiecutter.team }}\n",
}

#: A file that is not text.
OLD_BYTES, NEW_BYTES = b"\0\r\n\xff", b"\0\n\r\xfe"


@dataclass(frozen=True)
class Scene:
    """A folder in which git and cookiecutter know nothing of this machine's configuration."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def environment(self) -> dict[str, str]:
        foreign = ("GIT_", "COOKIECUTTER_")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        return inherited | {"HOME": str(self.home), "GIT_CONFIG_NOSYSTEM": "1"}

    def prepare(self) -> None:
        self.home.mkdir(parents=True)
        (self.home / ".gitconfig").write_text("[user]\nname = Owner\nemail = owner@example.com\n", encoding="utf-8")

    def run(self, folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=folder, env=self.environment | environment, capture_output=True, encoding="utf-8"
        )

    def must(self, folder: Path, *command: str) -> str:
        done = self.run(folder, *command)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout.strip()

    def commit(self, folder: Path, message: str = "commit") -> str:
        """Commit all files, in a new repository where there is none, and return the commit's id."""
        if not (folder / ".git").exists():
            self.must(folder, "git", "init", "--quiet", "--initial-branch=main")
        self.must(folder, "git", "add", "--all")
        self.must(folder, "git", "commit", "--quiet", "--allow-empty", f"--message={message}")
        return self.must(folder, "git", "rev-parse", "HEAD")

    def render(self, template: Path, output: Path, answers: Mapping[str, str], **environment: str) -> Path:
        """Render as a person does who types these answers, and takes the default of every other question."""
        table = json.loads((self.folder / template / "cookiecutter.json").read_text(encoding="utf-8"))
        questions = [(name, default) for name, default in table.items() if not name.startswith("_")]
        typed = "".join(f"{typed_answer(answers.get(name), default)}\n" for name, default in questions)
        command = [sys.executable, "-m", "cookiecutter", "--output-dir", str(output), str(template)]
        # Away from this checkout, whose modules Python would take for the template's.
        variables = self.environment | environment
        done = subprocess.run(
            command, cwd=self.folder, env=variables, input=typed, capture_output=True, encoding="utf-8"
        )
        assert done.returncode == 0, done.stdout + done.stderr
        [service] = output.iterdir()
        return service


def typed_answer(answer: str | None, default: str | list[str]) -> str:
    """What a person types: nothing for the default, the number of a choice, or text."""
    if answer is None:
        return ""
    return str(default.index(answer) + 1) if isinstance(default, list) else answer


@dataclass(frozen=True)
class History:
    """The repository, at its newer commit, and its commits. Tags are v1 for the older and v2 for the newer one."""

    repository: Path
    #: From before a service knew what made it.
    oldest: str
    old: str
    new: str
    #: A checkout of the older commit, which is a repository as well.
    old_checkout: Path


def make_history(
    scene: Scene, folder: Path, kept: Iterable[str] | None = None, questions: Mapping[str, str] | None = None
) -> History:
    """Commit this checkout with a few files and these questions more, and after it a newer template.

    Of the service's files, it has only those that are kept, or all.
    """
    repository = copied_template(folder / "template", kept)
    tree = repository / TREE
    write(tree, OLD_FILES, OLD_BYTES)
    add_questions(repository, questions or {})
    record = (tree / ".template.json").read_bytes()
    (tree / ".template.json").unlink()
    oldest = scene.commit(repository, "without a record")
    (tree / ".template.json").write_bytes(record)
    old = scene.commit(repository, "old")
    scene.must(repository, "git", "tag", "v1")
    old_checkout = folder / "old_checkout"
    scene.must(folder, "git", "clone", "--quiet", str(repository), str(old_checkout))
    scene.must(old_checkout, "git", "checkout", "--quiet", "v1")
    shutil.rmtree(tree / "handbook")
    write(tree, NEW_FILES, NEW_BYTES)
    (tree / "handbook" / "run.sh").chmod(0o755)
    add_questions(repository, {"team": "Platform"})
    new = scene.commit(repository, "new")
    scene.must(repository, "git", "tag", "v2")
    scene.must(repository, "git", "branch", "next")
    return History(repository, oldest, old, new, old_checkout)


def copied_template(folder: Path, kept: Iterable[str] | None = None) -> Path:
    """The files of this checkout, but of the service's only those that are kept, or all; no repository."""
    shutil.copytree(TEMPLATE, folder, ignore=NOT_COMMITTED)
    if kept is not None:
        shutil.rmtree(folder / TREE)
        for path in kept:
            (folder / TREE / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(TEMPLATE / TREE / path, folder / TREE / path)
    return folder


def write(tree: Path, files: Mapping[str, str], content: bytes) -> None:
    for path, text in files.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text, encoding="utf-8")
    (tree / "handbook" / "picture.bin").write_bytes(content)


def add_questions(repository: Path, questions: Mapping[str, str]) -> None:
    file = repository / "cookiecutter.json"
    file.write_text(
        json.dumps(json.loads(file.read_text(encoding="utf-8")) | dict(questions), indent=2), encoding="utf-8"
    )

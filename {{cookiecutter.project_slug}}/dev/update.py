"""python -m dev.update [question=answer ...]: bring a newer template, or other answers, into this service.

It renders the template twice, as it made this service and as it shall be now, and lets git merge the difference between
the two into the service in the current folder. It needs git, and cookiecutter in the environment of this Python.

The exit code is 0 when the difference is merged and staged, or there is none; 1 when parts of it conflict, which git
has marked; 2 when the update was refused, and nothing is changed.
"""

import json
import os
import subprocess
import sys
from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

#: It says what made this service. The template writes it.
RECORD = ".template.json"

DONE, CONFLICTS, REFUSED = 0, 1, 2

#: What begins and ends an expression of Jinja. The template renders this file too, so it cannot hold them as they are.
OPENING, CLOSING = "{" * 2, "}" * 2

#: What git leaves in its folder while work is unfinished.
UNFINISHED = {
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "sequencer": "cherry-pick or revert",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase or git am",
}

#: Variables by which git tells its hooks about another repository.
FOREIGN = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY"}

#: No hooks that a person has for all repositories, no refusal of line ends, and no path that is a pattern.
PLAIN = ("-c", f"core.hooksPath={os.devnull}", "-c", "core.safecrlf=false", "--literal-pathspecs")

#: Who makes the commits that are merged. They are on no branch.
IDENTITY = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "make update"), ("EMAIL", "update@template.invalid"))
}

Answers = Mapping[str, str]


class Refused(Exception):
    """One sentence that says why there is no update, and what to do."""


@dataclass(frozen=True)
class Options:
    template: str | None
    old: str | None
    new: str
    answers: Answers


@dataclass(frozen=True)
class Record:
    """What made the service."""

    template: str
    commit: str
    answers: Answers


@dataclass(frozen=True)
class Service:
    """The owner's service: its folder, the repository's top folder, and the way from there, empty or with a slash."""

    folder: Path
    top: Path
    prefix: str


@dataclass(frozen=True)
class Rendering:
    """A commit of the template, as git describes it, and the folder with what it renders."""

    version: str
    folder: Path


def main() -> int:
    options = parsed(sys.argv[1:])
    try:
        return update(Path.cwd(), options)
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        return REFUSED


def parsed(arguments: list[str]) -> Options:
    parser = ArgumentParser("make update", description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("answers", nargs="*", type=named_answer, metavar="question=answer", help="an answer to change")
    parser.add_argument("--template", metavar="PATH_OR_URL", help=f"another place of the template than {RECORD} names")
    parser.add_argument("--from", dest="old", metavar="COMMIT", help=f"another old commit or tag than {RECORD} names")
    parser.add_argument("--to", dest="new", metavar="COMMIT", default="HEAD", help="the new commit, tag or branch")
    found = parser.parse_intermixed_args(arguments)
    return Options(found.template, found.old, found.new, dict(found.answers))


def named_answer(argument: str) -> tuple[str, str]:
    question, equals, text = argument.partition("=")
    if not equals:
        raise ArgumentTypeError(f"say question=answer in place of {argument!r}")
    return question, text


def update(folder: Path, options: Options) -> int:
    """Merge what differs between two renderings into the service in this folder, and return the exit code.

    Raises:
        Refused: nothing is changed.
    """
    service = service_in(folder)
    refuse_unfinished_work(service)
    record = record_of(service, options)
    with TemporaryDirectory(prefix="make-update-") as temporary:
        scratch = Path(temporary)
        template = cloned(record.template, scratch / "template")
        commits = commit_in(template, record.commit), commit_in(template, options.new)
        old = rendered(template, commits[0], record.answers, {}, scratch / "old")
        new = rendered(template, commits[1], record.answers, options.answers, scratch / "new")
        keep_record(service, old)
        trees = tree(service, old, scratch / "index"), tree(service, new, scratch / "index")
    refuse_overwriting(service, *trees)
    base = git(service.top, "commit-tree", trees[0], "-m", f"Template {old.version}")
    commit = git(service.top, "commit-tree", trees[1], "-p", base, "-m", f"Template {new.version}")
    return merge(service, commit, f"From template {old.version} to {new.version}.")


# The service


def service_in(folder: Path) -> Service:
    inside = run(folder, "rev-parse", "--is-inside-work-tree")
    if inside.stdout.strip() != "true":
        remedy = "run git init and commit the service, or do what git says"
        raise Refused(f"git opens no repository in this folder: {remedy}: {complaint(inside)}")
    if run(folder, "rev-parse", "--verify", "--quiet", "HEAD").returncode:
        raise Refused("This repository has no commit yet: commit the service first.")
    return Service(folder, Path(git(folder, "rev-parse", "--show-toplevel")), git(folder, "rev-parse", "--show-prefix"))


def refuse_unfinished_work(service: Service) -> None:
    for name, work in UNFINISHED.items():
        if (service.folder / git(service.folder, "rev-parse", "--git-path", name)).exists():
            raise Refused(f"A {work} is unfinished in this repository: finish or abort it first.")
    changes = git(service.top, "status", "--porcelain", "--untracked-files=no").splitlines()
    if changes:
        raise Refused(f"{changes[0][2:].strip()} has changes without a commit: commit or stash all changes first.")


def record_of(service: Service, options: Options) -> Record:
    """What .template.json says, except where the options say something else."""
    file = service.folder / RECORD
    record: dict[str, Any] = {"answers": options.answers}
    try:
        if file.exists():
            record = json.loads(file.read_text(encoding="utf-8"))
        template, commit = options.template or record.get("template"), options.old or record.get("commit")
        answers = {question: str(answer) for question, answer in record["answers"].items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        raise Refused(f"{RECORD} is damaged: restore it as the template wrote it.") from None
    if not template:
        raise Refused("The place of the template is not known here: say --template PATH_OR_URL.")
    if not commit:
        raise Refused("The template's commit that made this service is not known here: say --from COMMIT.")
    return Record(str(template), str(commit), answers)


def keep_record(service: Service, old: Rendering) -> None:
    """Let the old rendering have the owner's .template.json, so that the new one replaces it without a conflict."""
    (old.folder / RECORD).unlink(missing_ok=True)
    if (service.folder / RECORD).exists():
        (old.folder / RECORD).write_bytes((service.folder / RECORD).read_bytes())


# The template


def cloned(place: str, folder: Path) -> Path:
    """A clone without work tree. From a clone on this machine, it takes over the origin, which the service records."""
    options = ["--quiet", "--no-checkout", "--origin", "origin"]
    done = run(folder.parent, "clone", *options, "--", str(local(place) or place), str(folder))
    if done.returncode:
        raise Refused(f"The template cannot be cloned, say --template PATH_OR_URL for another place: {complaint(done)}")
    if source := local(place):
        origin = run(source, "config", "--get", "remote.origin.url").stdout.strip()
        git(folder, "remote", "set-url", "origin", origin or str(source))
    return folder


def local(place: str) -> Path | None:
    # Raised where a path begins with ~ and a name that no user has.
    with suppress(RuntimeError):
        folder = Path(place).expanduser().absolute()
        if folder.is_dir():
            return folder
    return None


def commit_in(template: Path, name: str) -> str:
    """The id of a commit that the clone of the template knows by this name; a branch is one of its origin."""
    for known_as in (name, f"origin/{name}"):
        done = run(template, "rev-parse", "--verify", "--quiet", known_as + "^{commit}")
        if done.returncode == 0:
            return done.stdout.strip()
    raise Refused(f"The template has no commit {name}: say another one, or --template with a clone that has it.")


def rendered(template: Path, commit: str, recorded: Answers, given: Answers, folder: Path) -> Rendering:
    """Render a commit in a process of its own, without the configuration and the saved answers of this machine."""
    source, output, settings = folder / "template", folder / "output", folder / "cookiecutter.yaml"
    git(template, "worktree", "add", "--quiet", "--detach", str(source), commit)
    version = git(template, "describe", "--tags", "--always", commit)
    answers = arguments(questions_of(source, version), recorded, given, version)
    # JSON is YAML as well.
    folders = {"cookiecutters_dir": str(folder / "templates"), "replay_dir": str(folder / "replay")}
    settings.write_text(json.dumps(folders | {"default_context": {}}), encoding="utf-8")
    options = ["--no-input", "--config-file", str(settings), "--output-dir", str(output), str(source)]
    done = subprocess.run(
        [sys.executable, "-m", "cookiecutter", *options, *answers],
        cwd=folder,
        env={**os.environ, "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode:
        # After its last line, cookiecutter may write all answers.
        said = (done.stdout + done.stderr).partition("\nContext: ")[0].strip()
        raise Refused(f"Template {version} cannot be rendered with these answers: {said.splitlines()[-1]}")
    [service] = output.iterdir()
    return Rendering(version, service)


def questions_of(source: Path, version: str) -> dict[str, Any]:
    """The template's questions, with their defaults, or a list of the choices that they offer."""
    try:
        table = json.loads((source / "cookiecutter.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise Refused(f"Template {version} is no template of cookiecutter: say another --template.") from None
    return {question: default for question, default in table.items() if not question.startswith("_")}


def arguments(questions: dict[str, Any], recorded: Answers, given: Answers, version: str) -> Iterator[str]:
    """The answers as cookiecutter takes them, without those recorded that the template no longer asks for.

    Raises:
        Refused: the template does not ask for what was given, or does not offer what was chosen.
    """
    for question in given.keys() - questions.keys():
        raise Refused(f"Template {version} has no question {question}: answer one of {', '.join(questions)}.")
    for question, answer in {**recorded, **given}.items():
        match questions.get(question):
            case None:
                continue
            case list(choices) if answer not in choices:
                remedy = f"say {question}={choices[0]} or another one of {', '.join(choices)}"
                raise Refused(f"Template {version} does not offer {question}={answer}: {remedy}.")
            case list():
                yield f"{question}={answer}"
            case _:
                # Cookiecutter renders text with Jinja, so it gets a literal that stands for it.
                yield f"{question}={OPENING} {json.dumps(answer, ensure_ascii=False)} {CLOSING}"


# The merge


def tree(service: Service, rendering: Rendering, index: Path) -> str:
    """The id of a tree in the owner's repository: that of HEAD, with this rendering in place of the service."""
    work_tree = rendering.folder.parent.parent / "repository"
    place = work_tree / service.prefix
    place.parent.mkdir(parents=True, exist_ok=True)
    rendering.folder.rename(place)
    repository = git(service.top, "rev-parse", "--absolute-git-dir")
    environment = {"GIT_DIR": repository, "GIT_WORK_TREE": str(work_tree), "GIT_INDEX_FILE": str(index)}
    git(work_tree, "read-tree", "HEAD", **environment)
    # Also what the owner ignores, and what a sparse checkout leaves out.
    git(work_tree, "add", "--all", "--force", "--sparse", "--", service.prefix or ".", **environment)
    return git(work_tree, "write-tree", **environment)


def refuse_overwriting(service: Service, old: str, new: str) -> None:
    """git itself would overwrite ignored files, and say nothing."""
    options = ["-r", "-z", "--no-renames", "--name-only", "--diff-filter=d"]
    written = set(paths(git(service.top, "diff-tree", *options, old, new)))
    folders = {folder for path in written for folder in above(path)}
    for path in paths(git(service.folder, "ls-files", "--others", "--full-name", "-z")):
        if path in written | folders or not written.isdisjoint(above(path)):
            remedy = "commit or move yours first"
            raise Refused(f"The template has a file in the place of {path}, which git does not know: {remedy}.")


def paths(output: str) -> list[str]:
    """The paths that git ends with null characters. A repository inside the repository has a slash at its end."""
    return [path.rstrip("/") for path in output.split("\0") if path]


def above(path: str) -> Iterator[str]:
    """The folders in which this path is."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def merge(service: Service, commit: str, title: str) -> int:
    """Stage the commit's difference in the owner's work tree, and say what came of it."""
    # So that each file of the template comes to the place that refuse_overwriting() looked at.
    options = ["-c", "merge.directoryRenames=false"]
    done = run(service.top, *options, "cherry-pick", "--no-commit", commit)
    conflicts = paths(git(service.top, "diff", "--name-only", "--diff-filter=U", "-z"))
    changes = git(service.top, "diff", "--cached", "--shortstat", "HEAD").strip()
    if done.returncode and not conflicts and not changes:
        raise Refused(f"git does not merge here: {complaint(done)}")
    print(title)
    if not conflicts and not changes:
        print("The service is up to date.")
        return DONE
    print(f"Staged: {changes}. To go back: git reset --hard")
    for path in conflicts:
        print(f"Conflict: {path}")
    if conflicts:
        print("Next: resolve the conflicts, git add these files, make check test, git commit.")
        return CONFLICTS
    print("Next: git diff --staged, make check test, git commit.")
    return DONE


# git


def git(folder: Path, *arguments: str, **environment: str) -> str:
    """What git prints, without the line's end.

    Raises:
        Refused: git fails.
    """
    done = run(folder, *arguments, **environment)
    if done.returncode:
        raise Refused(f"git fails in {folder}: {complaint(done)}")
    return done.stdout.rstrip("\n")


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    try:
        return subprocess.run(
            ["git", *PLAIN, *arguments],
            cwd=folder,
            env={**inherited, **IDENTITY, **environment},
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
        )
    except FileNotFoundError:
        raise Refused("git is missing on PATH: install it first.") from None


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    """What git says against a command, in one line."""
    return " ".join(done.stderr.split())


if __name__ == "__main__":
    sys.exit(main())

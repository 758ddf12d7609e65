"""`make update` in services of many kinds of owners: real git, real cookiecutter, and a template that has a history."""

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from combinations import CONTEXT, FLAVOURS, FRAMEWORKS, STRATEGIES, BakedProject
from environments import interpreter_for, interpreters, made, requirements_of
from template_history import LINES, NEW_BYTES, TREE, History, Scene, make_history
from test_answers import HOSTILE
from test_owner_path import Owned, follow, stand_in_for_uv

#: What an update needs of a service. Most tests take a template with these files only, which renders in half the time.
NEEDED = (".template.json", "dev/__init__.py", "dev/update.py")

DONE, CONFLICTS, REFUSED = 0, 1, 2

#: Answers before and after an update.
CHANGES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "nothing": ({}, {}),
    "pooling strategy": ({}, {"pooling_strategy": "queue_pool"}),
    "every choice": (
        {"framework": "flask", "driver": "psycopg2", "pipeline": "cloud_build", "gcp_region": "europe-west3"},
        {
            "framework": "litestar",
            "pooling_strategy": "layered_pool",
            "driver": "asyncpg",
            "python_version": CONTEXT["python_version"][-1],
            "pipeline": "github_actions",
            "gcp_region": "us-east4",
        },
    ),
}

#: Questions that take any text, one for each hostile text, and these as answers.
ANY_TEXT = {f"text_{number}": "-" for number in range(len(HOSTILE))}
#: A prompt leaves out the spaces around a text.
HOSTILE_ANSWERS = dict(zip(ANY_TEXT, map(str.strip, HOSTILE), strict=True))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    scene = Scene(tmp_path_factory.mktemp("scene"))
    scene.prepare()
    return scene


@pytest.fixture(scope="module")
def whole(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> History:
    """This template with all of its files."""
    return make_history(scene, tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def history(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> History:
    """This template with few of its files."""
    return make_history(scene, tmp_path_factory.mktemp("small"), kept=NEEDED, questions=ANY_TEXT)


@pytest.fixture(scope="module")
def made_before(scene: Scene, history: History, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service of the older commit, which its owner committed."""
    service = scene.render(history.old_checkout, tmp_path_factory.mktemp("made"), {})
    scene.commit(service)
    return service


@pytest.fixture
def service(made_before: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made_before, tmp_path / "service"))


@dataclass(frozen=True)
class Update:
    service: Path
    code: int
    said: str
    refused: str

    def read(self, path: str) -> str:
        return (self.service / path).read_text(encoding="utf-8")


def update(scene: Scene, service: Path, *arguments: str, **environment: str) -> Update:
    done = scene.run(service, sys.executable, "-m", "dev.update", *arguments, **environment)
    return Update(service, done.returncode, done.stdout, done.stderr)


def contents(folder: Path) -> dict[str, tuple[bytes, bool]]:
    """Each file's content, and whether it can be run. Python's own files are left out, and git's."""
    return {
        str(file.relative_to(folder)): (file.read_bytes(), bool(file.stat().st_mode & stat.S_IXUSR))
        for file in sorted(folder.rglob("*"))
        if file.is_file() and not {".git", "__pycache__"} & set(file.relative_to(folder).parts)
    }


# An owner who changed nothing


@pytest.mark.parametrize("change", CHANGES)
def test_update_of_an_unchanged_service_is_a_fresh_rendering(
    scene: Scene, whole: History, tmp_path: Path, change: str
) -> None:
    assert_updated_is_fresh(scene, whole, tmp_path, *CHANGES[change])


def test_hostile_text_survives_an_update(scene: Scene, history: History, tmp_path: Path) -> None:
    assert_updated_is_fresh(scene, history, tmp_path, HOSTILE_ANSWERS, {})


def test_hostile_text_given_to_an_update_is_that_text(scene: Scene, history: History, tmp_path: Path) -> None:
    assert_updated_is_fresh(scene, history, tmp_path, {}, HOSTILE_ANSWERS)


def assert_updated_is_fresh(
    scene: Scene, history: History, folder: Path, before: dict[str, str], changes: dict[str, str]
) -> None:
    service = scene.render(history.old_checkout, folder / "updated", before)
    scene.commit(service)
    given = [f"{question}={answer}" for question, answer in changes.items()]
    done = update(scene, service, "--template", str(history.repository), *given)
    assert done.code == DONE, done.refused
    fresh = scene.render(history.repository, folder / "fresh", before | changes)
    assert contents(service) == contents(fresh)


def test_second_update_finds_the_service_up_to_date(scene: Scene, history: History, service: Path) -> None:
    update(scene, service, "--template", str(history.repository))
    commit = scene.commit(service)
    done = update(scene, service, "--template", str(history.repository))
    assert (done.code, done.said.splitlines()[-1]) == (DONE, "The service is up to date.")
    assert scene.must(service, "git", "rev-parse", "HEAD") == commit
    assert not scene.must(service, "git", "status", "--porcelain")


# An owner with changes that go with those of the template


@pytest.fixture(scope="module")
def merged(scene: Scene, history: History, made_before: Path, tmp_path_factory: pytest.TempPathFactory) -> Update:
    service = Path(shutil.copytree(made_before, tmp_path_factory.mktemp("merged") / "service"))
    handbook = service / "handbook"
    replace(handbook / "shared.txt", LINES[0], "line 1 of the owner\n")
    replace(handbook / "renamed.txt", LINES[0].upper(), "LINE 1 OF THE OWNER\n")
    (handbook / "moved_by_owner.txt").rename(service / "moved.txt")
    (handbook / "removed_by_owner.txt").unlink()
    (service / "own.txt").write_text("The owner's.\n", encoding="utf-8")
    scene.commit(service)
    return update(scene, service, "--template", str(history.repository))


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_changes_of_the_template_and_the_owner_meet_in_one_file(merged: Update) -> None:
    lines = merged.read("handbook/shared.txt").splitlines()
    assert (lines[0], lines[19]) == ("line 1 of the owner", "line 20 of the template")


def test_owner_file_stays(merged: Update) -> None:
    assert merged.read("own.txt") == "The owner's.\n"


def test_file_that_the_template_renamed_keeps_the_owner_change(merged: Update) -> None:
    assert merged.read("handbook/new_name.txt").startswith("LINE 1 OF THE OWNER\n")
    assert not (merged.service / "handbook" / "renamed.txt").exists()


def test_file_that_the_owner_renamed_gets_the_template_change(merged: Update) -> None:
    assert "Line 20, new\n" in merged.read("moved.txt")
    assert not (merged.service / "handbook" / "moved_by_owner.txt").exists()


def test_file_that_the_template_removed_is_gone(merged: Update) -> None:
    assert not (merged.service / "handbook" / "removed.txt").exists()


def test_file_that_the_owner_removed_stays_away(merged: Update) -> None:
    assert not (merged.service / "handbook" / "removed_by_owner.txt").exists()


def test_file_that_the_template_made_executable_can_be_run(merged: Update) -> None:
    assert (merged.service / "handbook" / "run.sh").stat().st_mode & stat.S_IXUSR


def test_binary_file_of_the_template_is_replaced(merged: Update) -> None:
    assert (merged.service / "handbook" / "picture.bin").read_bytes() == NEW_BYTES


def test_new_question_has_its_default(merged: Update) -> None:
    assert json.loads(merged.read(".template.json"))["answers"]["team"] == "Platform"


def test_record_names_the_new_commit(merged: Update, history: History) -> None:
    assert json.loads(merged.read(".template.json"))["commit"] == history.new


def test_difference_is_staged_and_not_committed(scene: Scene, merged: Update) -> None:
    assert scene.must(merged.service, "git", "rev-list", "--count", "HEAD") == "2"
    assert scene.must(merged.service, "git", "diff", "--staged", "--name-only")
    assert not scene.must(merged.service, "git", "diff", "--name-only")


def test_last_words_count_the_changes_and_name_the_next_command(merged: Update) -> None:
    assert merged.code == DONE
    from_to, staged, following = merged.said.splitlines()
    assert from_to == "From template v1 to v2."
    assert staged.startswith("Staged: 10 files changed, ")
    assert "make check test" in following


# An owner with changes that do not go with those of the template


@pytest.fixture(scope="module")
def conflicting(scene: Scene, history: History, made_before: Path, tmp_path_factory: pytest.TempPathFactory) -> Update:
    service = Path(shutil.copytree(made_before, tmp_path_factory.mktemp("conflicting") / "service"))
    replace(service / "handbook" / "shared.txt", LINES[19], "line 20 of the owner\n")
    (service / "handbook" / "moved_by_owner.txt").unlink()
    (service / "handbook" / "added.txt").write_text("The owner has a file of this name.\n", encoding="utf-8")
    scene.commit(service)
    return update(scene, service, "--template", str(history.repository))


def test_conflict_has_the_marks_of_git_around_both_sides(conflicting: Update) -> None:
    marked = conflicting.read("handbook/shared.txt").partition("<<<<<<< HEAD\n")[2].partition("\n>>>>>>> ")
    assert marked[0] == "line 20 of the owner\n=======\nline 20 of the template"
    assert marked[2].partition("\n")[0].endswith("(Template v2)")


def test_each_conflicting_file_is_named(conflicting: Update) -> None:
    assert conflicting.code == CONFLICTS
    named = [line for line in conflicting.said.splitlines() if line.startswith("Conflict: ")]
    files = ("added.txt", "moved_by_owner.txt", "shared.txt")
    assert named == [f"Conflict: handbook/{file}" for file in files]


def test_owner_file_in_the_place_of_a_new_one_is_not_lost(conflicting: Update) -> None:
    text = conflicting.read("handbook/added.txt")
    assert "The owner has a file of this name.\n" in text
    assert "The template adds it.\n" in text


def test_what_does_not_conflict_is_there_beside_conflicts(conflicting: Update) -> None:
    assert conflicting.read("area/added.txt") == "The template adds it in a folder of its own.\n"


def test_update_with_conflicts_can_be_taken_back(scene: Scene, conflicting: Update, tmp_path: Path) -> None:
    committed = tmp_path / "committed"
    scene.must(tmp_path, "git", "clone", "--quiet", str(conflicting.service), str(committed))
    assert "To go back: git reset --hard" in conflicting.said
    service = Path(shutil.copytree(conflicting.service, tmp_path / "service"))
    scene.must(service, "git", "reset", "--quiet", "--hard")
    assert contents(service) == contents(committed)


# Refusals


@dataclass(frozen=True)
class Refusal:
    """What an owner does before, the arguments, and a part of the sentence that refuses the update."""

    prepare: Callable[[Scene, Path], object]
    arguments: tuple[str, ...]
    sentence: str
    environment: Mapping[str, str] = field(default_factory=dict)


def nothing(scene: Scene, service: Path) -> None:
    pass


def writing(path: str, text: str = "The owner's.\n", ignored: str = "") -> Callable[[Scene, Path], None]:
    """Write a file, and let git ignore some."""

    def write(scene: Scene, service: Path) -> None:
        (service / path).parent.mkdir(parents=True, exist_ok=True)
        (service / path).write_text(text, encoding="utf-8")
        (service / ".git" / "info" / "exclude").write_text(ignored, encoding="utf-8")

    return write


def staging(scene: Scene, service: Path) -> None:
    (service / "own.txt").write_text("The owner's.\n", encoding="utf-8")
    scene.must(service, "git", "add", "own.txt")


def recording(text: str) -> Callable[[Scene, Path], object]:
    def record(scene: Scene, service: Path) -> None:
        (service / ".template.json").write_text(text, encoding="utf-8")
        scene.commit(service)

    return record


def forgetting_git(scene: Scene, service: Path) -> None:
    shutil.rmtree(service / ".git")


def starting_anew(scene: Scene, service: Path) -> None:
    shutil.rmtree(service / ".git")
    scene.must(service, "git", "init", "--quiet")


def leaving_untracked(scene: Scene, service: Path) -> None:
    scene.must(service, "git", "rm", "--quiet", "-r", "--cached", ".")
    scene.must(service, "git", "commit", "--quiet", "--message=without the service")


def stopping_in(*command: str) -> Callable[[Scene, Path], None]:
    """Let a command of git stop at a conflict, and leave nothing for it to complain about but itself."""

    def stop(scene: Scene, service: Path) -> None:
        scene.must(service, "git", "checkout", "--quiet", "-b", "other")
        (service / "handbook" / "shared.txt").write_text("one side\n", encoding="utf-8")
        scene.commit(service)
        scene.must(service, "git", "format-patch", "--quiet", "-1", "--output-directory", "../patches")
        scene.must(service, "git", "checkout", "--quiet", "-")
        (service / "handbook" / "shared.txt").write_text("other side\n", encoding="utf-8")
        scene.commit(service)
        (service / "handbook" / "shared.txt").write_text("later\n", encoding="utf-8")
        scene.commit(service)
        patches = [str(file) for file in (service.parent / "patches").iterdir()]
        words = [word for name in command for word in (patches if name == "PATCH" else [name])]
        assert scene.run(service, *words).returncode

    return stop


def changing_unseen(scene: Scene, service: Path) -> None:
    """Change a file about which git was told to look away."""
    scene.must(service, "git", "update-index", "--assume-unchanged", "handbook/shared.txt")
    (service / "handbook" / "shared.txt").write_text("The owner's.\n", encoding="utf-8")


def committing_in_a_sequence(scene: Scene, service: Path) -> None:
    """Between two commits of a cherry-pick, git keeps only a note of what is left to do."""
    stopping_in("git", "cherry-pick", "other~1", "other")(scene, service)
    scene.commit(service)
    scene.must(service, "git", "diff", "--quiet", "HEAD")


REFUSALS = {
    "no repository": Refusal(forgetting_git, (), "git opens no repository in this folder: run git init"),
    "no commit": Refusal(starting_anew, (), "has no commit yet: commit the service first."),
    "repository of another user": Refusal(nothing, (), "safe.directory", {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}),
    "untracked service": Refusal(leaving_untracked, (), "which git does not know: commit or move yours first."),
    "changed file": Refusal(writing("handbook/shared.txt"), (), "handbook/shared.txt has changes without a commit"),
    "unseen change": Refusal(changing_unseen, (), "would be overwritten by merge: handbook/shared.txt"),
    "staged file": Refusal(staging, (), "own.txt has changes without a commit"),
    "merge": Refusal(stopping_in("git", "merge", "other"), (), "A merge is unfinished"),
    "rebase": Refusal(stopping_in("git", "rebase", "other"), (), "A rebase is unfinished"),
    "patch": Refusal(stopping_in("git", "am", "PATCH"), (), "A rebase or git am is unfinished"),
    "cherry-pick": Refusal(stopping_in("git", "cherry-pick", "other"), (), "A cherry-pick is unfinished"),
    "revert": Refusal(stopping_in("git", "revert", "--no-edit", "HEAD~1"), (), "A revert is unfinished"),
    "sequence": Refusal(committing_in_a_sequence, (), "A cherry-pick or revert is unfinished"),
    "record is no JSON": Refusal(recording("{"), (), ".template.json is damaged"),
    "record is no object": Refusal(recording("[]"), (), ".template.json is damaged"),
    "record without answers": Refusal(recording("{}"), (), ".template.json is damaged"),
    "no place": Refusal(nothing, ("--template", ""), "say --template PATH_OR_URL"),
    "no old commit": Refusal(recording('{"answers": {}}'), (), "say --from COMMIT"),
    "no user of that name": Refusal(
        nothing, ("--template", "~nobody-has-it/template"), "The template cannot be cloned"
    ),
    "no template": Refusal(nothing, ("--template", "/nowhere"), "'/nowhere' does not exist"),
    "unknown old commit": Refusal(nothing, ("--from", "v0"), "has no commit v0: say another one"),
    "unknown new commit": Refusal(nothing, ("--to", "v3"), "has no commit v3: say another one"),
    "unknown question": Refusal(nothing, ("drivr=asyncpg",), "no question drivr: answer one of project_name, "),
    "private question": Refusal(nothing, ("_drivers=1",), "no question _drivers: answer one of project_name, "),
    "unknown choice": Refusal(nothing, ("driver=pg",), "driver=pg: say driver=psycopg or another one of psycopg, "),
    "no answer": Refusal(nothing, ("driver",), "say question=answer in place of 'driver'"),
    "refused answers": Refusal(nothing, ("framework=flask", "driver=asyncpg"), "choose psycopg or psycopg2"),
    "file": Refusal(writing("handbook/added.txt"), (), "in the place of handbook/added.txt"),
    "ignored file": Refusal(
        writing("handbook/added.txt", ignored="added.txt"), (), "in the place of handbook/added.txt"
    ),
    "ignored file for a folder": Refusal(writing("area", ignored="area"), (), "in the place of area,"),
    "ignored folder for a file": Refusal(
        writing("handbook/added.txt/own", ignored="own"), (), "in the place of handbook/added.txt/own,"
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_update_is_refused_with_a_remedy_and_changes_nothing(
    scene: Scene, history: History, service: Path, name: str
) -> None:
    refusal = REFUSALS[name]
    refusal.prepare(scene, service)
    before = state(scene, service)
    place = str(history.repository)
    done = update(scene, service, "--template", place, *refusal.arguments, **refusal.environment)
    assert (done.code, done.said) == (REFUSED, ""), done.refused
    assert refusal.sentence in done.refused.splitlines()[-1]
    assert state(scene, service) == before


def state(scene: Scene, service: Path) -> tuple[object, ...]:
    """The files, what git says of them, and the files by which git knows that something is unfinished."""
    said = [scene.run(service, "git", *command).stdout for command in (["status", "--ignored"], ["log", "--all"])]
    return contents(service), said, sorted(path.name for path in (service / ".git").glob("*"))


def test_choice_that_is_no_longer_offered_is_refused(scene: Scene, history: History, service: Path) -> None:
    record = json.loads((service / ".template.json").read_text(encoding="utf-8"))
    record["answers"]["driver"] = "pg8000"
    recording(json.dumps(record))(scene, service)
    done = update(scene, service, "--template", str(history.repository))
    assert (done.code, done.said) == (REFUSED, "")
    assert "does not offer driver=pg8000: say driver=psycopg" in done.refused


def test_commit_that_is_no_template_is_refused(scene: Scene, service: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    commit = scene.commit(tmp_path / "other")
    done = update(scene, service, "--template", str(tmp_path / "other"), "--from", commit)
    assert (done.code, done.said) == (REFUSED, "")
    assert "is no template of cookiecutter" in done.refused


def test_commit_that_cannot_be_rendered_is_refused_with_its_last_line(
    scene: Scene, history: History, service: Path, tmp_path: Path
) -> None:
    broken = Path(shutil.copytree(history.repository, tmp_path / "broken"))
    (broken / TREE / "broken.txt").write_text("{{ cookiecutter.nothing }}\n", encoding="utf-8")
    scene.commit(broken)
    before = state(scene, service)
    done = update(scene, service, "--template", str(broken))
    assert (done.code, done.said) == (REFUSED, "")
    assert "v2-1-g" in done.refused
    assert "has no attribute 'nothing'" in done.refused
    assert state(scene, service) == before


def test_secret_of_a_url_that_cannot_be_cloned_is_not_shown(scene: Scene, service: Path) -> None:
    done = update(scene, service, "--template", "http://owner:secret@127.0.0.1:1/template.git")
    assert "cannot be cloned" in done.refused
    assert "secret" not in done.refused


def test_missing_git_is_refused(scene: Scene, service: Path, tmp_path: Path) -> None:
    done = update(scene, service, PATH=str(tmp_path))
    assert (done.code, done.refused) == (REFUSED, "git is missing on PATH: install it first.\n")


def test_ignored_file_in_a_folder_that_the_owner_renamed_is_not_overwritten(
    scene: Scene, history: History, service: Path
) -> None:
    """git would put what the template adds to the folder into the renamed one."""
    (service / "handbook").rename(service / "guide")
    scene.commit(service)
    writing("guide/added.txt", ignored="added.txt")(scene, service)
    done = update(scene, service, "--template", str(history.repository))
    assert done.read("guide/added.txt") == "The owner's.\n"
    assert done.read("handbook/added.txt") == "The template adds it.\n"


# Where the template is, and which commit


@pytest.mark.parametrize(
    ("place", "commit"), [("{}", "v2"), ("{}", "next"), ("file://{}", "id"), ("file://{}", "short id")]
)
def test_template_has_a_path_or_url_and_a_commit_has_names(
    scene: Scene, history: History, service: Path, place: str, commit: str
) -> None:
    name = {"id": history.new, "short id": history.new[:8]}.get(commit, commit)
    done = update(scene, service, "--template", place.format(history.repository), "--to", name)
    assert done.code == DONE, done.refused
    assert json.loads(done.read(".template.json"))["commit"] == history.new


def test_recorded_url_is_enough(scene: Scene, history: History, tmp_path: Path) -> None:
    """The secret in the URL of the clone that rendered the service is in none of its files."""
    url = "https://example.com/owner/template.git"
    clone = tmp_path / "clone"
    scene.must(tmp_path, "git", "clone", "--quiet", str(history.old_checkout), str(clone))
    scene.must(clone, "git", "checkout", "--quiet", "v1")
    scene.must(clone, "git", "remote", "set-url", "origin", url.replace("example", "owner:secret@example"))
    service = scene.render(clone, tmp_path / "made", {})
    assert json.loads((service / ".template.json").read_text(encoding="utf-8"))["template"] == url
    scene.commit(service)
    instead = ("GIT_CONFIG_COUNT", "1"), ("GIT_CONFIG_KEY_0", f"url.{history.repository}.insteadOf")
    done = update(scene, service, **dict(instead), GIT_CONFIG_VALUE_0=url)
    assert done.code == DONE, done.refused
    record = json.loads(done.read(".template.json"))
    assert (record["template"], record["commit"]) == (url, history.new)


def test_clone_on_this_machine_is_recorded_by_its_own_origin(
    scene: Scene, history: History, service: Path, tmp_path: Path
) -> None:
    url = "git@example.com:owner/template.git"
    clone = Path(shutil.copytree(history.repository, tmp_path / "clone"))
    scene.must(clone, "git", "remote", "add", "origin", url)
    done = update(scene, service, "--template", str(clone))
    assert json.loads(done.read(".template.json"))["template"] == url


def test_service_without_a_record_is_updated_with_the_answers_given(
    scene: Scene, history: History, tmp_path: Path
) -> None:
    older = tmp_path / "older"
    scene.must(tmp_path, "git", "clone", "--quiet", str(history.repository), str(older))
    scene.must(older, "git", "checkout", "--quiet", history.oldest)
    answers = {"driver": "asyncpg", "project_name": "Older"}
    service = scene.render(older, tmp_path / "made", answers)
    assert not (service / ".template.json").exists()
    scene.commit(service)
    script = history.repository / TREE / "dev" / "update.py"
    given = [f"{question}={answer}" for question, answer in answers.items()]
    arguments = ["--template", str(history.repository), "--from", history.oldest, *given]
    scene.must(service, sys.executable, str(script), *arguments)
    assert contents(service) == contents(scene.render(history.repository, tmp_path / "fresh", answers))


# What is around the service


def test_neighbours_in_a_monorepo_are_left_alone(
    scene: Scene, history: History, made_before: Path, tmp_path: Path
) -> None:
    """What the owner deleted is not found again in the neighbour, which has the same file."""
    neighbour, service = tmp_path / "services" / "notes", tmp_path / "services" / "not[e]s"
    for folder in (neighbour, service):
        shutil.copytree(made_before, folder, ignore=shutil.ignore_patterns(".git"))
    (service / "handbook" / "moved_by_owner.txt").unlink()
    scene.commit(tmp_path)
    before = contents(neighbour)
    done = update(scene, service, "--template", str(history.repository))
    assert done.code == CONFLICTS
    assert "Conflict: services/not[e]s/handbook/moved_by_owner.txt" in done.said
    assert done.read("handbook/new_name.txt")
    assert contents(neighbour) == before
    changed = scene.must(tmp_path, "git", "diff", "--name-only", "HEAD").splitlines()
    assert all(path.startswith("services/not[e]s/") for path in changed)


def test_new_file_comes_also_where_the_owner_ignores_its_name(scene: Scene, history: History, service: Path) -> None:
    (service / ".git" / "info" / "exclude").write_text("area\n", encoding="utf-8")
    update(scene, service, "--template", str(history.repository))
    assert "area/added.txt" in scene.must(service, "git", "diff", "--staged", "--name-only").splitlines()


def test_files_that_a_sparse_checkout_leaves_out_are_updated(scene: Scene, history: History, service: Path) -> None:
    scene.must(service, "git", "sparse-checkout", "set", "--no-cone", "/*", "!/area", "!/handbook/shared.txt")
    done = update(scene, service, "--template", str(history.repository))
    assert done.code == DONE, done.refused
    staged = scene.must(service, "git", "diff", "--staged", "--name-only").splitlines()
    assert {"area/added.txt", "handbook/shared.txt"} <= set(staged)


def test_service_in_a_linked_work_tree_is_updated(
    scene: Scene, history: History, service: Path, tmp_path: Path
) -> None:
    linked = tmp_path / "linked"
    scene.must(service, "git", "worktree", "add", "--quiet", str(linked))
    before = contents(service)
    done = update(scene, linked, "--template", str(history.repository))
    assert done.code == DONE, done.refused
    assert done.read("handbook/added.txt")
    assert contents(service) == before


def test_configuration_and_saved_answers_of_the_person_are_not_used(
    scene: Scene, history: History, service: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(scene.home, home, ignore=shutil.ignore_patterns(".cookiecutter*"))
    (home / ".cookiecutter_replay").mkdir()
    (home / ".cookiecutter_replay" / "template.json").write_text("The person's.", encoding="utf-8")
    (home / ".cookiecutterrc").write_text('default_context: {description: "Of the configuration."}\n', encoding="utf-8")
    before = contents(home)
    done = update(scene, service, "--template", str(history.repository), HOME=str(home))
    assert done.code == DONE, done.refused
    assert contents(home) == before
    assert "Of the configuration." not in done.read(".template.json")


def test_service_in_a_folder_whose_name_git_reads_as_a_pattern_is_updated(
    scene: Scene, history: History, made_before: Path, tmp_path: Path
) -> None:
    service = tmp_path / ":(top)notes"
    shutil.copytree(made_before, service, ignore=shutil.ignore_patterns(".git"))
    scene.commit(tmp_path)
    done = update(scene, service, "--template", str(history.repository))
    assert done.code == DONE, done.refused
    assert done.read("handbook/added.txt")


#: Configurations of git that a person has for all repositories.
CONFIGURATIONS = {
    "hooks": {"core.hooksPath": "HOOKS"},
    "another name of origin": {"clone.defaultRemoteName": "upstream"},
    "line ends of Windows": {"core.autocrlf": "true", "core.safecrlf": "true"},
    "signatures": {"commit.gpgSign": "true", "gpg.program": "false", "user.useConfigOnly": "true"},
    "another look": {"color.ui": "always", "status.short": "true", "diff.noprefix": "true", "diff.external": "false"},
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_configuration_of_git_changes_nothing(
    scene: Scene, history: History, service: Path, tmp_path: Path, name: str
) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for hook in ("post-checkout", "reference-transaction"):
        (hooks / hook).write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
        (hooks / hook).chmod(0o755)
    environment = {"GIT_CONFIG_COUNT": str(len(CONFIGURATIONS[name]))}
    for number, (key, value) in enumerate(CONFIGURATIONS[name].items()):
        environment[f"GIT_CONFIG_KEY_{number}"] = key
        environment[f"GIT_CONFIG_VALUE_{number}"] = value.replace("HOOKS", str(hooks))
    done = update(scene, service, "--template", str(history.repository), "--to", "next", **environment)
    assert done.code == DONE, done.refused
    fresh = scene.render(history.repository, tmp_path / "fresh", {})
    scene.commit(fresh)
    assert scene.must(service, "git", "write-tree") == scene.must(fresh, "git", "rev-parse", "HEAD^{tree}")


def test_repository_of_a_git_hook_is_not_touched(scene: Scene, history: History, service: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    scene.commit(tmp_path / "other")
    before = scene.must(tmp_path / "other", "git", "count-objects")
    done = update(scene, service, "--template", str(history.repository), GIT_DIR=str(tmp_path / "other" / ".git"))
    assert done.code == DONE, done.refused
    assert scene.must(tmp_path / "other", "git", "count-objects") == before


@pytest.mark.parametrize("python", interpreters())
def test_update_runs_on_the_oldest_python_and_the_newest(scene: Scene, service: Path, python: str) -> None:
    done = subprocess.run([python, "-m", "dev.update", "--help"], cwd=service, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert "question=answer" in done.stdout


def test_make_update_brings_its_own_cookiecutter(scene: Scene, whole: History, tmp_path: Path) -> None:
    service = scene.render(whole.old_checkout, tmp_path, {})
    scene.commit(service)
    command = ["make", "update", f"args=--template '{whole.repository}' 'description=Keeps tags.'"]
    # With the uv of the tests and the real home, where uv keeps what it downloaded; without what make hands down.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    environment = inherited | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=service, env=environment, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        json.loads((service / ".template.json").read_text(encoding="utf-8"))["answers"]["description"] == "Keeps tags."
    )
    assert not (service / ".venv").exists()


def test_cruft_creates_checks_and_updates_a_service_too(scene: Scene, history: History, tmp_path: Path) -> None:
    cruft = str(made(sys.executable, ["cruft>=2.16"]).parent / "cruft")
    scene.must(tmp_path, cruft, "create", "--no-input", "--checkout", "v1", f"file://{history.repository}")
    [service] = (folder for folder in tmp_path.iterdir() if folder.is_dir())
    assert json.loads((service / ".template.json").read_text(encoding="utf-8"))["commit"] == history.old
    scene.commit(service)
    assert scene.run(service, cruft, "check", "--checkout", "v2").returncode
    scene.must(service, cruft, "update", "--skip-apply-ask", "--checkout", "v2")
    record = json.loads((service / ".template.json").read_text(encoding="utf-8"))
    assert record["commit"] == history.new
    # cruft renders both commits in one process, which must not keep the questions and tables of the older one.
    assert record["answers"]["team"] == "Platform"
    assert (service / "handbook" / "added.txt").read_text(encoding="utf-8") == "The template adds it.\n"


@pytest.mark.rest
def test_owner_who_followed_the_readme_passes_all_checks_after_an_update(
    scene: Scene, whole: History, tmp_path: Path
) -> None:
    """The steps in between are those of test_owner_path.py, which stands for this one where time is short."""
    combination = FLAVOURS[0]
    service = scene.render(whole.old_checkout, tmp_path, combination.answers)
    extra = FRAMEWORKS[combination.framework]["owner_requirements"]
    python = made(interpreter_for(combination), [*requirements_of(BakedProject(combination, service)), *extra])
    stand_in_for_uv(tmp_path / "bin", python)
    owned = Owned(combination, service, python)
    scene.commit(service)
    follow(owned)
    scene.commit(service)
    other = next(strategy for strategy in STRATEGIES if strategy != combination.pooling_strategy)
    done = update(scene, service, "--template", str(whole.repository), f"pooling_strategy={other}")
    assert done.code == DONE, done.said + done.refused
    try:
        owned.must("make check test")
    finally:
        owned.must("make stop")

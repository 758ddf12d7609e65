"""What the scripts ask of a machine: no run bits, and no newer Bash than that of macOS."""

import os
import re
import shutil
from pathlib import Path

import pytest

from cloud import Cloud
from combinations import CONTEXT, SUPPORTED, TEMPLATE, BakedProject
from conftest import Bake

#: What Bash 3.2 of macOS does not have: an example, and what finds it.
NEWER_BASH = {
    "declare -A ages": r"\b(declare|local|typeset) -\w*[Agn]",
    "coproc cat": r"\bcoproc\b",
    "${name,,}": r"\$\{!?\w+(\[[^]]*\])?(,|\^)",
    "mapfile -t lines": r"\b(mapfile|readarray)\b",
    "make |& cat": r"\|&|&>>",
    "one) ;;&": r";;?&",
    "{0..10..2}": r"\{\w+\.\.\w+\.\.",
    "shopt -s globstar": r"\bglobstar\b",
    "exec {file}<name": r"\{\w+\}[<>]",
    "${names[-1]}": r"\$\{\w+\[-",
    "[[ -v name ]]": r"\[\[ -v\b",
    "printf '%(%F)T'": r"printf .*%\([^)]*\)T",
    "${name:0:-1}": r"\$\{\w+:[^}]*:\s*-",
    "wait -n": r"\bwait -",
    "${name@Q}": r"\$\{\w+(\[[^]]*\])?@[A-Za-z]\}",
    "$EPOCHSECONDS": r"\b(EPOCHSECONDS|EPOCHREALTIME|SRANDOM|BASH_ARGV0)\b",
    "${ date; }": r"\$\{[ |]",
}

#: What the tools of GNU understand, and those of macOS do not.
GNU_TOOLS = {
    "sed -i s/a/b/ file": r"\bsed (-\w+ )*-\w*i\s",
    r"sed 's/ /\t/'": r"\bsed .*\\[tn]",
    "readlink -f file": r"\breadlink -",
    "date -d tomorrow": r"\bdate (-u )?-[dIr]|\bdate .*%N",
    "grep -P word": r"\bgrep .*-\w*P",
    "cp -a one two": r"\bcp -\w*a",
    "stat -c %a file": r"\bstat -c",
    "xargs -r rm": r"\bxargs -\w*[rd]",
    "head -n -1": r"\bhead -n -",
    "sort -V": r"\bsort -\w*V",
    "sha256sum file": r"\b(sha256sum|md5sum|tac|timeout|nproc) ",
    "mktemp --directory": r"\bmktemp -\w*-",
}


@pytest.fixture(params=CONTEXT["pipeline"])
def project(request: pytest.FixtureRequest, bake: Bake) -> BakedProject:
    return bake(SUPPORTED[0], request.param)


def called_without_bash(script: str, files: dict[str, str]) -> list[str]:
    """The files that name a script, with its folder, and no bash before it."""
    return [path for path, text in files.items() if re.search(rf"(?<!bash ){re.escape(script)}\b", text)]


def test_scripts_of_a_service_are_called_by_bash_wherever_a_file_names_them(project: BakedProject) -> None:
    scripts = [path for path in project.files if os.access(project.path / path, os.X_OK)]
    assert {"deploy/bootstrap.sh", "deploy/deploy.sh"} <= set(scripts)
    assert {f"deploy/{path.name}" for path in project.path.glob("deploy/*.sh")} - set(scripts) == {"deploy/common.sh"}
    for script in scripts:
        assert not called_without_bash(script, project.files)


def test_scripts_are_called_by_bash_wherever_the_template_names_them() -> None:
    readers = [TEMPLATE / "README.md", *TEMPLATE.glob("docs/*.md"), *TEMPLATE.glob(".github/workflows/*.yaml")]
    files = {str(file): file.read_text(encoding="utf-8") for file in readers}
    for script in ("deploy/bootstrap.sh", "deploy/deploy.sh", ".ci/run"):
        assert not called_without_bash(script, files)


@pytest.mark.parametrize("script", ["deploy.sh", "bootstrap.sh"])
def test_script_whose_run_bits_are_lost_works(bake: Bake, tmp_path: Path, script: str) -> None:
    """A check-out on Windows, an archive or a network drive loses them."""
    service = shutil.copytree(bake(SUPPORTED[0]).path, tmp_path / "service")
    for path in service.glob("deploy/*.sh"):
        path.chmod(0o644)
    done = Cloud(tmp_path, service).run(script, "--dry-run")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("example", NEWER_BASH)
def test_scripts_need_no_newer_bash_than_that_of_macos(project: BakedProject, example: str) -> None:
    assert re.search(NEWER_BASH[example], example)
    for script in project.path.glob("deploy/*.sh"):
        assert not re.search(NEWER_BASH[example], without_comments(script)), script.name


@pytest.mark.parametrize("example", GNU_TOOLS)
def test_scripts_and_makefiles_need_no_tool_of_gnu(project: BakedProject, example: str) -> None:
    assert re.search(GNU_TOOLS[example], example)
    for file in (*project.path.glob("deploy/*.sh"), project.path / "Makefile", TEMPLATE / "Makefile"):
        assert not re.search(GNU_TOOLS[example], without_comments(file)), file


def without_comments(file: Path) -> str:
    return re.sub(r"^\s*#.*", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_arrays_that_may_be_empty_are_read_with_a_guard(project: BakedProject) -> None:
    """Before Bash 4.4, an empty array is unset for `set -u`."""
    for path in project.path.glob("deploy/*.sh"):
        code = path.read_text(encoding="utf-8")
        empty = re.findall(r"\b(\w+)=\(\)", code)
        for name in empty:
            guarded = f'${{{name}[@]+"${{{name}[@]}}"}}'
            assert f"${{{name}[@]}}" not in code.replace(guarded, ""), f"{path.name}: {name}"
            assert f"${{{name}[*]}}" not in code, f"{path.name}: {name}"

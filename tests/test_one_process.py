"""Who renders two commits of the template in one process, as cruft does, gets what the code of each makes."""

import shutil
import subprocess
import sys
from pathlib import Path

from combinations import TEMPLATE
from template_history import NOT_COMMITTED, TREE

#: Render one checkout, bring it to its next commit, and render it again.
RENDER_TWICE = """
import shutil, sys
from cookiecutter.main import cookiecutter
checkout, newer, output = sys.argv[1:]
print(cookiecutter(checkout, no_input=True, output_dir=f"{output}/old", accept_hooks=False))
shutil.copytree(newer, checkout, dirs_exist_ok=True)
print(cookiecutter(checkout, no_input=True, output_dir=f"{output}/new", accept_hooks=False))
"""


def test_each_commit_is_rendered_by_its_own_code(tmp_path: Path) -> None:
    checkout, newer = tmp_path / "checkout", tmp_path / "newer"
    shutil.copytree(TEMPLATE, checkout, ignore=NOT_COMMITTED)
    package = "cloudrun_postgres_template"
    shutil.copytree(TEMPLATE / package, newer / package, ignore=NOT_COMMITTED)
    # A module that is new, a filter that is new, and one that does something else.
    (newer / package / "tags.py").write_text("def tagged(text):\n    return f'#{text}'\n", encoding="utf-8")
    (newer / package / "text.py").write_text("quoted = markdown = str.upper\n", encoding="utf-8")
    module = newer / package / "__init__.py"
    code = module.read_text(encoding="utf-8").replace("unasync=unasync,", "unasync=unasync, tagged=tagged,")
    module.write_text(f"from {package}.tags import tagged\n{code}", encoding="utf-8")
    (newer / TREE).mkdir()
    (newer / TREE / "tag.txt").write_text("{{ cookiecutter.pipeline | tagged }}\n", encoding="utf-8")
    # Away from this checkout, whose modules Python would take for the template's.
    done = subprocess.run(
        [sys.executable, "-c", RENDER_TWICE, checkout, newer, tmp_path],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    old, new = (Path(line) for line in done.stdout.splitlines())
    assert (old / "README.md").read_text(encoding="utf-8").startswith("# Notes Service\n")
    assert (new / "README.md").read_text(encoding="utf-8").startswith("# NOTES SERVICE\n")
    assert (new / "tag.txt").read_text(encoding="utf-8") == "#github_actions\n"

"""Images of rendered services, built and run by the container engine of this machine."""

import json
import re
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Self

import httpx
import yaml

from combinations import BakedProject
from servers import accepts_connections, free_port, wait_until

INSTALL_ENGINE = "Install Docker or Podman, with its daemon running, to test the images."

#: What the smallest usual instance has.
CPUS = "1"
MEMORY = "512m"

#: Seconds after which Cloud Run kills a container that was asked to end.
STOP_TIMEOUT = 10

#: A user that no image knows.
ANY_USER = "54321:54321"


#: Run in an image: the bytes of all its files.
FILE_BYTES = """
import os
inside = [top for top in os.listdir("/") if top not in ("dev", "proc", "run", "sys", "tmp")]
files = (os.path.join(folder, name) for top in inside for folder, _, names in os.walk("/" + top) for name in names)
print(sum(os.lstat(file).st_size for file in files))
"""


@cache
def find_engine() -> str | None:
    """docker where its daemon answers, else podman."""
    for engine in filter(shutil.which, ("docker", "podman")):
        if subprocess.run([engine, "info"], capture_output=True).returncode == 0:
            return engine
    return None


class Image:
    """The image of a rendered service, from its own Dockerfile and a lock file of today."""

    def __init__(self, engine: str, project: BakedProject, folder: Path) -> None:
        self.engine = engine
        self.name = f"cookiecutter-test:{project.combination}"
        self.folder = folder / "service"
        shutil.copytree(project.path, self.folder)

    def lock(self) -> None:
        subprocess.run([sys.executable, "-m", "uv", "lock", "--quiet", "--project", self.folder], check=True)

    def locked(self) -> set[str]:
        """The distributions that the lock file gives the service, which it may share with those for development."""
        command = [
            sys.executable,
            "-m",
            "uv",
            "export",
            "--quiet",
            "--no-default-groups",
            "--no-hashes",
            "--no-annotate",
        ]
        done = subprocess.run([*command, "--project", self.folder], capture_output=True, encoding="utf-8", check=True)
        return set(re.findall(r"^([a-z0-9-]+)==", done.stdout, re.MULTILINE))

    def build(self) -> subprocess.CompletedProcess[str]:
        command = [self.engine, "build", "--tag", self.name, str(self.folder)]
        return subprocess.run(command, capture_output=True, encoding="utf-8")

    def migrate(self, environment: Mapping[str, str]) -> None:
        """Bring the database up to date as the job on Cloud Run does."""
        job = yaml.safe_load((self.folder / "deploy" / "migrate-job.yaml").read_text(encoding="utf-8"))
        [container] = job["spec"]["template"]["spec"]["template"]["spec"]["containers"]
        done = self.run(*container["command"], environment=environment)
        if done.returncode != 0:
            raise RuntimeError(f"The migrations failed:\n{done.stdout}{done.stderr}")

    def remove(self) -> None:
        subprocess.run([self.engine, "image", "rm", "--force", self.name], capture_output=True)

    @property
    def base(self) -> str:
        """The image that this one is built on."""
        name: str = self.config()["Labels"]["org.opencontainers.image.base.name"]
        return name

    def config(self) -> dict[str, Any]:
        command = [self.engine, "image", "inspect", self.name]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
        [image] = json.loads(done.stdout)
        config: dict[str, Any] = image["Config"]
        return config

    def bytes_over_base(self) -> int:
        """What the image's files hold more than its base's; engines count an image's own size in different ways."""
        return self.file_bytes(self.name) - self.file_bytes(self.base)

    def file_bytes(self, name: str) -> int:
        # As root, who may look into every folder.
        command = [*self.run_command({}, "--user=0"), "--entrypoint=python3", name, "-c", FILE_BYTES]
        return int(subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout)

    def run(self, *command: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command in a container of its own until it ends; the image's own command where none is given."""
        return subprocess.run(
            [*self.run_command(environment or {}), self.name, *command],
            capture_output=True,
            encoding="utf-8",
            timeout=120,
        )

    def run_command(self, environment: Mapping[str, str], *flags: str) -> list[str]:
        """The engine's command for a container of this image, up to the image's name."""
        variables = (f"--env={name}={value}" for name, value in environment.items())
        limits = ("--network=host", f"--cpus={CPUS}", f"--memory={MEMORY}", "--read-only", f"--user={ANY_USER}")
        return [self.engine, "run", "--rm", *limits, *flags, *variables]


class Container:
    """The service in a container as small as Cloud Run's, on a read-only root, as a user that no image knows."""

    def __init__(self, image: Image, environment: Mapping[str, str], log: Path) -> None:
        self.image = image
        self.port = free_port()
        self.name = f"cookiecutter-test-{uuid.uuid4()}"
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [*image.run_command({**environment, "PORT": str(self.port)}, f"--name={self.name}"), image.name],
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            subprocess.run([self.image.engine, "kill", self.name], capture_output=True)
            self.process.wait()

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=60)

    def wait_until_it_answers(self) -> None:
        def answers() -> bool:
            assert self.process.poll() is None, self.log.read_text(encoding="utf-8")
            if not accepts_connections(self.port):
                return False
            with self.client() as client:
                return client.get("/health").status_code == 200

        assert wait_until(answers), self.log.read_text(encoding="utf-8")

    def wait_until_it_listens_no_more(self) -> None:
        assert wait_until(lambda: not accepts_connections(self.port), STOP_TIMEOUT)

    def terminate(self) -> None:
        """SIGTERM, as Cloud Run sends it; the engine's command passes it on."""
        self.process.send_signal(signal.SIGTERM)

    def exit_code(self, seconds: float = STOP_TIMEOUT) -> int:
        return self.process.wait(seconds)

    def entries(self) -> list[dict[str, Any]]:
        """The log, each line of which must be a JSON object."""
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]

    def resident_memory(self) -> int:
        """Bytes that the container's processes hold; what two of them share counts once in each."""
        command = [self.image.engine, "container", "inspect", "--format", "{{.State.Pid}}", self.name]
        first = int(subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout)
        children = Path(f"/proc/{first}/task/{first}/children").read_text(encoding="utf-8").split()
        statuses = [Path(f"/proc/{pid}/status").read_text(encoding="utf-8") for pid in (first, *children)]
        return sum(
            int(line.split()[1]) * 1024 for status in statuses for line in status.splitlines() if "VmRSS" in line
        )

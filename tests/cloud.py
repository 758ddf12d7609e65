"""A stand-in for Google Cloud: gcloud, docker, curl, make and sleep on PATH, which record their calls."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMANDS = ("gcloud", "docker", "curl", "make", "sleep")

#: Where the service and a revision's tag answer, as Cloud Run forms it.
SERVICE_URL = "https://notes-service.example.invalid"
TAG_URL = "https://{tag}---notes-service.example.invalid"

VERB = re.compile(
    r"(add|build|create|describe|enable|execute|get|inspect|list|print|push|remove|replace|set|update)(-.+)?"
)

STAND_IN = Path(__file__).parent / "cloud_command.py"


def account(name: str) -> str:
    """The service's account with this name: run, job, ci."""
    return f"notes-service-{name}@my-gcp-project.iam.gserviceaccount.com"


@dataclass(frozen=True)
class Call:
    command: list[str]
    stdin: str

    def __str__(self) -> str:
        return shlex.join(self.command)

    @property
    def action(self) -> str:
        """The command up to its verb: gcloud run services replace."""
        words: list[str] = []
        for word in self.command:
            if word.startswith("-") or words in (["curl"], ["sleep"]):
                break
            words.append(word)
            if VERB.fullmatch(word):
                break
        return " ".join(words)


def heed_interruptions() -> None:
    """As a terminal starts commands; bash cannot trap what is ignored when it starts, as under nohup."""
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


class Cloud:
    """A project with nothing in it, until a script has put something there.

    What is in it is the file state.json, which the stand-in commands read and write: `there`, the names of what was
    created; `traffic`, the service's entries; `policy`, who has which role on what; `triggers`, and `builds`, the
    states of a commit's builds at each further look; `repositories`, the numbers of those that GitHub shows to
    everybody, and of owners; `surprise`, the traffic that a deployment makes instead of what is asked; `fail`, the
    actions that are to fail.
    """

    def __init__(self, folder: Path, service: Path) -> None:
        self.folder = folder
        self.service = service
        self.commands = folder / "bin"
        self.commands.mkdir()
        for name in COMMANDS:
            command = self.commands / name
            command.write_text(
                f'#!/bin/sh\nexec "{sys.executable}" "{STAND_IN}" "{folder}" {name} "$@"\n', encoding="utf-8"
            )
            command.chmod(0o755)
        self.state: dict[str, Any] = {
            "there": [],
            "traffic": [],
            "policy": [],
            "triggers": {},
            "builds": None,
            "repositories": {"owner/repository": 1296269, "owner": 583231},
            "fail": [],
        }
        self.log.touch()

    @property
    def log(self) -> Path:
        return self.folder / "calls.jsonl"

    @property
    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads((self.folder / "state.json").read_text(encoding="utf-8"))
        return state

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        (self.folder / "state.json").write_text(json.dumps(state), encoding="utf-8")

    def serve(self, *traffic: dict[str, object]) -> None:
        """A service that is there already, with these entries of traffic."""
        self.state = self.state | {"there": ["notes-service"], "traffic": list(traffic)}

    def roles(self, member: str) -> set[tuple[str, str]]:
        """What this member may do: each resource by its name, and the role on it."""
        return {(resource, role) for resource, role, holder in self.state["policy"] if holder == member}

    def fail(self, action: str, call: int = 1, times: int = 1_000, done: bool = False) -> None:
        """Let an action fail from this call of it on; where it is done, it takes effect and is reported as failed."""
        failure = {"action": action, "from": call, "to": call + times, "done": done}
        self.state = self.state | {"fail": [*self.state["fail"], failure]}

    def shares(self) -> dict[str, int]:
        """The percentage of each revision that has a share of the traffic."""
        return {entry["revisionName"]: entry["percent"] for entry in self.state["traffic"] if entry.get("percent")}

    def tags(self) -> dict[str, str]:
        """The revision of each tag."""
        return {entry["tag"]: entry["revisionName"] for entry in self.state["traffic"] if entry.get("tag")}

    def calls(self) -> list[Call]:
        # Without a line that is still being written.
        whole, _, _ = self.log.read_text(encoding="utf-8").rpartition("\n")
        return [Call(**json.loads(line)) for line in whole.splitlines()]

    def actions(self) -> list[str]:
        return [call.action for call in self.calls()]

    def start(self, script: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start a script of the service in this cloud."""
        return subprocess.Popen(
            ["bash", self.service / "deploy" / script, *arguments],
            env=os.environ | {"PATH": f"{self.commands}{os.pathsep}{os.environ['PATH']}"} | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,
            preexec_fn=heed_interruptions,
        )

    def run(
        self, script: str, *arguments: str, typed: str = "", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        process = self.start(script, *arguments, **environment)
        stdout, stderr = process.communicate(typed)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

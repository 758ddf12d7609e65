"""What stands for gcloud, docker, curl, make and sleep: python cloud_command.py FOLDER NAME ARGUMENTS..."""

import json
import select
import sys
import time
from pathlib import Path
from typing import Any

from cloud import SERVICE_URL, TAG_URL, Call

IDENTITY_TOKEN = "not-a-real-identity-token"
ACCESS_TOKEN = "not-a-real-access-token"
DIGEST = "sha256:" + "5e" * 32


def main(folder: Path, *command: str) -> int:
    call = Call(list(command), piped())
    with (folder / "calls.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(vars(call)) + "\n")
    state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    calls = [json.loads(line) for line in (folder / "calls.jsonl").read_text(encoding="utf-8").splitlines()]
    count = sum(Call(**earlier).action == call.action for earlier in calls)
    failures = [fail for fail in state["fail"] if fail["action"] == call.action and fail["from"] <= count < fail["to"]]
    if any(not fail["done"] for fail in failures):
        return failed(call)
    if call.action == "sleep":
        # Where builds are looked at again and again, nobody waits for them.
        time.sleep(float(call.command[1]) if state["builds"] is None else 0)
        return 0
    code = answer(call, state)
    (folder / "state.json").write_text(json.dumps(state), encoding="utf-8")
    return failed(call) if failures else code


def failed(call: Call) -> int:
    print(f"ERROR: {call.action} fails.", file=sys.stderr)
    return 1


def piped() -> str:
    """What standard input holds, for the commands that read it."""
    if {"-", "@-", "--data-file=-", "make"} & set(sys.argv) and select.select([sys.stdin], [], [], 10)[0]:
        return sys.stdin.read()
    return ""


def answer(call: Call, state: dict[str, Any]) -> int:
    flags = dict(word.split("=", 1) for word in call.command if word.startswith("--") and "=" in word)
    match call.action.split():
        case ["docker", "image", "inspect"]:
            image = call.command[-1].rpartition(":")[0]
            print(json.dumps([{"RepoDigests": [f"other.invalid/image@{DIGEST}", f"{image}@{DIGEST}"]}], indent=4))
        case ["make"]:
            # What make roles prints: the same URLs with its roles, or nothing where they keep their passwords.
            url, direct_url = call.stdin.split()
            if "roles" not in state["there"] or "args=--new-passwords" in call.command:
                print(url.replace("user:", "run:"), direct_url.replace("user:", "owner:"), sep="\n")
            state["there"].append("roles")
        case ["gcloud", "auth", "print-identity-token"]:
            print(IDENTITY_TOKEN)
        case ["gcloud", "auth", "print-access-token"]:
            print(ACCESS_TOKEN)
        case ["curl"]:
            return ask_web(call.command[-1], state)
        case [*_, "add-iam-policy-binding"]:
            state["policy"].append(binding(call, flags))
        case [*_, "remove-iam-policy-binding"]:
            if binding(call, flags) not in state["policy"]:
                return 1
            state["policy"].remove(binding(call, flags))
        case [*_, "get-iam-policy"]:
            role = flags["--filter"].removeprefix("bindings.role=").partition(" ")[0]
            print("\n".join(member for on, of, member in state["policy"] if [on, of] == [resource(call), role]))
        case ["gcloud", "projects", "describe"]:
            print("123456789012")
        case ["gcloud", "run", "services", "list"]:
            print("\n".join(name for name in state["there"] if name == "notes-service"))
        case ["gcloud", "run", "services", "replace"]:
            # Imported late: the other commands start in a third of the time.
            import yaml

            state["there"].append("notes-service")
            state["traffic"] = state.pop("surprise", None) or yaml.safe_load(call.stdin)["spec"]["traffic"]
        case ["gcloud", "run", "services", "update-traffic"]:
            update_traffic(flags, state)
        case ["gcloud", "run", "services", "describe"] if "--flatten" in flags:
            for entry in state["traffic"]:
                url = TAG_URL.format(tag=entry["tag"]) if entry.get("tag") else ""
                fields = (entry["revisionName"], entry.get("percent") or "", entry.get("tag") or "", url, SERVICE_URL)
                print(*fields, sep=",")
        case ["gcloud", "builds", "triggers", "list"]:
            print(state["triggers"].get(flags["--filter"].removeprefix("name="), ""))
        case ["gcloud", "builds", "triggers", "create"]:
            account = flags["--service-account"].rpartition("/")[2]
            state["triggers"][flags["--name"]] = f"{flags['--repo-owner']} {flags['--repo-name']} {account}"
        case ["gcloud", "builds", "triggers", "describe"]:
            if named(call) not in state["triggers"]:
                return 1
            print(f"id-of-{named(call)}")
        case ["gcloud", "builds", "list"]:
            print("\n".join(state["builds"].pop(0)))
        case ["gcloud", "secrets", "versions", "list"]:
            print("\n".join(name for name in state["there"] if name == f"{named(call)}/versions/1"))
        case ["gcloud", "secrets", "versions", "add"]:
            state["there"].append(f"{named(call)}/versions/1")
        case [*_, "describe"]:
            return 0 if named(call) in state["there"] else 1
        case [*_, "create"] | [*_, "create-oidc"]:
            state["there"].append(named(call))
    return 0


def ask_web(url: str, state: dict[str, Any]) -> int:
    """What the web answers: Google's identity tokens, GitHub's numbers, and /ready."""
    host, _, path = url.removeprefix("https://").partition("/")
    if url.endswith(":generateIdToken"):
        print(json.dumps({"token": IDENTITY_TOKEN}, indent=2))
    elif host == "api.github.com":
        kind, _, asked = path.partition("/")
        # GitHub takes a name in any letters, and answers with its own.
        found = [name for name in state["repositories"] if name.lower() == asked.lower()]
        if not found:
            return 22
        name, number = found[0], state["repositories"][found[0]]
        of_repository = {"full_name": name, "owner": {"login": "owner", "id": 1}, "template": {"id": 2}}
        print(json.dumps({"id": number} | (of_repository if kind == "repos" else {"login": name}), indent=2))
    return 0


def binding(call: Call, flags: dict[str, str]) -> list[str]:
    return [resource(call), flags["--role"], flags["--member"]]


def resource(call: Call) -> str:
    """What has a policy, with its kind: run services notes-service."""
    return " ".join([*call.action.split()[1:-1], named(call)])


def named(call: Call) -> str:
    """What the command is about: the first word after its action that is no flag."""
    words = [word for word in call.command[len(call.action.split()) :] if not word.startswith("-")]
    if call.command[:2] == ["gcloud", "sql"]:
        # A user of an instance is called as its account, and an instance may have the name of the service.
        return f"{call.command[2]}/{words[0]}"
    return words[0].partition("@")[0] if words else "notes-service"


def update_traffic(flags: dict[str, str], state: dict[str, Any]) -> None:
    """Give revisions their shares and tags, and the rest to those who had a share before, in proportion."""
    shares = {entry["revisionName"]: entry["percent"] for entry in state["traffic"] if entry.get("percent")}
    tags = {entry["tag"]: entry["revisionName"] for entry in state["traffic"] if entry.get("tag")}
    given = {name: int(percent) for name, percent in pairs(flags["--to-revisions"])}
    others = {name: percent for name, percent in shares.items() if name not in given}
    rest = 100 - sum(given.values())
    shares = given | {name: rest * percent // sum(others.values()) for name, percent in others.items()}
    tags |= dict(pairs(flags.get("--update-tags", "")))
    for tag in filter(None, flags.get("--remove-tags", "").split(",")):
        tags.pop(tag, None)
    state["traffic"] = [{"revisionName": name, "percent": percent} for name, percent in shares.items() if percent]
    state["traffic"] += [{"revisionName": name, "tag": tag} for tag, name in tags.items()]


def pairs(text: str) -> list[list[str]]:
    return [pair.split("=") for pair in filter(None, text.split(","))]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))

"""Cloud Run's Admin API on loopback, as far as a release needs it: for the real gcloud, without a cloud."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

Resource = dict[str, Any]

URL = "https://notes-service.example.invalid"

#: /apis/serving.knative.dev/v1/namespaces/PROJECT/services/NAME, and the same of jobs and executions.
PATH = re.compile(
    r"/apis/[\w.]+/v1/namespaces/[\w-]+/(?P<kind>services|jobs|executions)(?:/(?P<name>[\w-]+))?(?P<verb>:run)?"
)


class RunAPI:
    """An HTTP proxy that answers every request as Cloud Run in a project of its own."""

    def __init__(self) -> None:
        self.resources: dict[tuple[str, str], Resource] = {}
        #: Whether each revision became ready, and whether the next ones will.
        self.revisions: dict[str, bool] = {}
        self.starts = True
        api = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, resource = api.handle(self.command, urlsplit(self.path).path, json.loads(body or b"{}"))
                content = json.dumps(resource).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = answer

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def environment(self, folder: str) -> dict[str, str]:
        """What makes gcloud talk to this API and to nobody else, and keep its files in this folder."""
        return {
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN": "http://run.invalid/",
            "CLOUDSDK_PROXY_TYPE": "http",
            "CLOUDSDK_PROXY_ADDRESS": "127.0.0.1",
            "CLOUDSDK_PROXY_PORT": str(self.server.server_port),
            "CLOUDSDK_CONFIG": folder,
            "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": f"{folder}/access-token",
            "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
            "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
        }

    def serve(self, manifest: Resource, *traffic: Resource) -> None:
        """Put a service there, whose revisions are ready."""
        self.revisions |= {entry["revisionName"]: True for entry in traffic}
        template = manifest["spec"]["template"]
        template["metadata"]["name"] = traffic[0]["revisionName"]
        self.replace_service(manifest | {"spec": {"template": template, "traffic": list(traffic)}})

    def shares(self, name: str) -> dict[str, int]:
        """The percentage of each of the service's revisions that has a share of the traffic."""
        traffic = self.resources["services", name]["status"]["traffic"]
        return {entry["revisionName"]: entry["percent"] for entry in traffic if entry.get("percent")}

    def tags(self, name: str) -> dict[str, str]:
        """The revision of each of the service's tags."""
        traffic = self.resources["services", name]["status"]["traffic"]
        return {entry["tag"]: entry["revisionName"] for entry in traffic if entry.get("tag")}

    def handle(self, method: str, path: str, body: Resource) -> tuple[int, Resource]:
        found = PATH.fullmatch(path)
        if not found:
            return 404, error(404, f"{path} is not known here.")
        kind, name = found["kind"], found["name"]
        if found["verb"]:
            return 200, self.execute(name)
        if method in {"POST", "PUT"} and kind == "services":
            return self.replace_service(body)
        if method in {"POST", "PUT"}:
            return 200, self.store(kind, body, ready())
        if not name:
            return 200, {"items": [resource for (of, _), resource in self.resources.items() if of == kind]}
        if (kind, name) not in self.resources:
            return 404, error(404, f"{name} is not there.")
        return 200, self.resources[kind, name]

    def replace_service(self, service: Resource) -> tuple[int, Resource]:
        """A new revision where the template names one, and the traffic that is asked for, if every target is ready."""
        created = service["spec"]["template"]["metadata"]["name"]
        self.revisions.setdefault(created, self.starts)
        asked = service["spec"]["traffic"]
        if unknown := {entry["revisionName"] for entry in asked} - self.revisions.keys():
            return 400, error(400, f"Revision {unknown} does not exist.")
        if sum(entry.get("percent") or 0 for entry in asked) != 100:
            return 400, error(400, "The percentages must sum to 100.")
        before = self.resources.get(("services", service["metadata"]["name"]), {}).get("status", {})
        status = {"url": URL, "latestCreatedRevisionName": created}
        if all(self.revisions[entry["revisionName"]] for entry in asked):
            status["traffic"] = [entry | url_of(entry) for entry in asked]
        elif "traffic" in before:
            status["traffic"] = before["traffic"]
        # The latest revision counts even where it is to get no traffic.
        failed = not all(self.revisions[name] for name in {created, *(entry["revisionName"] for entry in asked)})
        status |= ready(status="False", message="The container failed to start and listen.") if failed else ready()
        return 200, self.store("services", service, status)

    def store(self, kind: str, resource: Resource, status: Resource) -> Resource:
        name = resource["metadata"]["name"]
        generation = self.resources.get((kind, name), {}).get("metadata", {}).get("generation", 0) + 1
        resource["metadata"] |= {"generation": generation, "resourceVersion": str(generation), "uid": name}
        resource["status"] = status | {"observedGeneration": generation}
        self.resources[kind, name] = resource
        return resource

    def execute(self, job: str) -> Resource:
        count = sum(kind == "executions" for kind, _ in self.resources)
        execution = {
            "apiVersion": "run.googleapis.com/v1",
            "kind": "Execution",
            "metadata": {"name": f"{job}-{count}", "namespace": "my-gcp-project", "generation": 1, "labels": {}},
            "spec": self.resources["jobs", job]["spec"]["template"]["spec"],
            "status": {**ready("Completed"), "observedGeneration": 1, "succeededCount": 1},
        }
        self.resources["executions", f"{job}-{count}"] = execution
        return execution


def url_of(entry: Resource) -> Resource:
    return {"url": URL.replace("//", f"//{entry['tag']}---")} if entry.get("tag") else {}


def ready(condition: str = "Ready", status: str = "True", message: str = "") -> Resource:
    kinds = (condition, "ConfigurationsReady", "RoutesReady")
    return {"conditions": [{"type": kind, "status": status, "message": message} for kind in kinds]}


def error(code: int, message: str) -> Resource:
    return {"error": {"code": code, "message": message}}

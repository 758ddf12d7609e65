"""What an owner may do to deploy/service.yaml, and what deploy.sh refuses before anything happens."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from cloud import Cloud
from combinations import PROVIDERS, RENDERED, SUPPORTED
from conftest import Bake

OLD = {"revisionName": "notes-service-old", "percent": 100}

IMAGE = "us-east4-docker.pkg.dev/my-gcp-project/notes-service/service"

#: Lines of service.yaml as it is rendered.
SPEC = "\nspec:\n"
TEMPLATE = "  template:\n"
REVISION = "    metadata:\n"
REVISION_ANNOTATIONS = "      annotations:\n"
ANNOTATIONS = "\n  annotations:\n"
LABELS = "  labels:\n"
NAME = '  name: "notes-service"\n'
IMAGE_LINE = f"        - image: {IMAGE}\n"

Edit = Callable[[str], str]


def instead(old: str, new: str) -> Edit:
    def edit(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return edit


def after(line: str, *lines: str) -> Edit:
    return instead(line, line + "".join(f"{line}\n" for line in lines))


def at_the_end(*lines: str) -> Edit:
    return lambda text: text + "".join(f"{line}\n" for line in lines)


def spec_before_metadata(text: str) -> str:
    top, metadata, spec = re.split(r"^(?=metadata:|spec:)", text, flags=re.MULTILINE)
    return top + spec + metadata


def revision_without_metadata(text: str) -> str:
    return re.sub(rf"^{REVISION}(      .*\n)+", "", text, count=1, flags=re.MULTILINE)


def entries_that_are_not_indented(text: str) -> str:
    return f"{text.partition('      containers:')[0]}      containers:\n      - image: {IMAGE}\n        name: service\n"


OWN = "a traffic of its own"
TEMPLATE_ALONE = "nothing but template: may stand in spec"

#: Edits that are refused, and what the sentence says.
REFUSED: dict[str, tuple[Edit, str]] = {
    "traffic": (after(SPEC, "  traffic:", "    - latestRevision: true", "      percent: 100"), OWN),
    "traffic at the end": (at_the_end("  traffic:", "    - latestRevision: true"), OWN),
    "traffic with a comment": (after(SPEC, "  traffic: # ours", "    - percent: 100"), OWN),
    "traffic as JSON": (after(SPEC, "  traffic: [{percent: 100}]"), OWN),
    "traffic in double quotation marks": (after(SPEC, '  "traffic": []'), OWN),
    "traffic in single quotation marks": (after(SPEC, "  'traffic': []"), OWN),
    "traffic and a space": (after(SPEC, "  traffic : []"), OWN),
    "traffic with an escape": (after(SPEC, r'  "tr\x61ffic": []'), TEMPLATE_ALONE),
    "traffic with a tag": (after(SPEC, "  !!str traffic: []"), TEMPLATE_ALONE),
    "traffic with an anchor": (after(SPEC, "  &here traffic: []"), TEMPLATE_ALONE),
    "traffic as an alias": (after(SPEC, "  *traffic : []"), TEMPLATE_ALONE),
    "traffic that is merged": (after(SPEC, "  <<: {traffic: []}"), TEMPLATE_ALONE),
    "traffic with a question mark": (after(SPEC, "  ? traffic", "  : []"), "a question mark"),
    "traffic and a tab": (after(SPEC, "  traffic:\t[]"), "a tab"),
    "tab before traffic": (after(SPEC, "\ttraffic: []"), "a tab"),
    "line ends of Windows": (lambda text: text.replace("\n", "\r\n"), "the line ends of Windows"),
    "spec as JSON": (instead(SPEC, "\nspec: {traffic: []}\n"), "spec must stand on a line of its own"),
    "spec with an anchor": (instead(SPEC, "\nspec: &spec\n"), "spec must stand on a line of its own"),
    "spec in quotation marks": (instead(SPEC, '\n"spec":\n'), "only apiVersion, kind, metadata and spec"),
    "spec twice": (at_the_end("spec:", "  traffic: []"), '"spec" stands a second time'),
    "spec before metadata": (spec_before_metadata, "spec must be the last part"),
    "something after spec": (at_the_end("status: {}"), "only apiVersion, kind, metadata and spec"),
    "spec indented by four": (instead(SPEC + TEMPLATE, f"{SPEC}  {TEMPLATE}"), "template: must come first in spec"),
    "template as an alias": (instead(TEMPLATE, "  template: *template\n"), TEMPLATE_ALONE),
    "template twice": (at_the_end("  template:", "    spec: {}"), '"template" stands a second time'),
    "revision's metadata as JSON": (instead(REVISION, "    metadata: {}\n"), "template must have metadata:"),
    "revision's metadata in quotation marks": (instead(REVISION, '    "metadata":\n'), "template must have metadata:"),
    "revision's metadata indented by six": (instead(REVISION, f"  {REVISION}"), "template must have metadata:"),
    "revision's metadata twice": (at_the_end("    metadata:"), '"metadata" stands a second time'),
    "revision without metadata": (revision_without_metadata, "no line metadata:"),
    "name of the revision": (after(REVISION, "      name: mine"), "a name of its own"),
    "name of the revision in quotation marks": (after(REVISION, '      "name": mine'), "a name of its own"),
    "name of the revision with an escape": (after(REVISION, r'      "n\x61me": mine'), "only labels and annotations"),
    "name of the revision that is merged": (after(REVISION, "      <<: {name: mine}"), "only labels and annotations"),
    "name of the revision indented by eight": (after(REVISION, "        name: mine"), "and their parts by six"),
    "another service's name": (instead(NAME, "  name: other-service\n"), "the name must be notes-service"),
    "name that goes on": (after(NAME, "    two"), "the name must be one word"),
    "name twice": (after(NAME, "  'name': other-service"), '"name" stands a second time'),
    "name twice, with an escape": (after(NAME, r'  "n\x61me": other-service'), "only name, labels and annotations"),
    "no name": (instead(NAME, ""), "metadata has no name"),
    "another project": (after(NAME, "  namespace: other-project"), "the namespace must be my-gcp-project"),
    "metadata as JSON": (instead("\nmetadata:\n", "\nmetadata: {}\n"), "metadata must stand on a line of its own"),
    "metadata indented by four": (after("\nmetadata:\n", "    namespace: other"), "must be indented by two spaces"),
    "another kind": (instead("kind: Service", "kind: Job"), "the kind must be Service"),
    "kind that goes on": (after("kind: Service\n", "  two"), "kind must be one word"),
    "document after it": (at_the_end("---", "kind: Service"), "another document begins"),
    "document before it": (lambda text: f"kind: Service\n--- # ours\n{text}", "another document begins"),
    "end before the end": (instead(SPEC, f"\n...{SPEC}"), "another document begins"),
    "all as JSON": (lambda _: "{kind: Service}\n", "only apiVersion, kind, metadata and spec"),
    "another image": (instead(IMAGE_LINE, "        - image: other.invalid/image\n"), "does not name the image"),
    "image by a tag": (instead(IMAGE_LINE, f"        - image: {IMAGE}:latest\n"), "does not name the image"),
    "image in a comment": (
        instead(IMAGE_LINE, f"        # image: {IMAGE}\n        - image: other.invalid/image\n"),
        "does not name the image",
    ),
    "image in a text": (
        instead(
            IMAGE_LINE,
            f"        - image: other.invalid/image\n          args:\n            - |\n              image: {IMAGE}\n",
        ),
        "does not name the image",
    ),
    "image in an annotation": (
        lambda text: text.replace(IMAGE, "other.invalid/image").replace(
            ANNOTATIONS, f"{ANNOTATIONS}    image: {IMAGE}\n"
        ),
        "does not name the image",
    ),
    "image in an annotation of the revision": (
        lambda text: text.replace(IMAGE, "other.invalid/image").replace(
            REVISION_ANNOTATIONS, f"{REVISION_ANNOTATIONS}        image: {IMAGE}\n"
        ),
        "does not name the image",
    ),
    "image twice": (
        instead(IMAGE_LINE, f"        - image: other.invalid/image\n          image: {IMAGE}\n"),
        '"image" stands a second time',
    ),
    "image twice, not first": (
        instead(
            IMAGE_LINE, f"        - name: service\n          'image': other.invalid/image\n          image: {IMAGE}\n"
        ),
        '"image" stands a second time',
    ),
    "a setting twice": (at_the_end("      timeoutSeconds: 1"), '"timeoutSeconds" stands a second time'),
}

#: Edits that are released.
ACCEPTED: dict[str, Edit] = {
    "none": lambda text: text,
    "annotation with a digest": after(REVISION_ANNOTATIONS, f"        example.com/from: {IMAGE}@sha256:{'ab' * 32}"),
    "labels of the revision": after(REVISION, "      labels:", "        team: one"),
    "annotations that are called alike": after(ANNOTATIONS, "    traffic: none", "    metadata: x", "    name: y"),
    "text that looks alike": after(
        ANNOTATIONS, "    example.com/note: |", "      spec:", "        traffic: all", "        traffic: none"
    ),
    "name without quotation marks": instead(NAME, "  name: notes-service # ours\n"),
    "project as namespace": after(NAME, "  namespace: my-gcp-project"),
    "mark of a document": lambda text: f"---\n{text}",
    "comments": lambda text: re.sub(
        r"^( *(spec|template|metadata):)$", r"\1 # ours\n\n# traffic:", text, flags=re.MULTILINE
    ),
    "other containers": at_the_end(
        "        - name: proxy", "          image: a.invalid/b", "        - image: a.invalid/b"
    ),
    "entries that are not indented": entries_that_are_not_indented,
    "no line feed at the end": lambda text: text.rstrip(),
}


@pytest.fixture
def cloud(bake: Bake, tmp_path: Path) -> Cloud:
    """A service whose manifests may be edited."""
    service = shutil.copytree(bake(SUPPORTED[0]).path / "deploy", tmp_path / "service" / "deploy").parent
    cloud = Cloud(tmp_path, service)
    cloud.serve(OLD)
    return cloud


def change(cloud: Cloud, edit: Edit, file: str = "service.yaml") -> None:
    manifest = cloud.service / "deploy" / file
    manifest.write_text(edit(manifest.read_text(encoding="utf-8")), encoding="utf-8", newline="")


def refusal(cloud: Cloud) -> str:
    """The sentence that refuses a release, before any command."""
    done = cloud.run("deploy.sh")
    assert done.returncode != 0
    assert cloud.calls() == []
    return done.stderr.splitlines()[0]


@pytest.mark.parametrize("case", REFUSED)
def test_manifest_that_would_release_something_else_is_refused_before_anything_happens(cloud: Cloud, case: str) -> None:
    edit, words = REFUSED[case]
    change(cloud, edit)
    sentence = refusal(cloud)
    assert sentence.startswith("deploy/service.yaml")
    assert words in sentence


def sent(cloud: Cloud) -> dict[str, Any]:
    """The service's manifest as a dry run prints it, indented."""
    done = cloud.run("deploy.sh", "--dry-run")
    assert done.returncode == 0, done.stderr
    _, _, rest = done.stderr.partition("gcloud run services replace ")
    text, _, _ = rest.partition("\n")[2].partition("\ngcloud ")
    manifest: dict[str, Any] = yaml.safe_load(text.removeprefix("    ---"))
    return manifest


@pytest.mark.parametrize("case", ACCEPTED)
def test_other_edits_are_released_with_the_release_s_name_traffic_and_image(cloud: Cloud, case: str) -> None:
    change(cloud, ACCEPTED[case])
    spec = sent(cloud)["spec"]
    assert [entry.get("tag") for entry in spec["traffic"]] == [None, "previous", "candidate"]
    assert spec["template"]["metadata"]["name"] == spec["traffic"][-1]["revisionName"]
    images = [container["image"] for container in spec["template"]["spec"]["containers"]]
    assert images[0] == f"{IMAGE}@sha256:DIGEST"


JOB_REFUSED: dict[str, tuple[Edit, str]] = {
    "another job's name": (instead("notes-service-migrate", "other"), "the name must be notes-service-migrate"),
    "another kind": (instead("kind: Job", "kind: Service"), "the kind must be Job"),
    "another project": (after("\nmetadata:\n", "  namespace: other"), "the namespace must be my-gcp-project"),
    "another document": (at_the_end("---", "kind: Job"), "another document begins"),
    "another image": (instead(f"image: {IMAGE}", "image: other.invalid/image"), "does not name the image"),
    "a setting twice": (at_the_end("  template: {}"), '"template" stands a second time'),
}


@pytest.mark.parametrize("case", JOB_REFUSED)
def test_job_that_would_not_migrate_is_refused_before_anything_happens(cloud: Cloud, case: str) -> None:
    edit, words = JOB_REFUSED[case]
    change(cloud, edit, "migrate-job.yaml")
    sentence = refusal(cloud)
    assert sentence.startswith("deploy/migrate-job.yaml")
    assert words in sentence


@pytest.mark.parametrize("provider", PROVIDERS)
def test_manifests_are_accepted_as_rendered_for_each_provider(bake: Bake, tmp_path: Path, provider: str) -> None:
    combination = next(combination for combination in RENDERED if combination.provider == provider)
    done = Cloud(tmp_path, bake(combination).path).run("deploy.sh", "--dry-run")
    assert done.returncode == 0, done.stderr

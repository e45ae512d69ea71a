"""An author is told everything that is wrong at once, each with its place and what to do."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from orchestration.releases.archive import BadRelease
from orchestration.releases.check import problems, read
from orchestration.releases.models import SoftwareRelease
from orchestration.releases.profile import parse, schema
from orchestration.releases.services import CATALOGUE
from tests.orchestration.builders import a_provider

HEAD = 'name = "site"\nversion = "1"\nlicence = "AGPL"\n'
TYPE = "types/default"
GUIDE = Path(__file__).resolve().parents[3] / "docs" / "releases.md"


def a_release(place: Path, toml: str, **templates: str) -> Path:
    (place / "software.toml").write_text(HEAD + toml)
    for name, text in templates.items():
        (place / name).write_text(text)
    return place


def told(directory: Path) -> list[tuple[str, str, str]]:
    found = problems(directory, parse(directory))
    return [(one.where, one.what, one.todo) for one in found]


def places(directory: Path) -> list[str]:
    return [where for where, _, _ in told(directory)]


@pytest.mark.parametrize("product", sorted(p.parent.name for p in CATALOGUE.glob("*/*.toml")))
def test_nothing_is_wrong_with_what_comes_with_the_product(product: str) -> None:
    assert told(CATALOGUE / product) == []


def test_every_mistake_is_told_and_not_only_the_first(tmp_path: Path) -> None:
    toml = """
colour = "red"
[build]
commands = [["make", "{prefix}"]]
seconds = 0
[types.default]
files = [{path = "../x", template = "x"}]
[types.other]
promises = [{name = "a", kind = "http"}, {kind = "port", port = "{port}"}]
[types.fine]
publish = {url = "http://{adress}/"}
"""
    assert places(a_release(tmp_path, toml)) == [
        "build/seconds",
        "the top",
        "types/default/files/0/path",
        "types/other/promises/0",
        "types/other/promises/1",
        "types/fine/publish/url",
    ]
    with pytest.raises(BadRelease) as refusal:
        read(tmp_path)
    assert str(refusal.value).count("\n") == 5


def test_a_pattern_is_told_in_words(tmp_path: Path) -> None:
    toml = '[[types.default.files]]\npath = "/etc/passwd"\ntemplate = "x"\n'
    ((where, what, todo),) = told(a_release(tmp_path, toml))
    assert where == "types/default/files/0/path"
    assert "'/etc/passwd'" in what
    assert todo.startswith("A path without a slash in front and without `..`")


@pytest.mark.parametrize(
    ("text", "what", "todo"),
    [
        ("{adress}", "Nothing defines {adress}.", "Did you mean {address}?"),
        ("{port10}", "{port10} is outside: a partition has 10 ports.", "Use {port} to {port9}."),
        (
            "{parameters.titel}",
            "Nothing defines {parameters.titel}.",
            "Did you mean {parameters.title}?",
        ),
        (
            "{parameters.maybe}",
            "{parameters.maybe} stays as it is when the parameter is not given.",
            "Give 'maybe' a default, or list it under required.",
        ),
        (
            "{secrets.key}",
            "Nothing defines {secrets.key}.",
            "See the list in docs/releases.md.",
        ),
    ],
)
def test_a_name_that_nothing_defines_is_found_wherever_it_stands(
    tmp_path: Path, text: str, what: str, todo: str
) -> None:
    toml = f"""
[types.default]
files = [{{path = "a", template = "a", secret = true}}]
services = [{{name = "a", command = ["a"], environment = {{A = "{text}"}}}}]
promises = [{{name = "a", kind = "http", url = "http://{{address}}:{{port}}/{text}"}}]
publish = {{url = "{text}"}}
[types.default.parameters]
type = "object"
required = ["title"]
[types.default.parameters.properties]
title = {{type = "string"}}
maybe = {{type = "string"}}
"""
    assert told(a_release(tmp_path, toml, a=text)) == [
        (f"{TYPE}/{where}", what, todo)
        for where in (
            "services/0/environment/A",
            "promises/0/url",
            "publish/url",
            "files/0/template",
        )
    ]


def test_other_braces_of_a_template_are_its_own(tmp_path: Path) -> None:
    toml = '[[types.default.files]]\npath = "a.js"\ntemplate = "a"\n'
    text = "function f({a, b}) {return {a}} // {colour} ${HOME} {port1}"
    assert told(a_release(tmp_path, toml, a=text)) == []


def test_files_must_be_there_and_secrets_be_kept(tmp_path: Path) -> None:
    toml = """
[build]
commands = [["python3", "{source}/build.py", "{build}/lib"]]
[types.default]
files = [
  {path = "a", template = "none"},
  {path = "a", template = "secret"},
  {path = "data", template = "plain"},
  {path = "etc/b", template = "plain"},
  {path = "etc", template = "plain"},
]
services = [{name = "a", command = ["{release}/source/run", "{secrets.password}"]}]
"""
    directory = a_release(tmp_path, toml, secret="{secrets.password}", plain="text")
    assert [(where, what) for where, what, _ in told(directory)] == [
        ("build/commands/0/1", "There is no 'build.py' in the release's directory."),
        (f"{TYPE}/files/1/path", "'a' stands here for the second time."),
        (f"{TYPE}/files/0/template", "There is no text file 'none' in the release's directory."),
        (f"{TYPE}/files/1", "'secret' holds a secret."),
        (f"{TYPE}/files/2/path", "'data' is a directory of the partition."),
        (f"{TYPE}/files/4/path", "'etc' is a directory of the partition."),
        (f"{TYPE}/services/0/command/0", "There is no 'run' in the release's directory."),
        (
            f"{TYPE}/services/0/command/1",
            "Every user of the machine can read the arguments of a command.",
        ),
    ]


def test_promises_look_at_the_partition_itself_under_names_of_their_own(tmp_path: Path) -> None:
    toml = """
[types.default]
services = [{name = "a", command = ["a"]}, {name = "a", command = ["b"]}]
promises = [
  {name = "a", kind = "port", port = "8080"},
  {name = "a", kind = "http", url = "http://{address}:8080/"},
  {name = "b", kind = "http", url = "https://{address}:{port}/"},
  {name = "c", kind = "http", url = "http://{address}:{port1}"},
  {name = "d", kind = "command", command = ["true", "{port2}"]},
]
publish = {URL = "http://{address}/"}
"""
    assert places(a_release(tmp_path, toml)) == [f"{TYPE}/publish"]
    toml = toml.replace("URL", "url")
    assert places(a_release(tmp_path, toml)) == [
        f"{TYPE}/services/1/name",
        f"{TYPE}/promises/1/name",
        f"{TYPE}/promises/0/port",
        f"{TYPE}/promises/1/url",
        f"{TYPE}/promises/2/url",
    ]


def test_meters_have_one_source_and_names_of_their_own(tmp_path: Path) -> None:
    toml = """
[types.default]
meters = [
  {name = "requests", unit = "requests", kind = "counter", file = "data/n"},
  {name = "requests", unit = "files", kind = "gauge", command = ["count", "{prot}"]},
  {name = "cpu_seconds", unit = "s", kind = "counter", file = "cpu"},
  {name = "both", unit = "s", kind = "counter", file = "a", command = ["b"]},
]
"""
    assert places(a_release(tmp_path, toml)) == [f"{TYPE}/meters/3"]
    toml = toml.replace(', command = ["b"]', "")
    assert places(a_release(tmp_path, toml)) == [
        f"{TYPE}/meters/1/name",
        f"{TYPE}/meters/2/name",
        f"{TYPE}/meters/1/command/1",
    ]
    for right, wrong in (('"files"', '"no spaces"'), ('"gauge"', '"sum"'), ('"cpu"', '"../a"')):
        assert len(places(a_release(tmp_path, toml.replace(right, wrong)))) == 1


@pytest.mark.parametrize(
    ("rules", "where", "what"),
    [
        ({"type": "array"}, "", "Parameters are an object."),
        ({"properties": {"a": {"minimum": "x"}}}, "/properties/a/minimum", "'x' is not of type"),
        ({"properties": {"a": {"pattern": "("}}}, "/properties/a/pattern", "'(' is not a 'regex'"),
        (
            {"properties": {"a": {"type": "integer", "default": "x"}}},
            "/properties/a/default",
            "The default does not fit: 'x' is not of type 'integer'.",
        ),
        (
            {"properties": {"a": {"properties": {"b": {"enum": [1], "default": 2}}}}},
            "/properties/a/properties/b/default",
            "The default does not fit: 2 is not one of [1].",
        ),
        (
            {
                "$defs": {"n": {"maximum": 1}},
                "properties": {"a": {"$ref": "#/$defs/n", "default": 2}},
            },
            "/properties/a/default",
            "The default does not fit: 2 is greater than the maximum of 1.",
        ),
        (
            {"properties": {"a": {"$ref": "other.json"}}},
            "/properties/a/$ref",
            "'other.json' leads nowhere.",
        ),
    ],
)
def test_the_schema_of_parameters_is_valid_and_its_defaults_fit(
    tmp_path: Path, rules: dict[str, Any], where: str, what: str
) -> None:
    a_release(tmp_path, "[types.default]\n")
    profile = parse(tmp_path)
    profile["types"]["default"]["parameters"] = {"type": "object"} | rules
    (found,) = problems(tmp_path, profile)
    assert found.where == f"{TYPE}/parameters{where}"
    assert found.what.startswith(what)


def test_the_command_lists_what_is_wrong_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a_release(tmp_path, '[types.default.publish]\nurl = "{adress}"\n')
    with pytest.raises(CommandError, match=r"1 to mend in .*/software\.toml"):
        call_command("release", "check", str(tmp_path))
    assert capsys.readouterr().out.splitlines() == [
        "types/default/publish/url",
        "    Nothing defines {adress}.",
        "    Did you mean {address}?",
    ]
    call_command("release", "check", str(CATALOGUE / "static-site"))
    assert capsys.readouterr().out == "static-site 1.1.2: nothing is wrong.\n"


@pytest.mark.django_db
def test_the_command_publishes_what_is_right_and_nothing_else(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no provider yet"):
        call_command("release", "publish", str(CATALOGUE / "static-site"))
    owner = a_provider()
    call_command("release", "publish", str(CATALOGUE / "static-site"))
    copy = shutil.copytree(CATALOGUE / "static-site", tmp_path / "mine")
    with pytest.raises(CommandError, match="at the top: 'version' is a required property"):
        (copy / "software.toml").write_text('name = "mine"\n')
        call_command("release", "publish", str(copy))
    release = SoftwareRelease.objects.get()
    assert (release.product, release.organisation) == ("static-site", owner)
    assert release.source == "catalogue:static-site"


def test_anybody_may_read_the_schema() -> None:
    answer = Client().get("/releases/software.schema.json")
    assert answer.headers["Content-Type"] == "application/schema+json"
    shown = json.loads(answer.content)
    assert shown.pop("$id") == "http://testserver/releases/software.schema.json"
    assert shown == schema()


def test_the_guide_explains_every_field_and_its_example_is_right(tmp_path: Path) -> None:
    guide = GUIDE.read_text()
    kinds = [schema(), schema()["properties"]["build"], *schema()["$defs"].values()]
    fields = {name for kind in kinds for name in kind.get("properties", {})}
    assert len(fields) > 25
    cells = [line.split("|")[1] for line in guide.splitlines() if line.startswith("| ")]
    assert {name for name in fields if not any(f"`{name}`" in cell for cell in cells)} == set()
    example = guide.split("```toml\nname", 1)[1].split("```", 1)[0]
    (tmp_path / "software.toml").write_text("name" + example)
    (tmp_path / "index.html.in").write_text("Hello")
    assert told(tmp_path) == []


def test_a_buildout_needs_its_profile_and_a_lock_of_itself(tmp_path: Path) -> None:
    a_release(tmp_path, '[build]\nbuildout = "buildout.cfg"\n[types.default]\n')
    lock = tmp_path / "requirements.txt"
    lock.write_text("zc.buildout==6.0.1\n")
    assert [(where, what) for where, what, _ in told(tmp_path)] == [
        ("build/buildout", "There is no 'buildout.cfg' in the release's directory."),
        ("build/buildout", "The release's requirements.txt does not lock zc.buildout."),
    ]
    lock.write_text("zc.buildout==6.0.1 \\\n    --hash=sha256:00\n")
    (tmp_path / "buildout.cfg").touch()
    assert told(tmp_path) == []


def test_a_build_says_how(tmp_path: Path) -> None:
    ((where, _, todo),) = told(a_release(tmp_path, "[build]\nseconds = 1\n[types.default]\n"))
    assert (where, todo) == ("build", "A build has commands, or a buildout, or both.")


def test_children_are_named_once_and_know_the_parents_parameters(tmp_path: Path) -> None:
    toml = """
[[types.default.children]]
name = "database"
product = "postgresql"
parameters = {user = "{parameters.owner}", deep = [{port = "{port}"}]}
[[types.default.children]]
name = "database"
product = "postgresql"
[[types.default.services]]
name = "web"
command = ["run", "{children.database.url}"]
environment = {A = "{children.database.url}", B = "{children.other.url}", C = "{children.database}"}
[types.default.parameters]
type = "object"
properties.owner = {type = "string", default = "me"}
"""
    assert [(where, what) for where, what, _ in told(a_release(tmp_path, toml))] == [
        (f"{TYPE}/children/0/parameters/deep/0/port", "Nothing defines {port}."),
        (f"{TYPE}/children/1/name", "'database' stands here for the second time."),
        (f"{TYPE}/services/0/environment/B", "Nothing defines {children.other.url}."),
        (f"{TYPE}/services/0/environment/C", "Nothing defines {children.database}."),
        (
            f"{TYPE}/services/0/command/1",
            "Every user of the machine can read the arguments of a command.",
        ),
    ]


def test_what_a_child_publishes_is_kept_like_a_secret(tmp_path: Path) -> None:
    toml = """
[types.default]
children = [{name = "database", product = "postgresql"}]
files = [{path = "a", template = "a"}]
"""
    ((where, what, todo),) = told(a_release(tmp_path, toml, a="{children.database.url}"))
    assert (where, todo) == (f"{TYPE}/files/0", "Add: secret = true.")
    assert what == "'a' holds a secret."


def test_a_shared_type_stands_on_one_with_a_partition(tmp_path: Path) -> None:
    toml = """
[types.default.publish]
ca = "{address}"
[types.site]
shared_on = "default"
publish = {a = "{host.ca}", b = "{host.cb}", c = "{reference}", d = "{parameters.x}", e = "{port}"}
services = [{name = "web", command = ["run"]}]
[types.page]
shared_on = "site"
[types.other]
shared_on = "nothing"
"""
    assert [(where, what) for where, what, _ in told(a_release(tmp_path, toml))] == [
        ("types/site/services", "A shared instance has no partition."),
        ("types/site/publish/b", "Nothing defines {host.cb}."),
        ("types/site/publish/d", "Nothing defines {parameters.x}."),
        ("types/site/publish/e", "Nothing defines {port}."),
        ("types/page/shared_on", "'site' is no type that has a partition."),
        ("types/other/shared_on", "'nothing' is no type that has a partition."),
    ]


def test_secret_parameters_are_texts_that_nobody_else_reads(tmp_path: Path) -> None:
    toml = """
[types.default]
children = [{name = "database", product = "postgresql", parameters = {user = "{parameters.key}"}}]
services = [{name = "web", command = ["run", "{parameters.key}"]}]
files = [{path = "a", template = "a"}, {path = "b", template = "a", secret = true}]
[types.default.parameters]
type = "object"
required = ["key"]
[types.default.parameters.properties]
key = {type = "string", writeOnly = true}
[types.other.parameters]
type = "object"
[types.other.parameters.properties]
empty = {type = "object", writeOnly = true, default = {}}
known = {type = "string", writeOnly = true, default = "x"}
deep = {type = "object", properties = {inner = {type = "string", writeOnly = true}}}
"""
    at = "types/other/parameters/properties"
    assert [
        (where, what) for where, what, _ in told(a_release(tmp_path, toml, a="{parameters.key}"))
    ] == [
        (f"{TYPE}/files/0", "'a' holds a secret."),
        (f"{TYPE}/children/0/parameters/user", "A secret parameter does not go to a child."),
        (
            f"{TYPE}/services/0/command/1",
            "Every user of the machine can read the arguments of a command.",
        ),
        (f"{at}/known/default", "A secret that everybody may read here is none."),
        (f"{at}/deep/properties", "A part of a parameter cannot be a secret."),
    ]

# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No example of the documentation may rot: each code block is known to be something, and is checked as that."""

from __future__ import annotations

import ast
import configparser
import json
import re
import subprocess
import textwrap
import typing as t
from functools import cache
from pathlib import Path

import pytest
import yaml

from guides.code_blocks import ROOT, Block, all_blocks
from playbooks.conftest import BIN, MODULE, environment_in

NAMESPACE = "edgeops.digicert."
BLOCKS = all_blocks()
# The modules for many devices, and the names of lists of devices in the guides: the option that takes each.
MANY = {"digicert_iot_devices": "devices", "digicert_iot_registrations": "registrations"}
LISTS = {"sensors": "devices", "registrations": "registrations"}
# test_walks.py runs what has output, and compares; `text` shows what a picture would.
LANGUAGES = {"yaml", "console", "ini", "json", "python", "ansible-output", "text"}


def each(*languages: str) -> pytest.MarkDecorator:
    """Parametrise a test with the blocks of these languages."""
    blocks = [block for block in BLOCKS if block.language in languages]
    assert blocks
    return pytest.mark.parametrize("block", blocks, ids=lambda block: block.place)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("blocks")


@cache
def documented(kind: str) -> dict[str, t.Any]:
    """Return what ansible-doc knows of the collection's plugins of this kind, by their names."""

    def told(*arguments: str) -> dict[str, t.Any]:
        command = [BIN / "ansible-doc", "--type", kind, "--json", *arguments]
        environment = environment_in(ROOT / ".venv/home")
        return json.loads(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout)

    return told(*told("--list", NAMESPACE.rstrip(".")))


def options_of(kind: str) -> set[str]:
    """Return the names of all options of the collection's plugins of this kind."""
    return {option for plugin in documented(kind).values() for option in plugin["doc"]["options"]}


def role_variables() -> set[str]:
    """Return the names of the roles' options."""
    return {option for role in documented("role").values() for option in role["entry_points"]["main"]["options"]}


def is_role_variable(name: str) -> bool:
    """Say whether a role takes this variable. Layers of fields can have any name."""
    return name in role_variables() or str(name).startswith("digicert_iot_device_fields_")


def suboptions_of(module: str, option: str) -> set[str]:
    """Return what an entry of an option of a module for many devices can have."""
    return set(documented("module")[f"{NAMESPACE}{module}"]["doc"]["options"][option]["suboptions"])


def form_of(content: dict[str, t.Any], file: str) -> str | None:
    """Return what a mapping in YAML is, None if nothing that is known."""
    keys = set(content)
    many = {option: suboptions_of(module, option) for module, option in MANY.items()}
    forms = {
        "a pipeline": file.endswith((".gitlab-ci.yml", ".github/workflows/records.yml")),
        "an inventory": content.get("plugin") == f"{NAMESPACE}digicert_iot" and keys <= options_of("inventory"),
        "requirements": keys == {"collections"} and all({"name"} <= set(each) for each in content["collections"]),
        "an execution environment": keys == {"version", "dependencies"},
        "the input of a credential type": keys == {"fields", "required"},
        "the injector of a credential type": keys == {"env"} and set(content["env"]) == {"DIGICERT_IOT_API_KEY"},
        "rules of Prometheus": file.endswith(".rules.yml") and keys == {"groups"},
        "variables of a role": all(map(is_role_variable, keys)),
        "options of a module": keys <= options_of("module"),
        "a list of devices": len(keys) == 1
        and any(set().union(*content.get(name, [{0}])) <= many[option] for name, option in LISTS.items()),
    }
    return next((form for form, fits in forms.items() if fits), None)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.place)
def test_a_block_says_what_it_is(block):
    assert block.language in LANGUAGES


@each("yaml")
def test_yaml_is_of_a_known_form(block):
    for content in yaml.safe_load_all(block.text):
        assert isinstance(content, list) or form_of(content, block.file), "Nothing takes a mapping with these keys."


def misfits(options: dict[str, t.Any], given: dict[str, t.Any]) -> list[str]:
    """Return what of the `given` options is not so in these `options`, as ansible-doc has them."""
    found = [name for name in given if name not in options]
    for name, value in given.items():
        rule = options.get(name, {})
        choices = ("true", "false") if rule.get("type") == "bool" else rule.get("choices")
        entries = value if isinstance(value, list) else [value]
        known = [str(choice).lower() for choice in choices or ()]
        found += [
            f"{name}: {each}" for each in map(str, entries) if known and "{{" not in each and each.lower() not in known
        ]
        for entry in [entry for entry in entries if "suboptions" in rule and isinstance(entry, dict)]:
            found += [f"{name}.{misfit}" for misfit in misfits(rule["suboptions"], entry)]
    return found


def tasks_in(content: t.Any) -> t.Iterator[dict[str, t.Any]]:
    """Yield all that is a dictionary in a play or in tasks: tasks too, wherever they stand."""
    for inner in content if isinstance(content, list) else content.values():
        if isinstance(inner, (list, dict)):
            yield from tasks_in(inner)
    if isinstance(content, dict):
        yield content


@each("yaml")
def test_options_of_modules_exist(block):
    modules = dict(documented("module"))
    modules[f"group/{NAMESPACE}digicert_iot"] = modules[MODULE]
    for content in yaml.safe_load_all(block.text):
        for task in tasks_in(content):
            for name in task.keys() & modules.keys():
                assert misfits(modules[name]["doc"]["options"], task[name] or {}) == []


@each("yaml")
def test_variables_of_roles_exist(block):
    """A variable that a play hands to a role is one that the role takes."""
    for play in yaml.safe_load_all(block.text):
        for role in [role for each in play if isinstance(play, list) for role in each.get("roles", ())]:
            assert not isinstance(role, dict) or all(map(is_role_variable, role.get("vars", ()))), role


@each("yaml")
def test_handlers_exist(block):
    """A play that notifies a handler without defining it stops when the task changes something for the first time."""
    for content in yaml.safe_load_all(block.text):
        for play in content if isinstance(content, list) else []:
            handlers = {handler.get(key) for handler in play.get("handlers", ()) for key in ("name", "listen")}
            notified = {task["notify"] for task in tasks_in([play]) if "notify" in task}
            assert notified <= handlers


def test_plays_and_tasks_pass_ansible_lint(folder):
    """ansible-lint knows the syntax of playbooks and what makes them good. Options are looked at above."""
    places = {}
    for number, block in enumerate(block for block in BLOCKS if block.language == "yaml"):
        content = next(yaml.safe_load_all(block.text))
        if isinstance(content, list):
            file = folder / ("playbooks" if "hosts" in content[0] else "tasks") / f"block-{number}.yml"
            file.parent.mkdir(exist_ok=True)
            file.write_text("---\n" + textwrap.dedent(block.text).strip("\n") + "\n")
            places[f"{file.parent.name}/{file.name}"] = block
    assert len(places) > 20
    (folder / ".ansible-lint").write_text("profile: production\noffline: true\n")
    ran = subprocess.run(
        [BIN / "ansible-lint", "--format", "json", *places],
        cwd=folder,
        # What a task leaves out comes from module_defaults or from the environment.
        env={
            **environment_in(folder),
            "DIGICERT_IOT_DEVICE_ID": "d",
            "DIGICERT_IOT_API_KEY": "k",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    found = [
        f"{places[each['location']['path']].place}: {each['check_name']}: {each['content']['body']}"
        if each["location"]["path"] in places
        else each
        for each in json.loads(ran.stdout or "[]")
    ]
    assert found == []
    assert ran.returncode == 0, ran.stderr


def commands_of(block: Block) -> str:
    """Return the commands of a block, without prompts and without what they print."""
    if not re.search(r"^[$#] ", block.text, re.MULTILINE):
        return block.text
    # A line that ends in a backslash goes on in the next.
    found = re.findall(r"^[$#] ((?:.*\\\n)*.*\n?)", block.text, re.MULTILINE)
    return "".join(found)


def scripts_of(block: Block) -> list[str]:
    """Return the scripts in a pipeline's file."""
    lines: list[str] = []
    for job in yaml.safe_load(block.text).values():
        if isinstance(job, dict):
            lines += [line for key in ("before_script", "script") for line in job.get(key, ())]
            lines += [
                step["run"]
                for each in job.values()
                if isinstance(each, dict)
                for step in each.get("steps", ())
                if "run" in step
            ]
    return lines


def test_commands_pass_shellcheck(folder):
    scripts = {block.place: commands_of(block) for block in BLOCKS if block.language == "console"}
    pipelines = [block for block in BLOCKS if block.file.endswith((".gitlab-ci.yml", "records.yml"))]
    scripts.update({block.place: "\n".join(scripts_of(block)) for block in pipelines})
    assert len(pipelines) == 2
    for place, script in scripts.items():
        assert script.strip(), place
        file = folder / place.replace("/", "-")
        file.write_text(script)
        # 1091: the file that a script reads exists later. 2164: in a guide people see where they are.
        ran = subprocess.run(
            [BIN / "shellcheck", "--shell=bash", "--exclude=SC1091,SC2164", file],
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, f"{place}\n{ran.stdout}"


@each("console")
def test_pip_installs_into_virtualenvs_only(block):
    """Debian's Python rejects packages of pip (PEP 668)."""
    lines = [line for line in commands_of(block).splitlines() if re.search(r"\bpip3? (install|download)\b", line)]
    assert [line for line in lines if not re.match(r"\S*/bin/pip ", line)] == []


def make_targets() -> set[str]:
    """Return the targets of the Makefile."""
    lines = re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return {target for line in lines for target in line.split()}


@each("console")
def test_what_make_is_told_exists(block):
    assert set(re.findall(r"\bmake ([a-z-]+)", commands_of(block))) <= make_targets()


@pytest.mark.parametrize(
    "path", [*sorted(ROOT.glob("docs/docsite/rst/*.rst")), *sorted(ROOT.glob("*.md"))], ids=lambda path: path.name
)
def test_what_stands_in_the_text_exists(path):
    """Targets of make and names of this collection, wherever a sentence names them."""
    text = path.read_text()
    assert set(re.findall(r"`make ([a-z-]+)", text)) <= make_targets()
    kinds = ("module", "inventory", "callback", "role")
    known = {name for kind in kinds for name in documented(kind)} | {f"{NAMESPACE}docsite", f"{NAMESPACE}git"}
    groups = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())["action_groups"]
    named = set(re.findall(r"(?<!/)\bedgeops\.digicert\.[a-z_]+", text))
    assert named <= known | {f"{NAMESPACE}{group}" for group in groups}


@each("ini")
def test_ini_can_be_read(block):
    # OpenSSL's files begin before the first section.
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(block.text if block.text.startswith("[") else f"[openssl]\n{block.text}")
    assert len(parser.sections()) > 1


@each("python")
def test_python_can_be_read(block):
    ast.parse(block.text)


@each("json")
def test_json_can_be_read(block):
    json.loads(block.text)

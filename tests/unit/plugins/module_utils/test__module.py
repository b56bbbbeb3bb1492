# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno

import pytest
from ansible.module_utils import basic

from ansible_collections.edgeops.digicert.plugins.module_utils import _module
from ansible_collections.edgeops.digicert.plugins.module_utils._errors import HostError, HttpError
from ansible_collections.edgeops.digicert.plugins.module_utils._parameters import NO_LOG

SPEC = {
    "device_id": {"type": "str"},
    "client_key": {"type": "path", "no_log": False},
    "client_key_passphrase": {"type": "str", "no_log": True},
    "devices": {
        "type": "list",
        "elements": "dict",
        "options": {"device_id": {"type": "str"}, "client_key_content": {"type": "str", "no_log": True}},
    },
    "timeout": {"type": "int", "default": 30},
}
KEY = "-----BEGIN PRIVATE KEY-----\nMC4CZq81\n-----END PRIVATE KEY-----\n"


@pytest.fixture
def run(monkeypatch):
    """Run a module with these parameters, as far as `work` goes, and return its result and what was logged."""
    logged = []
    results = []

    def log(_module, msg, log_args=None):
        logged.append((msg, log_args))

    def run(work=None, **params):
        monkeypatch.setattr(basic.AnsibleModule, "_load_params", lambda module: setattr(module, "params", dict(params)))
        monkeypatch.setattr(basic.AnsibleModule, "log", log)
        monkeypatch.setattr(basic.AnsibleModule, "warn", lambda _module, warning: logged.append(warning))
        monkeypatch.setattr(basic.AnsibleModule, "_return_formatted", lambda _module, result: results.append(result))
        with pytest.raises(SystemExit):
            work(_module.Module(argument_spec=SPEC, supports_check_mode=True))
        return results.pop(), str(logged)

    return run


@pytest.mark.parametrize(("repeat_warnings", "count"), [(True, 2), (False, 1)])
def test_the_runtime_has_the_functions_of_the_module(run, repeat_warnings, count):
    def work(module):
        runtime = module.runtime("d", repeat_warnings)
        runtime.warn("Beware of Zq82.")
        runtime.warn("Beware of Zq82.")
        module.exit_json(changed=runtime.check_mode)

    result, logged = run(work, client_key_passphrase="Zq82")
    assert not result["changed"]
    assert logged.count("Device d: Beware of ********.") == count


def test_a_warning_without_a_device_has_no_name(run):
    def work(module):
        module.runtime().warn("Beware.")
        module.exit_json(changed=False)

    assert "'Beware.'" in run(work)[1]


@pytest.mark.parametrize(
    ("params", "msg"),
    [
        (
            {"timeouts": 1, "timeout": "soon", "devices": [{"device": 1}]},
            "Unsupported parameters: devices.device, timeouts. ",
        ),
        ({"timeouts": 1}, "Unsupported parameters for ("),
        ({"timeout": "soon"}, "argument 'timeout' is of type"),
    ],
)
def test_a_mistyped_option_is_reported_with_the_first_error(run, params, msg):
    result, _logged = run(lambda _module: pytest.fail("is not valid"), **params)
    assert result["msg"].startswith(msg)
    assert result["failure"]["kind"] == "invalid_parameters"


def test_the_environment_sets_what_the_task_does_not(run, monkeypatch):
    monkeypatch.setitem(SPEC, "device_id", {"type": "str", "fallback": (basic.env_fallback, ["THE_ID"])})
    shown = []

    def work(module):
        shown.append(module.params["device_id"])
        module.exit_json(changed=False)

    for value in ("from the environment", ""):
        monkeypatch.setenv("THE_ID", value)
        run(work)
    assert shown == ["from the environment", None]


def test_the_attributes_of_a_file_are_set(run, tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to("file")
    paths = []
    monkeypatch.setattr(
        basic.AnsibleModule, "load_file_common_arguments", lambda _module, _params, path: {"path": path}
    )
    monkeypatch.setattr(
        basic.AnsibleModule,
        "set_fs_attributes_if_different",
        lambda _module, options, changed: paths.append(options["path"]) or not changed,
    )

    def work(module):
        module.exit_json(changed=module.set_file_attributes(str(tmp_path / "link")))

    assert run(work)[0]["changed"] is True
    assert paths == [str(tmp_path / "file")]


def test_secrets_are_in_no_result_and_no_log(run):
    def work(module):
        module.exit_json(changed=False, text="said Zq82 and Zq8%32", number=3, word="Zq82")

    result, logged = run(work, client_key_passphrase="Zq82", devices=[{"client_key_content": KEY, "device_id": "d"}])
    assert result["text"] == "said ******** and ********"
    assert (result["number"], result["changed"]) == (3, False)
    arguments = result["invocation"]["module_args"]
    assert arguments["client_key_passphrase"] == NO_LOG
    assert arguments["devices"] == [{"client_key_content": NO_LOG, "device_id": "d"}]
    assert arguments["timeout"] == 30
    assert "Invoked with" in logged
    assert "Zq8" not in str(result) + logged


def test_the_parameters_are_not_searched_for_each_secret(run, monkeypatch):
    monkeypatch.setattr(basic, "heuristic_log_sanitize", lambda *_arguments: pytest.fail("took time for each secret"))
    _result, logged = run(lambda module: module.exit_json(changed=False), client_key_passphrase="Zq82", device_id="d")
    assert "device_id=d" in logged
    assert f"client_key_passphrase={NO_LOG}" in logged


@pytest.mark.parametrize(("count", "end"), [(10, "}] timeout="), (12, "}] and 2 more timeout=")])
def test_a_long_list_is_truncated_in_the_log_only(run, count, end):
    devices = [{"device_id": f"device-{number}"} for number in range(count)]
    result, logged = run(lambda module: module.exit_json(changed=False), devices=devices)
    assert "device-9" in logged
    assert "device-10" not in logged
    assert end in logged
    assert len(result["invocation"]["module_args"]["devices"]) == count


@pytest.mark.parametrize("secret", ["a", "3", "true", "changed"])
def test_a_short_secret_leaves_the_result_as_it_is(run, secret):
    def work(module):
        module.exit_json(changed=True, days=3, id="1a2a-3", ok="banana")

    result, _logged = run(work, client_key_passphrase=secret)
    assert result["changed"] is True
    assert result["days"] == 3
    assert result["ok"] == "banana"


def test_a_wrong_type_shows_no_secret(run):
    result, logged = run(
        timeout="Zq82", client_key_passphrase="Zq82", devices=["Zq83", {"client_key_content": ["Zq84"]}]
    )
    assert result["failed"]
    assert "Zq8" not in str(result) + logged


@pytest.mark.parametrize("device", [{}, {"device_id": "d"}])
def test_a_key_instead_of_a_path_is_an_invalid_task(run, device):
    result, logged = run(client_key=KEY, **device)
    assert result["failure"]["kind"] == "invalid_parameters"
    assert "client_key contains" in result["msg"]
    assert result["invocation"]["module_args"]["client_key"] == "********"
    assert "Zq81" not in str(result) + logged


def test_a_key_instead_of_a_path_is_told_with_the_error_of_ansible(run):
    result, logged = run(client_key=KEY, timeout="soon")
    assert result["msg"].startswith("client_key contains")
    assert "timeout" in result["msg"]
    assert "Zq81" not in str(result) + logged


def test_an_error_has_no_secret_in_what_led_to_it(run):
    errors = []

    def work(module):
        module.warn("with Zq82-secret")
        try:
            raise HttpError("said Zq82-secret") from ValueError("Zq82-secret")
        except HttpError as error:
            errors.append(error)
            module.fail_json(msg=f"failed: {error}", failure={"kind": "Zq82-secret", "message": "Zq82-secret"})

    result, logged = run(work, client_key_passphrase="Zq82-secret")
    assert result["msg"] == "failed: said ********"
    assert result["failure"] == {"kind": "Zq82-secret", "message": "********"}
    assert (str(errors[0]), errors[0].__cause__) == ("said ********", None)
    assert "with ********" in logged


def test_other_messages_are_logged_without_secrets(run):
    def work(module):
        module.log("found Zq82-secret")
        module.exit_json(changed=False)

    _result, logged = run(work, client_key_passphrase="Zq82-secret")
    assert "found ********" in logged


@pytest.mark.parametrize("is_wrapped", [True, False])
def test_a_lack_of_a_temporary_directory_is_a_host_error(run, monkeypatch, is_wrapped):
    def no_directory(_module):
        error = OSError(errno.ENOSPC, "No space left on device")
        if not is_wrapped:
            raise error
        raise Exception("Failed to create remote module tmp path") from error  # noqa: TRY002 - as ansible-core

    def work(module):
        with pytest.raises(HostError, match=r"cannot be created: No space left on device\. .* remote_tmp"):
            module.temporary_directory()
        module.exit_json()

    monkeypatch.setattr(basic.AnsibleModule, "tmpdir", property(no_directory))
    run(work)


def test_the_temporary_directory_is_that_of_ansible(run, monkeypatch):
    def work(module):
        module.exit_json(folder=module.temporary_directory())

    monkeypatch.setattr(basic.AnsibleModule, "tmpdir", "/tmp/of-ansible")
    assert run(work)[0]["folder"] == "/tmp/of-ansible"

# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""An AnsibleModule that masks secrets in logs and results, also if the parameters are invalid."""

from __future__ import annotations

import os
import sys
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.edgeops.digicert.plugins.module_utils._errors import HostError, InvalidParametersError
from ansible_collections.edgeops.digicert.plugins.module_utils._parameters import (
    ParameterCheck,
    fill_from_environment,
    shown,
    without_fallbacks,
    without_omitted_fields,
)
from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import Redactor
from ansible_collections.edgeops.digicert.plugins.module_utils._runtime import Runtime

# To mask secrets takes time for each character, and the system log truncates long messages.
_MOST_LOGGED = 10


class Module(AnsibleModule):  # type: ignore[misc]  # ansible-core has no types
    """A module that masks the secrets of its parameters with `redactor`, to which other secrets can be added.

    AnsibleModule logs the parameters, and returns them after an error, before any code of a module runs. So the
    parameters are checked when they are loaded.
    """

    argument_spec: dict[str, dict[str, t.Any]]
    params: dict[str, t.Any]
    no_log_values: set[str]

    def __init__(self, argument_spec: dict[str, t.Any], **settings: t.Any) -> None:
        self.redactor = Redactor()
        self._problems: list[str] = []
        self._is_valid = False
        super().__init__(argument_spec=argument_spec, **settings)
        if self._problems:
            problems, self._problems = self._problems, []
            self.fail_json(" ".join(problems))
        self._is_valid = True

    def _load_params(self) -> None:
        super()._load_params()
        # For the constraints of AnsibleModule, an option that is null is set.
        params = {option: value for option, value in self.params.items() if value is not None}
        check = ParameterCheck(fill_from_environment(params, self.argument_spec, os.environ), self.argument_spec)
        self.params = without_omitted_fields(check.params, self.argument_spec)
        # Ansible would take variables that fill_from_environment does not.
        self.argument_spec = without_fallbacks(self.argument_spec)
        self.redactor.add(check.secrets)
        self._problems = check.problems

    def runtime(self, device: str | None = None, repeat_warnings: bool = True) -> Runtime:
        """Return what functions that process one device require of the module. The warnings begin with its name."""
        known: set[str] = set()

        def warn(warning: str) -> None:
            if repeat_warnings or warning not in known:
                known.add(warning)
                self.warn(f"Device {device}: {warning}" if device else warning)

        return Runtime(warn, self.check_mode, self.temporary_directory)

    def set_file_attributes(self, path: str) -> bool:
        """Set the attributes of a file to those of `file_argument_spec`. Return whether that changes the file."""
        file_options = self.load_file_common_arguments(self.params, path=os.path.realpath(path))
        return bool(self.set_fs_attributes_if_different(file_options, False))

    def temporary_directory(self) -> str:
        """Return the path of the module's temporary directory. Raises HostError if there is none."""
        try:
            return str(self.tmpdir)
        except Exception as error:  # ansible-core 2.19 and later raise no type of their own.
            reason = getattr(error.__cause__, "strerror", None) or getattr(error, "strerror", None) or error
            raise HostError(
                f"The temporary directory of the module cannot be created: {reason}. "
                "Correct that, or set remote_tmp of Ansible to another directory of the managed host."
            ) from error

    def _log_invocation(self) -> None:
        # AnsibleModule searches all parameters for each secret, for a message that `log` does not use.
        self.log("Invoked", log_args=self.params)

    def log(self, msg: str, log_args: dict[str, t.Any] | None = None) -> None:
        """Log a message. AnsibleModule passes the parameters in `log_args`, also secrets with line ends."""
        if log_args:
            log_args = {option: _logged(value) for option, value in self._shown(self.params).items()}
            msg = "Invoked with " + " ".join(f"{option}={value}" for option, value in log_args.items())
        super().log(self.redactor.text(msg), log_args=log_args)

    def warn(self, warning: str, **settings: t.Any) -> None:
        """Add a warning to the result."""
        super().warn(self.redactor.text(warning), **settings)

    def exit_json(self, **result: t.Any) -> None:
        """Return a result from the module."""
        super().exit_json(**self._redacted(result))

    def fail_json(self, msg: str, **result: t.Any) -> None:
        """Return a failure from the module."""
        error = sys.exc_info()[1]
        if error is not None:
            # Ansible can return the active exception with its causes.
            error.args = (self.redactor.text(str(error)),)
            error.__cause__ = error.__context__ = None
        msg = " ".join([*self._problems, str(msg)])
        if not self._is_valid:
            result, msg = self._invalid_parameters(msg, result)
        super().fail_json(**self._redacted({**result, "msg": msg}))

    def _invalid_parameters(self, msg: str, result: dict[str, t.Any]) -> tuple[dict[str, t.Any], str]:
        """Return the result and the message of an error in the parameters, which AnsibleModule reports."""
        msg = " ".join([*self._unsupported(msg), msg])
        failure = InvalidParametersError(msg)
        device_id = self.params.get("device_id")
        if not isinstance(device_id, str):
            return {**result, "failure": failure.failure()}, msg
        named = failure.result(device_id)
        return {**result, **named}, named.pop("msg")

    def _unsupported(self, msg: str) -> list[str]:
        """Return an error for the options that the module does not have, if `msg` is another error.

        AnsibleModule returns only its first error, and checks the names of the options last.
        """
        validation = getattr(self, "validation_result", None)
        if validation is None or "Unsupported parameters" in msg:
            return []
        # The name of an option in a list has the names of the lists before it.
        names = [name if isinstance(name, str) else ".".join(name) for name in validation.unsupported_parameters]
        return [f"Unsupported parameters: {', '.join(sorted(names))}."] if names else []

    def _redacted(self, result: dict[str, t.Any]) -> dict[str, t.Any]:
        arguments = result.get("invocation", {}).get("module_args", self.params)
        # Ansible masks each number and each character that equals a short secret.
        self.no_log_values = set()
        redacted = self.redactor.data({**result, "invocation": {"module_args": self._shown(arguments)}})
        if "msg" in result:
            redacted["msg"] = self.redactor.text(result["msg"])
        if "failure" in result:
            redacted["failure"]["kind"] = result["failure"]["kind"]
        return dict(redacted)

    def _shown(self, params: dict[str, t.Any]) -> dict[str, t.Any]:
        return shown(params, self.argument_spec)


def _logged(value: t.Any) -> str:
    """Return the text of a parameter in the log. A long list is truncated."""
    if isinstance(value, list) and len(value) > _MOST_LOGGED:
        return f"{value[:_MOST_LOGGED]} and {len(value) - _MOST_LOGGED} more"
    return str(value)

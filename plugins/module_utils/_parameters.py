# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This file is private to the collection: it can change at any time.

"""Find secrets in the parameters of a task before Ansible validates, logs and returns them.

Ansible collects the secrets of a task during the validation of the parameters. After the first error it returns all
parameters, including secrets that it has not collected yet, or that are in another option.
"""

from __future__ import annotations

import base64
import os
import re
import typing as t
from urllib.parse import urlsplit

from ansible.module_utils.common.validation import check_type_dict

from ansible_collections.edgeops.digicert.plugins.module_utils._redaction import MASK
from ansible_collections.edgeops.digicert.plugins.module_utils._regular_file import host_name

# The placeholder of Ansible for a secret option.
NO_LOG = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
# The option for the content of the file at a path.
_CONTENT_OPTIONS = {
    **{f"{prefix}_{kind}": f"{prefix}_{kind}_content" for prefix in ("client", "birth") for kind in ("cert", "key")},
    "csr_path": "csr_content",
}
# The option for the path of a content, and the option for the content at a path.
_COUNTERPARTS = {**_CONTENT_OPTIONS, **{content: path for path, content in _CONTENT_OPTIONS.items()}}
# A certificate or a CSR in these options is valid, a private key is not.
_TEXT_OPTIONS = ("csr_content", "value")
# The options for desired fields, and the names of a field in their entries.
_FIELD_OPTIONS = ("fields", "secret_fields")
_FIELD_NAMES = frozenset(("id", "name"))
# The module creates the file.
_NEW_FILES = ("ca_certs_path", "progress_path")
# The longest name of a file.
_LONGEST_NAME = 255

# Names of fields and devices can contain words such as "Private key" and "-- end", so PEM has more than these.
_VAULT = re.compile(r"\$ANSIBLE_VAULT|\A\s*!vault\b")
_PRIVATE_KEY = re.compile(r"PRIVATE\s+KEY\s*-{4,}|-{4,}\s*BEGIN[A-Z0-9 ]*PRIVATE", re.IGNORECASE)
# LS0tLS1 is ----- in Base64.
_PEM = re.compile(
    r"(?i:-{4,}\s*(?:BEGIN|END)\b)|(?:KEY|CERTIFICATE|REQUEST)\s*-{4,}"
    r"|\b(?:BEGIN|END)\s+(?:[A-Z0-9]+\s+)*PRIVATE\s+KEY|LS0tLS1CRUdJTi"
)
_BASE64 = re.compile(r"\s*M(?:\s*[A-Za-z0-9+/_-]){39,}[\s=]*")
# The tags of DER (ITU-T X.690), and the number of bytes before the content of a SEQUENCE by its first length byte.
_SEQUENCE, _INTEGER = 0x30, 0x02
_LONG_HEADERS = {0x81: 3, 0x82: 4}
# A passphrase does not begin like this.
_LOOKS_LIKE_PATH = re.compile(r"/|~(?=/|$)|\.{1,2}(?:/|$)")

Spec = t.Mapping[str, t.Mapping[str, t.Any]]
Params = t.Dict[str, t.Any]


def fill_from_environment(params: Params, spec: Spec, environment: t.Mapping[str, str]) -> Params:
    """Return the parameters with the environment variables of the options in the place of missing ones.

    An empty variable is no value. A path in the environment does not replace a content in the parameters, nor does a
    content replace a path.
    """
    filled = dict(params)
    for option, rule in spec.items():
        _function, names = rule.get("fallback", (None, ()))
        value = next((environment[name] for name in names if environment.get(name)), None)
        if value is not None and params.keys().isdisjoint((option, _COUNTERPARTS.get(option))):
            filled[option] = value
    return filled


def without_fallbacks(spec: Spec) -> dict[str, dict[str, t.Any]]:
    """Return a spec without environment variables, for parameters that have their values already."""
    return {option: {key: value for key, value in rule.items() if key != "fallback"} for option, rule in spec.items()}


class ParameterCheck:
    """The secrets and the misplaced texts in the parameters of a task.

    `params` are the parameters with a mask in the place of misplaced texts, `secrets` are the texts of secret options,
    and `problems` are the misplaced texts as sentences.
    """

    def __init__(self, params: Params, spec: Spec, exists: t.Callable[[str], bool] = os.path.exists) -> None:
        self.secrets: list[str] = []
        self.problems: list[str] = []
        self._exists = exists
        self._known = frozenset(spec)
        self.params = self._checked_options(params, spec, "")

    def _checked_options(self, params: Params, spec: Spec, prefix: str) -> Params:
        checked = {}
        for option, value in params.items():
            if option in spec:
                checked[option] = self._checked(value, option, spec[option], prefix + option)
            elif option.startswith("_ansible_"):
                checked[option] = value
            else:
                # Ansible rejects this option, and returns its value.
                checked[option] = None if value is None else MASK
        return checked

    def _checked(self, value: t.Any, option: str, rule: t.Mapping[str, t.Any], label: str) -> t.Any:
        if value is None:
            return None
        if rule.get("no_log"):
            self.secrets += texts_of(value)
            return value
        if "options" in rule:
            return self._checked_entries(value, rule["options"], label)
        if isinstance(value, (list, tuple)) and rule.get("type") == "list":
            return [self._checked_leaf(each, option, rule, f"{label}[{at}]") for at, each in enumerate(value)]
        if isinstance(value, dict) and rule.get("type") == "dict":
            # The type stays, so that Ansible reports nothing but the misplaced text.
            names = [self._checked_leaf(name, option, rule, f"A name in {label}") for name in value]
            return {
                name: self._checked_leaf(each, option, rule, f"{label}[{name!r}]")
                for name, each in zip(names, value.values())
            }
        return self._checked_leaf(value, option, rule, label)

    def _checked_entries(self, value: t.Any, spec: Spec, label: str) -> t.Any:
        """Check a list of dicts. A value of another type is a secret if the dict can contain one."""
        if not isinstance(value, list):
            return self._checked_entry(value, spec, label)
        return [self._checked_entry(entry, spec, f"{label}[{at}]") for at, entry in enumerate(value)]

    def _checked_entry(self, entry: t.Any, spec: Spec, label: str) -> t.Any:
        if isinstance(entry, dict):
            return self._checked_options(entry, spec, f"{label}.")
        if not _has_secrets(spec):
            return self._checked_leaf(entry, "value", {}, label)
        self.secrets += texts_of(entry)
        try:
            parsed = check_type_dict(entry)
        except (TypeError, ValueError):
            return MASK
        return self._checked_options(parsed, spec, f"{label}.")

    def _checked_leaf(self, value: t.Any, option: str, rule: t.Mapping[str, t.Any], label: str) -> t.Any:
        problem = next(filter(None, (self._problem(text, option, rule) for text in _all_texts(value))), None)
        if problem is None:
            return value
        self.problems.append(f"{label} {problem} The value is not shown.")
        return MASK

    def _problem(self, text: str, option: str, rule: t.Mapping[str, t.Any]) -> str | None:
        if _VAULT.search(text):
            return "contains encrypted text that Ansible did not decrypt. Set a variable that ansible-vault encrypts."
        if option in _TEXT_OPTIONS:
            return self._misplaced_key(option) if _PRIVATE_KEY.search(text) else None
        is_path = rule.get("type") == "path"
        if is_path:
            # Ansible expands it too, and a variable of the environment can contain a key.
            text = os.path.expanduser(os.path.expandvars(text))
        if is_pem(text) or (is_path and not _can_be_path(text)):
            return self._misplaced_content(text, option, is_path)
        if option.endswith("_url") and may_contain_password(text):
            return (
                "is not a base URL. Set https://, a host, and at most a port and a path, but no password and no query."
            )
        if is_path and option not in _NEW_FILES and not _LOOKS_LIKE_PATH.match(text) and not self._exists(text):
            return self._misplaced_word()
        return None

    def _misplaced_key(self, option: str) -> str:
        if option == "csr_content":
            return "contains a private key. Set only the CSR."
        return "contains a private key. Set it in secret_fields."

    def _misplaced_content(self, text: str, option: str, is_path: bool) -> str:
        kind = "client_key" if _PRIVATE_KEY.search(text) else "client_cert"
        place = _CONTENT_OPTIONS.get(option, _CONTENT_OPTIONS[kind])
        advice = f"Set {place} for the text of a file." if place in self._known else "Do not set the text of a file."
        return (
            f"contains a key, a certificate or other text instead of {'a path' if is_path else 'its value'}. {advice}"
        )

    def _misplaced_word(self) -> str:
        advice = " For a passphrase, set client_key_passphrase." if "client_key_passphrase" in self._known else ""
        return f"is not the path of a file on the host {host_name()}. Set an absolute path.{advice}"


def without_omitted_fields(params: Params, spec: Spec) -> Params:
    """Return the parameters without the desired fields that have no value, for which a task used `omit`.

    Ansible removes the value from such an entry, and keeps the entry. A value that is null stays, and is an error.
    """
    return {
        option: _without_omitted_entries(option, value, spec[option]["options"])
        if isinstance(value, list) and "options" in spec.get(option, {})
        else value
        for option, value in params.items()
    }


def _without_omitted_entries(option: str, entries: list[t.Any], spec: Spec) -> list[t.Any]:
    kept = [without_omitted_fields(entry, spec) if isinstance(entry, dict) else entry for entry in entries]
    return [entry for entry in kept if not _is_omitted(entry)] if option in _FIELD_OPTIONS else kept


def _is_omitted(entry: t.Any) -> bool:
    """Return whether an entry names a field and lacks nothing but its value."""
    if not isinstance(entry, dict) or not _FIELD_NAMES.issuperset(set(entry) - {"state"}):
        return False
    names = [name for name in entry if name in _FIELD_NAMES and entry[name]]
    return len(names) == 1 and entry.get("state", "present") == "present"


def secrets_of(params: t.Mapping[str, t.Any], spec: Spec) -> list[str]:
    """Return the texts of the secret options in parameters that Ansible has validated."""
    texts: list[str] = []
    for option, value in params.items():
        rule = spec.get(option, {})
        if rule.get("no_log"):
            texts += texts_of(value)
        elif "options" in rule:
            for entry in value or ():
                texts += secrets_of(entry, rule["options"])
    return texts


def shown(params: t.Mapping[str, t.Any], spec: Spec) -> Params:
    """Return the parameters as Ansible returns them, without secret options and without options that `spec` lacks."""
    return {option: _shown(value, spec[option]) for option, value in params.items() if option in spec}


def _shown(value: t.Any, rule: t.Mapping[str, t.Any]) -> t.Any:
    if value is None:
        return None
    if rule.get("no_log"):
        return NO_LOG
    if "options" not in rule:
        return value
    if isinstance(value, list):
        return [_shown(each, rule) for each in value]
    return shown(value, rule["options"]) if isinstance(value, dict) else MASK


def texts_of(value: t.Any) -> list[str]:
    """Return all texts in a value of any type, with numbers as text."""
    if isinstance(value, dict):
        return [text for each in value.values() for text in texts_of(each)]
    if isinstance(value, (list, tuple)):
        return [text for each in value for text in texts_of(each)]
    return [] if value is None or isinstance(value, bool) or value == "" else [str(value)]


def _all_texts(value: t.Any) -> list[str]:
    """Return all texts in a value of any type, also the keys of dictionaries."""
    if isinstance(value, dict):
        value = [*value.values(), *value]
    if isinstance(value, (list, tuple)):
        return [text for each in value for text in _all_texts(each)]
    return texts_of(value)


def is_pem(text: str) -> bool:
    """Return whether a text is PEM, a part of it, or DER in Base64."""
    return bool(_PEM.search(text)) or _is_der(text)


def may_contain_password(url: str) -> bool:
    """Return whether a URL has a part in which a password can be."""
    try:
        parts = urlsplit(url)
        unusual = parts.port is not None and not parts.hostname
    except ValueError:
        return True
    return (
        unusual or "%" in parts.netloc or bool({"?", "#"}.intersection(url)) or "@" in parts.netloc or not parts.netloc
    )


def _is_der(text: str) -> bool:
    """Return whether a text begins as the Base64 of a key or a certificate and contains nothing but Base64."""
    if not _BASE64.fullmatch(text):
        return False
    start = re.sub(r"\s", "", text)[:12].replace("+", "-").replace("/", "_")
    head = base64.urlsafe_b64decode(start)
    return head[0] == _SEQUENCE and head[_LONG_HEADERS.get(head[1], 2)] in (_SEQUENCE, _INTEGER)


def _has_secrets(spec: Spec) -> bool:
    return any(rule.get("no_log") or _has_secrets(rule.get("options", {})) for rule in spec.values())


def _can_be_path(text: str) -> bool:
    names = os.path.normpath(text).split("/")
    return not re.search(r"[\r\n]", text.strip()) and all(len(name) <= _LONGEST_NAME for name in names)

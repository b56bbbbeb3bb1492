# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Configure Sphinx for the site. antsibull-docs writes the pages."""

project = "edgeops.digicert"
copyright = "2026, edgeops.digicert contributors"  # noqa: A001 - the name is defined by Sphinx
title = html_short_title = "Device records in DigiCert IoT Device Manager"
extensions = ["sphinx_antsibull_ext"]
pygments_style = "ansible"
highlight_language = "YAML+Jinja"
html_theme = "sphinx_ansible_theme"
html_show_sphinx = False
html_show_sourcelink = False
html_copy_source = False
html_use_index = False
default_role = "any"
nitpicky = True
# These pages are part of the documentation of Ansible and of other collections.
nitpick_ignore_regex = [
    ("std:ref", r"ansible_collections\.(ansible\.builtin|community\.crypto)\..*"),
    ("std:ref", r"ansible_configuration_settings|callback_plugins|common_return_values"),
    ("std:envvar", r"ANSIBLE_.*"),
]

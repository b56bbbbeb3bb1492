# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Configure Sphinx for the site. antsibull-docs writes the pages."""

import re

from docutils import nodes

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

# The guides link to each other as files, and plugins link to them on the forge, so that these links also work on the
# forge and in the output of ansible-doc. On the site, such a link leads to the page of the guide.
GUIDE = re.compile(r"(?:https://github\.com/edgeops/edgeops\.digicert/blob/main/docs/docsite/rst/)?(guide_\w+)\.rst\b")


def link_guides(app, doctree, docname):
    """Let the links to the files of guides lead to their pages."""
    for reference in doctree.findall(nodes.reference):
        uri = reference.get("refuri", "")
        found = GUIDE.match(uri)
        if found:
            page = app.builder.get_relative_uri(docname, f"docsite/{found[1]}")
            reference["refuri"] = page + uri[found.end() :]
            reference["internal"] = True


def setup(app):
    """Connect the function to Sphinx."""
    app.connect("doctree-resolved", link_guides)

# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A simulator of DigiCert IoT Device Manager: the device API (client certificates) and the operator API (API keys).

It is made from the public documentation: real HTTPS on 127.0.0.1 with real client certificates, GET and PUT of a
device, the update that replaces all values, and the renewal of a certificate, which an intermediate CA then signs. The
operator API lists devices in pages, with filters, reads and updates them, and creates, enables and disables them.
Devices enroll with an API key, a passcode or a birth certificate, and over EST. Everything but the certificates is in
memory.

From the command line, `python tests/simulator --help`: it prints where it is and what to set, and runs until Ctrl-C.
With `--empty`, an operator can set up the account from its first device on.

In a test:

    with Simulator(folder) as simulator:  # certificates are written into the folder, a free port is taken
        leaf = simulator.certificates["access-point"]  # a device's name, or stranger, outsider, expired, not-yet-valid
        device = simulator.records["access-point"]
        url = f"{simulator.url}{DEVICE_PATH}{device.id}"
        requests.get(url, cert=(leaf.pem, leaf.key), verify=simulator.certificates.ca)

The account has the devices `access-point`, `spare-access-point` (mandatory values only), `camera` (two of its fields
share a name), `read-only`, `write-only` and `disabled`. `Device` in records.py says what a test can see and set:

        device.device_api_allow_write = False
        device.valueless = "null"  # how a field without a value is listed: absent, null or empty
        device.field_id("Site"), device.named_values, device.record

A device can bring a key of its own, whose private half never was here:

        pem = simulator.certify("access-point", public_key)

There can be many more devices, for tests of fleets:

        sensors = simulator.add_devices(1000)  # their certificates are simulator.certificates["sensor-1"] and so on

An operator comes with an API key to another port:

        requests.get(simulator.operator_url + LIST_PATH, headers={"x-api-key": API_KEY}, verify=...)
        simulator.records.largest_page = 10  # and what else Records says

The names of devices are unique in their division. A new device has the permissions of its profile:

        device = simulator.records.register("gate-7.rotterdam", {"Serial number": "G-7"})  # as an operator creates it
        simulator.records.profiles["Gateway"].flags["device_api_allow_write"] = False
        simulator.records.create_ignores_flags = True  # those that the request names, too
        simulator.certifies_new_devices = True  # in files with the name of the device, as on the command line

A device without a certificate enrolls with `simulator.certificates["birth"]`, or at the operators' port:

        requests.post(simulator.operator_url + CERTIFICATE_PATH, headers={"x-passcode": PASSCODE}, json=..., verify=...)
        simulator.enrollment["gateways"].id  # which is ENROLLMENT_PROFILE_ID; enrollment.py has more profiles
        simulator.enrollment["gateways"].passcodes[PASSCODE].uses = 1
        simulator.records.find_named("gate-7.rotterdam")  # the device that has come into being

A device can do the same over EST (RFC 7030), with the enrollment profile `est-gateways`. The common name of its CSR is
its name. It renews its certificate at the devices' port:

        requests.post(simulator.est_url + "/simpleenroll", cert=birth, data=csr, headers=..., verify=...)
        requests.post(simulator.est_operator_url + "/simpleenroll", auth=("", PASSCODE), data=csr, headers=..., ...)
        simulator.est.pending = 2  # responses 202 to each CSR, with the Retry-After of simulator.est.retry_after
        simulator.est.csr_attributes = der  # or a status such as 404
        simulator.est.leaf_place = "last"  # and what else Est in est.py says of the form of responses
        simulator.est.issued  # the certificates, in order
        Answer(path="/simpleenroll", status=503)  # as any other path in a script; see below

The log has what came, up to `reset()` or `clear_log()`, but for what `forget(until)` removed:

        simulator.connections  # one for each TCP connection; its `tls` is None when the handshake failed
        simulator.handshakes  # how many were completed
        simulator.requests  # with connection, method, raw path, headers, body or payload, and the status of the answer
        simulator.methods  # such as ["GET", "PUT"]

A script says what happens to the requests to come instead; script.py has all that an `Answer` can do:

        simulator.script(
            Answer(status=503, headers={"Retry-After": "1"}, times=2),
            Answer(method="PUT", effect=True, cut=True),  # carried out, and the connection is cut before the answer
            Answer(method="PUT", effect=True, body="<html>"),  # carried out, and the answer is not the record
            Answer(before=lambda records: records["camera"].values.clear()),  # something else writes first
            Answer(delay=3),  # then as always
            Answer(path=CERTIFICATE_PATH, status=503),  # only to requests with this in their path
        )
        simulator.untold  # the answers that no request has asked for

`simulator.limit` is how many requests a second it takes before it answers 429; there is none at first.

`reset()` gives fresh devices, an empty log and no script; certificates and port stay, so it costs next to nothing.
"""

from __future__ import annotations

from simulator.certificates import PASSPHRASE
from simulator.enrollment import CERTIFICATE_PATH, ENROLLMENT_PROFILE_ID, ENROLLMENT_PROFILE_PATH, PASSCODE
from simulator.est import EST_PATH
from simulator.operator_api import API_KEY, LIST_PATH, READER_API_KEY
from simulator.script import DENIAL, FOREVER, Answer
from simulator.server import DEVICE_PATH, Simulator

__all__ = [
    "API_KEY",
    "CERTIFICATE_PATH",
    "DENIAL",
    "DEVICE_PATH",
    "ENROLLMENT_PROFILE_ID",
    "ENROLLMENT_PROFILE_PATH",
    "EST_PATH",
    "FOREVER",
    "LIST_PATH",
    "PASSCODE",
    "PASSPHRASE",
    "READER_API_KEY",
    "Answer",
    "Simulator",
]

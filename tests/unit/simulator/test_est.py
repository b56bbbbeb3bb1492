# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import email.utils
import subprocess
import typing as t
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID

from simulator import DEVICE_PATH, EST_PATH, PASSCODE, Answer, Simulator
from simulator.enrollment import EXPIRED_PASSCODE, ONE_TIME_PASSCODE, Passcode
from simulator.est import est_path

NAME = "gate-7.rotterdam"
PKCS7 = "application/pkcs7-mime; smime-type=certs-only"
PROFILES = {"est": "est-gateways", "api": "gateways"}
CA_NAMES = ["CN=Simulator CA", "CN=Simulator intermediate CA"]
LEAF_AND_CHAIN = [f"CN={NAME}", "CN=Simulator intermediate CA"]


class EstClient:
    """A device that enrolls and renews over EST."""

    def __init__(self, simulator: Simulator, folder: Path) -> None:
        self.simulator = simulator
        self.pair = (folder / "device.pem", folder / "device.key")
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.pair[1].write_bytes(
            self.key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )

    def csr(self, name: str = NAME, *alternative_names: str) -> bytes:
        """Return a new CSR as the body of a request."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])
        builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
        if alternative_names:
            names = x509.SubjectAlternativeName([x509.DNSName(each) for each in alternative_names])
            builder = builder.add_extension(names, critical=False)
        return base64.encodebytes(builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER))

    def send(self, method: str, url: str, leaf: str | None = None, **options: t.Any) -> requests.Response:
        """Send a request, with a certificate of the simulator if `leaf` names one."""
        if leaf is not None:
            files = self.simulator.certificates[leaf]
            options["cert"] = (str(files.pem), str(files.key))
        return requests.request(method, url, verify=str(self.simulator.certificates.ca), timeout=5, **options)

    def post(self, url: str, csr: bytes | None = None, **options: t.Any) -> requests.Response:
        """Send a CSR."""
        headers = {"Content-Type": "application/pkcs10", **options.pop("headers", {})}
        return self.send("POST", url, data=self.csr() if csr is None else csr, headers=headers, **options)

    def enroll(
        self, csr: bytes | None = None, passcode: str = PASSCODE, operation: str = "simpleenroll"
    ) -> requests.Response:
        """Send a CSR with a passcode."""
        return self.post(f"{self.simulator.est_operator_url}/{operation}", csr, auth=("", passcode))

    def renew(self, csr: bytes | None = None, leaf: str | None = None) -> requests.Response:
        """Send a CSR with the certificate that it has, or with one of the simulator."""
        options = {"leaf": leaf} if leaf else {"cert": (str(self.pair[0]), str(self.pair[1]))}
        return self.post(f"{self.simulator.est_url}/simplereenroll", csr, **options)

    def keep(self, answer: requests.Response) -> x509.Certificate:
        """Keep the certificates of a response, and return that of the device."""
        leaf, intermediate = certificates_of(answer)
        encoding = serialization.Encoding.PEM
        self.pair[0].write_bytes(leaf.public_bytes(encoding) + intermediate.public_bytes(encoding))
        return leaf

    def read(self) -> requests.Response:
        """Read its record with the certificate that it has got."""
        url = f"{self.simulator.url}{DEVICE_PATH}{self.simulator.records.find_named(NAME).id}"
        return self.send("GET", url, cert=(str(self.pair[0]), str(self.pair[1])))


@pytest.fixture
def client(simulator, tmp_path) -> EstClient:
    return EstClient(simulator, tmp_path)


def der_of(answer: requests.Response) -> bytes:
    assert (answer.status_code, answer.headers["Content-Transfer-Encoding"]) == (200, "base64"), answer.text
    return base64.b64decode(b"".join(answer.content.split()), validate=True)


def read_with_openssl(der: bytes) -> list[x509.Certificate]:
    """Return the certificates of a PKCS#7 in their order, as other software reads them."""
    command = ["openssl", "pkcs7", "-inform", "DER", "-print_certs"]
    output = subprocess.run(command, input=der, stdout=subprocess.PIPE, check=True).stdout
    return x509.load_pem_x509_certificates(output)


def certificates_of(answer: requests.Response) -> list[x509.Certificate]:
    assert answer.headers["Content-Type"] == PKCS7
    return read_with_openssl(der_of(answer))


def names_of(certificates: list[x509.Certificate]) -> list[str]:
    return [certificate.subject.rfc4514_string() for certificate in certificates]


def refusal_of(answer: requests.Response) -> tuple[int, str]:
    """Return status and text of a refusal."""
    assert answer.headers["Content-Type"] == "text/plain"
    assert answer.headers.get("WWW-Authenticate") == ('Basic realm="est"' if answer.status_code == 401 else None)
    assert answer.text.endswith(".\n")
    return answer.status_code, answer.text


def assert_nothing_came_of_it(simulator):
    assert len(simulator.records.devices) == 6
    assert simulator.records.find_named(NAME) is None
    assert simulator.est.issued == []


def test_a_passcode_makes_a_device_that_reads_its_record_and_renews(simulator, client):
    leaf = client.keep(client.enroll())
    device = simulator.records.find_named(NAME)
    assert client.read().json() == device.record
    assert device.named_values == {"Serial number": NAME}
    assert (leaf.public_key(), leaf.subject.rfc4514_string()) == (client.key.public_key(), f"CN={NAME}")
    renewed = client.keep(client.renew())
    assert client.read().status_code == 200
    assert simulator.est.issued == [leaf, renewed]
    assert leaf.serial_number != renewed.serial_number
    assert len(simulator.records.devices) == 7


def test_a_birth_certificate_makes_a_device(simulator, client):
    client.keep(client.post(simulator.est_url + "/simpleenroll", leaf="birth"))
    assert client.read().json() == simulator.records.find_named(NAME).record


def test_a_record_gets_the_certificate_and_keeps_its_values(simulator, client):
    device = simulator.records.register(NAME, {"Serial number": "G-6"})
    client.keep(client.enroll())
    assert client.read().json() == device.record
    assert device.named_values == {"Serial number": "G-6"}
    device.status = "DISABLED"
    assert refusal_of(client.enroll()) == (403, f"Device {NAME} is not active.\n")
    assert len(simulator.est.issued) == 1


def test_a_device_of_a_fresh_account_renews(simulator, client):
    leaf = certificates_of(client.renew(client.csr("access-point"), leaf="access-point"))[0]
    device = simulator.records["access-point"]
    assert simulator.records.read(device.id, leaf.fingerprint(hashes.SHA256()).hex()) is device


def test_openssl_verifies_an_issued_certificate(simulator, client, tmp_path):
    client.keep(client.enroll())
    command = ["openssl", "verify", "-CAfile", simulator.certificates.ca, "-untrusted", client.pair[0], client.pair[0]]
    assert subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.endswith(": OK\n")
    message = tmp_path / "response.p7"
    message.write_bytes(der_of(client.enroll()))
    command = ["openssl", "cms", "-cmsout", "-print", "-inform", "DER", "-in", message]
    printed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    assert "contentType: pkcs7-signedData" in printed
    assert "signerInfos:\n      <EMPTY>" in printed


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer " + base64.b64encode(f":{PASSCODE}".encode()).decode()}, 401),
        ({"Authorization": "Basic"}, 401),
        ({"Authorization": "Basic ~"}, 401),
        ({"Authorization": "Basic " + base64.b64encode(PASSCODE.encode()).decode()}, 401),
        ({"Authorization": "Basic " + base64.b64encode(b":another").decode()}, 401),
        ({"Authorization": "Basic " + base64.b64encode(b"\xff:").decode()}, 401),
        ({"Authorization": "Basic " + base64.b64encode(f":{EXPIRED_PASSCODE}".encode()).decode()}, 403),
    ],
)
def test_credentials_that_are_refused(simulator, client, headers, status):
    answer = client.post(simulator.est_operator_url + "/simpleenroll", headers=headers)
    assert refusal_of(answer)[0] == status
    assert_nothing_came_of_it(simulator)


@pytest.mark.parametrize("username", ["", "gateway"])
def test_the_username_is_ignored(simulator, client, username):
    answer = client.post(simulator.est_operator_url + "/simpleenroll", auth=(username, PASSCODE))
    assert answer.status_code == 200


@pytest.mark.parametrize("leaf", ["stranger", "access-point"])
def test_a_certificate_that_is_not_registered(simulator, client, leaf):
    answer = client.post(simulator.est_url + "/simpleenroll", leaf=leaf, auth=("", PASSCODE))
    assert refusal_of(answer) == (403, "The certificate is not registered to the enrollment profile.\n")
    assert_nothing_came_of_it(simulator)


def test_a_passcode_has_limits(simulator, client):
    assert client.enroll(b"none", ONE_TIME_PASSCODE).status_code == 400
    assert [client.enroll(None, ONE_TIME_PASSCODE).status_code for _time in range(2)] == [200, 403]
    simulator.est.enrollment["est-gateways"].passcodes["for-8"] = Passcode(identifiers=["gate-8.rotterdam"])
    assert refusal_of(client.enroll(None, "for-8")) == (403, "The passcode is not for this device.\n")
    assert client.enroll(client.csr("gate-8.rotterdam"), "for-8").status_code == 200


def spoil(csr: bytes) -> bytes:
    """Return a CSR whose signature is not valid."""
    der = bytearray(base64.b64decode(csr))
    der[-1] ^= 1
    return base64.b64encode(der)


@pytest.mark.parametrize(
    "change",
    [
        lambda _it: b"",
        lambda it: base64.b64decode(it.csr()),
        lambda it: it.csr() + b"-",
        lambda _it: base64.b64encode(b"none"),
        lambda it: spoil(it.csr()),
        lambda it: it.csr(name=""),
    ],
)
def test_a_csr_that_is_refused_is_not_pending(simulator, client, change):
    simulator.est.pending = 1
    assert refusal_of(client.enroll(change(client)))[0] == 400
    assert_nothing_came_of_it(simulator)


def test_a_device_of_another_profile(simulator, client):
    simulator.records.register("camera-9", {"Model": "C-9"}, "Camera")
    assert refusal_of(client.enroll(client.csr("camera-9"))) == (
        400,
        "Device camera-9 has the device profile Camera.\n",
    )


def test_another_content_type(simulator, client):
    url = simulator.est_operator_url + "/simpleenroll"
    answer = client.post(url, auth=("", PASSCODE), headers={"Content-Type": "application/octet-stream"})
    assert refusal_of(answer)[0] == 415
    assert_nothing_came_of_it(simulator)


def test_a_renewal_requires_the_certificate_of_a_device(simulator, client):
    assert refusal_of(client.enroll(operation="simplereenroll"))[0] == 401
    for leaf in ("birth", "stranger"):
        assert refusal_of(client.renew(client.csr(leaf), leaf)) == (403, "The certificate is not of a device.\n")
    assert_nothing_came_of_it(simulator)


def test_a_device_that_is_not_permitted_to_renew(simulator, client):
    client.keep(client.enroll())
    simulator.records.find_named(NAME).device_api_allow_renew_certificate = False
    assert refusal_of(client.renew())[0] == 403
    assert len(simulator.est.issued) == 1


def test_a_renewal_keeps_the_names(simulator, client):
    client.keep(client.enroll(client.csr(NAME, "gate", "gate-7")))
    for csr in (client.csr(), client.csr(NAME, "gate"), client.csr("gate-8", "gate", "gate-7")):
        status, text = refusal_of(client.renew(csr))
        assert status == 400
        assert text.startswith("The subject ")
    assert len(simulator.est.issued) == 1
    assert client.renew(client.csr(NAME, "gate", "gate-7")).status_code == 200


def test_ca_certificates_and_csr_attributes_require_no_authentication_for_passcodes(simulator, client):
    for answer in (
        client.send("GET", simulator.est_operator_url + "/cacerts"),
        client.send("GET", simulator.est_url + "/cacerts", "stranger"),
    ):
        assert names_of(certificates_of(answer)) == CA_NAMES
    for answer in (
        client.send("GET", simulator.est_operator_url + "/csrattrs"),
        client.send("GET", simulator.est_url + "/csrattrs", "stranger"),
    ):
        assert (answer.status_code, answer.content) == (204, b"")
    with pytest.raises(requests.ConnectionError):
        client.send("GET", simulator.est_url + "/cacerts")
    assert simulator.handshakes == len(simulator.connections) - 1


def test_other_ca_certificates(simulator, client):
    other = x509.load_pem_x509_certificate(simulator.certificates.other_ca.read_bytes())
    simulator.est.ca_certificates.insert(0, other)
    answer = client.send("GET", simulator.est_operator_url + "/cacerts")
    assert names_of(certificates_of(answer)) == ["CN=Other CA", *CA_NAMES]


def test_csr_attributes(simulator, client):
    url = simulator.est_operator_url + "/csrattrs"
    simulator.est.csr_attributes = b"\x30\x0b" + bytes.fromhex("06092a864886f70d010907")
    answer = client.send("GET", url)
    assert answer.headers["Content-Type"] == "application/csrattrs"
    assert der_of(answer) == simulator.est.csr_attributes
    simulator.est.csr_attributes = 404
    assert refusal_of(client.send("GET", url)) == (404, "There are no CSR attributes.\n")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "{est}/simpleenroll", 405),
        ("POST", "{est}/cacerts", 405),
        ("GET", "{est}/serverkeygen", 404),
        ("GET", "{est}", 404),
        ("GET", "{est}/cacerts/", 404),
        ("GET", EST_PATH + "cacerts", 404),
        ("GET", est_path("IOT_unknown") + "/cacerts", 404),
        ("GET", "{api}/cacerts", 404),
        ("POST", "{api}/simpleenroll", 404),
    ],
)
def test_paths_that_do_not_exist(simulator, client, method, path, status):
    paths = {name: est_path(simulator.enrollment[profile].id) for name, profile in PROFILES.items()}
    url = simulator.operator_url + path.format_map(paths)
    assert refusal_of(client.send(method, url, auth=("", PASSCODE)))[0] == status


@pytest.mark.parametrize("place", ["first", "last"])
def test_the_certificate_is_first_or_last(simulator, client, place):
    simulator.est.leaf_place = place
    expected = LEAF_AND_CHAIN if place == "first" else LEAF_AND_CHAIN[::-1]
    assert names_of(certificates_of(client.enroll())) == expected


def test_the_form_is_that_of_a_library_but_for_the_order(simulator, client):
    url = simulator.est_operator_url + "/cacerts"
    one = der_of(client.send("GET", url))
    simulator.est.ca_certificates.reverse()
    other = der_of(client.send("GET", url))
    by_library = pkcs7.serialize_certificates(simulator.est.ca_certificates, serialization.Encoding.DER)
    assert [one, other].count(by_library) == 1


def test_a_response_without_the_chain(simulator, client):
    simulator.est.with_chain = False
    assert names_of(certificates_of(client.enroll())) == [f"CN={NAME}"]


@pytest.mark.parametrize(
    ("length", "end", "longest"), [(64, "\n", 64), (76, "\r\n", 76), (0, "\n", None), (0, "", None), (1, "\n", 1)]
)
def test_the_lines_of_base64(simulator, client, length, end, longest):
    simulator.est.line_length, simulator.est.line_end = length, end
    answer = client.enroll()
    assert names_of(certificates_of(answer)) == LEAF_AND_CHAIN
    lines = answer.text.split(end) if end else [answer.text, ""]
    assert lines.pop() == ""
    assert max(map(len, lines)) == (longest or len(answer.text.strip()))
    assert all(len(line) == longest for line in lines[:-1])


def test_the_headers_and_the_raw_form(simulator, client):
    simulator.est.raw_der = True
    simulator.est.transfer_encoding = None
    simulator.est.content_type = "application/pkcs7-mime"
    for answer in (client.enroll(), client.send("GET", simulator.est_operator_url + "/cacerts")):
        assert answer.headers["Content-Type"] == "application/pkcs7-mime"
        assert "Content-Transfer-Encoding" not in answer.headers
        assert len(read_with_openssl(answer.content)) == 2


def test_a_pending_request_is_its_csr(simulator, client):
    simulator.est.pending = 2
    one, other = client.csr(), client.csr()
    assert [client.enroll(each).status_code for each in (one, other, one)] == [202, 202, 202]
    assert_nothing_came_of_it(simulator)
    assert [client.enroll(each).status_code for each in (one, other, other)] == [200, 202, 200]
    assert len(simulator.est.issued) == 2
    assert client.enroll(one).status_code == 202  # a new request


def test_a_use_of_a_passcode_is_counted_when_a_certificate_is_issued(simulator, client):
    simulator.est.pending = 1
    passcode = simulator.enrollment["est-gateways"].passcodes[ONE_TIME_PASSCODE]
    csr = client.csr()
    assert (client.enroll(csr, ONE_TIME_PASSCODE).status_code, passcode.uses) == (202, 1)
    assert (client.enroll(csr, ONE_TIME_PASSCODE).status_code, passcode.uses) == (200, 0)


def test_a_pending_renewal(simulator, client):
    client.keep(client.enroll())
    simulator.est.pending = 1
    csr = client.csr()
    assert [client.renew(csr).status_code for _time in range(2)] == [202, 200]
    assert len(simulator.est.issued) == 2


def test_a_request_that_needs_approval_is_pending_until_then(simulator, client):
    profile, csr = simulator.enrollment["est-gateways"], client.csr()
    profile.needs_approval = True
    assert [client.enroll(csr).status_code for _time in range(3)] == [202, 202, 202]
    profile.needs_approval = False
    assert client.enroll(csr).status_code == 200


def test_when_a_pending_request_can_be_sent_again(simulator, client):
    simulator.est.pending = 5
    moment = datetime(2026, 11, 30, 23, 45, tzinfo=UTC)
    headers = []
    for retry_after in (1, 3600, moment, "soon", None):
        simulator.est.retry_after = retry_after
        answer = client.enroll()
        assert refusal_of(answer) == (202, "The certificate request is pending.\n")
        headers.append(answer.headers.get("Retry-After"))
    assert headers == ["1", "3600", "Mon, 30 Nov 2026 23:45:00 GMT", "soon", None]
    assert email.utils.parsedate_to_datetime(headers[2]) == moment


def test_faults_can_be_injected_and_the_log_has_what_came(simulator, client):
    simulator.script(
        Answer(path="/simpleenroll", status=503, headers={"Retry-After": "1"}),
        Answer(path="/simpleenroll", effect=True, cut=True),
        Answer(path="/simpleenroll", effect=True, body=b"none", headers={"Content-Transfer-Encoding": "8bit"}),
        Answer(method="POST", path="/simplereenroll", status=403, headers={"Content-Type": "text/plain"}, body="No."),
    )
    assert client.send("GET", simulator.est_operator_url + "/cacerts").status_code == 200
    assert client.enroll().status_code == 503
    assert_nothing_came_of_it(simulator)
    csr = client.csr()
    with pytest.raises(requests.ConnectionError):
        client.enroll(csr)
    assert len(simulator.est.issued) == 1
    broken = client.enroll()
    assert (broken.content, broken.headers["Content-Type"]) == (b"none", PKCS7)
    assert broken.headers["Content-Transfer-Encoding"] == "8bit"
    assert client.renew(leaf="birth").text == "No."
    assert [request.status for request in simulator.requests] == [200, 503, None, 200, 403]
    request = simulator.requests[2]
    assert (request.method, request.path, request.body) == (
        "POST",
        simulator.est_operator_url.removeprefix(simulator.operator_url) + "/simpleenroll",
        csr,
    )


def test_a_change_after_the_request(simulator, client):
    def disable(records):
        records.find_named(NAME).status = "DISABLED"

    simulator.script(Answer(after=disable))
    client.keep(client.enroll())
    assert client.read().json()["status"] == "DISABLED"


def test_the_limit_is_for_est_too(simulator, client):
    simulator.limit = 1
    url = simulator.est_operator_url + "/csrattrs"
    assert [client.send("GET", url).status_code for _time in range(2)] == [204, 429]


def test_reset_begins_anew(simulator, client):
    simulator.est.pending, simulator.est.line_length = 1, 0
    csr = client.csr()
    client.enroll(csr)
    simulator.reset()
    assert client.enroll(csr).status_code == 200
    simulator.reset()
    simulator.est.pending = 1
    assert client.enroll(csr).status_code == 202
    assert (simulator.est.issued, simulator.est.line_length) == ([], 64)

"""Certificates of nodes that call us: an authority of this installation alone, and what it signs.

Its key is sealed in the database. Who holds a certificate is not let in by that: the database
says which certificate is a node's own now (`callers.recognised`).
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from erp.base.errors import DomainError
from erp.base.secrets import reveal, seal
from erp.customers.models import Organisation
from orchestration.nodes.models import NodeAuthority

# What the door's certificate says it is, wherever it stands: nodes ask for this name.
DOOR_NAME = "node-door.tenantry"
AUTHORITY_DAYS = 7300
DOOR_DAYS = 90
NODE_DAYS = 90
# The Master's servers may differ a little in their clocks.
SKEW = timedelta(hours=1)
LONGEST_REQUEST = 8192


class BadCertificateRequest(DomainError):
    """What the machine sent is no certificate request with a key on the curve P-256."""

    code = "bad_certificate_request"
    status = 422


@dataclass(frozen=True, slots=True)
class Signed:
    """A node's certificate, the SHA-256 of its DER form, and when it ends."""

    certificate: str
    digest: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Authority:
    """The authority with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        """Return the certificate as nodes store it."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def pin(self) -> str:
        """Return the SHA-256 by which a machine knows the authority before it trusts anything."""
        return digest_of(self.certificate.public_bytes(Encoding.DER))


def digest_of(der: bytes) -> str:
    """Return the name of a certificate."""
    return hashlib.sha256(der).hexdigest()


def authority_of(owner: Organisation, *, at: datetime) -> Authority:
    """Return the authority of the provider; the first call makes it, whoever comes first."""
    row = NodeAuthority.objects.filter(organisation=owner).first()
    if row is None:
        certificate, key = _made(owner, at=at)
        facts = {"certificate": certificate, "key_sealed": key, "created_at": at}
        row, _ = NodeAuthority.objects.get_or_create(organisation=owner, defaults=facts)
    key_pem = reveal(row.key_sealed, where=_where(owner))
    private = load_pem_private_key(key_pem.encode(), password=None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    return Authority(x509.load_pem_x509_certificate(row.certificate.encode()), private)


def _made(owner: Organisation, *, at: datetime) -> tuple[str, str]:
    """Return a new authority's certificate and its sealed key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"Tenantry nodes of {owner.reference}")
    certificate = (
        _certificate(name, key.public_key(), issuer=name, at=at, days=AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(Encoding.PEM).decode()
    return pem, seal(_private_pem(key), where=_where(owner))


def sign_node(authority: Authority, request: str, *, name: str, at: datetime) -> Signed:
    """Sign the key of a request for one node; nothing else of the request is taken over.

    Raises:
        BadCertificateRequest: it cannot be read, is not signed by its key, or has another curve.
    """
    key = _key_of(request)
    subject = _name(name)
    until = at + timedelta(days=NODE_DAYS)
    issuer = authority.certificate.subject
    certificate = (
        _certificate(subject, key, issuer=issuer, at=at, days=NODE_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=True)
        .sign(authority.key, hashes.SHA256())
    )
    der = certificate.public_bytes(Encoding.DER)
    pem = certificate.public_bytes(Encoding.PEM).decode()
    return Signed(certificate=pem, digest=digest_of(der), until=until)


def key_digest(request: str) -> str:
    """Return the name of the key in a request.

    Raises:
        BadCertificateRequest: see `sign_node`.
    """
    key = _key_of(request)
    return digest_of(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def door_pair(authority: Authority, *, at: datetime) -> tuple[str, str]:
    """Return a fresh certificate of the door and its key, which no disk keeps."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = authority.certificate.subject
    names = x509.SubjectAlternativeName([x509.DNSName(DOOR_NAME)])
    certificate = (
        _certificate(_name(DOOR_NAME), key.public_key(), issuer=issuer, at=at, days=DOOR_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=True)
        .add_extension(names, critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.PEM).decode(), _private_pem(key)


def _key_of(request: str) -> ec.EllipticCurvePublicKey:
    if len(request) > LONGEST_REQUEST:
        raise BadCertificateRequest
    try:
        read = x509.load_pem_x509_csr(request.encode())
        key = read.public_key()
        is_signed = read.is_signature_valid
    except (ValueError, UnsupportedAlgorithm, InvalidSignature) as error:
        raise BadCertificateRequest from error
    if not is_signed or not isinstance(key, ec.EllipticCurvePublicKey):
        raise BadCertificateRequest
    if not isinstance(key.curve, ec.SECP256R1):
        raise BadCertificateRequest
    return key


def _certificate(
    subject: x509.Name,
    key: ec.EllipticCurvePublicKey,
    *,
    issuer: x509.Name,
    at: datetime,
    days: int,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - SKEW)
        .not_valid_after(at + timedelta(days=days))
    )


def _usage(*, signs_certificates: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _private_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _where(owner: Organisation) -> str:
    return f"nodeauthority:{owner.reference}:key"

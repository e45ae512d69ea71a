"""Nodes that call us: the one-time token, the certificate that it buys, renewal and withdrawal."""

import hashlib
import ipaddress
import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from erp.base.errors import DomainError
from erp.base.journal import record
from orchestration.node_agent.bundle import version
from orchestration.nodes.authority import authority_of, key_digest, sign_node
from orchestration.nodes.models import ComputeNode, EnrolmentStep, NodeCaller
from orchestration.nodes.states import Carrier, State

BY = "node door"
TOKEN_LIFE = timedelta(hours=1)
# A certificate is renewed when this is left of its ninety days: a node may be away for weeks.
RENEW_BEFORE = timedelta(days=45)

# Fetches the agent, compares it with the checksum that was promised, and runs it. The token is in
# the environment, which other users of the machine cannot read; arguments they can.
_COMMAND = (
    "TENANTRY_TOKEN={token} python3 -c '"
    "import hashlib,os,ssl,sys,tempfile,urllib.request as u;"
    'b=u.urlopen("https://{door}/agent.zip",timeout=60,'
    "context=ssl._create_unverified_context()).read(1<<25);"
    'hashlib.sha256(b).hexdigest()=="{agent}" or sys.exit("not the agent that was promised");'
    'h,f=tempfile.mkstemp(".zip");os.write(h,b);'
    'os.execvp("python3",["python3",f,"enrol","{door}","{pin}"])'
    "'"
)


class DoorClosed(DomainError):
    """No node can call: set TENANTRY_NODE_DOOR and start the node door (docs/operations.md)."""

    code = "door_closed"


class NotACaller(DomainError):
    """This node does not call: a worker reaches it over SSH. Or it is retired."""

    code = "not_a_caller"


class TokenRefused(DomainError):
    """The one-time token is wrong, used or too old: ask for a new command on the node's page."""

    code = "token_refused"
    status = 403


class CertificateRefused(DomainError):
    """The certificate is not, or no more, a node's own: ask for a new command on its page."""

    code = "certificate_refused"
    status = 403


@transaction.atomic
def new_command(node: ComputeNode, *, at: datetime, by: str) -> str:
    """Return the command to run on the machine; one that was given before is good no more.

    Raises:
        NotACaller: the node is reached over SSH, or retired.
        DoorClosed: nobody has said where nodes call.
    """
    if not settings.NODE_DOOR:
        raise DoorClosed
    caller = _locked(node)
    token = secrets.token_urlsafe(32)
    caller.token_hash, caller.token_key_hash = _hash(token), ""
    caller.token_until = at + TOKEN_LIFE
    caller.save(update_fields=["token_hash", "token_key_hash", "token_until"])
    EnrolmentStep.objects.filter(node=node).update(
        state="waiting", message="", started_at=None, ended_at=None
    )
    record(node, "command_given", at=at, by=by)
    pin = authority_of(node.organisation, at=at).pin
    return _COMMAND.format(token=token, door=settings.NODE_DOOR, agent=version(), pin=pin)


def node_of_token(token: str, *, at: datetime) -> ComputeNode:
    """Return the node that a token lets in.

    Raises:
        TokenRefused: it is unknown or too old, or its node is retired.
    """
    good = NodeCaller.objects.filter(token_hash=_hash(token), token_until__gt=at)
    caller = good.exclude(node__state=State.RETIRED).select_related("node__organisation").first()
    if caller is None:
        raise TokenRefused
    return caller.node


@transaction.atomic
def certify(token: str, request: str, *, at: datetime) -> str:
    """Return the certificate for the key of a request; the token is this key's from now on.

    The same key may ask again: the answer may have been lost.

    Raises:
        TokenRefused: see `node_of_token`, or another key has used it.
        BadCertificateRequest: see `authority`.
    """
    node = node_of_token(token, at=at)
    caller = _locked(node)
    key = key_digest(request)
    if caller.token_hash != _hash(token) or caller.token_key_hash not in {"", key}:
        raise TokenRefused
    if not caller.token_key_hash:
        caller.token_key_hash, caller.former_hash = key, ""
        _sign(caller, request, at=at)
        record(node, "certified", at=at, by=BY)
    return caller.certificate


@transaction.atomic
def renew(node: ComputeNode, request: str, *, at: datetime) -> str:
    """Return a new certificate for a node that is let in; its present one is good until it is seen.

    Raises:
        BadCertificateRequest: see `authority`.
    """
    caller = _locked(node)
    # A renewal whose answer was lost was never seen: the one before it is the one in use.
    caller.former_hash = caller.former_hash or caller.certificate_hash
    _sign(caller, request, at=at)
    record(node, "certificate_renewed", at=at, by=BY)
    return caller.certificate


def recognised(digest: str, *, at: datetime) -> ComputeNode:
    """Return the node whose own certificate this is; the first sight of a new one ends the former.

    Raises:
        CertificateRefused: it is nobody's, withdrawn or too old, or its node is retired.
    """
    known = NodeCaller.objects.exclude(node__state=State.RETIRED)
    mine = Q(certificate_hash=digest, certificate_until__gt=at) | Q(former_hash=digest)
    caller = known.filter(mine).select_related("node").first() if digest else None
    if caller is None:
        raise CertificateRefused
    if caller.former_hash and caller.certificate_hash == digest:
        mine_now = NodeCaller.objects.filter(pk=caller.pk, certificate_hash=digest)
        mine_now.update(former_hash="")
    return caller.node


def forget_token(node: ComputeNode) -> None:
    """End the token: the node's own certificate was seen."""
    caller = NodeCaller.objects.filter(node=node).exclude(token_hash="")
    caller.update(token_hash="", token_until=None, token_key_hash="")


@transaction.atomic
def withdraw(node: ComputeNode, *, at: datetime, by: str) -> None:
    """Refuse the node's certificate and token from now on: a machine that was stolen."""
    caller = _locked(node)
    caller.certificate = caller.certificate_hash = caller.former_hash = ""
    caller.token_hash, caller.token_key_hash, caller.token_until = "", "", None
    caller.save()
    record(node, "certificate_withdrawn", at=at, by=by)


def is_to_renew(node: ComputeNode, *, at: datetime) -> bool:
    """Return whether the node's certificate ends soon.

    One that was renewed and is still called with did not hear of the new one: it ends as before.
    """
    if node.carrier != Carrier.HTTPS:
        return False
    ends = Q(certificate_until__lt=at + RENEW_BEFORE) | ~Q(former_hash="")
    return NodeCaller.objects.filter(ends, node=node).exists()


def take_address(node: ComputeNode, said: str) -> None:
    """Keep the address that the machine has itself, unless the operator said another."""
    if node.service_address:
        return
    try:
        node.service_address = str(ipaddress.ip_address(said))
    except ValueError as error:
        raise DomainError(f"The machine says that its address is {said[:60]!r}.") from error
    node.save(update_fields=["service_address"])


def _sign(caller: NodeCaller, request: str, *, at: datetime) -> None:
    authority = authority_of(caller.node.organisation, at=at)
    signed = sign_node(authority, request, name=caller.node.reference, at=at)
    caller.certificate = signed.certificate
    caller.certificate_hash, caller.certificate_until = signed.digest, signed.until
    caller.save()


def _locked(node: ComputeNode) -> NodeCaller:
    rows = NodeCaller.objects.select_for_update(of=("self",)).select_related("node__organisation")
    caller = rows.filter(node_id=node.pk).exclude(node__state=State.RETIRED).first()
    if caller is None:
        raise NotACaller
    return caller


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()

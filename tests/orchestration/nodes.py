"""Machines to add, and people who may."""

from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from erp.customers.models import Organisation
from erp.customers.services import add_member
from erp.customers.states import Role
from orchestration.nodes.models import ComputeNode
from orchestration.nodes.services import Machine, register
from tests.orchestration.builders import NOON, a_provider

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"


def a_machine(**changes: Any) -> Machine:
    facts: dict[str, Any] = {
        "name": "lille-1",
        "host": "192.0.2.7",
        "password": "once",
        "host_key": HOST_KEY,
        "partition_count": 2,
    }
    return Machine(**(facts | changes))


def a_registered_node(**changes: Any) -> ComputeNode:
    return register(a_provider(), a_machine(**changes), at=NOON, by="test")


def a_user(organisation: Organisation, role: Role) -> User:
    email = f"{role}-{organisation.reference}@people.example".lower()
    found = User.objects.filter(email=email).first()
    if found:
        return found
    return add_member(organisation, email=email, role=role, at=NOON, by="test").user


def signed_in(organisation: Organisation, role: Role) -> Client:
    client = Client()
    client.force_login(a_user(organisation, role))
    return client


def an_operator() -> Client:
    return signed_in(a_provider(), Role.OPERATOR)

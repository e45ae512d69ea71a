"""An instance that stands on a node."""

from orchestration.instances import services as instances
from orchestration.instances.models import Instance
from orchestration.nodes.models import ComputeNode
from tests.orchestration.builders import NOON, a_line


def an_instance_on(node: ComputeNode, *, partition: str = "p0", state: str = "placed") -> Instance:
    line = a_line()
    instances.follow_contract(line.contract, at=NOON)
    Instance.objects.filter(line=line).update(
        state=state, partition=node.partitions.get(name=partition), node=node
    )
    return Instance.objects.get(line=line)

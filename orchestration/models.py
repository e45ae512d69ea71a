"""All models of the app, in reading order, so that Django finds them in their slices."""

from orchestration.convergence.models import ConvergencePass
from orchestration.instances.models import Instance
from orchestration.maintenance.models import Check, NodeWork, Reading
from orchestration.metering.models import Sample, Spool, UsageSum
from orchestration.monitoring.models import Outage
from orchestration.nodes.models import (
    ComputeNode,
    ComputePartition,
    EnrolmentStep,
    NodeAuthority,
    NodeCaller,
    NodeLease,
    NodeRoom,
)
from orchestration.releases.models import ReleaseOnNode, SoftwareRelease
from orchestration.windows.models import MaintenanceWindow, Occurrence

__all__ = [
    "Check",
    "ComputeNode",
    "ComputePartition",
    "ConvergencePass",
    "EnrolmentStep",
    "Instance",
    "MaintenanceWindow",
    "NodeAuthority",
    "NodeCaller",
    "NodeLease",
    "NodeRoom",
    "NodeWork",
    "Occurrence",
    "Outage",
    "Reading",
    "ReleaseOnNode",
    "Sample",
    "SoftwareRelease",
    "Spool",
    "UsageSum",
]

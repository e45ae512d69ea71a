"""All models of the app, in reading order, so that Django finds them in their slices."""

from orchestration.backup.models import (
    BackupRepository,
    Drill,
    Protection,
    Relocation,
    Snapshot,
    Takeover,
    Witness,
)
from orchestration.campaigns.models import Campaign, CampaignItem, UpgradeTerms
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
    "BackupRepository",
    "Campaign",
    "CampaignItem",
    "Check",
    "ComputeNode",
    "ComputePartition",
    "ConvergencePass",
    "Drill",
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
    "Protection",
    "Reading",
    "ReleaseOnNode",
    "Relocation",
    "Sample",
    "Snapshot",
    "SoftwareRelease",
    "Spool",
    "Takeover",
    "UpgradeTerms",
    "UsageSum",
    "Witness",
]

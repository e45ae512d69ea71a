"""Releases that need others, and one on which sites are shared."""

from typing import Any

from orchestration.releases.models import SoftwareRelease
from tests.orchestration.builders import a_release


def releases_of_a_tree() -> None:
    """Publish an application that needs a database and a cache, and both."""
    application(
        [
            {
                "name": "database",
                "product": "postgresql",
                "parameters": {"user": "u-{parameters.title}", "connections": "{parameters.size}"},
            },
            {"name": "cache", "product": "cache"},
        ]
    )
    a_release("postgresql")
    a_release("cache")


def application(children: list[dict[str, Any]]) -> None:
    """Publish the application, or make it need something else."""
    profiled(
        "static-site",
        {
            "default": {
                "children": children,
                "parameters": {
                    "type": "object",
                    "properties": {"size": {"default": 7}, "title": {"default": "t"}},
                },
            }
        },
    )


def front_end() -> SoftwareRelease:
    """Publish a front end on which sites are shared."""
    site = {
        "shared_on": "default",
        "parameters": {"type": "object", "properties": {"path": {"default": "/"}}},
        "publish": {"url": "https://{parameters.domain}{parameters.path}", "ca": "{host.ca}"},
    }
    return profiled("front", {"default": {"publish": {"ca": "x"}}, "site": site})


def profiled(product: str, types: dict[str, Any]) -> SoftwareRelease:
    """Publish a release of these software types."""
    release = a_release(product)
    release.profile = {"name": product, "version": "1.0.0", "types": types}
    release.save(update_fields=["profile"])
    return release

"""The numbers of a service: its pool, what the provider takes, and how many instances fit.

They are those of the provider's smallest size. The service has the same arithmetic in app/database/budget.py, which
counts with the numbers that its owner finds.
"""

from collections.abc import Mapping
from typing import Any

from cloudrun_postgres_template.tables import tables

#: Instances that Cloud Run's maximum does not count: a release calls the new revision at the URL of its tag.
TAGGED_INSTANCES = 1

#: Connections that are no service's: that of the migrations, which run while the service serves.
MIGRATIONS = 1


def numbers(answers: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers by their names.

    settings: the strategy's, with the defaults that fit the provider. concurrency: connections and requests of one
    instance at once. endpoint: the provider's row. size: that row too. connections: what the endpoint takes of this
    service. max_instances: as many as fit, and no more than the strategy's bound. needed: the connections of these.
    """
    strategy = tables()["_pooling_strategies"][answers["pooling_strategy"]]
    provider = tables()["_providers"][answers["provider"]]
    endpoint = provider["endpoints"][provider["strategies"][answers["pooling_strategy"]]]
    size = provider["sizes"][0]
    defaults = provider["settings"].get(answers["pooling_strategy"], {})
    settings = [{**row, "default": defaults.get(row["name"], row["default"])} for row in strategy["settings"]]
    counted = [row for row in settings if row["type"] == "int"]
    concurrency = sum(int(row["default"]) for row in counted)
    connections = connections_at(endpoint, size)
    max_instances = min(strategy["most_instances"], (connections - MIGRATIONS) // concurrency - TAGGED_INSTANCES)
    return {
        "settings": settings,
        "pool": " + ".join(row["name"].upper() for row in counted),
        "concurrency": concurrency,
        "endpoint": endpoint,
        "size": size,
        "connections": connections,
        "because": because(provider, endpoint, size),
        "max_instances": max_instances,
        "tagged_instances": TAGGED_INSTANCES,
        "migrations": MIGRATIONS,
        "needed": (max_instances + TAGGED_INSTANCES) * concurrency + MIGRATIONS,
    }


def connections_at(endpoint: Mapping[str, Any], size: Mapping[str, Any]) -> int:
    """The connections that an endpoint of a provider takes at one of the provider's sizes."""
    limit: int = size[endpoint["limit"]]
    return limit - size["reserved"] if endpoint["limit"] == "max_connections" else limit


def because(provider: Mapping[str, Any], endpoint: Mapping[str, Any], size: Mapping[str, Any]) -> str:
    """Why there are so many connections."""
    of = f"on {size['name']}, the smallest size" if len(provider["sizes"]) > 1 else size["name"]
    most, reserved, shared = size["max_connections"], size["reserved"], size["pool_size"]
    return {
        "max_connections": f"max_connections {of}, is {most}, and {reserved} of these are kept back.",
        "pooler_clients": f"the clients that the pooler takes {of}. They share {shared} connections to the server.",
        "pool_size": f"the pool size of the session pooler {of}; the dashboard sets it.",
    }[endpoint["limit"]]

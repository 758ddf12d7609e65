"""The one sum of connections: how many instances fit.

    (maximum of instances + tagged instances) x connections of an instance + migrations <= connections of the endpoint

Cloud Run's maximum of a service (run.googleapis.com/maxScale) counts the instances of all revisions together, so a
rollout needs no more than that. Some instances it does not count, and for a short time it may run a few more.
"""

#: Instances that Cloud Run's maximum does not count: calls to the URL of a revision's tag start them. A release makes
#: one, to call the new revision before it gets traffic.
TAGGED_INSTANCES = {{ (cookiecutter | numbers).tagged_instances }}

#: Connections of the migrations, which run while the service serves.
MIGRATIONS = {{ (cookiecutter | numbers).migrations }}


def connections_needed(instances: int, each: int) -> int:
    """The connections of so many instances, each with so many."""
    return (instances + TAGGED_INSTANCES) * each + MIGRATIONS


def instances_that_fit(connections: int, each: int) -> int:
    """The largest maximum of instances, each with so many connections, that needs no more than these."""
    return max((connections - MIGRATIONS) // each - TAGGED_INSTANCES, 0)

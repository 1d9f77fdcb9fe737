"""Faust's assignor with our way of sharing: a partition goes whole to one member.

Faust's own gives each set of topics that the same members subscribe to out on its own: while two
releases with different topics are in one group, a partition's topics come to lie with different
members, and nobody can work on it. Here the changelog's partition decides, and its owner gets that
partition of each topic that it subscribes to.
"""

from collections.abc import Mapping, MutableMapping
from typing import Any

from aiokafka.cluster import ClusterMetadata
from faust.assignor.client_assignment import ClientAssignment, ClientMetadata
from faust.assignor.partition_assignor import PartitionAssignor

from journey_engine.run.sharing import Share, share

MEMBER_URL = "http://member"
"""What each member says where it is found. Nobody looks there; Faust only insists that a static
member that comes back says the same as before.
"""


class WholePartitions(PartitionAssignor):
    """Shares the partitions of all topics as `journey_engine.run.sharing` does."""

    def _perform_assignment(
        self, cluster: ClusterMetadata, member_metadata: Mapping[str, Any]
    ) -> MutableMapping[str, Any]:
        clients = {m: self._get_client_metadata(data) for m, data in member_metadata.items()}
        self._update_member_urls(clients)
        (changelog,) = self._table_manager.changelog_topics
        before = {m: _before(client, changelog) for m, client in clients.items()}
        partitions = len(cluster.partitions_for_topic(changelog) or ())
        shares = share(partitions, before, self.replicas)
        assignments = {
            member: ClientAssignment(
                actives={
                    topic: sorted(shares[member].owned)
                    for topic in data.subscription
                    if cluster.partitions_for_topic(topic)
                },
                standbys={changelog: sorted(shares[member].standing_by)},
            )
            for member, data in member_metadata.items()
        }
        topics = {topic for data in member_metadata.values() for topic in data.subscription}
        return self._protocol_assignments(assignments, {}, {}, dict.fromkeys(topics, 0))


def _before(client: ClientMetadata, changelog: str) -> Share:
    had = client.assignment
    return Share(
        frozenset(had.actives.get(changelog, ())), frozenset(had.standbys.get(changelog, ()))
    )

"""The engine: this service keeps a pool of connections to the database itself.

A kept connection needs few round trips (a message and its answer), and all features of Postgres work on it. But a
database that goes to sleep ends its idle connections, and the service notices only when it uses one. So the pool tests
every connection before use (pre-ping) and replaces a dead one. It takes the connection that was used last first (LIFO),
so that the others become idle.

The price is connections: each instance may hold pool size + overflow of them. During a rollout the old and the new
revision hold connections together, and the database's max_connections limits the sum. When you need more, use the
layered_pool strategy: it keeps the same pool in front of the provider's pooler, which takes thousands of clients.
"""

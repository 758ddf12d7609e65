"""The engine: the provider's pooler keeps the connections, this service keeps none.

A pooler is a program between clients and Postgres that shares a few server connections among many clients. Each session
opens a connection to the pooler and closes it at its end. So no connection here can go stale while the database sleeps.
A hundred instances cost the database no more than one, because the pooler stands between them and the database.

The price is a TCP connection, a TLS handshake and a login for each session: seven to eleven round trips where a kept
connection needs two to eight, and several milliseconds of processor time. When your latency shows that price, use the
layered_pool strategy: it keeps a few connections to the same pooler open.
"""

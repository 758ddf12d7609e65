"""The engine: the provider's pooler keeps the connections, this service keeps none.

A pooler is a program between clients and Postgres that shares a few server connections among many clients. Each session
opens a connection to the pooler and closes it at its end: so no connection here gets stale while the database sleeps.
A hundred instances cost the database no more than one, because the pooler limits the connections to the database.

The price is a TCP connection, a TLS handshake, a login and a ping for each session: eight to twelve round trips (a
message and its answer) where a kept connection needs two to five, and several milliseconds of processor time. If that
is too much, use the layered_pool strategy: it keeps a few connections to the same pooler open.
"""

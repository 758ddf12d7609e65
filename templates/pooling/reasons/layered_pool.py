"""The engine: a small pool of connections in this service, in front of the provider's pooler.

A pooler is a program between clients and Postgres that shares a few server connections among many clients. The pool
here saves each session a new connection, a TLS handshake and a login. A kept connection can still die (the pooler
restarts, a network drops it). So the pool tests every connection before use (pre-ping) and replaces a dead one. It
takes the connection that was used last first (LIFO), so that the others become idle.

The pooler runs each transaction on any server connection that is free. What lives longer than a transaction (SET,
LISTEN, session advisory locks, temporary tables, named prepared statements) does not work through it. A service that
needs those uses the queue_pool strategy on the direct URL.
"""

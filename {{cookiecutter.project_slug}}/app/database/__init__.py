"""Connections, sessions and settings of the database.

The folder imports nothing of the rest of the application, so that you can copy it into another service under any name.
"""

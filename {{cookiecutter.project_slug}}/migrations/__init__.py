"""The migrations, and how they are made."""

"""python -m app: the service on $PORT."""

from app import logs


def main() -> None:
    logs.configure()
    # Only now, so that an import that fails is a line of the log.
    from app.web import server

    server.run()


if __name__ == "__main__":
    main()

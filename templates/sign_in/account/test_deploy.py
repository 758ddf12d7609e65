def test_nothing_of_the_database_is_a_secret() -> None:
    for container in (SERVICE_CONTAINER, JOB_CONTAINER):
        assert not [name for name in secrets(container) if name.startswith("DATABASE_")]


def test_service_and_job_sign_in_as_the_accounts_that_they_run_as(configure: Configure) -> None:
    for container, spec in ((SERVICE_CONTAINER, REVISION["spec"]), (JOB_CONTAINER, TASK["spec"])):
        configure(**values(container))
        url = translate(Settings().database_url)[0]
        assert url.username == spec["serviceAccountName"].removesuffix(".gserviceaccount.com")
        assert not url.password


def test_socket_is_that_of_the_instance_in_the_annotation(configure: Configure) -> None:
    for container, metadata in ((SERVICE_CONTAINER, REVISION["metadata"]), (JOB_CONTAINER, TASKS["metadata"])):
        configure(**values(container))
        instance = metadata["annotations"]["run.googleapis.com/cloudsql-instances"]
        assert translate(Settings().database_url)[0].query["host"] == f"/cloudsql/{instance}"


def test_connections_of_the_service_begin_with_the_limits_of_a_request(configure: Configure) -> None:
    configure(**values(SERVICE_CONTAINER))
    options = parse(Settings().database_url).query["options"]
    for limit in ("statement_timeout", "idle_in_transaction_session_timeout"):
        assert f"-c {limit}={REVISION['spec']['timeoutSeconds']}s" in options

def test_only_the_job_has_the_direct_connection_string() -> None:
    assert "DATABASE_DIRECT_URL" in secrets(JOB_CONTAINER)
    assert "DATABASE_DIRECT_URL" not in secrets(SERVICE_CONTAINER)


def test_service_and_job_have_the_same_connection_string() -> None:
    assert secrets(JOB_CONTAINER)["DATABASE_URL"] == secrets(SERVICE_CONTAINER)["DATABASE_URL"]

# The connection strings are secrets. Each account reads only those that it needs.
prepare_database() {
  secret "$url_secret"
  secret "$direct_url_secret"
  if [[ ! $(versions "$url_secret") || ! $(versions "$direct_url_secret") ]]; then
    # Nobody knows the passwords of roles that are there without a secret.
    if [[ $one_role ]]; then take_one_role; else new_passwords=1 make_roles; fi
  fi
  grant_reading "$service_account" "$url_secret"
  grant_reading "$migrate_account" "$url_secret"
  grant_reading "$migrate_account" "$direct_url_secret"
}

# The database as the provider's role has it, for service and migrations.
take_one_role() {
  add_version "$url_secret" DATABASE_URL
  add_version "$direct_url_secret" DATABASE_DIRECT_URL
}

# With the provider's role, make the two of roles.sql. What comes back, with their passwords, goes on to Secret Manager:
# it is in no argument, no file and on no screen.
make_roles() {
  local url direct_url made
  { set +x; } 2>/dev/null
  say "Two roles are made in the database, by the role that the provider made with it: enter its connection strings."
  url=$(typed DATABASE_URL)
  direct_url=$(typed DATABASE_DIRECT_URL)
  # Not by a pipe: a dry run reads nothing of it, and the writer would fail.
  made=$(ask $'URL\nDIRECT_URL' make --silent roles ${new_passwords:+args=--new-passwords} < <(printf '%s\n%s\n' "$url" "$direct_url"))
  if [[ ! $made ]]; then
    say "Both roles were there: they have their rights again, and keep their passwords."
    return
  fi
  run gcloud secrets versions add "$url_secret" "${in_project[@]}" --data-file=- < <(printf '%s' "${made%%$'\n'*}")
  run gcloud secrets versions add "$direct_url_secret" "${in_project[@]}" --data-file=- < <(printf '%s' "${made#*$'\n'}")
  say "Let key in service.yaml and migrate-job.yaml name these versions, and release. With former passwords nobody can sign in any more."
}

versions() { ask "" gcloud secrets versions list "$1" "${in_project[@]}" --limit=1 --format='value(name)'; }

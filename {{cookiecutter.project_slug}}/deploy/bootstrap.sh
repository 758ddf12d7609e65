#!/usr/bin/env bash
# Prepares the Google Cloud project. What is there already stays as it is, so running it again is safe.
#
{% set passwords = cookiecutter._providers[cookiecutter.provider].passwords %}
#   bash deploy/bootstrap.sh [--dry-run]{{ " [--one-role]" if passwords else "             " }}                 before the first release
#   bash deploy/bootstrap.sh [--dry-run] roles{{ " [--new-passwords]" if passwords else "                  " }}      to give the database's roles their rights again{{ ", or other passwords" if passwords else "" }}
#   bash deploy/bootstrap.sh [--dry-run] pipeline OWNER/REPOSITORY    after it: {{ cookiecutter._pipelines[cookiecutter.pipeline].name }} may release
{% if passwords %}
#   bash deploy/bootstrap.sh [--dry-run] secret DATABASE_URL          when it changed; or DATABASE_DIRECT_URL
{% endif %}
#   bash deploy/bootstrap.sh [--dry-run] secret API_KEY               a secret of your own, new or changed, for the service
#
# Secrets are typed at the terminal: they are in no argument, no file and no history.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source-path=SCRIPTDIR source=common.sh
. deploy/common.sh

{% if passwords %}
# Set by --one-role: service and migrations use the role that the provider made.
one_role=

# Set by --new-passwords: roles that are there get new passwords.
new_passwords=

{% endif %}
main() {
  local arguments=()
  while (($#)); do
    case $1 in
      --dry-run) dry_run=1 ;;
{% if passwords %}
      --one-role) one_role=1 ;;
      --new-passwords) new_passwords=1 ;;
{% endif %}
      --help | -h) usage && exit ;;
      *) arguments+=("$1") ;;
    esac
    shift
  done
  case ${arguments[*]-} in
    "") prepare_project ;;
    roles) make_roles ;;
    pipeline\ */*) prepare_pipeline "${arguments[@]:1}" ;;
{% if passwords %}
    "secret DATABASE_URL") add_version "$url_secret" DATABASE_URL ;;
    "secret DATABASE_DIRECT_URL") add_version "$direct_url_secret" DATABASE_DIRECT_URL ;;
{% endif %}
    secret\ *) own_secret "${arguments[1]}" ;;
    *) usage && fail "${arguments[*]-} is not known: see above." ;;
  esac
  if [[ $dry_run ]]; then say "Nothing was done: this was a dry run."; fi
}

prepare_project() {
  enable run.googleapis.com artifactregistry.googleapis.com secretmanager.googleapis.com iam.googleapis.com
  image_repository
  # The accounts early: a new one can be given rights only after some seconds, which typing the secrets takes anyway.
  account "$service_account" "Runs $service"
  account "$migrate_account" "Migrates the database of $service"
  prepare_database
  say "The project is ready. Make the first release: bash deploy/deploy.sh"
}

prepare_pipeline() {
  [[ $1 =~ ^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$ ]] || fail "$1 is no repository: it should look like OWNER/REPOSITORY."
  run gcloud run services describe "$service" "${in_region[@]}" --format=none ||
    fail "The pipeline gets rights to the service, which is not there yet: make the first release with: bash deploy/deploy.sh"
  look_up_repository "$@"
  account "$pipeline_account" "Releases $service"
  connect_repository "$1"
  grant_releases
  revoke_wider_rights
  say "The pipeline is ready: a push to main is a release. New rights take some minutes to hold everywhere."
}

enable() { run gcloud services enable "$@" "${in_project[@]}"; }

image_repository() {
  local registry=("$service" "${in_project[@]}" --location="$region")
  create_unless_found "$service" \
    gcloud artifacts repositories describe "${registry[@]}" -- \
    gcloud artifacts repositories create "${registry[@]}" --repository-format=docker
  run gcloud artifacts repositories set-cleanup-policies "${registry[@]}" --policy=deploy/cleanup-policy.json --no-dry-run
}

account() {
  create_unless_found "$1" \
    gcloud iam service-accounts describe "$1" "${in_project[@]}" -- \
    gcloud iam service-accounts create "${1%@*}" "${in_project[@]}" --display-name="$2"
}

secret() {
  create_unless_found "$1" \
    gcloud secrets describe "$1" "${in_project[@]}" -- \
    gcloud secrets create "$1" "${in_project[@]}" --replication-policy=automatic
}

# A secret that only the service reads: API_KEY is kept as SERVICE-api-key.
own_secret() {
  [[ $1 =~ ^[A-Z][A-Z0-9_]*$ ]] || fail "$1 is no name of an environment variable: it should look like API_KEY."
  local name
  name=$service-$(tr '[:upper:]_' '[:lower:]-' <<<"$1")
  secret "$name"
  add_version "$name" "$1"
  grant_reading "$service_account" "$name"
}

add_version() {
  local value
  # A trace of the script must not show the secret.
  { set +x; } 2>/dev/null
  value=$(typed "$2")
  printf '%s' "$value" | run gcloud secrets versions add "$1" "${in_project[@]}" --data-file=-
}

typed() {
  local value
  if [[ $dry_run ]]; then return; fi
  read -r -s -p "$1, as the provider prints it: " value || fail "No $1 was given."
  say
  [[ $value ]] || fail "No $1 was given."
  [[ $1 != DATABASE_* || $value == postgres*://* ]] ||
    fail "That is no Postgres URL: it should look like postgresql://user:password@host/database."
  printf '%s' "$value"
}

grant_reading() {
  run gcloud secrets add-iam-policy-binding "$2" "${in_project[@]}" --format=none \
    --role=roles/secretmanager.secretAccessor --member="serviceAccount:$1"
}

# What deploy.sh does: push an image, replace and run the job and the service under their accounts, ask /ready as itself.
# deploy/README.md says why each right is needed.
grant_releases() {
  local member=serviceAccount:$pipeline_account
  run gcloud artifacts repositories add-iam-policy-binding "$service" "${in_project[@]}" --location="$region" --format=none \
    --role=roles/artifactregistry.writer --member="$member"
  grant_on_project "$pipeline_account" roles/run.viewer
  run gcloud run services add-iam-policy-binding "$service" "${in_region[@]}" --format=none \
    --role=roles/run.developer --member="$member"
  run gcloud run jobs add-iam-policy-binding "$migrate_job" "${in_region[@]}" --format=none \
    --role=roles/run.developer --member="$member"
  run gcloud run services add-iam-policy-binding "$service" "${in_region[@]}" --format=none \
    --role=roles/run.invoker --member="$member"
  grant_on_account "$service_account" roles/iam.serviceAccountUser
  grant_on_account "$migrate_account" roles/iam.serviceAccountUser
  grant_on_account "$pipeline_account" roles/iam.serviceAccountOpenIdTokenCreator
}

# What older versions of this script gave: tokens of every kind, and every service of the project.
revoke_wider_rights() {
  local member=serviceAccount:$pipeline_account
  revoke roles/iam.serviceAccountTokenCreator "$member" "$pipeline_account" iam service-accounts
  revoke roles/run.developer "$member" "$project" projects
}

grant_on_project() {
  run gcloud projects add-iam-policy-binding "$project" --quiet --condition=None --format=none \
    --role="$2" --member="serviceAccount:$1"
}

grant_on_account() {
  run gcloud iam service-accounts add-iam-policy-binding "$1" "${in_project[@]}" --format=none \
    --role="$2" --member="serviceAccount:$pipeline_account"
}

# Take a role from a member, if it is there: gcloud fails where it is not. The last words are the resource and its group.
revoke() {
  local role=$1 member=$2 resource=$3 holders
  shift 3
  holders=$(members "$member" "$role" "$resource" "$@")
  if [[ $'\n'$holders$'\n' != *$'\n'"$member"$'\n'* ]]; then return; fi
  run gcloud "$@" remove-iam-policy-binding "$resource" "${in_project[@]}" --condition=None --format=none \
    --role="$role" --member="$member"
}

# Who has a role on a resource without a condition, one on a line. The first word stands for them in a dry run.
members() {
  local stand_in=$1 role=$2 resource=$3
  shift 3
  ask "$stand_in" gcloud "$@" get-iam-policy "$resource" "${in_project[@]}" --flatten='bindings[].members' \
    --filter="bindings.role=$role AND NOT bindings.condition:*" --format='value(bindings.members)'
}

# Create what a first command does not find, with the command after the two hyphens.
create_unless_found() {
  local name=$1 describe=("$2")
  shift 2
  while [[ $1 != -- ]]; do
    describe+=("$1")
    shift
  done
  shift
  if [[ $dry_run ]]; then
    run "${describe[@]}"
  elif "${describe[@]}" >/dev/null 2>&1; then
    say "$name is there."
    return
  fi
  run "$@"
}

{% include "providers/" ~ cookiecutter.provider ~ "/bootstrap.sh" %}

{% include "pipelines/" ~ cookiecutter.pipeline ~ "/bootstrap.sh" %}

main "$@"

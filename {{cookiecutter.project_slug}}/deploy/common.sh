# Names, and the running of commands, for bootstrap.sh and deploy.sh. Sourced, not run.
# shellcheck shell=bash disable=SC2034

project={{ cookiecutter.gcp_project_id }}
region={{ cookiecutter.gcp_region }}
service={{ cookiecutter.project_slug }}
migrate_job=$service-migrate
image={{ cookiecutter | image }}

# The accounts that the service, its migrations and the pipeline run as.
service_account={{ cookiecutter | account }}-run@$project.iam.gserviceaccount.com
migrate_account={{ cookiecutter | account }}-job@$project.iam.gserviceaccount.com
pipeline_account={{ cookiecutter | account }}-ci@$project.iam.gserviceaccount.com

url_secret=$service-database-url
direct_url_secret=$service-database-direct-url

in_project=(--project="$project" --quiet)
in_region=("${in_project[@]}" --region="$region")

# gcloud would write the identity tokens that it prints to its log files too.
export CLOUDSDK_CORE_DISABLE_FILE_LOGGING=true

# Set by --dry-run: commands are printed instead of run.
dry_run=

# Functions that return a value use standard output for it, so what people read goes to standard error.
say() { printf '%s\n' "$*" >&2; }

fail() {
  say "$*"
  exit 1
}

# The comment at the top of the script.
usage() { awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "deploy/${0##*/}" >&2; }

# Run a command, or print it.
run() {
  if [[ $dry_run ]]; then
    printf '%q ' "$@" >&2
    say
  else
    "$@"
  fi
}

# The output of a command; in a dry run, what stands for it. Bash goes on after a failed command inside $(...), so a
# function that is called there says "|| return 1"; a bare return would mean another command's status inside a trap.
ask() {
  local stand_in=$1
  shift
  run "$@" || return 1
  if [[ $dry_run ]]; then echo "$stand_in"; fi
}

# Run a command on a manifest from standard input; a dry run prints the manifest too.
apply() {
  run "$@" || return 1
  if [[ $dry_run ]]; then sed 's/^/    /' >&2; fi
}

# GitHub Actions signs in as the pipeline's account by workload identity federation: no key, and only for the job that
# releases: deploy.yaml of this repository's main branch, started by a push to it, in the environment production.
identity_pool=github-{{ cookiecutter.project_slug | shortened(25) }}

# GitHub's numbers of the repository and of its owner. Whoever takes over a name that has become free has other numbers.
repository_id=
owner_id=

look_up_repository() {
  if (($# == 3)) && [[ $2 =~ ^[0-9]+$ && $3 =~ ^[0-9]+$ ]]; then
    repository_id=$2
    owner_id=$3
    return
  fi
  (($# == 1)) || fail "After the repository come GitHub's numbers of it and of its owner, or nothing: pipeline $1 1296269 583231"
  if ! repository_id=$(number_of "repos/$1" "\"full_name\": *\"$1\"") || ! owner_id=$(number_of "users/${1%/*}" '"login"'); then
    fail "GitHub does not show $1 to everybody, or writes its name in another way. Let gh, which signs in as you, pass what GitHub calls it:" \
      "bash deploy/bootstrap.sh pipeline \$(gh api repos/$1 --jq '\"\\(.full_name) \\(.id) \\(.owner.id)\"')"
  fi
}

# GitHub's number of what the API has at this path, whose answer must hold this text.
number_of() {
  local answer
  answer=$(ask "\"id\": NUMBER_OF_${1%%/*}" curl --fail --silent --show-error --max-time 30 "https://api.github.com/$1") || return 1
  [[ $dry_run ]] || grep -q "$2" <<<"$answer" || return 1
  # The first id is its own; those of what belongs to it come later.
  awk 'match($0, /"id": *[A-Za-z0-9_]+/) { id = substr($0, RSTART + 5, RLENGTH - 5); sub(/^ */, "", id); print id; exit }' <<<"$answer"
}

connect_repository() {
  local number pool provider settings principal
  enable iam.googleapis.com iamcredentials.googleapis.com sts.googleapis.com
  number=$(ask PROJECT_NUMBER gcloud projects describe "$project" --quiet --format='value(projectNumber)')
  pool=projects/$number/locations/global/workloadIdentityPools/$identity_pool
  create_unless_found "$identity_pool" \
    gcloud iam workload-identity-pools describe "$identity_pool" "${in_project[@]}" --location=global -- \
    gcloud iam workload-identity-pools create "$identity_pool" "${in_project[@]}" --location=global
  provider=(github "${in_project[@]}" --location=global --workload-identity-pool="$identity_pool")
  # Not GitHub's own subject: it has two forms, an organization can change it, and Google refuses it beyond 127 bytes.
  settings=(--attribute-mapping="google.subject=assertion.repository_id + ':' + assertion.environment"
    --attribute-condition="$(release_of "$1")")
  create_unless_found github \
    gcloud iam workload-identity-pools providers describe "${provider[@]}" -- \
    gcloud iam workload-identity-pools providers create-oidc "${provider[@]}" \
    --issuer-uri=https://token.actions.githubusercontent.com "${settings[@]}"
  # The repository may be another one than last time, and the settings those of an older version of this script.
  run gcloud iam workload-identity-pools providers update-oidc "${provider[@]}" "${settings[@]}" --format=none
  principal=principal://iam.googleapis.com/$pool/subject/$repository_id:production
  run gcloud iam service-accounts add-iam-policy-binding "$pipeline_account" "${in_project[@]}" --format=none \
    --role=roles/iam.workloadIdentityUser --member="$principal"
  sign_out_others "$pool" "$principal"
  say "Set the repository's variable, under Settings, Secrets and variables, Actions, Variables, or with:"
  say "  gh variable set WORKLOAD_IDENTITY_PROVIDER --repo $1 --body $pool/providers/github"
}

# What a token must say to be taken, in Google's Common Expression Language. GitHub puts both references to the workflow
# into every token; that of the job is another one where the job is in a reusable workflow.
release_of() {
  local workflow=$1/.github/workflows/deploy.yaml@refs/heads/main
  printf '%s' \
    "assertion.repository == '$1'" \
    " && assertion.repository_id == '$repository_id'" \
    " && assertion.repository_owner_id == '$owner_id'" \
    " && assertion.workflow_ref == '$workflow'" \
    " && assertion.job_workflow_ref == '$workflow'" \
    " && assertion.ref == 'refs/heads/main'" \
    " && assertion.ref_type == 'branch'" \
    " && assertion.event_name == 'push'" \
    " && assertion.environment == 'production'"
}

# Earlier runs let others of this pool sign in: another repository, or all jobs of one.
sign_out_others() {
  local others other
  others=$(members "principalSet://iam.googleapis.com/$1/attribute.repository/OWNER/REPOSITORY" \
    roles/iam.workloadIdentityUser "$pipeline_account" iam service-accounts)
  for other in $others; do
    if [[ $other == *"://iam.googleapis.com/$1/"* && $other != "$2" ]]; then
      revoke roles/iam.workloadIdentityUser "$other" "$pipeline_account" iam service-accounts
    fi
  done
}
